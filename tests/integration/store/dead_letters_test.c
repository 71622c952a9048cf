/* Listing dead letters, against a real database. */
#include "tests/integration/store/stage.h"

#include <string.h>

#include "notify/store/dead_letters.h"
#include "notify/store/notifications.h"

static struct uuid add(const struct uuid *owner, int number)
{
    struct uuid id = database_notification(owner, "failed", 0);
    database_run("INSERT INTO dead_letters VALUES (gen_random_uuid(), 'reason %d', %d,"
                 " timestamptz '2026-11-22 20:26:26.823977Z' + %d * interval '1 s', '%s')",
                 number, number, number, database_show(&id));
    return id;
}

static void list_is_newest_first_and_the_tenants_own(void **state)
{
    (void)state;
    struct uuid other = database_tenant();
    struct store_list_dead_letters list;
    store_list_dead_letters_init(&list, &tenant, newest(100));
    assert_int_equal(store_run(store, &list.call), CELERIAC_OK);
    assert_int_equal(list.count, 0);
    store_call_release(&list.call);
    struct uuid first = add(&tenant, 0);
    (void)add(&tenant, 1);
    (void)add(&other, 2);
    store_list_dead_letters_init(&list, &tenant, newest(100));
    assert_int_equal(store_run(store, &list.call), CELERIAC_OK);
    assert_int_equal(list.count, 2);
    assert_true(span_is(list.rows[0].reason, "reason 1"));
    assert_int_equal(list.rows[0].retry_count, 1);
    assert_memory_equal(&list.rows[1].notification_id, &first, sizeof first);
    assert_true(span_is(list.rows[1].channel, "email"));
    assert_true(span_is(list.rows[1].to, "user@example.com"));
    assert_true(list.rows[1].created_at_us == CREATED);
    assert_true(list.next.created_at_us == STORE_NO_TIME);
    int64_t newest_at = list.rows[0].created_at_us;
    store_call_release(&list.call);
    store_list_dead_letters_init(&list, &tenant, newest(1));
    assert_int_equal(store_run(store, &list.call), CELERIAC_OK);
    assert_true(span_is(list.rows[0].reason, "reason 1"));
    assert_true(list.next.created_at_us == newest_at);
    struct store_cursor next = list.next;
    store_call_release(&list.call);
    store_list_dead_letters_init(&list, &tenant, newest(1));
    list.page.after = next;
    assert_int_equal(store_run(store, &list.call), CELERIAC_OK);
    assert_int_equal(list.count, 1);
    assert_true(span_is(list.rows[0].reason, "reason 0"));
    store_call_release(&list.call);
    store_list_dead_letters_init(&list, &tenant, newest(100));
    list.page.created_after_us = newest_at;
    assert_int_equal(store_run(store, &list.call), CELERIAC_OK);
    assert_int_equal(list.count, 1);
    assert_true(span_is(list.rows[0].reason, "reason 1"));
    store_call_release(&list.call);
    store_list_dead_letters_init(&list, &tenant, newest(100));
    list.page.created_before_us = newest_at;
    assert_int_equal(store_run(store, &list.call), CELERIAC_OK);
    assert_int_equal(list.count, 1);
    assert_true(span_is(list.rows[0].reason, "reason 0"));
    store_call_release(&list.call);
    store_list_dead_letters_init(&list, &tenant, newest(STORE_LIST_MAX + 1));
    assert_int_equal(store_run(store, &list.call), CELERIAC_ERR_VALUE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_is_newest_first_and_the_tenants_own),
    };
    return cmocka_run_group_tests(tests, stage_set_up, stage_tear_down);
}
