/* Finding lost messages, against a real database. */
#include "tests/integration/store/stage.h"

#include <string.h>

#include "base/clock.h"
#include "notify/store/reconcile.h"
#include "notify/store/sends.h"
#include "tests/integration/store/blocker.h"

static int empty(void **state)
{
    (void)state;
    database_run("DELETE FROM celeriac.outbox");
    database_run("DELETE FROM notifications");
    database_run("DELETE FROM celeriac.send_claims");
    return 0;
}

/* A notification of that status and age in seconds. */
static struct uuid aged(const char *status, int age)
{
    struct uuid id = database_notification(&tenant, status, 0);
    database_run("UPDATE notifications SET created_at = now() - %d * interval '1 s',"
                 " updated_at = now() - %d * interval '1 s' WHERE id = '%s'",
                 age, age, database_show(&id));
    return id;
}

static size_t reconcile(uint32_t backlog, uint32_t missing_max, uint32_t overdue_max)
{
    struct uuid suspects[STORE_RECONCILE_MAX];
    struct store_reconcile call;
    store_reconcile_init(&call);
    call.backlog = backlog;
    call.missing_max = missing_max;
    call.overdue_seconds = 900;
    call.overdue_max = overdue_max;
    assert_int_equal(store_run(store, &call.call), CELERIAC_OK);
    /* Nothing is published at the first sight. */
    assert_int_equal(call.count, 0);
    size_t count = call.found_count;
    for (size_t i = 0; i < count; i++)
        suspects[i] = call.found[i].notification_id;
    store_call_release(&call.call);
    call.suspects = suspects;
    call.suspect_count = count;
    assert_int_equal(store_run(store, &call.call), CELERIAC_OK);
    assert_int_equal(call.count, count);
    store_call_release(&call.call);
    return count;
}

static bool is_published(const struct uuid *id)
{
    return database_number("SELECT count(*) FROM celeriac.outbox WHERE notification_id = '%s'"
                           " AND claimed_until > now() AND eta IS NULL",
                           database_show(id)) == 1;
}

static void as_many_as_messages_are_missing(void **state)
{
    struct uuid ids[5];
    (void)state;
    for (int i = 0; i < 5; i++)
        ids[i] = aged("pending", 60 - i);
    (void)aged("sent", 60);
    (void)aged("cancelled", 60);
    (void)aged("failed", 60);
    assert_int_equal(reconcile(5, 100, 100), 0);
    assert_int_equal(reconcile(7, 100, 100), 0);
    assert_int_equal(reconcile(3, 100, 100), 2);
    assert_true(is_published(&ids[0]));
    assert_true(is_published(&ids[1]));
    assert_false(is_published(&ids[2]));
    assert_int_equal(reconcile(0, 2, 100), 2);
    assert_int_equal(reconcile(0, 0, 100), 0);
    assert_int_equal(reconcile(0, 100, 100), 1);
    assert_int_equal(reconcile(0, 100, 100), 0);
}

static void young_and_later_ones_have_time(void **state)
{
    (void)state;
    (void)aged("pending", 8);
    struct uuid later = aged("pending", 3600);
    database_run("UPDATE notifications SET data = jsonb_build_object('send_at',"
                 " now() + interval '30 s') WHERE id = '%s'",
                 database_show(&later));
    struct uuid waiting = aged("pending", 3600);
    database_run("INSERT INTO celeriac.outbox VALUES ('%s', gen_random_uuid(), now(),"
                 " now() + interval '1 hour', now() + interval '2 hours')",
                 database_show(&waiting));
    assert_int_equal(reconcile(0, 100, 100), 0);
    database_run("UPDATE notifications SET data = jsonb_build_object('send_at',"
                 " now() - interval '11 s') WHERE id = '%s'",
                 database_show(&later));
    assert_int_equal(reconcile(0, 100, 100), 1);
    assert_true(is_published(&later));
}

static void what_is_being_sent_is_left_alone(void **state)
{
    struct store_begin_send begin;
    struct uuid ours = aged("pending", 60);
    struct uuid pythons = aged("processing", 60);
    struct uuid dead = aged("processing", 60);
    struct uuid refused = aged("processing", 60);
    (void)state;
    assert_int_equal(store_begin_send(sender, &ours, &begin), CELERIAC_OK);
    assert_int_equal(begin.state, STORE_SEND_READY);
    store_call_release(&begin.call);
    database_run("UPDATE notifications SET updated_at = now() - interval '60 s'");
    database_run("INSERT INTO celeriac.send_claims VALUES ('%s', gen_random_uuid(), 1, now())",
                 database_show(&dead));
    database_run("INSERT INTO celeriac.send_failures VALUES (gen_random_uuid(), '%s',"
                 " now() - interval '60 s', 'no')",
                 database_show(&refused));
    assert_int_equal(reconcile(0, 100, 100), 2);
    assert_true(is_published(&dead));
    assert_true(is_published(&refused));
    assert_false(is_published(&pythons));
    assert_false(is_published(&ours));
    /* A Python worker that is gone. */
    database_run("UPDATE notifications SET updated_at = now() - interval '901 s'");
    database_run("DELETE FROM celeriac.outbox");
    assert_int_equal(reconcile(100, 100, 100), 3);
    assert_true(is_published(&pythons));
    assert_false(is_published(&ours));
}

static void overdue_ones_come_a_few_at_a_time(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        (void)aged("pending", 1000);
    assert_int_equal(reconcile(1000, 0, 2), 2);
    database_run("DELETE FROM celeriac.outbox");
    /* Those two begin anew. */
    assert_int_equal(reconcile(1000, 0, 100), 3);
    database_run("DELETE FROM celeriac.outbox");
    assert_int_equal(reconcile(1000, 0, 100), 0);
}

/* What was sent between the two looks is no suspect any more; a new one is not published yet. */
static void suspects_can_be_cleared(void **state)
{
    struct uuid gone = aged("pending", 60);
    struct uuid lost = aged("pending", 50);
    struct uuid fresh = aged("pending", 40);
    struct uuid suspects[] = {gone, lost};
    struct store_reconcile call;
    (void)state;
    database_run("UPDATE notifications SET status = 'processing' WHERE id = '%s'",
                 database_show(&gone));
    store_reconcile_init(&call);
    call.missing_max = 100;
    call.overdue_seconds = 900;
    call.suspects = suspects;
    call.suspect_count = 2;
    assert_int_equal(store_run(store, &call.call), CELERIAC_OK);
    assert_int_equal(call.count, 1);
    assert_memory_equal(&call.rows[0].notification_id, &lost, sizeof lost);
    assert_int_equal(call.found_count, 1);
    assert_memory_equal(&call.found[0].notification_id, &fresh, sizeof fresh);
    store_call_release(&call.call);
    assert_true(is_published(&lost));
    assert_false(is_published(&gone));
    assert_false(is_published(&fresh));
}

static void one_process_at_a_time(void **state)
{
    (void)state;
    struct store *second = database_store(NULL);
    struct uuid suspects[200];
    database_notifications(&tenant, 0, suspects, 200);
    database_run("UPDATE notifications SET created_at = now() - interval '60 s',"
                 " updated_at = now() - interval '60 s'");
    int64_t total = 0;
    for (int round = 0; round < 5; round++) {
        struct store_reconcile calls[2];
        enum celeriac_err rcs[2];
        for (int i = 0; i < 2; i++) {
            store_reconcile_init(&calls[i]);
            calls[i].missing_max = 50;
            calls[i].overdue_seconds = 900;
            calls[i].suspects = suspects;
            calls[i].suspect_count = 200;
        }
        database_race(store, &calls[0].call, second, &calls[1].call, rcs);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(rcs[i], CELERIAC_OK);
            total += (int64_t)calls[i].count;
            store_call_release(&calls[i].call);
        }
    }
    assert_int_equal(total, database_number("SELECT count(*) FROM celeriac.outbox"));
    assert_int_equal(total, 200);
    store_destroy(second);
}

static void limits_are_checked(void **state)
{
    struct store_reconcile call;
    (void)state;
    store_reconcile_init(&call);
    call.backlog = STORE_RECONCILE_BACKLOG_MAX + 1;
    assert_int_equal(store_run(store, &call.call), CELERIAC_ERR_VALUE);
    call.backlog = STORE_RECONCILE_BACKLOG_MAX;
    call.missing_max = STORE_RECONCILE_MAX - 1;
    call.overdue_max = 2;
    assert_int_equal(store_run(store, &call.call), CELERIAC_ERR_VALUE);
    call.overdue_max = 1;
    assert_int_equal(store_run(store, &call.call), CELERIAC_OK);
    store_call_release(&call.call);
    call.suspect_count = STORE_RECONCILE_MAX + 1;
    assert_int_equal(store_run(store, &call.call), CELERIAC_ERR_VALUE);
}

/* ---- what others have written ------------------------------------------------------------------
 */

static void set_data(const struct uuid *id, const char *data)
{
    database_run("UPDATE notifications SET data = %s WHERE id = '%s'", data, database_show(id));
}

/* Whatever data there is, it neither stops the look nor counts as a time to wait for. */
static void data_without_a_time_count_for_nothing(void **state)
{
    static const char *const times[] = {
        "",
        "no time",
        "infinity",
        "-infinity",
        "now",
        "today",
        "tomorrow",
        "yesterday",
        "epoch",
        "allballs",
        "9999",
        "2999-01-01",
        "2999-01-01T00:00",
        "2999-01-01T00:00:00",
        "2999-01-01 00:00:00Z",
        "2999-01-01T00:00:00z",
        " 2999-01-01T00:00:00Z",
        "2999-01-01T00:00:00Z ",
        "2999-01-01T00:00:00Z\\n",
        "\\n2999-01-01T00:00:00Z",
        "2999-01-01T00:00:00.Z",
        "2999-01-01T00:00:00.1234567Z",
        "2999-01-01T00:00:00,5Z",
        "2999-02-29T00:00:00Z",
        "2900-02-29T00:00:00Z",
        "2999-02-30T00:00:00Z",
        "2999-04-31T00:00:00Z",
        "2999-00-10T00:00:00Z",
        "2999-13-01T00:00:00Z",
        "2999-01-00T00:00:00Z",
        "2999-01-32T00:00:00Z",
        "2999-01-01T24:00:00Z",
        "2999-01-01T25:00:00Z",
        "2999-01-01T00:60:00Z",
        "2999-01-01T00:00:60Z",
        "2999-01-01T00:00:00+15:00",
        "2999-01-01T00:00:00-15:00",
        "2999-01-01T00:00:00+99:99",
        "2999-01-01T00:00:00+00:60",
        "2999-01-01T00:00:00+0000",
        "2999-01-01T00:00:00+00",
        "2999-01-01T00:00:00 Europe/Berlin",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "294277-01-01T00:00:00Z",
        "-2999-01-01T00:00:00Z",
        "2999-01-01T00:00:00Z BC",
        "2999-W01-1T00:00:00Z",
        "2999-001T00:00:00Z",
        "20990101T000000Z",
        "J2451187",
        "\\u0662\\u0669\\u0669\\u0669-01-01T00:00:00Z",
        "2999-01-01T00:00:00Z\\\\u0000",
    };
    static const char *const others[] = {
        "'null'",
        "'true'",
        "'4102444800'",
        "'\"2999-01-01T00:00:00Z\"'",
        "'[{\"send_at\": \"2999-01-01T00:00:00Z\"}]'",
        "'{\"send_at\": null}'",
        "'{\"send_at\": true}'",
        "'{\"send_at\": 4102444800}'",
        "'{\"send_at\": 1e131071}'",
        "'{\"send_at\": {\"send_at\": \"2999-01-01T00:00:00Z\"}}'",
        "'{\"send_at\": [\"2999-01-01T00:00:00Z\"]}'",
        "'{\"template_data\": {\"send_at\": \"2999-01-01T00:00:00Z\"}}'",
        "jsonb_build_object('send_at', repeat('x', 9000000))",
        "jsonb_build_object('send_at', '2999-01-01T00:00:00Z' || repeat(' ', 9000000))",
        /* A few kilobytes in the row, and 1.3 GB as text: more than a text may have. */
        "jsonb_build_object('send_at', array_fill(1e131071, ARRAY[10000]))",
    };
    const size_t count = sizeof times / sizeof times[0] + sizeof others / sizeof others[0];

    (void)state;
    for (size_t i = 0; i < count; i++) {
        struct uuid id = aged("pending", 60);

        if (i < sizeof times / sizeof times[0])
            database_run("UPDATE notifications SET data = '{\"send_at\": \"%s\"}' WHERE id = '%s'",
                         times[i], database_show(&id));
        else
            set_data(&id, others[i - sizeof times / sizeof times[0]]);
        if (reconcile(0, 100, 100) != 1 || !is_published(&id))
            fail_msg("number %zu waits", i);
        (void)empty(NULL);
    }
}

/* All forms that are read as a time, each of which is to come. */
static void what_is_a_time_is_waited_for(void **state)
{
    static const char *const times[] = {
        "2999-01-01T00:00:00Z",        "2999-01-01T00:00:00.5Z",
        "2999-12-31T23:59:59.999999Z", "2999-01-01T00:00:00.000001+00:00",
        "2999-01-01T00:00:00+14:59",   "2999-01-01T00:00:00-14:59",
        "2996-02-29T00:00:00Z",        "2400-02-29T00:00:00Z",
        "2999-04-30T00:00:00Z",        "9999-12-31T23:59:59-14:59",
    };

    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        struct uuid id = aged("pending", 60);

        database_run("UPDATE notifications SET data = '{\"send_at\": \"%s\"}' WHERE id = '%s'",
                     times[i], database_show(&id));
    }
    assert_int_equal(reconcile(0, 100, 100), 0);
    database_run("UPDATE notifications SET data = '{\"send_at\": \"0001-01-01T00:00:00+14:59\"}'");
    assert_int_equal(reconcile(0, 100, 100), sizeof times / sizeof times[0]);
}

/* Every day that there could be is read as a time if the server itself takes it for one. */
static void each_day_is_judged_as_the_server_does(void **state)
{
    static const int years[] = {1, 4, 100, 400, 1900, 2000, 2023, 2024, 2096, 2100, 9996, 9999};
    uint32_t waiting = 0;
    size_t others = 0, found;

    (void)state;
    for (size_t i = 0; i < sizeof years / sizeof years[0]; i++) {
        database_run("INSERT INTO notifications (id, channel, \"to\", data, status,"
                     " provider_response, created_at, updated_at, tenant_id)"
                     " SELECT gen_random_uuid(), 'email', 'a@b', jsonb_build_object('send_at',"
                     " concat(to_char(%d, 'FM0000'), to_char(m, '\"-\"FM00'),"
                     " to_char(d, '\"-\"FM00'), 'T12:00:00Z')), 'pending', '{}',"
                     " now() - interval '60 s', now() - interval '60 s', '%s'"
                     " FROM generate_series(0, 13) m, generate_series(0, 32) d",
                     years[i], database_show(&tenant));
        if (years[i] > 2090)
            waiting += (uint32_t)database_number("SELECT make_date(%d, 12, 31)"
                                                 " - make_date(%d, 1, 1) + 1",
                                                 years[i], years[i]);
    }
    others = (size_t)database_number("SELECT count(*) FROM notifications") - waiting;
    while ((found = reconcile(waiting, 900, 100)) > 0 && found <= others)
        others -= found;
    assert_int_equal(others, 0);
    assert_int_equal(found, 0);
}

/* Who holds a row keeps its own message waiting, and nobody else's. */
static void rows_that_are_held_are_passed_over(void **state)
{
    struct uuid held = aged("pending", 60), other = aged("pending", 50);
    struct uuid suspects[] = {held, other};
    struct store_reconcile call;
    struct blocker *holder = blocker_start("UPDATE notifications SET status = status WHERE"
                                           " id = '%s'",
                                           database_show(&held));

    (void)state;
    store_reconcile_init(&call);
    call.missing_max = 100;
    call.overdue_seconds = 900;
    call.suspects = suspects;
    call.suspect_count = 2;
    call.call.deadline_ns = clock_monotonic_ns() + 5 * NS_PER_SEC;
    assert_int_equal(store_run(store, &call.call), CELERIAC_OK);
    assert_int_equal(call.count, 1);
    assert_memory_equal(&call.rows[0].notification_id, &other, sizeof other);
    store_call_release(&call.call);
    blocker_end(holder);
    assert_int_equal(reconcile(0, 100, 100), 1);
    assert_true(is_published(&held));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(as_many_as_messages_are_missing, empty),
        cmocka_unit_test_setup(young_and_later_ones_have_time, empty),
        cmocka_unit_test_setup(what_is_being_sent_is_left_alone, empty),
        cmocka_unit_test_setup(overdue_ones_come_a_few_at_a_time, empty),
        cmocka_unit_test_setup(suspects_can_be_cleared, empty),
        cmocka_unit_test_setup(one_process_at_a_time, empty),
        cmocka_unit_test_setup(limits_are_checked, empty),
        cmocka_unit_test_setup(data_without_a_time_count_for_nothing, empty),
        cmocka_unit_test_setup(what_is_a_time_is_waited_for, empty),
        cmocka_unit_test_setup(each_day_is_judged_as_the_server_does, empty),
        cmocka_unit_test_setup(rows_that_are_held_are_passed_over, empty),
    };
    return cmocka_run_group_tests(tests, stage_set_up_sender, stage_tear_down_sender);
}
