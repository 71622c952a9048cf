/* What is due for webhooks, begun, ended, looked for and removed, against a real database. */
#include "tests/integration/store/stage.h"

#include <string.h>

#include "base/clock.h"
#include "notify/store/webhook_endpoints.h"
#include "notify/store/webhook_log.h"
#include "notify/store/webhooks.h"
#include "tests/integration/store/blocker.h"

#define LIMIT 500

/* An endpoint of the tenant; `columns` and `values` begin with a comma, or are "". */
static struct uuid make_webhook(const struct uuid *owner, const char *columns, const char *values)
{
    struct uuid id = database_uuid();

    database_run("INSERT INTO celeriac.webhooks (id, tenant_id, url, secret%s) VALUES"
                 " ('%s', '%s', 'https://example.com/', 'whsec_x'%s)",
                 columns, database_show(&id), database_show(owner), values);
    return id;
}

/* Messages of it, due so many seconds ago. */
static void make_messages(const struct uuid *owner, const struct uuid *webhook, int count,
                          int seconds)
{
    database_run("INSERT INTO celeriac.webhook_messages (id, webhook_id, tenant_id, event,"
                 " occurrence, payload, next_attempt_at) SELECT gen_random_uuid(), '%s', '%s', 'x',"
                 " gen_random_uuid(), '{}', now() - %d * interval '1 second'"
                 " FROM generate_series(1, %d)",
                 database_show(webhook), database_show(owner), seconds, count);
}

/* How many rows of one endpoint a take publishes; *more as the store says. */
static size_t take_for(const struct uuid *webhook, bool *more)
{
    struct store_take_webhooks take;
    size_t found = 0;

    store_take_webhooks_init(&take, LIMIT);
    assert_int_equal(store_run(store, &take.call), CELERIAC_OK);
    for (size_t i = 0; i < take.count; i++)
        found += memcmp(&take.rows[i].webhook_id, webhook, sizeof *webhook) == 0;
    *more = take.more;
    store_call_release(&take.call);
    return found;
}

static int64_t untouched(const struct uuid *webhook)
{
    return database_number("SELECT count(*) FROM celeriac.webhook_messages WHERE webhook_id = '%s'"
                           " AND status = 'pending' AND published_until IS NULL"
                           " AND next_attempt_at <= now()",
                           database_show(webhook));
}

static int start_anew(void **state)
{
    (void)state;
    database_run("DELETE FROM celeriac.webhooks; DELETE FROM celeriac.webhook_watch;"
                 "DELETE FROM celeriac.webhook_scans; DELETE FROM notifications");
    return 0;
}

/* ---- what is due --------------------------------------------------------------------------- */

static void a_backlog_keeps_nobody_waiting(void **state)
{
    struct uuid other = database_tenant();
    struct uuid busy = make_webhook(&tenant, "", ""), quiet = make_webhook(&other, "", "");
    struct store_measure_webhooks measure;
    bool more;

    (void)state;
    make_messages(&tenant, &busy, 3000, 60);
    make_messages(&other, &quiet, 1, 0);
    assert_int_equal(take_for(&quiet, &more), 1);
    assert_int_equal(database_number("SELECT count(*) FROM celeriac.webhook_messages"
                                     " WHERE published_until > now()"),
                     STORE_WEBHOOKS_ON_BROKER + 1);
    /* Nothing is written because of those that wait, and there is nothing more to do. */
    assert_false(more);
    assert_int_equal(take_for(&busy, &more), 0);
    assert_false(more);
    assert_int_equal(untouched(&busy), 3000 - STORE_WEBHOOKS_ON_BROKER);
    /* Nor is it what an operator should look after. */
    store_measure_webhooks_init(&measure);
    assert_int_equal(store_run(store, &measure.call), CELERIAC_OK);
    assert_int_equal(measure.rows, 0);
    assert_true(measure.oldest_us == STORE_NO_TIME);
    store_call_release(&measure.call);
}

static void as_many_as_there_are_places(void **state)
{
    struct uuid id = make_webhook(&tenant, "", "");
    bool more;

    (void)state;
    make_messages(&tenant, &id, 300, 60);
    assert_int_equal(take_for(&id, &more), STORE_WEBHOOKS_ON_BROKER);
    database_run("UPDATE celeriac.webhook_messages SET status = 'delivered' WHERE id IN (SELECT id"
                 " FROM celeriac.webhook_messages WHERE published_until IS NOT NULL LIMIT 30)");
    assert_int_equal(take_for(&id, &more), 30);
    assert_int_equal(untouched(&id), 300 - STORE_WEBHOOKS_ON_BROKER - 30);
    /* What the broker has lost is published again. */
    database_run("UPDATE celeriac.webhook_messages SET published_until = now() - interval '1 s',"
                 " next_attempt_at = now() - interval '1 s' WHERE published_until IS NOT NULL");
    assert_int_equal(take_for(&id, &more), STORE_WEBHOOKS_ON_BROKER);
}

static void failing_and_paused_endpoints(void **state)
{
    struct uuid failing = make_webhook(&tenant, ", failures", ", 5");
    struct uuid paused =
        make_webhook(&tenant, ", failures, paused_until", ", 6, now() + interval '1 minute'");
    struct store_measure_webhooks measure;
    bool more;

    (void)state;
    make_messages(&tenant, &failing, 20, 60);
    make_messages(&tenant, &paused, 20, 60);
    store_measure_webhooks_init(&measure);
    assert_int_equal(store_run(store, &measure.call), CELERIAC_OK);
    assert_int_equal(measure.rows, 20);
    assert_true(measure.oldest_us < clock_wall_us());
    store_call_release(&measure.call);
    assert_int_equal(take_for(&failing, &more), 1);
    assert_int_equal(take_for(&failing, &more), 0);
    assert_int_equal(untouched(&failing), 19);
    assert_int_equal(untouched(&paused), 20);
    database_run("UPDATE celeriac.webhooks SET paused_until = now() WHERE id = '%s'",
                 database_show(&paused));
    assert_int_equal(take_for(&paused, &more), 1);
}

/* They end when nobody else has something to publish. */
static void endpoints_that_are_off(void **state)
{
    struct uuid off = make_webhook(&tenant, ", is_active", ", false");
    struct uuid on = make_webhook(&tenant, "", "");
    bool more;

    (void)state;
    make_messages(&tenant, &off, 700, 60);
    make_messages(&tenant, &on, 10, 0);
    assert_int_equal(take_for(&on, &more), 10);
    assert_true(more);
    assert_int_equal(untouched(&off), 210);
    assert_int_equal(take_for(&off, &more), 0);
    assert_false(more);
    assert_int_equal(database_number("SELECT count(*) FROM celeriac.webhook_messages WHERE"
                                     " webhook_id = '%s' AND status = 'failed' AND"
                                     " error = 'the endpoint is switched off'",
                                     database_show(&off)),
                     700);
}

/* ---- attempts ------------------------------------------------------------------------------ */

static struct uuid one_message(void)
{
    struct uuid webhook = make_webhook(&tenant, "", ""), id;
    struct store_take_webhooks take;

    make_messages(&tenant, &webhook, 1, 1);
    store_take_webhooks_init(&take, LIMIT);
    assert_int_equal(store_run(store, &take.call), CELERIAC_OK);
    assert_int_equal(take.count, 1);
    id = take.rows[0].id;
    store_call_release(&take.call);
    return id;
}

static enum store_webhook_state begin(const struct uuid *id)
{
    struct store_begin_webhook begun;
    enum store_webhook_state result;

    store_begin_webhook_init(&begun, id, 21);
    assert_int_equal(store_run(store, &begun.call), CELERIAC_OK);
    result = begun.state;
    store_call_release(&begun.call);
    return result;
}

static void end_failed(const struct uuid *id, uint32_t delay_s, bool by_broker)
{
    struct store_end_webhook end;

    store_end_webhook_init(&end, id);
    end.end = STORE_WEBHOOK_AGAIN;
    end.response_status = 500;
    end.delay_s = delay_s;
    end.by_broker = by_broker;
    assert_int_equal(store_run(store, &end.call), CELERIAC_OK);
    store_call_release(&end.call);
}

/* A task that is there twice makes no attempts beyond the plan. */
static void repeats_wait_for_the_next_attempt(void **state)
{
    struct uuid id = one_message();
    bool more;

    (void)state;
    assert_int_equal(begin(&id), STORE_WEBHOOK_READY);
    end_failed(&id, 5, true);
    /* The task that comes again by itself. */
    assert_int_equal(begin(&id), STORE_WEBHOOK_READY);
    end_failed(&id, 300, false);
    assert_int_equal(begin(&id), STORE_WEBHOOK_DONE);
    assert_int_equal(database_number("SELECT attempts FROM celeriac.webhook_messages"), 2);
    assert_true(database_number("SELECT count(*) FROM celeriac.webhook_messages WHERE"
                                " next_attempt_at > now() + interval '290 s'") == 1);
    /* When its time has come. */
    database_run("UPDATE celeriac.webhook_messages SET next_attempt_at = now()");
    (void)take_for(&id, &more);
    assert_int_equal(begin(&id), STORE_WEBHOOK_READY);
    /* A killed worker's message comes again at once. */
    assert_int_equal(begin(&id), STORE_WEBHOOK_READY);
    assert_int_equal(database_number("SELECT attempts FROM celeriac.webhook_messages"), 4);
}

/* ---- what others have sent ----------------------------------------------------------------- */

static void scan(int64_t *made, bool *more)
{
    struct store_scan_webhooks call;

    store_scan_webhooks_init(&call);
    assert_int_equal(store_run(store, &call.call), CELERIAC_OK);
    *made = call.made;
    *more = call.more;
    store_call_release(&call.call);
}

/* Sent by others, n of each tenant with an endpoint. */
static void others_send(int n)
{
    database_run("INSERT INTO notifications (id, channel, \"to\", data, status, provider_response,"
                 " created_at, updated_at, sent_at, tenant_id) SELECT gen_random_uuid(), 'email',"
                 " 'a@b', '{}', 'sent', '{}', now() - interval '1 minute' + n * interval '1 ms',"
                 " now(), now(), w.tenant_id FROM celeriac.webhooks w, generate_series(1, %d) n",
                 n);
}

/* Nothing of the last hour was looked at. */
static void fall_behind(void)
{
    database_run("INSERT INTO celeriac.webhook_scans SELECT tenant_id, now() - interval '1 hour'"
                 " FROM celeriac.webhooks");
}

/* However many tenants have fallen behind, one call does no more than it can. */
static void a_scan_is_bounded(void **state)
{
    int64_t made, all = 0;
    int calls = 0;
    bool more = true;

    (void)state;
    database_run("INSERT INTO celeriac.webhooks (id, tenant_id, url, secret, created_at) SELECT"
                 " gen_random_uuid(), gen_random_uuid(), 'u', 's', now() - interval '1 day'"
                 " FROM generate_series(1, 100)");
    fall_behind();
    database_run("INSERT INTO business_tenants SELECT tenant_id, 'n', tenant_id || '@example.com',"
                 " true, now(), now() FROM celeriac.webhooks");
    others_send(90);
    while (more && calls++ < 10) {
        scan(&made, &more);
        assert_true(made <= 5000);
        all += made;
    }
    assert_int_equal(all, 9000);
    assert_int_equal(calls, 2);
}

/* Nor do those that an import has made at one moment: they are looked at in parts, each once. */
static void rows_of_one_moment_are_scanned_in_parts(void **state)
{
    int64_t made;
    bool more;

    (void)state;
    (void)make_webhook(&tenant, ", created_at", ", now() - interval '1 day'");
    fall_behind();
    others_send(12000);
    database_run("UPDATE notifications SET created_at = now() - interval '1 minute'");
    for (int i = 0; i < 2; i++) {
        scan(&made, &more);
        assert_int_equal(made, 5000);
        assert_true(more);
        /* An older program that goes on from there looks at them all again, and skips none. */
        assert_int_equal(database_number("SELECT count(*) FROM notifications n"
                                         " JOIN celeriac.webhook_scans s USING (tenant_id)"
                                         " WHERE n.created_at > s.scanned_until"),
                         12000);
    }
    scan(&made, &more);
    assert_int_equal(made, 2000);
    assert_false(more);
    scan(&made, &more);
    assert_int_equal(made, 0);
    assert_false(more);
}

/* What is watched and has ended is not left until the next look, however much it is. */
static void what_is_watched_is_looked_at_until_it_has_ended(void **state)
{
    int64_t made;
    bool more;

    (void)state;
    (void)make_webhook(&tenant, ", created_at", ", now() - interval '1 day'");
    others_send(2500);
    database_run("INSERT INTO celeriac.webhook_watch SELECT id, tenant_id, now() - interval '1 min'"
                 " FROM notifications");
    scan(&made, &more);
    assert_int_equal(made, 2000);
    assert_true(more);
    scan(&made, &more);
    assert_int_equal(made, 500);
    assert_false(more);
    assert_int_equal(database_number("SELECT count(*) FROM celeriac.webhook_watch"), 0);
}

/* Whoever publishes looks less often while nobody has a webhook. */
static void a_scan_tells_whether_there_are_webhooks(void **state)
{
    struct store_scan_webhooks call;

    (void)state;
    for (int endpoints = 0; endpoints < 3; endpoints++) {
        if (endpoints == 1)
            (void)make_webhook(&tenant, ", is_active", ", false");
        if (endpoints == 2)
            (void)make_webhook(&tenant, "", "");
        store_scan_webhooks_init(&call);
        assert_int_equal(store_run(store, &call.call), CELERIAC_OK);
        assert_true(call.looked);
        assert_int_equal(call.has_webhooks, endpoints > 0);
        store_call_release(&call.call);
    }
}

/* Data that nobody could read as a time stop nobody's look, of whatever tenant they are. */
static void data_of_others_stop_no_scan(void **state)
{
    static const char *const data[] = {
        "'{\"send_at\": \"no time\"}'",
        "'{\"send_at\": \"infinity\"}'",
        "'{\"send_at\": \"2999-02-30T00:00:00Z\"}'",
        "'{\"send_at\": 1e131071}'",
        "'[]'",
        "'null'",
        /* A few kilobytes in the row, and 1.3 GB as text: more than a text may have. */
        "jsonb_build_object('send_at', array_fill(1e131071, ARRAY[10000]))",
    };
    struct uuid other = database_tenant();
    int64_t made;
    bool more;

    (void)state;
    (void)make_webhook(&tenant, ", created_at", ", now() - interval '1 day'");
    (void)make_webhook(&other, ", created_at", ", now() - interval '1 day'");
    for (size_t i = 0; i < sizeof data / sizeof data[0]; i++) {
        fall_behind();
        others_send(1);
        database_run("UPDATE notifications SET data = %s, status = 'pending', sent_at = NULL"
                     " WHERE tenant_id = '%s'",
                     data[i], database_show(&other));
        scan(&made, &more);
        assert_int_equal(made, 1);
        /* It is looked at again soon. */
        assert_int_equal(database_number("SELECT count(*) FROM celeriac.webhook_watch"
                                         " WHERE checked_at <= now()"),
                         1);
        database_run("UPDATE celeriac.webhook_watch SET checked_at = now() - interval '1 min';"
                     "UPDATE notifications SET status = 'sent', sent_at = now()");
        scan(&made, &more);
        assert_int_equal(made, 1);
        database_run("DELETE FROM celeriac.webhook_scans; DELETE FROM notifications");
    }
}

/* Until its time comes what waits is not looked at again and again. */
static void what_waits_is_looked_at_in_its_time(void **state)
{
    int64_t made;
    bool more;

    (void)state;
    (void)make_webhook(&tenant, ", created_at", ", now() - interval '1 day'");
    fall_behind();
    others_send(1);
    database_run("UPDATE notifications SET status = 'pending', sent_at = NULL;"
                 "INSERT INTO celeriac.outbox SELECT id, id, now(), now() + interval '59 min',"
                 " now() + interval '1 hour' FROM notifications");
    for (int round = 0; round < 2; round++) {
        scan(&made, &more);
        assert_int_equal(made, 0);
        assert_int_equal(database_number("SELECT count(*) FROM celeriac.webhook_watch v"
                                         " JOIN celeriac.outbox o ON v.checked_at = o.eta"),
                         1);
        database_run("UPDATE celeriac.webhook_watch SET checked_at = now() - interval '1 min'");
    }
    /* Published, it is looked at soon. */
    database_run("DELETE FROM celeriac.outbox");
    scan(&made, &more);
    assert_int_equal(database_number("SELECT count(*) FROM celeriac.webhook_watch"
                                     " WHERE checked_at <= now()"),
                     1);
}

/* ---- what is removed ----------------------------------------------------------------------- */

static bool sweep(void)
{
    struct store_sweep_webhooks call;
    bool more;

    store_sweep_webhooks_init(&call);
    assert_int_equal(store_run(store, &call.call), CELERIAC_OK);
    more = call.more;
    store_call_release(&call.call);
    return more;
}

/* Deleting waits for nothing, not even for messages that are just being delivered. */
static void deleted_at_once_and_removed_later(void **state)
{
    struct uuid id = make_webhook(&tenant, "", ""), other = make_webhook(&tenant, "", "");
    struct store_delete_webhook del;
    struct blocker *delivery;

    (void)state;
    make_messages(&tenant, &id, 6000, 60);
    make_messages(&tenant, &other, 1, 60);
    delivery =
        blocker_start("UPDATE celeriac.webhook_messages SET attempts = 1"
                      " WHERE id = (SELECT min(id::text)::uuid FROM celeriac.webhook_messages"
                      " WHERE webhook_id = '%s')",
                      database_show(&id));
    store_delete_webhook_init(&del, &tenant, &id);
    del.call.deadline_ns = clock_monotonic_ns() + 3 * NS_PER_SEC;
    assert_int_equal(store_run(store, &del.call), CELERIAC_OK);
    store_call_release(&del.call);
    assert_int_equal(database_number("SELECT count(*) FROM celeriac.webhooks WHERE id = '%s' AND"
                                     " concat(url, description, secret, old_secret) = ''",
                                     database_show(&id)),
                     1);
    assert_true(sweep());
    blocker_commit(delivery);
    assert_false(sweep());
    assert_false(sweep());
    assert_int_equal(database_number("SELECT count(*) FROM celeriac.webhooks"), 1);
    assert_int_equal(database_number("SELECT count(*) FROM celeriac.webhook_messages"), 1);
}

/* Who ends an attempt at that moment, and sends that are recorded, are in nobody's way. */
static void deleted_while_a_failure_is_recorded(void **state)
{
    struct uuid id = one_message();
    struct uuid webhook;
    struct store_webhook_message_call get;

    (void)state;
    assert_int_equal(begin(&id), STORE_WEBHOOK_READY);
    store_get_webhook_message_init(&get, &tenant, &id);
    assert_int_equal(store_run(store, &get.call), CELERIAC_OK);
    webhook = get.row.webhook_id;
    store_call_release(&get.call);
    {
        struct store_delete_webhook del;

        store_delete_webhook_init(&del, &tenant, &webhook);
        assert_int_equal(store_run(store, &del.call), CELERIAC_OK);
        store_call_release(&del.call);
    }
    end_failed(&id, 300, false);
    /* Its messages are nobody's either. */
    store_get_webhook_message_init(&get, &tenant, &id);
    assert_int_equal(store_run(store, &get.call), CELERIAC_ERR_NOT_FOUND);
    store_call_release(&get.call);
    database_run("UPDATE celeriac.webhook_messages SET next_attempt_at = now()");
    assert_int_equal(begin(&id), STORE_WEBHOOK_OFF);
    assert_false(sweep());
    assert_false(sweep());
    assert_int_equal(database_number("SELECT count(*) FROM celeriac.webhooks"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_backlog_keeps_nobody_waiting, start_anew),
        cmocka_unit_test_setup(as_many_as_there_are_places, start_anew),
        cmocka_unit_test_setup(failing_and_paused_endpoints, start_anew),
        cmocka_unit_test_setup(endpoints_that_are_off, start_anew),
        cmocka_unit_test_setup(repeats_wait_for_the_next_attempt, start_anew),
        cmocka_unit_test_setup(a_scan_is_bounded, start_anew),
        cmocka_unit_test_setup(rows_of_one_moment_are_scanned_in_parts, start_anew),
        cmocka_unit_test_setup(what_is_watched_is_looked_at_until_it_has_ended, start_anew),
        cmocka_unit_test_setup(a_scan_tells_whether_there_are_webhooks, start_anew),
        cmocka_unit_test_setup(data_of_others_stop_no_scan, start_anew),
        cmocka_unit_test_setup(what_waits_is_looked_at_in_its_time, start_anew),
        cmocka_unit_test_setup(deleted_at_once_and_removed_later, start_anew),
        cmocka_unit_test_setup(deleted_while_a_failure_is_recorded, start_anew),
    };
    return cmocka_run_group_tests(tests, stage_set_up, stage_tear_down);
}
