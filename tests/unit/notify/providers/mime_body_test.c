#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "notify/providers/mime_body.h"

/* Small cases by hand; what Django makes of many more stands in tests/data/notify/mails.tsv. */
static void assert_body(struct span body, const char *encoding, const char *want)
{
    struct strbuf out;

    assert_string_equal(mime_body_encoding(body), encoding);
    strbuf_init(&out, 100000);
    mime_body_write(&out, body);
    assert_string_equal(strbuf_text(&out), want);
    strbuf_close(&out);
}

static void test_plain(void **state)
{
    (void)state;
    assert_body(SPAN("Hi"), "7bit", "Hi\r\n");
    assert_body(SPAN("Hi\n"), "7bit", "Hi\r\n");
    assert_body(SPAN("a\rb\r\nc\n\rd"), "7bit", "a\r\nb\r\nc\r\n\r\nd\r\n");
    assert_body(SPAN(".dot\n..\n"), "7bit", ".dot\r\n..\r\n");
    assert_body(SPAN("Gr\xc3\xbc\xc3\x9f"
                     "e"),
                "8bit",
                "Gr\xc3\xbc\xc3\x9f"
                "e\r\n");
    assert_body(SPAN(""), "7bit", "");
}

static void test_longest_plain_line(void **state)
{
    char line[MIME_BODY_LINE_MAX + 2];

    (void)state;
    memset(line, 'x', sizeof line);
    line[MIME_BODY_LINE_MAX] = '\n';
    assert_string_equal(mime_body_encoding((struct span){line, sizeof line}), "7bit");
    line[MIME_BODY_LINE_MAX] = 'x';
    line[MIME_BODY_LINE_MAX + 1] = '\n';
    assert_string_equal(mime_body_encoding((struct span){line, sizeof line}), "quoted-printable");
}

/* No encoded line is longer than RFC 2045 allows, wherever escapes and blanks fall. */
static void test_quoted_lines_are_short(void **state)
{
    struct strbuf body, out;

    (void)state;
    strbuf_init(&body, 1000000);
    strbuf_init(&out, 3000000);
    for (int i = 0; i < 1000; i++)
        strbuf_add_char(&body, 'x');
    for (int shift = 0; shift < 80; shift++) {
        strbuf_add_char(&body, '\n');
        for (int i = 0; i < shift; i++)
            strbuf_add_char(&body, 'y');
        strbuf_add_text(&body, "\xc3\xa9= \xf0\x9f\x8e\x89=\t=yy=  ");
    }
    mime_body_write(&out, strbuf_span(&body));
    for (const char *line = strbuf_text(&out); *line != '\0';) {
        const char *end = strstr(line, "\r\n");

        assert_non_null(end);
        assert_true(end - line <= 76);
        assert_true(end == line || (end[-1] != ' ' && end[-1] != '\t'));
        line = end + 2;
    }
    strbuf_close(&out);
    strbuf_close(&body);
}

static void test_memory(void **state)
{
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 1000);
    mem_fail_at(1);
    mime_body_write(&out, SPAN("Hi"));
    mem_fail_at(0);
    assert_int_equal(strbuf_status(&out), CELERIAC_ERR_MEMORY);
    strbuf_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_longest_plain_line),
        cmocka_unit_test(test_quoted_lines_are_short),
        cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
