#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "celery_proto/codec/pyrepr.h"

static void assert_repr(struct span text, const char *wanted)
{
    struct strbuf out;

    strbuf_init(&out, 1000);
    cel_pyrepr_string(text, &out);
    assert_string_equal(strbuf_text(&out), wanted);
    strbuf_close(&out);
}

static void test_chooses_the_quote_as_python_does(void **state)
{
    (void)state;
    assert_repr(SPAN(""), "''");
    assert_repr(SPAN("plain"), "'plain'");
    assert_repr(SPAN("it's"), "\"it's\"");
    assert_repr(SPAN("say \"hi\""), "'say \"hi\"'");
    assert_repr(SPAN("it's \"both\""), "'it\\'s \"both\"'");
}

static void test_escapes_what_cannot_be_printed(void **state)
{
    (void)state;
    assert_repr(SPAN("a\\b\n\r\t\0\x1f\x7f"), "'a\\\\b\\n\\r\\t\\x00\\x1f\\x7f'");
    assert_repr(SPAN("\xc2\x80\xc2\xa0\xc2\xad"), "'\\x80\\xa0\\xad'");
    assert_repr(SPAN("\xe2\x80\x8b\xef\xbb\xbf"), "'\\u200b\\ufeff'");
    assert_repr(SPAN("\xed\xa0\x80"), "'\\ud800'");
    assert_repr(SPAN("\xf3\xa0\x80\x81"), "'\\U000e0001'");
    assert_repr(SPAN("h\xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x98\x80"),
                "'h\xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x98\x80'");
}

/* Bytes that are no UTF-8 must not be read beyond the end of the text. */
static void test_takes_broken_utf8(void **state)
{
    (void)state;
    assert_repr(SPAN("\xe6\x97"), "'\\xe6\\x97'");
    assert_repr(SPAN("\xf0"), "'\\xf0'");
    assert_repr(SPAN("\x80"), "'\\x80'");
    assert_repr(SPAN("\xe0\x01\\"), "'\\xe0\\x01\\\\'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chooses_the_quote_as_python_does),
        cmocka_unit_test(test_escapes_what_cannot_be_printed),
        cmocka_unit_test(test_takes_broken_utf8),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
