/* API keys and their digests, against a real database. */
#include "tests/integration/store/stage.h"

#include <stdio.h>
#include <string.h>

#include "notify/store/api_keys.h"

static struct store_digest random_digest(void)
{
    struct store_digest digest = {{0}};
    struct uuid u = database_uuid();
    memcpy(digest.bytes, u.bytes, sizeof u.bytes);
    return digest;
}

/* A key as Django writes it, without a digest. */
static int64_t django_key(const char *hash)
{
    return database_number("INSERT INTO api_keys (key_hash, name, is_active, created_at, tenant_id)"
                           " VALUES ('%s', 'django', true, now(), '%s') RETURNING id",
                           hash, database_show(&tenant));
}

static enum celeriac_err find(const struct store_digest *digest, int64_t *key_id)
{
    struct store_find_key call;
    store_find_key_init(&call, digest);
    enum celeriac_err rc = store_run(store, &call.call);
    *key_id = call.key_id;
    store_call_release(&call.call);
    return rc;
}

static enum celeriac_err add(const struct store_digest *digest, int64_t key_id, const char *hash)
{
    struct store_add_digest call;
    store_add_digest_init(&call, digest, key_id, span_of(hash));
    enum celeriac_err rc = store_run(store, &call.call);
    store_call_release(&call.call);
    return rc;
}

static void digest_is_found_after_it_was_added(void **state)
{
    (void)state;
    struct store_digest digest = random_digest();
    int64_t found = 0;
    int64_t key_id = django_key("pbkdf2_sha256$1$a$b");
    assert_int_equal(find(&digest, &found), CELERIAC_ERR_NOT_FOUND);
    assert_int_equal(add(&digest, key_id, "pbkdf2_sha256$1$a$b"), CELERIAC_OK);
    assert_int_equal(add(&digest, key_id, "pbkdf2_sha256$1$a$b"), CELERIAC_OK);
    assert_int_equal(find(&digest, &found), CELERIAC_OK);
    assert_true(found == key_id);
    struct store_digest other = random_digest();
    assert_int_equal(add(&other, key_id, "another hash"), CELERIAC_ERR_NOT_FOUND);
    assert_int_equal(add(&other, INT64_MAX, "another hash"), CELERIAC_ERR_NOT_FOUND);
    assert_int_equal(add(&other, key_id, ""), CELERIAC_ERR_VALUE);
}

static void digest_does_not_open_a_row_that_replaced_its_key(void **state)
{
    (void)state;
    struct store_digest digest = random_digest();
    int64_t found = 0;
    int64_t key_id = django_key("pbkdf2_sha256$1$old$x");
    assert_int_equal(add(&digest, key_id, "pbkdf2_sha256$1$old$x"), CELERIAC_OK);
    database_run("UPDATE api_keys SET key_hash = 'pbkdf2_sha256$1$new$y' WHERE id = %lld",
                 (long long)key_id);
    assert_int_equal(find(&digest, &found), CELERIAC_ERR_NOT_FOUND);
}

static void flags_are_those_of_the_moment(void **state)
{
    (void)state;
    struct store_digest digest = random_digest();
    int64_t key_id = django_key("pbkdf2_sha256$1$flags$x");
    struct store_find_key call;
    assert_int_equal(add(&digest, key_id, "pbkdf2_sha256$1$flags$x"), CELERIAC_OK);
    database_run("UPDATE api_keys SET is_active = false WHERE id = %lld", (long long)key_id);
    database_run("UPDATE business_tenants SET is_active = false WHERE tenant_id = '%s'",
                 database_show(&tenant));
    store_find_key_init(&call, &digest);
    assert_int_equal(store_run(store, &call.call), CELERIAC_OK);
    assert_false(call.key_is_active);
    assert_false(call.tenant.is_active);
    store_call_release(&call.call);
    database_run("UPDATE business_tenants SET is_active = true WHERE tenant_id = '%s'",
                 database_show(&tenant));
}

static void unindexed_keys_come_in_pages(void **state)
{
    (void)state;
    database_run("DELETE FROM api_keys");
    database_run("INSERT INTO api_keys (key_hash, name, is_active, created_at, tenant_id)"
                 " SELECT 'h' || n, 'x', n <> 3, now(), '%s' FROM generate_series(1, 6) n",
                 database_show(&tenant));
    database_run("UPDATE api_keys SET last_used_at = '2000-01-01Z' WHERE key_hash = 'h4'");
    struct store_digest digest = random_digest();
    assert_int_equal(
        add(&digest, database_number("SELECT id FROM api_keys WHERE key_hash = 'h5'"), "h5"),
        CELERIAC_OK);
    static const char *const expected[] = {"h1", "h2", "h4", "h6"};
    size_t seen = 0;
    int64_t after = 0;
    for (;;) {
        struct store_list_unindexed_keys list;
        store_list_unindexed_keys_init(&list, after, 3);
        assert_int_equal(store_run(store, &list.call), CELERIAC_OK);
        for (size_t i = 0; i < list.count; i++) {
            assert_true(seen < 4);
            assert_true(list.rows[i].last_used_at_us ==
                        (seen == 2 ? INT64_C(946684800000000) : STORE_NO_TIME));
            assert_true(span_is(list.rows[i].key_hash, expected[seen++]));
            assert_memory_equal(&list.rows[i].tenant_id, &tenant, sizeof tenant);
            after = list.rows[i].key_id;
        }
        bool last = list.count < 3;
        store_call_release(&list.call);
        if (last)
            break;
    }
    assert_int_equal(seen, 4);
}

static void create_makes_key_and_digest(void **state)
{
    (void)state;
    struct store_create_key create;
    int64_t found = 0;
    store_create_key_init(&create);
    create.tenant_id = tenant;
    create.name = SPAN("");
    create.key_hash = SPAN("pbkdf2_sha256$1$create$x");
    create.digest = random_digest();
    create.created_at_us = CREATED;
    assert_int_equal(store_run(store, &create.call), CELERIAC_OK);
    int64_t key_id = create.key_id;
    assert_int_equal(find(&create.digest, &found), CELERIAC_OK);
    assert_true(found == key_id);
    /* Again, as after a commit of unknown outcome. */
    assert_int_equal(store_run(store, &create.call), CELERIAC_OK);
    assert_true(create.key_id == key_id);
    create.tenant_id = database_uuid();
    create.key_hash = SPAN("pbkdf2_sha256$1$nobody$x");
    assert_int_equal(store_run(store, &create.call), CELERIAC_ERR_NOT_FOUND);
    create.key_hash = SPAN("");
    assert_int_equal(store_run(store, &create.call), CELERIAC_ERR_VALUE);
    assert_non_null(strstr(create.call.error.text, "key_hash"));
}

static void list_is_newest_first(void **state)
{
    (void)state;
    struct uuid owner = database_tenant();
    struct uuid saved = tenant;
    tenant = owner;
    int64_t first = django_key("list1");
    int64_t second = django_key("list2");
    tenant = saved;
    database_run(
        "UPDATE api_keys SET last_used_at = '2026-11-22 20:26:26.823977Z', is_active = false"
        " WHERE id = %lld",
        (long long)first);
    struct store_list_keys list;
    store_list_keys_init(&list, &owner);
    assert_int_equal(store_run(store, &list.call), CELERIAC_OK);
    assert_int_equal(list.count, 2);
    assert_true(list.rows[0].id == second && list.rows[1].id == first);
    assert_true(span_is(list.rows[0].name, "django"));
    assert_true(list.rows[0].is_active && !list.rows[1].is_active);
    assert_true(list.rows[0].last_used_at_us == STORE_NO_TIME);
    assert_true(list.rows[1].last_used_at_us == CREATED);
    store_call_release(&list.call);
    store_list_keys_init(&list, &owner);
    list.before_id = second;
    assert_int_equal(store_run(store, &list.call), CELERIAC_OK);
    assert_int_equal(list.count, 1);
    store_call_release(&list.call);
}

static void deactivate_is_bound_to_the_tenant(void **state)
{
    (void)state;
    int64_t key_id = django_key("deactivate");
    struct uuid other = database_tenant();
    struct store_deactivate_key off;
    store_deactivate_key_init(&off, &other, key_id);
    assert_int_equal(store_run(store, &off.call), CELERIAC_ERR_NOT_FOUND);
    for (int i = 0; i < 2; i++) {
        store_deactivate_key_init(&off, &tenant, key_id);
        assert_int_equal(store_run(store, &off.call), CELERIAC_OK);
    }
    assert_string_equal(
        database_text("SELECT is_active FROM api_keys WHERE id = %lld", (long long)key_id), "f");
}

static void wait_for_use(int64_t key_id, int64_t us)
{
    for (int i = 0; i < 100; i++) {
        if (database_number("SELECT count(*) FROM api_keys WHERE id = %lld AND"
                            " extract(epoch from last_used_at) * 1000000 = %lld",
                            (long long)key_id, (long long)us) == 1)
            return;
        database_sleep_ms(50);
    }
    fail_msg("last_used_at was not written");
}

static void uses_are_written_and_gathered(void **state)
{
    (void)state;
    struct store_stats before;
    struct store_stats after;
    int64_t key_id = django_key("touched");
    int64_t other_id = django_key("touched too");
    store_get_stats(store, &before);
    store_touch_key(store, key_id, CREATED);
    wait_for_use(key_id, CREATED);
    for (int i = 1; i <= 1000; i++) {
        store_touch_key(store, key_id, CREATED + i);
        store_touch_key(store, other_id, CREATED + i);
    }
    store_touch_key(store, key_id, CREATED + 5);
    wait_for_use(key_id, CREATED + 1000);
    wait_for_use(other_id, CREATED + 1000);
    store_get_stats(store, &after);
    assert_in_range(after.statements - before.statements, 2, 10);
}

static void uses_are_written_at_the_end(void **state)
{
    (void)state;
    int64_t key_id = django_key("last use");
    struct store *brief = database_store(NULL);
    store_touch_key(brief, key_id, CREATED);
    wait_for_use(key_id, CREATED);
    store_touch_key(brief, key_id, CREATED + 7);
    store_destroy(brief);
    wait_for_use(key_id, CREATED + 7);
}

/* More than one statement takes. */
static void many_uses_are_written_at_the_end(void **state)
{
    const char *const used = "SELECT count(*) FROM api_keys WHERE name = 'many' AND"
                             " extract(epoch from last_used_at) * 1000000 = %lld";
    (void)state;
    database_run("INSERT INTO api_keys (key_hash, name, is_active, created_at, tenant_id)"
                 " SELECT 'hash ' || n, 'many', true, now(), '%s' FROM generate_series(1, 2500) n",
                 database_show(&tenant));
    int64_t first = database_number("SELECT min(id) FROM api_keys WHERE name = 'many'");
    struct store *brief = database_store(NULL);
    for (int64_t i = 0; i < 2500; i++)
        store_touch_key(brief, first + i, CREATED);
    for (int i = 0; i < 200 && database_number(used, (long long)CREATED) < 2500; i++)
        database_sleep_ms(20);
    for (int64_t i = 0; i < 2500; i++)
        store_touch_key(brief, first + i, CREATED + 9);
    store_destroy(brief);
    assert_int_equal(database_number(used, (long long)CREATED + 9), 2500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digest_is_found_after_it_was_added),
        cmocka_unit_test(digest_does_not_open_a_row_that_replaced_its_key),
        cmocka_unit_test(flags_are_those_of_the_moment),
        cmocka_unit_test(unindexed_keys_come_in_pages),
        cmocka_unit_test(create_makes_key_and_digest),
        cmocka_unit_test(list_is_newest_first),
        cmocka_unit_test(deactivate_is_bound_to_the_tenant),
        cmocka_unit_test(uses_are_written_and_gathered),
        cmocka_unit_test(uses_are_written_at_the_end),
        cmocka_unit_test(many_uses_are_written_at_the_end),
    };
    return cmocka_run_group_tests(tests, stage_set_up, stage_tear_down);
}
