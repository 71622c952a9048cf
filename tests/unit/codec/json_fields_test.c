#include "celery_proto/codec/json_fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { A, B, LONG, COUNT };

static const struct cel_field_name names[COUNT] = {CEL_FIELD("a"), CEL_FIELD("b"),
                                                   CEL_FIELD("a-long-name")};

/* Looks the names up in a text; each value is its raw JSON, or "-" when it was not found. */
static void assert_found(const char *json, const char *a, const char *b, const char *c)
{
    const char *const wanted[COUNT] = {a, b, c};
    const struct json_node *values[COUNT] = {NULL};
    struct json_doc doc;

    json_init(&doc);
    assert_int_equal(json_parse(&doc, span_of(json), NULL, NULL), CELERIAC_OK);
    cel_json_fields(json_root(&doc), names, COUNT, values);
    for (size_t i = 0; i < COUNT; i++)
        assert_true(span_is(values[i] != NULL ? json_raw(values[i]) : SPAN("-"), wanted[i]));
    json_close(&doc);
}

static void test_finds_members_in_any_order(void **state)
{
    (void)state;
    assert_found("{\"a\": 1, \"b\": 2, \"a-long-name\": 3}", "1", "2", "3");
    assert_found("{\"a-long-name\": 3, \"x\": {\"a\": 9}, \"b\": [1], \"a\": null}", "null", "[1]",
                 "3");
    assert_found("{\"b\": 2}", "-", "2", "-");
    assert_found("{}", "-", "-", "-");
}

static void test_last_of_repeated_members_wins(void **state)
{
    (void)state;
    assert_found("{\"a\": 1, \"b\": 2, \"a\": 3}", "3", "2", "-");
}

static void test_finds_names_spelt_with_escapes(void **state)
{
    (void)state;
    assert_found("{\"\\u0061\": 1, \"a-long\\u002dname\": 2}", "1", "-", "2");
}

static void test_takes_what_is_no_object(void **state)
{
    const struct json_node *values[COUNT] = {NULL};

    (void)state;
    assert_found("[\"a\", 1]", "-", "-", "-");
    assert_found("\"a\"", "-", "-", "-");
    cel_json_fields(NULL, names, COUNT, values);
    assert_null(values[A]);
    assert_null(values[B]);
    assert_null(values[LONG]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_members_in_any_order),
        cmocka_unit_test(test_last_of_repeated_members_wins),
        cmocka_unit_test(test_finds_names_spelt_with_escapes),
        cmocka_unit_test(test_takes_what_is_no_object),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
