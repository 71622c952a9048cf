#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "notify/store/api_keys.h"
#include "notify/store/kinds.h"
#include "tests/unit/notify/store/answer.h"

#define COUNT 4

static void hash_up_to_its_column(void **state)
{
    struct store_digest digest = {{0}};
    struct store_add_digest add;
    char text[STORE_KEY_HASH_MAX + 1];
    (void)state;
    memset(text, 'x', sizeof text);
    store_add_digest_init(&add, &digest, 1, (struct span){text, STORE_KEY_HASH_MAX});
    assert_int_equal(store_kind_add_digest.check(&add.call), CELERIAC_OK);
    add.key_hash.len++;
    assert_int_equal(store_kind_add_digest.check(&add.call), CELERIAC_ERR_VALUE);
    assert_string_equal(add.call.error.text, "key_hash: more than 255 characters");
    add.key_hash.len = 0;
    assert_int_equal(store_kind_add_digest.check(&add.call), CELERIAC_ERR_VALUE);
}

static void page_up_to_its_limit(void **state)
{
    struct store_list_unindexed_keys list;
    (void)state;
    store_list_unindexed_keys_init(&list, 0, STORE_KEY_PAGE_MAX);
    assert_int_equal(store_kind_list_unindexed_keys.check(&list.call), CELERIAC_OK);
    list.limit = 1;
    assert_int_equal(store_kind_list_unindexed_keys.check(&list.call), CELERIAC_OK);
    list.limit = 0;
    assert_int_equal(store_kind_list_unindexed_keys.check(&list.call), CELERIAC_ERR_VALUE);
    list.limit = STORE_KEY_PAGE_MAX + 1;
    assert_int_equal(store_kind_list_unindexed_keys.check(&list.call), CELERIAC_ERR_VALUE);
}

/* The answer has the numbers of the calls that found their key, in their order. */
static void only_keys_that_are_there_are_indexed(void **state)
{
    struct store_digest digest = {{0}};
    struct store_add_digest adds[COUNT];
    struct store_call *calls[COUNT];
    (void)state;
    for (unsigned mask = 0; mask < 1U << COUNT; mask++) {
        PGresult *answer = answer_create(1);
        int rows = 0;
        for (int i = 0; i < COUNT; i++) {
            store_add_digest_init(&adds[i], &digest, i, SPAN("x"));
            calls[i] = &adds[i].call;
            if (mask >> i & 1)
                answer_put_int8(answer, rows++, 0, i + 1);
        }
        store_kind_add_digest.take(calls, COUNT, answer);
        for (int i = 0; i < COUNT; i++)
            assert_int_equal(calls[i]->error.code,
                             mask >> i & 1 ? CELERIAC_OK : CELERIAC_ERR_NOT_FOUND);
        PQclear(answer);
    }
}

static void found_key_shows_its_tenant(void **state)
{
    struct store_digest digest = {{0}};
    struct store_find_key finds[2];
    struct store_call *calls[] = {&finds[0].call, &finds[1].call};
    PGresult *answer = answer_create(9);
    (void)state;
    for (int i = 0; i < 2; i++)
        store_find_key_init(&finds[i], &digest);
    answer_put_int8(answer, 0, 0, 2);
    answer_put_int8(answer, 0, 1, 77);
    answer_put(answer, 0, 2, SPAN("\1"));
    answer_put(answer, 0, 3, SPAN("0123456789abcdef"));
    answer_put(answer, 0, 4, SPAN("Acme"));
    answer_put(answer, 0, 5, SPAN("a@example.com"));
    answer_put(answer, 0, 6, SPAN("\0"));
    answer_put_int8(answer, 0, 7, 0);
    answer_put_int8(answer, 0, 8, 1);
    store_kind_find_key.take(calls, 2, answer);
    PQclear(answer);
    assert_int_equal(finds[0].call.error.code, CELERIAC_ERR_NOT_FOUND);
    assert_int_equal(finds[1].call.error.code, CELERIAC_OK);
    assert_int_equal(finds[1].key_id, 77);
    assert_true(finds[1].key_is_active);
    assert_false(finds[1].tenant.is_active);
    assert_memory_equal(finds[1].tenant.id.bytes, "0123456789abcdef", 16);
    assert_string_equal(finds[1].tenant.name.ptr, "Acme");
    assert_string_equal(finds[1].tenant.email.ptr, "a@example.com");
    store_call_release(calls[0]);
    store_call_release(calls[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash_up_to_its_column),
        cmocka_unit_test(page_up_to_its_limit),
        cmocka_unit_test(only_keys_that_are_there_are_indexed),
        cmocka_unit_test(found_key_shows_its_tenant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
