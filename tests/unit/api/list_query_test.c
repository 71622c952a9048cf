#include "api/list_query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "tests/unit/api/hand_call.h"

static struct api api;
static struct list_query query;

/* Reads a query string; the caller closes the query. */
static bool read_query(const char *text)
{
    list_query_init(&query);
    return list_query_read(hand_call_create(&api, text), &query);
}

static void assert_limit(const char *text, uint32_t limit)
{
    if (!read_query(text))
        fail_msg("%s: %s", text, hand_call_body());
    assert_int_equal(query.page.limit, limit);
    list_query_close(&query);
}

static void assert_problem(const char *text, const char *body)
{
    assert_false(read_query(text));
    assert_int_equal(hand_call_status(), 400);
    assert_string_equal(hand_call_body(), body);
    list_query_close(&query);
}

static int tear_down(void **state)
{
    (void)state;
    hand_call_destroy();
    return 0;
}

static void limits_up_to_the_largest(void **state)
{
    (void)state;
    assert_limit("", 100);
    assert_limit("limit=0", 0);
    assert_limit("limit=1", 1);
    assert_limit("limit=999", 999);
    assert_limit("limit=1000", 1000);
    assert_limit("limit=1001", 1000);
    assert_limit("limit=99999999999999999999999999", 1000);
    assert_limit("limit=%20007%20", 7);
    assert_limit("limit=5&limit=6", 6);
    assert_limit("limit=1_0", 10);
    assert_limit("limit=%D9%A3", 3);
    assert_limit("status=sent&other=x", 100);
}

static void limits_that_are_none(void **state)
{
    (void)state;
    assert_problem("limit=x", "{\"limit\":[\"A valid integer is required.\"]}");
    assert_problem("limit=", "{\"limit\":[\"A valid integer is required.\"]}");
    assert_problem("limit", "{\"limit\":[\"A valid integer is required.\"]}");
    assert_problem("limit=1.0", "{\"limit\":[\"A valid integer is required.\"]}");
    assert_problem("limit=1.5", "{\"limit\":[\"A valid integer is required.\"]}");
    assert_problem("limit=0x10", "{\"limit\":[\"A valid integer is required.\"]}");
    assert_problem("limit=-1",
                   "{\"limit\":[\"Ensure this value is greater than or equal to 0.\"]}");
    assert_problem("limit=-99999999999999999999999999",
                   "{\"limit\":[\"Ensure this value is greater than or equal to 0.\"]}");
    assert_string_equal(hand_call_header("Allow"), "");
}

static void filters_are_the_last_value(void **state)
{
    (void)state;
    assert_true(read_query("status=sent&channel=a%26b&status=failed&empty="));
    assert_true(span_is(list_query_filter(&query, "status"), "failed"));
    assert_true(span_is(list_query_filter(&query, "channel"), "a&b"));
    assert_int_equal(list_query_filter(&query, "empty").len, 0);
    assert_int_equal(list_query_filter(&query, "missing").len, 0);
    list_query_close(&query);
}

static void pages_are_asked_for_by_their_cursor(void **state)
{
    (void)state;
    assert_true(read_query("limit=5"));
    assert_false(query.is_paged);
    list_query_close(&query);
    assert_true(read_query("cursor="));
    assert_true(query.is_paged);
    assert_true(query.page.after.created_at_us == STORE_NO_TIME);
    list_query_close(&query);
    assert_true(read_query("cursor=1795379186823977.3f2b1c4d-0000-4000-8000-abcdefabcdef"));
    assert_true(query.is_paged);
    assert_true(query.page.after.created_at_us == INT64_C(1795379186823977));
    assert_int_equal(query.page.after.id.bytes[0], 0x3f);
    list_query_close(&query);
}

static void foreign_cursors_are_not_found(void **state)
{
    static const char *const texts[] = {
        "cursor=x",
        "cursor=1795379186823977",
        "cursor=.3f2b1c4d-0000-4000-8000-abcdefabcdef",
        "cursor=1795379186823977.",
        "cursor=1795379186823977.3f2b1c4d-0000-4000-8000-abcdefabcde",
        "cursor=999999999999999999999.3f2b1c4d-0000-4000-8000-abcdefabcdef",
        "cursor=-9223372036854775808.3f2b1c4d-0000-4000-8000-abcdefabcdef",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_false(read_query(texts[i]));
        assert_int_equal(hand_call_status(), 404);
        assert_string_equal(hand_call_body(), "{\"detail\":\"Invalid cursor\"}");
        list_query_close(&query);
    }
}

/* An answer without rows. */
static void assert_end(const char *text, const struct store_cursor *next, const char *body)
{
    struct api_call *call = hand_call_create(&api, text);
    struct json_writer w;
    list_query_init(&query);
    assert_true(list_query_read(call, &query));
    list_begin(call, &w, &query);
    list_end(call, &w, &query, next);
    assert_string_equal(hand_call_body(), body);
    list_query_close(&query);
}

static void answer_has_its_cursor(void **state)
{
    const struct store_cursor next = {-5, {{0x3f}}};
    const struct store_cursor none = {.created_at_us = STORE_NO_TIME};
    (void)state;
    assert_end("cursor=", &next,
               "{\"results\":[],\"next_cursor\":\"-5.3f000000-0000-0000-0000-000000000000\"}");
    assert_end("cursor=", &none, "{\"results\":[],\"next_cursor\":null}");
    assert_end("cursor=", NULL, "{\"results\":[],\"next_cursor\":null}");
    assert_end("", &next, "[]");
}

static void rows_are_results(void **state)
{
    struct json_writer w;
    (void)state;
    struct api_call *call = hand_call_create(&api, "cursor=");
    list_query_init(&query);
    assert_true(list_query_read(call, &query));
    list_begin(call, &w, &query);
    json_integer(&w, 1);
    list_end(call, &w, &query, NULL);
    assert_string_equal(hand_call_body(), "{\"results\":[1],\"next_cursor\":null}");
    list_query_close(&query);
}

static void times_are_filters(void **state)
{
    (void)state;
    assert_true(read_query("created_after=2026-11-22T20:26:26.823977Z&created_before="));
    assert_true(query.page.created_after_us == INT64_C(1795379186823977));
    assert_true(query.page.created_before_us == STORE_NO_TIME);
    list_query_close(&query);
    assert_true(read_query("created_before=1970-01-02"));
    assert_true(query.page.created_before_us == INT64_C(86400000000));
    list_query_close(&query);
    assert_problem("created_after=yesterday", "{\"created_after\":[\"Enter a valid date/time.\"]}");
    assert_problem("created_before=2026-13-01",
                   "{\"created_before\":[\"Enter a valid date/time.\"]}");
}

/* More names than a form may have. */
static void too_long_a_query_is_told(void **state)
{
    static char text[100000];
    (void)state;
    for (size_t i = 0; i + 4 < sizeof text; i += 4)
        memcpy(text + i, "a=b&", 5);
    assert_false(read_query(text));
    assert_int_equal(hand_call_status(), 400);
    list_query_close(&query);
}

/* Memory that is short is ours: the client may come again with the same query. */
static void want_of_memory_is_no_fault_of_the_client(void **state)
{
    size_t n = 1;
    bool good = false;
    (void)state;
    for (; !good; n++) {
        struct api_call *call = hand_call_create(&api, "limit=77777777777777777&status=sent");
        list_query_init(&query);
        mem_fail_at(n);
        good = list_query_read(call, &query);
        bool failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(good, !failed);
        if (!good)
            assert_int_equal(hand_call_status(), 503);
        list_query_close(&query);
    }
    assert_true(n > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(limits_up_to_the_largest, tear_down),
        cmocka_unit_test_teardown(limits_that_are_none, tear_down),
        cmocka_unit_test_teardown(filters_are_the_last_value, tear_down),
        cmocka_unit_test_teardown(pages_are_asked_for_by_their_cursor, tear_down),
        cmocka_unit_test_teardown(foreign_cursors_are_not_found, tear_down),
        cmocka_unit_test_teardown(answer_has_its_cursor, tear_down),
        cmocka_unit_test_teardown(rows_are_results, tear_down),
        cmocka_unit_test_teardown(times_are_filters, tear_down),
        cmocka_unit_test_teardown(too_long_a_query_is_told, tear_down),
        cmocka_unit_test_teardown(want_of_memory_is_no_fault_of_the_client, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
