#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/json.h"

/* One document per test. */
static struct json_doc doc;

static int open_doc(void **state)
{
    (void)state;
    json_init(&doc);
    return 0;
}

static int close_doc(void **state)
{
    (void)state;
    json_close(&doc);
    return 0;
}

static const struct json_node *parse(const char *text)
{
    assert_int_equal(json_parse(&doc, span_of(text), NULL, NULL), CELERIAC_OK);
    return json_root(&doc);
}

static void finds_members(void **state)
{
    (void)state;
    const struct json_node *root =
        parse("{\"id\": 1, \"n\": {\"id\": 2}, \"\": 3, \"i\\u0064x\": 4, \"\xc3\xa9\": 5, "
              "\"\\ud83d\\ude00\": 6, \"nul\\u0000\": 7}");
    assert_true(span_is(json_raw(json_get(root, "id")), "1"));
    assert_true(span_is(json_raw(json_get(json_get(root, "n"), "id")), "2"));
    assert_true(span_is(json_raw(json_get(root, "")), "3"));
    assert_true(span_is(json_raw(json_get(root, "idx")), "4"));
    assert_true(span_is(json_raw(json_get(root, "\xc3\xa9")), "5"));
    assert_true(span_is(json_raw(json_get(root, "\xf0\x9f\x98\x80")), "6"));
    assert_null(json_get(root, "nul"));
    assert_null(json_get(root, "i"));
    assert_null(json_get(root, "idxx"));
    assert_null(json_get(json_get(root, "id"), "id"));
    assert_null(json_get(NULL, "id"));
    assert_null(json_get(parse("[\"id\", 1]"), "id"));
}

static void takes_the_last_of_repeated_members(void **state)
{
    (void)state;
    const struct json_node *root = parse("{\"a\": 1, \"b\": 2, \"\\u0061\": 3, \"c\": 4}");
    assert_true(span_is(json_raw(json_get(root, "a")), "3"));
    assert_int_equal(root->count, 4);
}

static void steps_through_arrays(void **state)
{
    (void)state;
    const struct json_node *root = parse("[1, [2, [3]], {\"k\": 4}, \"5\"]");
    static const char *const raw[] = {"1", "[2, [3]]", "{\"k\": 4}", "\"5\""};
    uint32_t i = 0;
    for (const struct json_node *e = json_first(root); e; e = json_next(root, e), i++) {
        assert_true(span_is(json_raw(e), raw[i]));
        assert_ptr_equal(json_at(root, i), e);
    }
    assert_int_equal(i, 4);
    assert_null(json_at(root, 4));
    assert_null(json_at(NULL, 0));
    assert_null(json_at(json_at(root, 2), 0));
    assert_null(json_first(json_at(root, 0)));
    assert_null(json_first(parse("[]")));
    assert_null(json_first(parse("{}")));
    assert_null(json_first(NULL));
}

static void finds_nothing_in_what_was_not_recorded(void **state)
{
    (void)state;
    struct json_options options = {.keep_depth = 2};
    assert_int_equal(json_parse(&doc, SPAN("[[1, 2], {\"a\": 1}]"), &options, NULL), CELERIAC_OK);
    const struct json_node *root = json_root(&doc);
    assert_null(json_at(json_at(root, 0), 0));
    assert_null(json_get(json_at(root, 1), "a"));
    assert_true(json_at(root, 1)->pruned);
}

static void treats_missing_as_null(void **state)
{
    (void)state;
    const struct json_node *root = parse("[null, 0, \"\", false]");
    assert_true(json_is_null(NULL));
    assert_true(json_is_null(json_at(root, 0)));
    for (uint32_t i = 1; i < 4; i++)
        assert_false(json_is_null(json_at(root, i)));
}

static void compares_strings(void **state)
{
    (void)state;
    const struct json_node *root = parse("[\"abc\", \"a\\u0062c\", \"a\\/b\", \"\\ud800\", 1]");
    assert_true(json_string_is(json_at(root, 0), "abc"));
    assert_true(json_string_is(json_at(root, 1), "abc"));
    assert_true(json_string_is(json_at(root, 2), "a/b"));
    assert_true(json_string_is(json_at(root, 3), "\xed\xa0\x80"));
    assert_false(json_string_is(json_at(root, 0), "ab"));
    assert_false(json_string_is(json_at(root, 1), "ab"));
    assert_false(json_string_is(json_at(root, 1), "abcd"));
    assert_false(json_string_is(json_at(root, 1), "axc"));
    assert_false(json_string_is(json_at(root, 4), "1"));
    assert_false(json_string_is(NULL, ""));
}

static void lends_strings_without_escapes(void **state)
{
    (void)state;
    const struct json_node *root = parse("[\"abc\", \"\", \"a\\n\", 1]");
    struct span text = SPAN("untouched");
    assert_false(json_peek_string(json_at(root, 2), &text));
    assert_false(json_peek_string(json_at(root, 3), &text));
    assert_false(json_peek_string(NULL, &text));
    assert_true(span_is(text, "untouched"));
    assert_true(json_peek_string(json_at(root, 0), &text));
    assert_true(span_is(text, "abc"));
    assert_true(json_peek_string(json_at(root, 1), &text));
    assert_int_equal(text.len, 0);
}

static void decodes_strings(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        struct span text;
        bool lone;
    } cases[] = {
        {"\"\"", {"", 0}, false},
        {"\"plain\"", {"plain", 5}, false},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", {"\"\\/\b\f\n\r\t", 8}, false},
        {"\"\\u0000x\"", {"\0x", 2}, false},
        {"\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"",
         {"\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf", 11},
         false},
        {"\"\\uD83D\\ude00 \\udbff\\udfff\"", {"\xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf", 9}, false},
        {"\"\\ud800\"", {"\xed\xa0\x80", 3}, true},
        {"\"x\\udfff\"", {"x\xed\xbf\xbf", 4}, true},
        {"\"\\ud83d\\ud83d\\ude00\"", {"\xed\xa0\xbd\xf0\x9f\x98\x80", 7}, true},
        {"\"\\ude00\\ud83d\"", {"\xed\xb8\x80\xed\xa0\xbd", 6}, true},
        {"\"\\ud83d\\n\"", {"\xed\xa0\xbd\n", 4}, true},
        {"\"\\ud83d\\u0041\"",
         {"\xed\xa0\xbd"
          "A",
          4},
         true},
        {"\"a\\tb\xc3\xa9\\u00e9 end\"", {"a\tb\xc3\xa9\xc3\xa9 end", 11}, false},
    };
    struct strbuf out;
    strbuf_init(&out, 100);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct json_node *node = parse(cases[i].json);
        strbuf_clear(&out);
        assert_int_equal(json_decode_string(node, &out), CELERIAC_OK);
        assert_true(span_equal(strbuf_span(&out), cases[i].text));
        assert_int_equal(json_has_lone_surrogate(node), cases[i].lone);
    }
    strbuf_clear(&out);
    assert_int_equal(json_decode_string(NULL, &out), CELERIAC_ERR_VALUE);
    assert_int_equal(json_decode_string(parse("12"), &out), CELERIAC_ERR_VALUE);
    assert_int_equal(strbuf_status(&out), CELERIAC_OK);
    assert_false(json_has_lone_surrogate(NULL));
    assert_false(json_has_lone_surrogate(parse("[\"\\ud800\"]")));
    strbuf_close(&out);
}

static void reports_the_buffer_s_error(void **state)
{
    (void)state;
    struct strbuf out;
    strbuf_init(&out, 4);
    assert_int_equal(json_decode_string(parse("\"\\u0031234\""), &out), CELERIAC_OK);
    strbuf_clear(&out);
    assert_int_equal(json_decode_string(parse("\"\\u00312345\""), &out), CELERIAC_ERR_LIMIT);
    strbuf_close(&out);
    strbuf_init(&out, 100);
    const struct json_node *node = parse("\"a\\nb\"");
    mem_fail_at(1);
    enum celeriac_err code = json_decode_string(node, &out);
    mem_fail_at(0);
    assert_int_equal(code, CELERIAC_ERR_MEMORY);
    strbuf_close(&out);
}

static void reads_integers(void **state)
{
    (void)state;
    int64_t n = 77;
    assert_int_equal(json_int(parse("9223372036854775807"), INT64_MIN, INT64_MAX, &n), CELERIAC_OK);
    assert_true(n == INT64_MAX);
    assert_int_equal(json_int(parse("-9223372036854775808"), INT64_MIN, INT64_MAX, &n),
                     CELERIAC_OK);
    assert_true(n == INT64_MIN);
    assert_int_equal(json_int(parse("-0"), 0, 0, &n), CELERIAC_OK);
    assert_true(n == 0);
    n = 77;
    assert_int_equal(json_int(parse("9223372036854775808"), INT64_MIN, INT64_MAX, &n),
                     CELERIAC_ERR_LIMIT);
    assert_int_equal(json_int(parse("4"), 0, 3, &n), CELERIAC_ERR_LIMIT);
    assert_int_equal(json_int(parse("1.0"), 0, 3, &n), CELERIAC_ERR_VALUE);
    assert_int_equal(json_int(parse("true"), 0, 3, &n), CELERIAC_ERR_VALUE);
    assert_int_equal(json_int(parse("\"1\""), 0, 3, &n), CELERIAC_ERR_VALUE);
    assert_int_equal(json_int(NULL, 0, 3, &n), CELERIAC_ERR_VALUE);
    assert_true(n == 77);
}

static void reads_doubles(void **state)
{
    (void)state;
    double n = 77;
    assert_int_equal(json_double(parse("1795379699.128789"), &n), CELERIAC_OK);
    assert_true(n == 1795379699.128789);
    assert_int_equal(json_double(parse("-12"), &n), CELERIAC_OK);
    assert_true(n == -12);
    assert_int_equal(json_double(parse("1E-2"), &n), CELERIAC_OK);
    assert_true(n == 0.01);
    static const char *const refused[] = {"1e999", "NaN", "-Infinity", "\"1\"", "null", "[]"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_int_equal(json_double(parse(refused[i]), &n), CELERIAC_ERR_VALUE);
    assert_int_equal(json_double(NULL, &n), CELERIAC_ERR_VALUE);
    assert_true(n == 0.01);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_members, open_doc, close_doc),
        cmocka_unit_test_setup_teardown(takes_the_last_of_repeated_members, open_doc, close_doc),
        cmocka_unit_test_setup_teardown(steps_through_arrays, open_doc, close_doc),
        cmocka_unit_test_setup_teardown(finds_nothing_in_what_was_not_recorded, open_doc,
                                        close_doc),
        cmocka_unit_test_setup_teardown(treats_missing_as_null, open_doc, close_doc),
        cmocka_unit_test_setup_teardown(compares_strings, open_doc, close_doc),
        cmocka_unit_test_setup_teardown(lends_strings_without_escapes, open_doc, close_doc),
        cmocka_unit_test_setup_teardown(decodes_strings, open_doc, close_doc),
        cmocka_unit_test_setup_teardown(reports_the_buffer_s_error, open_doc, close_doc),
        cmocka_unit_test_setup_teardown(reads_integers, open_doc, close_doc),
        cmocka_unit_test_setup_teardown(reads_doubles, open_doc, close_doc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
