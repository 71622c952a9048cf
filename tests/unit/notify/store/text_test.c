#include "notify/store/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"

/* Two, three and four bytes of one character each. */
#define TWO "\xc3\xa9"
#define THREE "\xe2\x82\xac"
#define FOUR "\xf0\x9f\x98\x80"

static void characters_are_counted_not_bytes(void **state)
{
    struct celeriac_error err = {0};
    (void)state;
    assert_int_equal(store_text_check(SPAN(TWO THREE FOUR), "to", 3, 3, NULL), CELERIAC_OK);
    assert_int_equal(store_text_check(SPAN(TWO THREE FOUR), "to", 0, 2, &err), CELERIAC_ERR_VALUE);
    assert_string_equal(err.text, "to: more than 2 characters");
    celeriac_error_clear(&err);
    assert_int_equal(store_text_check(SPAN(TWO), "to", 2, 9, &err), CELERIAC_ERR_VALUE);
    assert_string_equal(err.text, "to: fewer than 2 characters");
    assert_int_equal(store_text_check((struct span){0}, "to", 0, 0, NULL), CELERIAC_OK);
    assert_int_equal(store_text_check(SPAN(""), "to", 1, 9, NULL), CELERIAC_ERR_VALUE);
}

static void bytes_are_counted_where_asked(void **state)
{
    struct celeriac_error err = {0};
    (void)state;
    assert_int_equal(store_text_check_bytes(SPAN(TWO "x"), "body", 3, 3, NULL), CELERIAC_OK);
    assert_int_equal(store_text_check_bytes(SPAN(TWO "x"), "body", 4, 9, NULL), CELERIAC_ERR_VALUE);
    assert_int_equal(store_text_check_bytes(SPAN(TWO "x"), "body", 0, 2, &err), CELERIAC_ERR_VALUE);
    assert_string_equal(err.text, "body: more than 2 bytes");
}

static void what_no_column_holds_is_refused(void **state)
{
    const struct span bad[] = {
        SPAN("\0"),           SPAN("a\0b"), SPAN("\x80"),         SPAN("\xc3"),
        SPAN("\xc0\x80"),     SPAN("\xff"), SPAN("\xed\xa0\x80"), SPAN("\xf4\x90\x80\x80"),
        SPAN("ok\xe2\x82ok"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct celeriac_error err = {0};
        assert_false(store_text_is_storable(bad[i]));
        assert_int_equal(store_text_check(bad[i], "name", 0, 99, &err), CELERIAC_ERR_VALUE);
        assert_memory_equal(err.text, "name: ", 6);
        assert_int_equal(store_text_check_bytes(bad[i], "name", 0, 99, NULL), CELERIAC_ERR_VALUE);
        assert_int_equal(store_text_check_json(bad[i], "name", 0, 99, NULL), CELERIAC_ERR_VALUE);
    }
    assert_true(store_text_is_storable(SPAN("")));
    assert_true(store_text_is_storable((struct span){0}));
    assert_true(store_text_is_storable(SPAN("\x01\x7f" TWO THREE FOUR)));
}

static void json_escapes_that_jsonb_holds(void **state)
{
    const struct span good[] = {
        SPAN("{}"),
        SPAN("\"\\u0001\\u00e9\\uffff\\uD7ff\\ue000\""),
        SPAN("\"\\ud83d\\ude00\\uDBFF\\uDFFF\\ud800\\udc00\""),
        SPAN("\"\\\\u0000 \\\\ud800\""), /* a backslash, then letters */
        SPAN("\"\\\"\\/\\n\""),
        SPAN("\"\\\\\\\\u0000\""),
        /* Not JSON, which the server tells. */
        SPAN("\\"),
        SPAN("\\u"),
        SPAN("\\u00"),
        SPAN("\\ud80"),
        SPAN("\\ud80@"),
        SPAN("\\u000g"),
        SPAN("\\ud80`"),
        SPAN("\\udc0@"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_int_equal(store_text_check_json(good[i], "data", 0, 100, NULL), CELERIAC_OK);
}

static void json_escapes_that_jsonb_refuses(void **state)
{
    const struct span bad[] = {
        SPAN("\"\\u0000\""),        SPAN("\"x\\\\\\u0000\""), /* a backslash, then the NUL */
        SPAN("\"\\ud800\""),        SPAN("\"\\ud800x\""),
        SPAN("\"\\ud800\\n\""),     SPAN("\"\\ud800\\ud800\""),
        SPAN("\"\\ud800\\u0041\""), SPAN("\"\\uDC00\""),
        SPAN("\"\\uDFFF\\ud800\""), SPAN("\\ud800"),
        SPAN("\\ud800\\udc0"),      SPAN("\\ud800\\udc0@"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct celeriac_error err = {0};
        assert_int_equal(store_text_check_json(bad[i], "data", 0, 100, &err), CELERIAC_ERR_VALUE);
        assert_string_equal(err.text, "data: has \\u0000 or half of a surrogate pair");
    }
}

/* An escape that the text's end cuts off is not read beyond it. */
static void json_cut_at_every_byte(void **state)
{
    static const char text[] = "\"\\ud83d\\ude00 \\\\ \\u00e9\"";
    (void)state;
    for (size_t len = 0; len <= sizeof text - 1; len++) {
        char *copy = mem_alloc(len);
        assert_non_null(copy);
        memcpy(copy, text, len);
        enum celeriac_err rc =
            store_text_check_json((struct span){copy, len}, "data", 0, 100, NULL);
        /* From the whole first half of the pair to the whole of the second. */
        assert_int_equal(rc, len >= 7 && len < 13 ? CELERIAC_ERR_VALUE : CELERIAC_OK);
        mem_free(copy);
    }
}

static const char *clean(struct strbuf *out, struct span text, size_t max)
{
    strbuf_clear(out);
    store_text_clean(out, text, max);
    assert_int_equal(strbuf_status(out), CELERIAC_OK);
    return strbuf_text(out);
}

#define BAD "\xef\xbf\xbd"

static void text_for_humans_is_mended(void **state)
{
    struct strbuf out;
    (void)state;
    strbuf_init(&out, 1000);
    assert_string_equal(clean(&out, SPAN("plain " TWO THREE FOUR), 100), "plain " TWO THREE FOUR);
    assert_string_equal(clean(&out, SPAN("a\0b\xff"), 100), "a" BAD "b" BAD);
    assert_string_equal(clean(&out, SPAN("\x80\xc3\xe2\x82\xf0\x9f\x98"), 100),
                        BAD BAD BAD BAD BAD BAD BAD);
    assert_string_equal(clean(&out, SPAN("\xed\xa0\x80\xf8\x88\x80\x80\x80"), 100),
                        BAD BAD BAD BAD BAD BAD BAD BAD);
    assert_string_equal(clean(&out, SPAN("\xe2x\x82\xac"), 100), BAD "x" BAD BAD);
    assert_string_equal(clean(&out, (struct span){0}, 100), "");
    strbuf_close(&out);
}

static void text_is_cut_at_a_character(void **state)
{
    struct strbuf out;
    (void)state;
    strbuf_init(&out, 1000);
    assert_string_equal(clean(&out, SPAN("ab" THREE "c"), 5), "ab" THREE);
    assert_string_equal(clean(&out, SPAN("ab" THREE "c"), 4), "ab");
    assert_string_equal(clean(&out, SPAN("ab" THREE "c"), 2), "ab");
    assert_string_equal(clean(&out, SPAN("ab\xff"), 5), "ab" BAD);
    assert_string_equal(clean(&out, SPAN("ab\xff"), 4), "ab");
    assert_string_equal(clean(&out, SPAN(FOUR), 0), "");
    /* What came before in the buffer does not count. */
    strbuf_clear(&out);
    strbuf_add_text(&out, "before:");
    store_text_clean(&out, SPAN("abcd"), 3);
    assert_string_equal(strbuf_text(&out), "before:abc");
    strbuf_close(&out);
}

static void want_of_memory_is_told(void **state)
{
    struct strbuf out;
    (void)state;
    strbuf_init(&out, 1000);
    mem_fail_at(1);
    store_text_clean(&out, SPAN("text"), 10);
    mem_fail_at(0);
    assert_int_equal(strbuf_status(&out), CELERIAC_ERR_MEMORY);
    strbuf_close(&out);
}

static void exponents_count_as_digits(void **state)
{
    static const struct {
        const char *json;
        size_t size;
    } cases[] = {
        {"", 0},
        {"[1,2.5,true,false,null]", 23},
        {"1e5", 3 + 5},
        {"[1e+308,-2.5E-07]", 17 + 308 + 7},
        {"{\"1e5\":\"a\\\"1e5\",\"b\":1e2}", 24 + 2},
        {"1e", 2},
        {"1e99999999999999999999", 22 + 1000000},
        {"\"\\", 2},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(store_text_json_size(span_of(cases[i].json)), cases[i].size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_are_counted_not_bytes),
        cmocka_unit_test(bytes_are_counted_where_asked),
        cmocka_unit_test(what_no_column_holds_is_refused),
        cmocka_unit_test(json_escapes_that_jsonb_holds),
        cmocka_unit_test(json_escapes_that_jsonb_refuses),
        cmocka_unit_test(json_cut_at_every_byte),
        cmocka_unit_test(exponents_count_as_digits),
        cmocka_unit_test(text_for_humans_is_mended),
        cmocka_unit_test(text_is_cut_at_a_character),
        cmocka_unit_test(want_of_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
