/* What is delivered to webhooks, listed and repeated, against a real database. */
#include "tests/integration/store/stage.h"

#include <string.h>

#include "notify/store/webhook_log.h"

static struct uuid make_webhook(const struct uuid *owner)
{
    struct uuid id = database_uuid();
    database_run("INSERT INTO celeriac.webhooks (id, tenant_id, url, secret) VALUES"
                 " ('%s', '%s', 'https://example.com/', 'whsec_x')",
                 database_show(&id), database_show(owner));
    return id;
}

/* A message of that second after CREATED. */
static struct uuid make_message(const struct uuid *owner, const struct uuid *webhook,
                                const char *status, int second)
{
    struct uuid id = database_uuid();
    database_run("INSERT INTO celeriac.webhook_messages (id, webhook_id, tenant_id,"
                 " notification_id, event, occurrence, payload, status, attempts, response_status,"
                 " error, created_at, delivered_at) VALUES ('%s', '%s', '%s', '%s',"
                 " 'notification.sent', '%s', '{\"n\": %d}', '%s', 3, 200, NULL,"
                 " timestamptz '2026-11-22 20:26:26.823977Z' + %d * interval '1 s', now())",
                 database_show(&id), database_show(webhook), database_show(owner),
                 database_show(&id), database_show(&id), second, status, second);
    return id;
}

static enum celeriac_err read_one(const struct uuid *owner, const struct uuid *id)
{
    struct store_webhook_message_call get;
    store_get_webhook_message_init(&get, owner, id);
    enum celeriac_err rc = store_run(store, &get.call);
    if (rc == CELERIAC_OK) {
        assert_memory_equal(&get.row.id, id, sizeof *id);
        assert_memory_equal(&get.row.notification_id, id, sizeof *id);
        assert_true(span_starts(get.row.payload, SPAN("{\"n\": ")));
        assert_int_equal(get.row.response_status, 200);
    }
    store_call_release(&get.call);
    return rc;
}

static void lists_are_newest_first_and_filtered(void **state)
{
    struct uuid webhook = make_webhook(&tenant), second = make_webhook(&tenant);
    struct uuid other = database_tenant();
    struct store_list_webhook_messages list;
    struct uuid ids[3];
    (void)state;
    ids[0] = make_message(&tenant, &webhook, "delivered", 0);
    ids[1] = make_message(&tenant, &webhook, "pending", 1);
    ids[2] = make_message(&tenant, &webhook, "delivered", 2);
    (void)make_message(&tenant, &second, "delivered", 3);
    store_list_webhook_messages_init(&list, &tenant, &webhook, newest(100));
    assert_int_equal(store_run(store, &list.call), CELERIAC_OK);
    assert_int_equal(list.count, 3);
    for (int i = 0; i < 3; i++)
        assert_memory_equal(&list.rows[i].id, &ids[2 - i], sizeof ids[0]);
    assert_true(span_is(list.rows[0].status, "delivered"));
    assert_true(list.rows[0].next_attempt_at_us == STORE_NO_TIME);
    assert_true(list.rows[1].next_attempt_at_us != STORE_NO_TIME);
    assert_true(list.rows[2].created_at_us == CREATED);
    assert_null(list.rows[0].payload.ptr);
    store_call_release(&list.call);
    store_list_webhook_messages_init(&list, &tenant, &webhook, newest(1));
    list.status = SPAN("delivered");
    list.page.after = (struct store_cursor){CREATED + 2000000, ids[2]};
    assert_int_equal(store_run(store, &list.call), CELERIAC_OK);
    assert_int_equal(list.count, 1);
    assert_true(list.next.created_at_us == CREATED);
    assert_memory_equal(&list.next.id, &ids[0], sizeof ids[0]);
    assert_memory_equal(&list.rows[0].id, &ids[0], sizeof ids[0]);
    store_call_release(&list.call);
    store_list_webhook_messages_init(&list, &tenant, &webhook, newest(100));
    list.page.created_after_us = CREATED + 1000000;
    list.page.created_before_us = CREATED + 2000000;
    assert_int_equal(store_run(store, &list.call), CELERIAC_OK);
    assert_int_equal(list.count, 1);
    assert_memory_equal(&list.rows[0].id, &ids[1], sizeof ids[0]);
    store_call_release(&list.call);
    store_list_webhook_messages_init(&list, &other, &webhook, newest(100));
    assert_int_equal(store_run(store, &list.call), CELERIAC_OK);
    assert_int_equal(list.count, 0);
    store_call_release(&list.call);
    assert_int_equal(read_one(&tenant, &ids[0]), CELERIAC_OK);
    assert_int_equal(read_one(&other, &ids[0]), CELERIAC_ERR_NOT_FOUND);
}

static enum celeriac_err retry(const struct uuid *owner, const struct uuid *id)
{
    struct store_webhook_message_call call;
    store_retry_webhook_message_init(&call, owner, id);
    enum celeriac_err rc = store_run(store, &call.call);
    if (rc == CELERIAC_OK) {
        assert_true(span_is(call.row.status, "pending"));
        assert_int_equal(call.row.attempts, 0);
        assert_true(call.row.delivered_at_us == STORE_NO_TIME);
        assert_true(call.row.next_attempt_at_us != STORE_NO_TIME);
    }
    store_call_release(&call.call);
    return rc;
}

static void messages_are_delivered_again(void **state)
{
    struct uuid webhook = make_webhook(&tenant), other = database_tenant();
    struct uuid done = make_message(&tenant, &webhook, "delivered", 0);
    struct uuid failed = make_message(&tenant, &webhook, "failed", 1);
    (void)state;
    assert_int_equal(retry(&other, &done), CELERIAC_ERR_NOT_FOUND);
    assert_int_equal(read_one(&tenant, &done), CELERIAC_OK);
    assert_int_equal(retry(&tenant, &done), CELERIAC_OK);
    assert_int_equal(retry(&tenant, &failed), CELERIAC_OK);
    /* Again, as when the answer was lost; and before its time. */
    database_run("UPDATE celeriac.webhook_messages SET next_attempt_at = now() + interval '1 day'"
                 " WHERE id = '%s'",
                 database_show(&failed));
    assert_int_equal(retry(&tenant, &failed), CELERIAC_OK);
    assert_int_equal(database_number("SELECT count(*) FROM celeriac.webhook_messages WHERE"
                                     " webhook_id = '%s' AND next_attempt_at <= now()",
                                     database_show(&webhook)),
                     2);
    /* Not while its task is on the broker: nothing is delivered twice at once. */
    database_run("UPDATE celeriac.webhook_messages SET published_until = now() + interval '1 h',"
                 " next_attempt_at = now() + interval '1 h' WHERE id = '%s'",
                 database_show(&failed));
    assert_int_equal(retry(&tenant, &failed), CELERIAC_OK);
    assert_int_equal(database_number("SELECT count(*) FROM celeriac.webhook_messages WHERE"
                                     " id = '%s' AND next_attempt_at > now()",
                                     database_show(&failed)),
                     1);
    database_run("UPDATE celeriac.webhooks SET is_active = false WHERE id = '%s'",
                 database_show(&webhook));
    assert_int_equal(retry(&tenant, &failed), CELERIAC_ERR_NOT_FOUND);
}

static enum celeriac_err test(const struct uuid *owner, const struct uuid *webhook)
{
    struct store_test_webhook call;
    store_test_webhook_init(&call, owner, webhook);
    enum celeriac_err rc = store_run(store, &call.call);
    if (rc == CELERIAC_OK) {
        static const struct uuid nil;
        assert_memory_equal(&call.row.id, &call.id, sizeof call.id);
        assert_memory_equal(&call.row.notification_id, &nil, sizeof nil);
        assert_true(span_is(call.row.event, STORE_WEBHOOK_TEST_EVENT));
        assert_true(span_is(call.row.status, "pending"));
        store_call_release(&call.call);
        /* The same call once more, as after a commit whose answer was lost. */
        assert_int_equal(store_run(store, &call.call), CELERIAC_OK);
    }
    store_call_release(&call.call);
    return rc;
}

static void test_events_are_recorded_and_bounded(void **state)
{
    struct uuid webhook = make_webhook(&tenant), other = database_tenant();
    (void)state;
    assert_int_equal(test(&other, &webhook), CELERIAC_ERR_EXISTS);
    for (int i = 0; i < STORE_WEBHOOK_TESTS_MAX; i++)
        assert_int_equal(test(&tenant, &webhook), CELERIAC_OK);
    assert_int_equal(test(&tenant, &webhook), CELERIAC_ERR_EXISTS);
    assert_int_equal(database_number("SELECT count(*) FROM celeriac.webhook_messages WHERE"
                                     " webhook_id = '%s' AND payload::json ->> 'type' = event"
                                     " AND payload::json -> 'data' ->> 'webhook_id' = '%s'",
                                     database_show(&webhook), database_show(&webhook)),
                     STORE_WEBHOOK_TESTS_MAX);
    database_run("UPDATE celeriac.webhook_messages SET status = 'delivered'"
                 " WHERE webhook_id = '%s'",
                 database_show(&webhook));
    assert_int_equal(test(&tenant, &webhook), CELERIAC_OK);
    database_run("UPDATE celeriac.webhooks SET is_active = false WHERE id = '%s'",
                 database_show(&webhook));
    assert_int_equal(test(&tenant, &webhook), CELERIAC_ERR_EXISTS);
}

static void test_events_are_bounded_in_a_race(void **state)
{
    struct store *second = database_store(NULL);
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct uuid webhook = make_webhook(&tenant);
        struct store_test_webhook tests[2];
        enum celeriac_err rcs[2];
        for (int i = 1; i < STORE_WEBHOOK_TESTS_MAX; i++)
            assert_int_equal(test(&tenant, &webhook), CELERIAC_OK);
        for (int i = 0; i < 2; i++)
            store_test_webhook_init(&tests[i], &tenant, &webhook);
        database_race(store, &tests[0].call, second, &tests[1].call, rcs);
        assert_true((rcs[0] == CELERIAC_OK && rcs[1] == CELERIAC_ERR_EXISTS) ||
                    (rcs[1] == CELERIAC_OK && rcs[0] == CELERIAC_ERR_EXISTS));
        store_call_release(&tests[0].call);
        store_call_release(&tests[1].call);
    }
    store_destroy(second);
}

/* Among many that were delivered, to this webhook and to others. */
static void what_failed_is_found_by_index(void **state)
{
    struct uuid webhook = make_webhook(&tenant);
    const char *plan;
    (void)state;
    database_run("INSERT INTO celeriac.webhook_messages (id, webhook_id, tenant_id, event,"
                 " occurrence, payload, status) SELECT gen_random_uuid(), '%s', '%s', 'x',"
                 " gen_random_uuid(), '{}', 'delivered' FROM generate_series(1, 5000)",
                 database_show(&webhook), database_show(&tenant));
    database_run("ANALYZE celeriac.webhook_messages");
    plan = database_text("EXPLAIN (FORMAT JSON) SELECT FROM celeriac.webhook_messages m"
                         " WHERE m.webhook_id = '%s' AND m.tenant_id = '%s'"
                         " AND ('failed' IS NULL OR m.status = 'failed')"
                         " ORDER BY m.created_at DESC, m.id DESC LIMIT 100",
                         database_show(&webhook), database_show(&tenant));
    assert_non_null(strstr(plan, "webhook_messages_failed"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_newest_first_and_filtered),
        cmocka_unit_test(messages_are_delivered_again),
        cmocka_unit_test(test_events_are_recorded_and_bounded),
        cmocka_unit_test(test_events_are_bounded_in_a_race),
        cmocka_unit_test(what_failed_is_found_by_index),
    };
    return cmocka_run_group_tests(tests, stage_set_up, stage_tear_down);
}
