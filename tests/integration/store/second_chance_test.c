/* Cancelling and retrying dead letters, against a real database. */
#include "tests/integration/store/stage.h"

#include <string.h>

#include "notify/store/cancel.h"
#include "notify/store/dead_letters.h"
#include "notify/store/retry.h"
#include "notify/store/sends.h"

static int empty(void **state)
{
    (void)state;
    database_run("DELETE FROM celeriac.outbox");
    database_run("DELETE FROM dead_letters");
    database_run("DELETE FROM notifications");
    database_run("DELETE FROM celeriac.send_claims");
    return 0;
}

static const char *status_of(const struct uuid *id)
{
    return database_text("SELECT status FROM notifications WHERE id = '%s'", database_show(id));
}

/* ---- cancel -------------------------------------------------------------------------------- */

static enum celeriac_err cancel(const struct uuid *of, const struct uuid *id,
                                bool *may_have_message)
{
    struct store_cancel_notification call;
    store_cancel_notification_init(&call, of, id);
    enum celeriac_err rc = store_run(store, &call.call);
    *may_have_message = call.may_have_message;
    store_call_release(&call.call);
    return rc;
}

static void pending_ones_can_be_cancelled(void **state)
{
    static const char *const others[] = {"processing", "sent", "delivered", "failed"};
    struct uuid stranger = database_tenant();
    struct uuid id = database_notification(&tenant, "pending", 0);
    bool told;
    (void)state;
    assert_int_equal(cancel(&stranger, &id, &told), CELERIAC_ERR_NOT_FOUND);
    assert_string_equal(status_of(&id), "pending");
    assert_int_equal(cancel(&tenant, &id, &told), CELERIAC_OK);
    assert_true(told);
    assert_string_equal(status_of(&id), "cancelled");
    /* Again, after a commit that was not heard of. */
    assert_int_equal(cancel(&tenant, &id, &told), CELERIAC_OK);
    assert_true(told);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        id = database_notification(&tenant, others[i], 0);
        assert_int_equal(cancel(&tenant, &id, &told), CELERIAC_ERR_NOT_FOUND);
        assert_string_equal(status_of(&id), others[i]);
    }
}

static void unpublished_ones_have_no_message(void **state)
{
    struct uuid id = database_notification(&tenant, "pending", 0);
    bool told = true;
    (void)state;
    database_run("INSERT INTO celeriac.outbox VALUES ('%s', gen_random_uuid(), now(),"
                 " now() + interval '1 hour', now() + interval '2 hours')",
                 database_show(&id));
    assert_int_equal(cancel(&tenant, &id, &told), CELERIAC_OK);
    assert_false(told);
    assert_int_equal(database_number("SELECT count(*) FROM celeriac.outbox"), 0);
    /* One that somebody may be publishing has. */
    id = database_notification(&tenant, "pending", 0);
    database_run("INSERT INTO celeriac.outbox VALUES ('%s', gen_random_uuid(), now(),"
                 " now() + interval '4 seconds', now() + interval '2 hours')",
                 database_show(&id));
    assert_int_equal(cancel(&tenant, &id, &told), CELERIAC_OK);
    assert_true(told);
    assert_int_equal(database_number("SELECT count(*) FROM celeriac.outbox"), 0);
}

static void cancelled_ones_are_not_sent(void **state)
{
    struct uuid id = database_notification(&tenant, "pending", 0);
    struct store_begin_send begin;
    bool told;
    (void)state;
    assert_int_equal(cancel(&tenant, &id, &told), CELERIAC_OK);
    assert_int_equal(store_begin_send(sender, &id, &begin), CELERIAC_OK);
    assert_int_equal(begin.state, STORE_SEND_DONE);
    store_call_release(&begin.call);
    assert_string_equal(status_of(&id), "cancelled");
    assert_int_equal(database_number("SELECT count(*) FROM celeriac.send_claims"), 0);
}

/* Cancelling and beginning at once: one of them wins, and no claim stays behind a cancelled one. */
static void cancelling_races_with_sending(void **state)
{
    unsigned cancelled = 0;
    (void)state;
    for (int round = 0; round < 40; round++) {
        struct uuid id = database_notification(&tenant, "pending", 0);
        struct store_cancel_notification call;
        struct store_begin_send begin;
        enum celeriac_err rcs[2];
        store_cancel_notification_init(&call, &tenant, &id);
        store_begin_send_init(&begin, &id);
        database_race(store, &call.call, sender, &begin.call, rcs);
        assert_int_equal(rcs[1], CELERIAC_OK);
        if (rcs[0] == CELERIAC_OK) {
            assert_string_equal(status_of(&id), "cancelled");
            assert_int_not_equal(begin.state, STORE_SEND_READY);
            cancelled++;
        } else {
            assert_int_equal(rcs[0], CELERIAC_ERR_NOT_FOUND);
            assert_int_equal(begin.state, STORE_SEND_READY);
            assert_string_equal(status_of(&id), "processing");
        }
        store_call_release(&begin.call);
        store_call_release(&call.call);
        if (rcs[0] == CELERIAC_OK) {
            assert_int_equal(store_begin_send(sender, &id, &begin), CELERIAC_OK);
            assert_int_equal(begin.state, STORE_SEND_DONE);
            store_call_release(&begin.call);
            assert_int_equal(database_number("SELECT count(*) FROM celeriac.send_claims"
                                             " WHERE notification_id = '%s'",
                                             database_show(&id)),
                             0);
        }
    }
    print_message("cancelled %u of 40\n", cancelled);
}

/* ---- dead letters -------------------------------------------------------------------------- */

/* A failed notification with its dead letter, `age` seconds old; gives the letter's id. */
static struct uuid dead_letter(const struct uuid *of, const char *reason, int age,
                               struct uuid *notification)
{
    struct uuid id = database_uuid();
    *notification = database_notification(of, "failed", 0);
    database_run("UPDATE notifications SET error_message = 'why' WHERE id = '%s'",
                 database_show(notification));
    database_run(
        "INSERT INTO dead_letters VALUES ('%s', '%s', 3, now() - %d * interval '1 s', '%s')",
        database_show(&id), reason, age, database_show(notification));
    return id;
}

static void one_letter_is_shown(void **state)
{
    struct uuid notification;
    struct uuid id = dead_letter(&tenant, "refused", 0, &notification);
    struct uuid stranger = database_tenant();
    struct store_get_dead_letter get;
    (void)state;
    store_get_dead_letter_init(&get, &tenant, &id);
    assert_int_equal(store_run(store, &get.call), CELERIAC_OK);
    assert_memory_equal(&get.row.notification_id, &notification, sizeof notification);
    assert_true(span_is(get.row.reason, "refused"));
    assert_int_equal(get.row.retry_count, 3);
    store_call_release(&get.call);
    store_get_dead_letter_init(&get, &stranger, &id);
    assert_int_equal(store_run(store, &get.call), CELERIAC_ERR_NOT_FOUND);
}

static void one_letter_is_retried_once(void **state)
{
    struct uuid notification;
    struct uuid id = dead_letter(&tenant, "refused", 0, &notification);
    struct uuid stranger = database_tenant();
    struct store_retry_dead_letter retry;
    (void)state;
    store_retry_dead_letter_init(&retry, &stranger, &id, &notification);
    assert_int_equal(store_run(store, &retry.call), CELERIAC_ERR_NOT_FOUND);
    store_retry_dead_letter_init(&retry, &tenant, &id, &notification);
    /* Twice: after a commit that was not heard of it finds its own publication. */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_run(store, &retry.call), CELERIAC_OK);
        assert_string_equal(
            database_text("SELECT concat_ws('|', status, coalesce(error_message, 'null'),"
                          " (SELECT count(*) FROM dead_letters), (SELECT task_id = '%s' AND"
                          " claimed_until > now() FROM celeriac.outbox)) FROM notifications",
                          database_show(&retry.task_id)),
            "pending|null|0|t");
    }
    /* Somebody else comes too late. */
    struct store_retry_dead_letter late;
    store_retry_dead_letter_init(&late, &tenant, &id, &notification);
    assert_int_equal(store_run(store, &late.call), CELERIAC_ERR_NOT_FOUND);
}

/* Its message was published, and the row could not be deleted: the new publication takes its place.
 */
static void a_row_that_was_left_gives_way(void **state)
{
    struct uuid notification;
    (void)state;
    for (int some = 0; some < 2; some++) {
        struct uuid id = dead_letter(&tenant, "refused", 0, &notification);
        struct store_retry_dead_letter one;
        struct store_retry_dead_letters all;
        database_run("INSERT INTO celeriac.outbox VALUES ('%s', gen_random_uuid(), now(),"
                     " now() + interval '1 h', now(), '{}')",
                     database_show(&notification));
        store_retry_dead_letter_init(&one, &tenant, &id, &notification);
        store_retry_dead_letters_init(&all, &tenant, 10);
        struct store_call *call = some ? &all.call : &one.call;
        assert_int_equal(store_run(store, call), CELERIAC_OK);
        if (some)
            assert_int_equal(all.count, 1);
        assert_string_equal(
            database_text("SELECT concat_ws('|', task_id = '%s', eta IS NULL AND headers IS NULL,"
                          " claimed_until < now() + interval '1 min') FROM celeriac.outbox"
                          " WHERE notification_id = '%s'",
                          database_show(some ? &all.rows[0].task_id : &one.task_id),
                          database_show(&notification)),
            "t|t|t");
        store_call_release(call);
    }
}

static void letters_of_what_was_sent_stay(void **state)
{
    struct uuid notification;
    struct uuid id = dead_letter(&tenant, "refused", 0, &notification);
    struct store_retry_dead_letter retry;
    (void)state;
    database_run("UPDATE notifications SET status = 'sent'");
    store_retry_dead_letter_init(&retry, &tenant, &id, &notification);
    assert_int_equal(store_run(store, &retry.call), CELERIAC_ERR_NOT_FOUND);
    assert_int_equal(database_number("SELECT count(*) FROM dead_letters"), 1);
}

/* Retries with a filter made by `choose`; the number, negative when there are more. */
static int64_t retry_some(uint32_t limit, void (*choose)(struct store_retry_dead_letters *))
{
    struct store_retry_dead_letters retry;
    store_retry_dead_letters_init(&retry, &tenant, limit);
    if (choose)
        choose(&retry);
    assert_int_equal(store_run(store, &retry.call), CELERIAC_OK);
    int64_t count = (int64_t)retry.count;
    for (size_t i = 0; i < retry.count; i++)
        assert_string_equal(status_of(&retry.rows[i].notification_id), "pending");
    bool more = retry.more;
    store_call_release(&retry.call);
    return more ? -count : count;
}

static void by_reason(struct store_retry_dead_letters *retry)
{
    retry->reason_contains = SPAN("4%1");
}

static void by_channel(struct store_retry_dead_letters *retry)
{
    retry->channel = SPAN("push");
}

static void by_template(struct store_retry_dead_letters *retry)
{
    retry->template_name = SPAN("mine");
}

static int64_t now_us;

static void by_time(struct store_retry_dead_letters *retry)
{
    retry->created_after_us = now_us - INT64_C(3500000000);
    retry->created_before_us = now_us - INT64_C(1500000000);
}

static void filters_choose(void **state)
{
    struct uuid ids[6];
    (void)state;
    for (int i = 0; i < 5; i++)
        (void)dead_letter(&tenant, i == 4 ? "4%1 refused" : "4.1 refused", i * 1000, &ids[i]);
    struct uuid stranger = database_tenant();
    (void)dead_letter(&stranger, "4%1", 0, &ids[5]);
    now_us = database_number("SELECT (extract(epoch FROM now()) * 1000000)::bigint");
    database_run("UPDATE notifications SET template_id = %lld WHERE id = '%s'",
                 (long long)database_template(&tenant, "mine", "b"), database_show(&ids[0]));
    database_run("UPDATE notifications SET channel = 'push' WHERE id = '%s'",
                 database_show(&ids[1]));
    assert_int_equal(retry_some(10, by_reason), 1);
    assert_string_equal(status_of(&ids[4]), "pending");
    assert_int_equal(retry_some(10, by_channel), 1);
    assert_string_equal(status_of(&ids[1]), "pending");
    assert_int_equal(retry_some(10, by_time), 2);
    assert_string_equal(status_of(&ids[2]), "pending");
    assert_string_equal(status_of(&ids[3]), "pending");
    assert_int_equal(retry_some(10, by_template), 1);
    assert_int_equal(retry_some(10, NULL), 0);
    assert_string_equal(status_of(&ids[5]), "failed");
    assert_int_equal(database_number("SELECT count(*) FROM celeriac.outbox"), 5);
}

/* Whether these are the rows of the outbox. */
static void assert_queued(const struct store_retry_dead_letters *retry)
{
    for (size_t i = 0; i < retry->count; i++)
        assert_int_equal(database_number("SELECT count(*) FROM celeriac.outbox WHERE"
                                         " notification_id = '%s' AND task_id = '%s'",
                                         database_show(&retry->rows[i].notification_id),
                                         database_show(&retry->rows[i].task_id)),
                         1);
}

/* The same call again, as after a commit that was not heard of: at once, within the leases. */
static void a_repeated_call_finds_what_it_has_done(void **state)
{
    struct store_retry_dead_letters first, again;
    struct uuid ids[5];
    (void)state;
    for (int i = 0; i < 5; i++)
        (void)dead_letter(&tenant, "r", i, &ids[i]);
    for (int round = 0; round < 2; round++) {
        store_retry_dead_letters_init(&first, &tenant, 3);
        again = first;
        assert_int_equal(store_run(store, &first.call), CELERIAC_OK);
        assert_int_equal(store_run(store, &again.call), CELERIAC_OK);
        /* What the first request has left is the second one's, which does not find the other's. */
        assert_int_equal(first.count, round == 0 ? 3 : 2);
        assert_int_equal(first.more, round == 0);
        assert_int_equal(again.count, first.count);
        assert_int_equal(again.more, first.more);
        assert_queued(&first);
        assert_queued(&again);
        store_call_release(&first.call);
        store_call_release(&again.call);
        assert_int_equal(database_number("SELECT count(*) FROM celeriac.outbox"),
                         round == 0 ? 3 : 5);
        assert_int_equal(database_number("SELECT count(*) FROM dead_letters"), round == 0 ? 2 : 0);
    }
}

static void the_oldest_come_first(void **state)
{
    struct uuid ids[5];
    (void)state;
    for (int i = 0; i < 5; i++)
        (void)dead_letter(&tenant, "r", i, &ids[i]);
    assert_int_equal(retry_some(2, NULL), -2);
    assert_string_equal(status_of(&ids[4]), "pending");
    assert_string_equal(status_of(&ids[3]), "pending");
    assert_int_equal(retry_some(2, NULL), -2);
    assert_int_equal(retry_some(1, NULL), 1);
    struct store_retry_dead_letters retry;
    for (uint32_t limit = 0; limit <= STORE_RETRY_MAX + 1; limit += STORE_RETRY_MAX + 1) {
        store_retry_dead_letters_init(&retry, &tenant, limit);
        assert_int_equal(store_run(store, &retry.call), CELERIAC_ERR_VALUE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(pending_ones_can_be_cancelled, empty),
        cmocka_unit_test_setup(unpublished_ones_have_no_message, empty),
        cmocka_unit_test_setup(cancelled_ones_are_not_sent, empty),
        cmocka_unit_test_setup(cancelling_races_with_sending, empty),
        cmocka_unit_test_setup(one_letter_is_shown, empty),
        cmocka_unit_test_setup(one_letter_is_retried_once, empty),
        cmocka_unit_test_setup(a_row_that_was_left_gives_way, empty),
        cmocka_unit_test_setup(letters_of_what_was_sent_stay, empty),
        cmocka_unit_test_setup(filters_choose, empty),
        cmocka_unit_test_setup(the_oldest_come_first, empty),
        cmocka_unit_test_setup(a_repeated_call_finds_what_it_has_done, empty),
    };
    return cmocka_run_group_tests(tests, stage_set_up_sender, stage_tear_down_sender);
}
