#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "notify/providers/header_fold.h"

/* What Python 3.11 answers; hundreds of whole mails stand in tests/data/notify/mails.tsv. */
static void assert_fold(struct span value, enum header_charset charset, size_t name_len,
                        const char *want)
{
    struct strbuf out;

    strbuf_init(&out, 10000);
    assert_int_equal(header_fold(&out, value, charset, name_len, "\n"), CELERIAC_OK);
    assert_string_equal(strbuf_text(&out), want);
    strbuf_close(&out);
}

static void test_short(void **state)
{
    (void)state;
    assert_fold(SPAN(""), HEADER_ASCII, 0, "");
    assert_fold(SPAN(""), HEADER_ASCII, 9, "");
    assert_fold(SPAN("Hello"), HEADER_ASCII, 9, "Hello");
    assert_fold(SPAN("two  words "), HEADER_ASCII, 9, "two  words ");
    assert_fold(SPAN("\xc3\xbc"), HEADER_UTF8, 0, "=?utf-8?b?w7w=?=");
    assert_fold(SPAN("a long one \xc3\xbc"), HEADER_UTF8, 0, "=?utf-8?q?a_long_one_=C3=BC?=");
}

static void test_name_counts_on_the_first_line(void **state)
{
    char text[76];

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_fold(span_of(text), HEADER_ASCII, 3, text);
    for (size_t name_len = 4; name_len < 12; name_len++) {
        struct strbuf out;

        strbuf_init(&out, 1000);
        assert_int_equal(header_fold(&out, span_of(text), HEADER_ASCII, name_len, "\r\n"),
                         CELERIAC_OK);
        assert_true(span_starts(strbuf_span(&out), SPAN("\r\n xxx")));
        strbuf_close(&out);
    }
}

static void test_line_that_would_be_a_header(void **state)
{
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 1000);
    strbuf_add_text(&out, "before");
    assert_int_equal(header_fold(&out, SPAN("a\nBcc: x"), HEADER_ASCII, 9, "\r\n"),
                     CELERIAC_ERR_VALUE);
    assert_int_equal(header_fold(&out,
                                 SPAN("a\x0b"
                                      "b"),
                                 HEADER_ASCII, 9, "\r\n"),
                     CELERIAC_ERR_VALUE);
    assert_string_equal(strbuf_text(&out), "before");
    assert_int_equal(header_fold(&out, SPAN("a\n b"), HEADER_ASCII, 9, "\r\n"), CELERIAC_OK);
    assert_string_equal(strbuf_text(&out), "beforea\r\n b");
    strbuf_close(&out);
}

static void test_output_maximum(void **state)
{
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 4);
    assert_int_equal(header_fold(&out, SPAN("1234"), HEADER_ASCII, 0, "\n"), CELERIAC_OK);
    strbuf_close(&out);
    assert_int_equal(header_fold(&out, SPAN("12345"), HEADER_ASCII, 0, "\n"), CELERIAC_ERR_LIMIT);
    strbuf_close(&out);
}

static void test_memory(void **state)
{
    enum celeriac_err code = CELERIAC_ERR_MEMORY;

    (void)state;
    for (size_t n = 1; code != CELERIAC_OK; n++) {
        struct strbuf out;

        strbuf_init(&out, 1000);
        mem_fail_at(n);
        code = header_fold(&out, SPAN("\xc3\xbc\xe2\x80\xa8next line"), HEADER_UTF8, 0, "\n");
        mem_fail_at(0);
        assert_true(code == CELERIAC_OK || code == CELERIAC_ERR_MEMORY);
        strbuf_close(&out);
        assert_true(n < 100);
    }
}

static void test_is_ascii(void **state)
{
    (void)state;
    assert_true(header_is_ascii(SPAN("")));
    assert_true(header_is_ascii(SPAN("\x01\x7f")));
    assert_false(header_is_ascii(SPAN("a\x80")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short),
        cmocka_unit_test(test_name_counts_on_the_first_line),
        cmocka_unit_test(test_line_that_would_be_a_header),
        cmocka_unit_test(test_output_maximum),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_is_ascii),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
