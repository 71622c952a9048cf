/* What a worker records about a send, against a real database. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "notify/store/sends.h"
#include "tests/integration/store/database.h"

#define RESPONSE SPAN("{\"provider\": \"email\", \"message_id\": \"<1@x>\"}")

/* One store with a sender, and a second process's. */
static struct store *ours;
static struct store *theirs;
static struct uuid our_id;
static struct uuid tenant;

static int set_up(void **state)
{
    (void)database_set_up(state);
    ours = database_sender(NULL, &our_id);
    theirs = database_sender(NULL, NULL);
    tenant = database_tenant();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    store_destroy(ours);
    store_destroy(theirs);
    return 0;
}

static enum store_send_state begin(struct store *s, const struct uuid *id)
{
    struct store_begin_send call;
    assert_int_equal(store_begin_send(s, id, &call), CELERIAC_OK);
    enum store_send_state state = call.state;
    store_call_release(&call.call);
    return state;
}

static int64_t claims(const struct uuid *id)
{
    return database_number("SELECT count(*) FROM celeriac.send_claims WHERE notification_id = '%s'",
                           database_show(id));
}

static void assert_column(const struct uuid *id, const char *expression, const char *expected)
{
    assert_string_equal(database_text("SELECT %s FROM notifications WHERE id = '%s'", expression,
                                      database_show(id)),
                        expected);
}

static void begin_gives_the_row_and_claims_it(void **state)
{
    (void)state;
    int64_t template_id = database_template(&tenant, "begin", "Hi {{ name }}");
    struct uuid id = database_notification(&tenant, "pending", template_id);
    struct store_begin_send call;
    assert_int_equal(store_begin_send(ours, &id, &call), CELERIAC_OK);
    assert_int_equal(call.state, STORE_SEND_READY);
    assert_memory_equal(&call.send.tenant_id, &tenant, sizeof tenant);
    assert_true(span_is(call.send.channel, "email"));
    assert_true(span_is(call.send.to, "user@example.com"));
    assert_true(span_is(call.send.data, "{\"template_data\": {}}"));
    assert_non_null(call.send.template);
    assert_true(call.send.template->id == template_id);
    assert_true(span_is(call.send.template->subject, "Subject"));
    assert_true(span_is(call.send.template->body, "Hi {{ name }}"));
    assert_int_equal(call.send.template->body.ptr[call.send.template->body.len], 0);
    store_call_release(&call.call);
    store_call_release(&call.call);
    assert_column(&id, "status || ' ' || (updated_at > created_at)", "processing true");
    assert_int_equal(claims(&id), 1);
}

static void begin_without_template(void **state)
{
    (void)state;
    struct uuid id = database_notification(&tenant, "pending", 0);
    struct store_begin_send call;
    assert_int_equal(store_begin_send(ours, &id, &call), CELERIAC_OK);
    assert_int_equal(call.state, STORE_SEND_READY);
    assert_null(call.send.template);
    store_call_release(&call.call);
}

static void begin_finds_missing_and_done(void **state)
{
    (void)state;
    struct uuid nobody = database_uuid();
    assert_int_equal(begin(ours, &nobody), STORE_SEND_MISSING);
    struct uuid sent = database_notification(&tenant, "sent", 0);
    assert_int_equal(begin(ours, &sent), STORE_SEND_DONE);
    struct uuid delivered = database_notification(&tenant, "delivered", 0);
    assert_int_equal(begin(ours, &delivered), STORE_SEND_DONE);
    assert_int_equal(claims(&sent) + claims(&delivered) + claims(&nobody), 0);
    struct uuid failed = database_notification(&tenant, "failed", 0);
    assert_int_equal(begin(ours, &failed), STORE_SEND_READY);
}

static void second_begin_is_busy_for_everybody(void **state)
{
    (void)state;
    struct uuid id = database_notification(&tenant, "pending", 0);
    assert_int_equal(begin(ours, &id), STORE_SEND_READY);
    assert_int_equal(begin(ours, &id), STORE_SEND_BUSY);
    assert_int_equal(begin(theirs, &id), STORE_SEND_BUSY);
    assert_int_equal(store_release_claim(ours, &id, NULL), CELERIAC_OK);
    struct store_begin_send call;
    assert_int_equal(store_begin_send(theirs, &id, &call), CELERIAC_OK);
    assert_int_equal(call.state, STORE_SEND_READY);
    /* The same call again, as after an answer that got lost: it finds its own claim. */
    store_call_release(&call.call);
    assert_int_equal(store_run(theirs, &call.call), CELERIAC_OK);
    assert_int_equal(call.state, STORE_SEND_READY);
    store_call_release(&call.call);
    /* Another process's release does not end it. */
    assert_int_equal(store_release_claim(ours, &id, NULL), CELERIAC_OK);
    assert_int_equal(begin(ours, &id), STORE_SEND_BUSY);
}

static void busy_tells_when_to_look_again(void **state)
{
    (void)state;
    struct uuid id = database_notification(&tenant, "pending", 0);
    struct store_begin_send call;
    assert_int_equal(begin(theirs, &id), STORE_SEND_READY);
    assert_int_equal(store_begin_send(ours, &id, &call), CELERIAC_OK);
    assert_int_equal(call.state, STORE_SEND_BUSY);
    assert_in_range(call.look_again_ns, 1, 3 * NS_PER_SEC);
    store_call_release(&call.call);
}

static void dead_senders_claim_is_void_after_three_seconds(void **state)
{
    (void)state;
    struct uuid id = database_notification(&tenant, "processing", 0);
    struct uuid young = database_notification(&tenant, "processing", 0);
    struct uuid gone = database_uuid();
    database_run("INSERT INTO celeriac.senders VALUES ('%s', now() - interval '4 s', '-infinity')",
                 database_show(&gone));
    /* The server's start counts as a sign of life: let it be long ago. */
    while (database_number("SELECT count(*) WHERE now() - pg_postmaster_start_time() < '4 s'") > 0)
        database_sleep_ms(100);
    database_run("INSERT INTO celeriac.send_claims VALUES ('%s', '%s', 1, now() - interval '5 s'),"
                 " ('%s', '%s', 1, now() - interval '1 s')",
                 database_show(&id), database_show(&gone), database_show(&young),
                 database_show(&gone));
    assert_int_equal(begin(ours, &young), STORE_SEND_BUSY);
    assert_int_equal(begin(ours, &id), STORE_SEND_READY);
    assert_int_equal(begin(ours, &id), STORE_SEND_BUSY);
}

static void outage_makes_nobody_look_dead(void **state)
{
    (void)state;
    struct uuid id = database_notification(&tenant, "processing", 0);
    struct uuid other = database_uuid();
    /* Another was not heard for long, but neither were we until a second ago. */
    database_run("INSERT INTO celeriac.senders VALUES ('%s', now() - interval '9 s', '-infinity')",
                 database_show(&other));
    database_run("INSERT INTO celeriac.send_claims VALUES ('%s', '%s', 1, now() - interval '9 s')",
                 database_show(&id), database_show(&other));
    database_run("UPDATE celeriac.senders SET steady_since = now() - interval '1 s'"
                 " WHERE sender = '%s'",
                 database_show(&our_id));
    assert_int_equal(begin(ours, &id), STORE_SEND_BUSY);
    database_run("UPDATE celeriac.senders SET steady_since = '-infinity' WHERE sender = '%s'",
                 database_show(&our_id));
    assert_int_equal(begin(ours, &id), STORE_SEND_READY);
}

static void gap_in_beats_starts_a_new_steady_time(void **state)
{
    (void)state;
    database_run("UPDATE celeriac.senders SET seen_at = now() - interval '10 s'"
                 " WHERE sender = '%s'",
                 database_show(&our_id));
    while (database_number("SELECT count(*) FROM celeriac.senders WHERE sender = '%s'"
                           " AND steady_since > now() - interval '5 s'",
                           database_show(&our_id)) == 0)
        database_sleep_ms(50);
    database_run("UPDATE celeriac.senders SET steady_since = '-infinity' WHERE sender = '%s'",
                 database_show(&our_id));
}

static void mark_sent_records_and_releases(void **state)
{
    (void)state;
    struct uuid id = database_notification(&tenant, "pending", 0);
    assert_int_equal(begin(ours, &id), STORE_SEND_READY);
    /* 2026-11-22T20:34:59.134672Z */
    int64_t sent_at = INT64_C(1795379699134672);
    assert_int_equal(store_mark_sent(ours, &id, sent_at, RESPONSE, NULL), CELERIAC_OK);
    assert_column(&id, "status", "sent");
    assert_column(&id, "to_char(sent_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')",
                  "2026-11-22T20:34:59.134672");
    assert_column(&id, "provider_response ->> 'message_id'", "<1@x>");
    assert_int_equal(claims(&id), 0);
    /* Again, as after a commit of unknown outcome, and late by somebody else: nothing changes. */
    assert_int_equal(store_mark_sent(ours, &id, sent_at + 1, SPAN("{}"), NULL), CELERIAC_OK);
    assert_int_equal(store_record_failure(ours, &id, SPAN("late"), NULL), CELERIAC_OK);
    assert_int_equal(store_dead_letter(ours, &id, SPAN("late"), 3, NULL), CELERIAC_OK);
    assert_column(&id, "status || coalesce(error_message, '')", "sent");
    assert_column(&id, "provider_response ->> 'message_id'", "<1@x>");
    assert_int_equal(
        database_number("SELECT count(*) FROM dead_letters WHERE notification_id = '%s'",
                        database_show(&id)),
        0);
}

static void failure_keeps_the_status(void **state)
{
    (void)state;
    struct uuid id = database_notification(&tenant, "pending", 0);
    assert_int_equal(begin(ours, &id), STORE_SEND_READY);
    struct span text = SPAN("550 \xff refused\0 for \xc3\xa4");
    assert_int_equal(store_record_failure(ours, &id, text, NULL), CELERIAC_OK);
    assert_column(&id, "status", "processing");
    assert_column(&id, "error_message", "550 \xef\xbf\xbd refused\xef\xbf\xbd for \xc3\xa4");
    assert_int_equal(claims(&id), 0);
    assert_int_equal(begin(theirs, &id), STORE_SEND_READY);
}

static void dead_letter_is_unique(void **state)
{
    (void)state;
    struct uuid id = database_notification(&tenant, "pending", 0);
    const char *text = database_show(&id);
    assert_int_equal(begin(ours, &id), STORE_SEND_READY);
    assert_int_equal(store_dead_letter(ours, &id, SPAN("no such user"), 3, NULL), CELERIAC_OK);
    assert_int_equal(store_dead_letter(ours, &id, SPAN("no such user"), 3, NULL), CELERIAC_OK);
    assert_column(&id, "status || ': ' || error_message", "failed: no such user");
    assert_string_equal(database_text("SELECT string_agg(reason || ' ' || retry_count, ',')"
                                      " FROM dead_letters WHERE notification_id = '%s'",
                                      text),
                        "no such user 3");
    assert_int_equal(store_dead_letter(ours, &id, SPAN("again"), 4, NULL), CELERIAC_OK);
    assert_string_equal(database_text("SELECT string_agg(reason || ' ' || retry_count, ',')"
                                      " FROM dead_letters WHERE notification_id = '%s'",
                                      text),
                        "again 4");
    assert_int_equal(claims(&id), 0);
}

static void vanished_notification_is_no_error(void **state)
{
    (void)state;
    struct uuid id = database_uuid();
    assert_int_equal(store_mark_sent(ours, &id, 0, SPAN("{}"), NULL), CELERIAC_OK);
    assert_int_equal(store_record_failure(ours, &id, SPAN("x"), NULL), CELERIAC_OK);
    assert_int_equal(store_dead_letter(ours, &id, SPAN("x"), 0, NULL), CELERIAC_OK);
    assert_int_equal(store_release_claim(ours, &id, NULL), CELERIAC_OK);
}

static void bad_values_name_the_field(void **state)
{
    (void)state;
    struct uuid id = database_notification(&tenant, "pending", 0);
    struct celeriac_error err = {0};
    assert_int_equal(store_mark_sent(ours, &id, 0, SPAN("{\"a\": "), &err), CELERIAC_ERR_VALUE);
    assert_non_null(strstr(err.text, "provider_response"));
    celeriac_error_clear(&err);
    assert_int_equal(store_mark_sent(ours, &id, 0, SPAN("\"\\u0000\""), &err), CELERIAC_ERR_VALUE);
    assert_non_null(strstr(err.text, "provider_response"));
    celeriac_error_clear(&err);
    assert_int_equal(store_mark_sent(ours, &id, STORE_NO_TIME, SPAN("{}"), &err),
                     CELERIAC_ERR_VALUE);
    assert_non_null(strstr(err.text, "sent_at"));
    celeriac_error_clear(&err);
    assert_int_equal(store_dead_letter(ours, &id, SPAN("x"), -1, &err), CELERIAC_ERR_VALUE);
    assert_non_null(strstr(err.text, "retry_count"));
    assert_column(&id, "status", "pending");
}

static void stop_gives_claims_back(void **state)
{
    (void)state;
    struct uuid third;
    struct store *s = database_sender(NULL, &third);
    struct uuid id = database_notification(&tenant, "pending", 0);
    assert_int_equal(begin(s, &id), STORE_SEND_READY);
    assert_int_equal(begin(ours, &id), STORE_SEND_BUSY);
    store_stop(s);
    assert_int_equal(begin(ours, &id), STORE_SEND_READY);
    assert_int_equal(database_number("SELECT count(*) FROM celeriac.senders WHERE sender = '%s'",
                                     database_show(&third)),
                     0);
    struct store_begin_send call;
    assert_int_equal(store_begin_send(s, &id, &call), CELERIAC_ERR_SHUTDOWN);
    store_destroy(s);
}

static void sender_is_started_once_and_needed(void **state)
{
    (void)state;
    struct uuid id = database_notification(&tenant, "pending", 0);
    struct store *s = database_store(NULL);
    struct celeriac_error err = {0};
    assert_int_equal(store_release_claim(s, &id, &err), CELERIAC_ERR_VALUE);
    assert_non_null(strstr(err.text, "sender"));
    store_destroy(s);
    assert_int_equal(store_start_sender(ours, &id, 0, NULL), CELERIAC_ERR_EXISTS);
}

/* The claim is made, but its content cannot be handed over: nobody would end it. */
static void begin_without_memory_leaves_no_claim(void **state)
{
    struct uuid id = database_notification(&tenant, "pending", 0);
    struct store_begin_send call;
    (void)state;
    /* One connection, whose buffers are as large as they will be: only the result needs memory. */
    struct store *s = database_sender(&(struct store_options){.connections = 1}, NULL);
    struct uuid other = database_notification(&tenant, "pending", 0);
    assert_int_equal(begin(s, &other), STORE_SEND_READY);
    mem_fail_at(1);
    enum celeriac_err rc = store_begin_send(s, &id, &call);
    mem_fail_at(0);
    assert_int_equal(rc, CELERIAC_ERR_MEMORY);
    assert_int_equal(call.state, STORE_SEND_READY);
    store_call_release(&call.call);
    assert_int_equal(claims(&id), 0);
    assert_int_equal(claims(&other), 1);
    assert_int_equal(begin(s, &id), STORE_SEND_READY);
    store_destroy(s);
}

/* A failed begin gives back its own claim, not that of another delivery in this process. */
static void claim_is_released_by_its_token(void **state)
{
    struct uuid id = database_notification(&tenant, "pending", 0);
    struct store_begin_send call;
    struct store_end_send end;
    (void)state;
    assert_int_equal(store_begin_send(ours, &id, &call), CELERIAC_OK);
    assert_int_equal(call.state, STORE_SEND_READY);
    store_release_claim_init(&end, &id);
    end.token = call.token + 1;
    assert_int_equal(store_run(ours, &end.call), CELERIAC_OK);
    store_call_release(&end.call);
    assert_int_equal(claims(&id), 1);
    store_release_claim_init(&end, &id);
    end.token = call.token;
    assert_int_equal(store_run(theirs, &end.call), CELERIAC_OK);
    store_call_release(&end.call);
    assert_int_equal(claims(&id), 1);
    store_release_claim_init(&end, &id);
    end.token = call.token;
    assert_int_equal(store_run(ours, &end.call), CELERIAC_OK);
    store_call_release(&end.call);
    assert_int_equal(claims(&id), 0);
    store_call_release(&call.call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begin_gives_the_row_and_claims_it),
        cmocka_unit_test(begin_without_template),
        cmocka_unit_test(begin_finds_missing_and_done),
        cmocka_unit_test(second_begin_is_busy_for_everybody),
        cmocka_unit_test(busy_tells_when_to_look_again),
        cmocka_unit_test(dead_senders_claim_is_void_after_three_seconds),
        cmocka_unit_test(outage_makes_nobody_look_dead),
        cmocka_unit_test(gap_in_beats_starts_a_new_steady_time),
        cmocka_unit_test(mark_sent_records_and_releases),
        cmocka_unit_test(failure_keeps_the_status),
        cmocka_unit_test(dead_letter_is_unique),
        cmocka_unit_test(vanished_notification_is_no_error),
        cmocka_unit_test(bad_values_name_the_field),
        cmocka_unit_test(begin_without_memory_leaves_no_claim),
        cmocka_unit_test(claim_is_released_by_its_token),
        cmocka_unit_test(stop_gives_claims_back),
        cmocka_unit_test(sender_is_started_once_and_needed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
