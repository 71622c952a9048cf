#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/charset.h"

static void names_are_found_as_python_finds_them(void **state)
{
    (void)state;
    assert_int_equal(charset_find(SPAN("utf-8")), CHARSET_UTF8);
    assert_int_equal(charset_find(SPAN("UTF_8")), CHARSET_UTF8);
    assert_int_equal(charset_find(SPAN("Utf8")), CHARSET_UTF8);
    assert_int_equal(charset_find(SPAN("ISO-8859-1")), CHARSET_LATIN1);
    assert_int_equal(charset_find(SPAN("latin_1")), CHARSET_LATIN1);
    assert_int_equal(charset_find(SPAN("us-ascii")), CHARSET_ASCII);
    assert_int_equal(charset_find(SPAN("utf-16")), CHARSET_UNSUPPORTED);
    assert_int_equal(charset_find(SPAN("windows-1252")), CHARSET_UNSUPPORTED);
    assert_int_equal(charset_find(SPAN("nonsense")), CHARSET_UNKNOWN);
    assert_int_equal(charset_find(SPAN("")), CHARSET_UNKNOWN);
    assert_int_equal(charset_find(SPAN("a-name-that-is-longer-than-any-known-one")),
                     CHARSET_UNKNOWN);
}

static void check_decode(struct span bytes, enum charset charset, const char *wanted)
{
    struct strbuf out;

    strbuf_init(&out, 1000);
    charset_decode_replace(&out, bytes, charset);
    assert_int_equal(strbuf_status(&out), CELERIAC_OK);
    assert_string_equal(strbuf_text(&out), wanted);
    strbuf_close(&out);
}

/* Expectations: bytes.decode("utf-8", "replace") of CPython 3.11. */
static void broken_utf8_is_replaced_as_python_replaces_it(void **state)
{
    static const struct {
        struct span bytes;
        const char *wanted;
    } cases[] = {
        {SPAN(""), ""},
        {SPAN("plain"), "plain"},
        {SPAN("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
        {SPAN("a\xff"
              "b"),
         "a\xef\xbf\xbd"
         "b"},
        {SPAN("\xc3("), "\xef\xbf\xbd("},
        {SPAN("\xe2\x82"), "\xef\xbf\xbd"},
        {SPAN("\xe2\x82z"), "\xef\xbf\xbdz"},
        {SPAN("\xf0\x9f\x98"), "\xef\xbf\xbd"},
        {SPAN("\xf0\x9f\x98\xf0\x9f"), "\xef\xbf\xbd\xef\xbf\xbd"},
        {SPAN("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {SPAN("\xc0\x80"), "\xef\xbf\xbd\xef\xbf\xbd"},
        {SPAN("\xe0\x80\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {SPAN("\xf4\x90\x80\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {SPAN("\xf5"), "\xef\xbf\xbd"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_decode(cases[i].bytes, CHARSET_UTF8, cases[i].wanted);
}

static void single_bytes_are_decoded(void **state)
{
    (void)state;
    check_decode(SPAN("caf\xe9"), CHARSET_LATIN1, "caf\xc3\xa9");
    check_decode(SPAN("\x80\xff"), CHARSET_LATIN1, "\xc2\x80\xc3\xbf");
    check_decode(SPAN("caf\xe9"), CHARSET_ASCII, "caf\xef\xbf\xbd");
}

static void characters_are_written_as_utf8(void **state)
{
    static const uint32_t codes[] = {0x41, 0x7f, 0x80, 0x7ff, 0x800, 0xffff, 0x10000, 0x10ffff};
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 100);
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        charset_add_char(&out, codes[i]);
    assert_true(span_is_utf8(strbuf_span(&out)));
    assert_string_equal(strbuf_text(&out), "A\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"
                                           "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
    strbuf_close(&out);
}

/* What codecs.getreader("utf-8") leaves in its buffer at the end of a stream. */
static void unfinished_ends_are_left_out(void **state)
{
    (void)state;
    assert_int_equal(charset_whole_utf8(SPAN("")), 0);
    assert_int_equal(charset_whole_utf8(SPAN("abc")), 3);
    assert_int_equal(charset_whole_utf8(SPAN("a\xc3\xa9")), 3);
    assert_int_equal(charset_whole_utf8(SPAN("a\xc3")), 1);
    assert_int_equal(charset_whole_utf8(SPAN("a\xe2\x82")), 1);
    assert_int_equal(charset_whole_utf8(SPAN("a\xf0\x9f\x98")), 1);
    assert_int_equal(charset_whole_utf8(SPAN("\xf0\x9f")), 0);
    assert_int_equal(charset_whole_utf8(SPAN("a\xf0\x9f\x98\x80")), 5);
    /* These are wrong, whatever might follow: the parser shall say so. */
    assert_int_equal(charset_whole_utf8(SPAN("a\xff")), 2);
    assert_int_equal(charset_whole_utf8(SPAN("a\xc0")), 2);
    assert_int_equal(charset_whole_utf8(SPAN("a\x80")), 2);
    assert_int_equal(charset_whole_utf8(SPAN("a\xed\xa0")), 3);
    assert_int_equal(charset_whole_utf8(SPAN("a\xf4\x90\x80")), 4);
    assert_int_equal(charset_whole_utf8(SPAN("\x80\x80\x80\x80")), 4);
}

static void surrogates_are_found(void **state)
{
    uint32_t code = 0;

    (void)state;
    assert_false(charset_find_surrogate(SPAN(""), &code));
    assert_false(charset_find_surrogate(SPAN("\xed\x9f\xbf\xee\x80\x80"), &code));
    assert_true(charset_find_surrogate(SPAN("ab\xed\xa0\x80"), &code));
    assert_int_equal(code, 0xd800);
    assert_true(charset_find_surrogate(SPAN("\xed\xbf\xbf\xed\xa0\x80"), &code));
    assert_int_equal(code, 0xdfff);
    assert_false(charset_find_surrogate(SPAN("\xed\xa0"), &code));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_as_python_finds_them),
        cmocka_unit_test(broken_utf8_is_replaced_as_python_replaces_it),
        cmocka_unit_test(single_bytes_are_decoded),
        cmocka_unit_test(characters_are_written_as_utf8),
        cmocka_unit_test(unfinished_ends_are_left_out),
        cmocka_unit_test(surrogates_are_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
