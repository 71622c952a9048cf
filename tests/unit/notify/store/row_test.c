#include "notify/store/row.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "notify/store/kind.h"
#include "notify/store/kinds.h"
#include "tests/unit/notify/store/answer.h"

static struct store_row row_of(const PGresult *answer, int row)
{
    return (struct store_row){answer, row};
}

static void integers_are_big_endian(void **state)
{
    PGresult *answer = answer_create(4);
    (void)state;
    answer_put(answer, 0, 0, SPAN("\1\2\3\4\5\6\7\10"));
    answer_put_int8(answer, 0, 1, INT64_MIN);
    answer_put(answer, 0, 2, SPAN("\x80\0\0\1"));
    answer_put(answer, 0, 3, SPAN("\1"));
    struct store_row r = row_of(answer, 0);
    assert_int_equal(store_row_int8(r, 0), 0x0102030405060708);
    assert_int_equal(store_row_int8(r, 1), INT64_MIN);
    assert_int_equal(store_row_int4(r, 2), INT32_MIN + 1);
    assert_true(store_row_bool(r, 3));
    PQclear(answer);
}

/* A column of another type gives nothing rather than bytes beyond its end. */
static void other_sizes_are_nothing(void **state)
{
    static const char bytes[] = "\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20\21";
    struct uuid u;
    struct uuid zero;
    (void)state;
    memset(&zero, 0, sizeof zero);
    for (size_t len = 0; len < sizeof bytes; len++) {
        PGresult *answer = answer_create(1);
        answer_put(answer, 0, 0, (struct span){bytes, len});
        struct store_row r = row_of(answer, 0);
        assert_int_equal(store_row_int8(r, 0) != 0, len == 8);
        assert_int_equal(store_row_int4(r, 0) != 0, len == 4);
        assert_int_equal(store_row_bool(r, 0), len == 1);
        memset(&u, 0xaa, sizeof u);
        store_row_uuid(r, 0, &u);
        assert_memory_equal(&u, len == 16 ? (const void *)bytes : &zero, sizeof u);
        assert_int_equal(store_row_span(r, 0).len, len);
        PQclear(answer);
    }
}

static void nulls_are_nothing(void **state)
{
    PGresult *answer = answer_create(1);
    struct uuid u;
    struct uuid zero;
    (void)state;
    memset(&zero, 0, sizeof zero);
    answer_put_null(answer, 0, 0);
    struct store_row r = row_of(answer, 0);
    assert_true(store_row_is_null(r, 0));
    assert_null(store_row_span(r, 0).ptr);
    assert_int_equal(store_row_int8(r, 0), 0);
    assert_int_equal(store_row_int4(r, 0), 0);
    assert_false(store_row_bool(r, 0));
    assert_int_equal(store_row_time(r, 0), STORE_NO_TIME);
    memset(&u, 0xaa, sizeof u);
    store_row_uuid(r, 0, &u);
    assert_memory_equal(&u, &zero, sizeof u);
    PQclear(answer);
}

static void times_count_from_1970(void **state)
{
    PGresult *answer = answer_create(2);
    (void)state;
    answer_put_int8(answer, 0, 0, 1);
    answer_put_int8(answer, 0, 1, INT64_MAX);
    assert_int_equal(store_row_time(row_of(answer, 0), 0), INT64_C(946684800000001));
    assert_int_equal(store_row_time(row_of(answer, 0), 1), INT64_MAX);
    PQclear(answer);
}

static void rows_find_their_calls(void **state)
{
    const int64_t numbers[] = {1, 3, 0, 4, -1, INT64_MIN, INT64_MAX};
    struct store_call calls[3];
    struct store_call *list[3] = {&calls[0], &calls[1], &calls[2]};
    struct store_call *expected[] = {&calls[0], &calls[2], NULL, NULL, NULL, NULL, NULL};
    PGresult *answer = answer_create(1);
    (void)state;
    for (int i = 0; i < 7; i++) {
        answer_put_int8(answer, i, 0, numbers[i]);
        assert_ptr_equal(store_row_call(row_of(answer, i), list, 3), expected[i]);
    }
    answer_put_null(answer, 7, 0);
    assert_null(store_row_call(row_of(answer, 7), list, 3));
    assert_null(store_row_call(row_of(answer, 0), list, 0));
    PQclear(answer);
}

struct pair {
    struct span first;
    struct span second;
};

static PGresult *two_rows(void)
{
    PGresult *answer = answer_create(2);
    answer_put(answer, 0, 0, SPAN("alpha"));
    answer_put(answer, 0, 1, SPAN(""));
    answer_put(answer, 1, 0, SPAN("a\0b"));
    answer_put_null(answer, 1, 1);
    return answer;
}

static void block_holds_the_rows_exactly(void **state)
{
    PGresult *answer = two_rows();
    struct store_call call;
    struct store_block block;
    void *rows;
    (void)state;
    store_call_init(&call, &store_kind_get_template);
    assert_int_equal(store_block_create(&call, answer, 0, 2, sizeof(struct pair), &rows, &block),
                     CELERIAC_OK);
    struct pair *pairs = rows;
    assert_ptr_equal(call.own.block, rows);
    assert_null(pairs[0].first.ptr);
    assert_null(pairs[1].second.ptr);
    for (int i = 0; i < 2; i++) {
        pairs[i].first = store_block_column(&block, row_of(answer, i), 0);
        pairs[i].second = store_block_column(&block, row_of(answer, i), 1);
    }
    /* What NULL did not take is the NUL that was counted for it. */
    assert_int_equal(block.left, 1);
    PQclear(answer);
    assert_string_equal(pairs[0].first.ptr, "alpha");
    assert_non_null(pairs[0].second.ptr);
    assert_string_equal(pairs[0].second.ptr, "");
    assert_int_equal(pairs[1].first.len, 3);
    assert_memory_equal(pairs[1].first.ptr, "a\0b", 4);
    assert_null(pairs[1].second.ptr);
    store_call_release(&call);
    assert_null(call.own.block);
    store_call_release(&call);
}

/* Only the rows that were asked for have room; a column of another row does not fit. */
static void block_is_not_written_beyond_its_end(void **state)
{
    PGresult *answer = two_rows();
    struct store_call call;
    struct store_block block;
    void *rows;
    (void)state;
    store_call_init(&call, &store_kind_get_template);
    assert_int_equal(store_block_create(&call, answer, 1, 1, 0, &rows, &block), CELERIAC_OK);
    assert_int_equal(block.left, 5);
    assert_null(store_block_column(&block, row_of(answer, 0), 0).ptr);
    assert_int_equal(block.left, 5);
    assert_int_equal(store_block_column(&block, row_of(answer, 1), 0).len, 3);
    assert_int_equal(block.left, 1);
    assert_null(store_block_column(&block, row_of(answer, 1), 0).ptr);
    store_call_release(&call);
    PQclear(answer);
}

static void block_of_no_rows(void **state)
{
    PGresult *answer = answer_create(2);
    struct store_call call;
    struct store_block block;
    void *rows = NULL;
    (void)state;
    store_call_init(&call, &store_kind_get_template);
    assert_int_equal(store_block_create(&call, answer, 0, 0, sizeof(struct pair), &rows, &block),
                     CELERIAC_OK);
    assert_non_null(rows);
    assert_int_equal(block.left, 0);
    store_call_release(&call);
    PQclear(answer);
}

/* A call that runs again gets a new block; the old one goes, or stays when there is no memory. */
static void block_is_replaced_or_kept(void **state)
{
    PGresult *answer = two_rows();
    struct store_call call;
    struct store_block block;
    void *rows;
    void *again = NULL;
    (void)state;
    store_call_init(&call, &store_kind_get_template);
    assert_int_equal(store_block_create(&call, answer, 0, 1, 0, &rows, &block), CELERIAC_OK);
    mem_fail_at(1);
    assert_int_equal(store_block_create(&call, answer, 0, 2, 0, &again, &block),
                     CELERIAC_ERR_MEMORY);
    mem_fail_at(0);
    assert_null(again);
    assert_ptr_equal(call.own.block, rows);
    assert_int_equal(store_block_create(&call, answer, 0, 2, SIZE_MAX, &again, &block),
                     CELERIAC_ERR_MEMORY);
    assert_int_equal(store_block_create(&call, answer, 0, 2, SIZE_MAX / 2, &again, &block),
                     CELERIAC_ERR_MEMORY);
    assert_int_equal(store_block_create(&call, answer, 0, 2, 8, &again, &block), CELERIAC_OK);
    assert_ptr_equal(call.own.block, again);
    store_call_release(&call);
    PQclear(answer);
}

static void copy_pair(void *to, struct store_row r, struct store_block *block)
{
    struct pair *pair = to;
    pair->first = store_block_column(block, r, 0);
    pair->second = store_block_column(block, r, 1);
}

static void all_rows_are_copied(void **state)
{
    PGresult *answer = two_rows();
    PGresult *empty = answer_create(2);
    struct store_call call;
    size_t count = 7;
    (void)state;
    store_call_init(&call, &store_kind_get_template);
    const struct pair *pairs =
        store_take_rows(&call, answer, sizeof(struct pair), copy_pair, &count);
    PQclear(answer);
    assert_int_equal(count, 2);
    assert_string_equal(pairs[0].first.ptr, "alpha");
    assert_int_equal(pairs[1].first.len, 3);
    assert_null(pairs[1].second.ptr);
    assert_non_null(store_take_rows(&call, empty, sizeof(struct pair), copy_pair, &count));
    assert_int_equal(count, 0);
    assert_int_equal(call.error.code, CELERIAC_OK);
    store_call_release(&call);
    PQclear(empty);
}

static void rows_without_memory_fail_their_call(void **state)
{
    PGresult *answer = two_rows();
    struct pair pair = {{NULL, 5}, {NULL, 5}};
    struct store_call call;
    size_t count = 7;
    (void)state;
    store_call_init(&call, &store_kind_get_template);
    mem_fail_at(1);
    assert_null(store_take_rows(&call, answer, sizeof pair, copy_pair, &count));
    mem_fail_at(0);
    assert_int_equal(count, 0);
    assert_int_equal(call.error.code, CELERIAC_ERR_MEMORY);
    store_call_init(&call, &store_kind_get_template);
    mem_fail_at(1);
    store_take_first(&call, answer, "pair", copy_pair, &pair);
    mem_fail_at(0);
    assert_int_equal(call.error.code, CELERIAC_ERR_MEMORY);
    assert_int_equal(pair.first.len, 5);
    PQclear(answer);
}

static void one_row_is_copied(void **state)
{
    PGresult *answer = two_rows();
    PGresult *empty = answer_create(2);
    struct store_call call;
    struct pair pair;
    (void)state;
    store_call_init(&call, &store_kind_get_template);
    store_take_row(&call, row_of(answer, 1), copy_pair, &pair);
    assert_int_equal(pair.first.len, 3);
    store_take_first(&call, answer, "pair", copy_pair, &pair);
    assert_string_equal(pair.first.ptr, "alpha");
    assert_int_equal(call.error.code, CELERIAC_OK);
    store_take_first(&call, empty, "pair", copy_pair, &pair);
    assert_int_equal(call.error.code, CELERIAC_ERR_NOT_FOUND);
    assert_string_equal(call.error.text, "pair not found");
    store_call_release(&call);
    PQclear(empty);
    PQclear(answer);
}

/* Two rows, of the times 1 and 2 after 2000; the second's id begins with 5. */
static void the_next_page_begins_after_the_last_row(void **state)
{
    static const char id[16] = {5};
    PGresult *answer = answer_create(2);
    PGresult *empty = answer_create(2);
    struct store_page page;
    (void)state;
    for (int i = 0; i < 2; i++)
        answer_put_int8(answer, i, 0, i + 1);
    answer_put(answer, 1, 1, (struct span){id, sizeof id});
    store_page_init(&page, 3);
    struct store_cursor next = store_take_next(&page, answer, false, 0, 1);
    assert_true(next.created_at_us == STORE_NO_TIME);
    next = store_take_next(&page, answer, true, 0, 1);
    assert_true(next.created_at_us == INT64_C(946684800000002));
    assert_int_equal(next.id.bytes[0], 5);
    page.limit = 2;
    next = store_take_next(&page, answer, false, 0, 1);
    assert_true(next.created_at_us == INT64_C(946684800000002));
    page.limit = 0;
    next = store_take_next(&page, empty, false, 0, 1);
    assert_true(next.created_at_us == STORE_NO_TIME);
    PQclear(empty);
    PQclear(answer);
}

static void failures_name_their_reason(void **state)
{
    struct store_call call;
    (void)state;
    store_call_init(&call, &store_kind_get_template);
    store_call_not_found(&call, "template");
    assert_int_equal(call.error.code, CELERIAC_ERR_NOT_FOUND);
    assert_string_equal(call.error.text, "template not found");
    store_call_init(&call, &store_kind_get_template);
    store_call_no_memory(&call);
    assert_int_equal(call.error.code, CELERIAC_ERR_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_big_endian),
        cmocka_unit_test(other_sizes_are_nothing),
        cmocka_unit_test(nulls_are_nothing),
        cmocka_unit_test(times_count_from_1970),
        cmocka_unit_test(rows_find_their_calls),
        cmocka_unit_test(block_holds_the_rows_exactly),
        cmocka_unit_test(block_is_not_written_beyond_its_end),
        cmocka_unit_test(block_of_no_rows),
        cmocka_unit_test(block_is_replaced_or_kept),
        cmocka_unit_test(all_rows_are_copied),
        cmocka_unit_test(rows_without_memory_fail_their_call),
        cmocka_unit_test(one_row_is_copied),
        cmocka_unit_test(the_next_page_begins_after_the_last_row),
        cmocka_unit_test(failures_name_their_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
