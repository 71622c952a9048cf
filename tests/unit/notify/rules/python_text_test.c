#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "notify/rules/python_text.h"
#include "tests/support/case_file.h"

static void add_lines(struct strbuf *out, struct span text)
{
    struct span line, rest = text;
    bool first = true;

    while (python_text_line(rest, &line, &rest)) {
        if (!first)
            strbuf_add_char(out, '|');
        first = false;
        strbuf_add_span(out, line);
    }
}

static void answer(struct span what, struct span text, struct strbuf *got)
{
    size_t len;

    if (span_is(what, "strip"))
        strbuf_add_span(got, python_text_strip(text));
    else if (span_is(what, "lines"))
        add_lines(got, text);
    else if (span_is(what, "repr"))
        python_text_repr(got, text);
    else if (python_text_is_space(python_text_next(text, &len)))
        strbuf_add_span(got, text);
}

/* The file lists every white space character, so equal numbers mean that there are no others. */
static void test_as_in_python(void **state)
{
    struct case_file *file = case_file_open("notify/texts.tsv");
    struct span columns[3];
    size_t listed = 0, known = 0;

    (void)state;
    while (case_file_next(file, columns, 3)) {
        struct strbuf got;

        strbuf_init(&got, 10000);
        answer(columns[0], columns[1], &got);
        if (!span_equal(strbuf_span(&got), columns[2]))
            fail_msg("line %zu: got %s", case_file_line(file), strbuf_text(&got));
        strbuf_close(&got);
        listed += span_is(columns[0], "space");
    }
    assert_true(case_file_line(file) > 50);
    case_file_close(file);
    for (uint32_t c = 0; c <= 0x10FFFF; c++)
        known += python_text_is_space(c);
    assert_int_equal(known, listed);
}

/* As many as CPython 3.11 has, the first and last of some scripts, and what only looks like one. */
static void test_digits(void **state)
{
    size_t known = 0;

    (void)state;
    for (uint32_t c = 0; c <= 0x10FFFF; c++)
        known += python_text_digit(c) >= 0;
    assert_int_equal(known, 660);
    assert_int_equal(python_text_digit('0'), 0);
    assert_int_equal(python_text_digit('9'), 9);
    assert_int_equal(python_text_digit(0x663), 3);
    assert_int_equal(python_text_digit(0xFF15), 5);
    assert_int_equal(python_text_digit(0x1D7FF), 9);
    assert_int_equal(python_text_digit(0x1FBF9), 9);
    assert_int_equal(python_text_digit('a'), -1);
    assert_int_equal(python_text_digit(0xB2), -1);   /* superscript two */
    assert_int_equal(python_text_digit(0x2160), -1); /* Roman numeral one */
}

static void assert_next(struct span s, uint32_t want, size_t want_len)
{
    size_t len = 0;

    assert_int_equal(python_text_next(s, &len), want);
    assert_int_equal(len, want_len);
}

static void test_next(void **state)
{
    (void)state;
    assert_next(SPAN("a"), 'a', 1);
    assert_next(SPAN("\xc3\xa9x"), 0xE9, 2);
    assert_next(SPAN("\xe6\x97\xa5"), 0x65E5, 3);
    assert_next(SPAN("\xf0\x9f\x8e\x89"), 0x1F389, 4);
    assert_next(SPAN("\xf4\x8f\xbf\xbf"), 0x10FFFF, 4);
    /* Cut short, overlong, surrogate, too large, stray bytes. */
    assert_next(SPAN("\xc3"), 0xFFFD, 1);
    assert_next(SPAN("\xe6\x97"), 0xFFFD, 1);
    assert_next(SPAN("\xf0\x9f\x8e"), 0xFFFD, 1);
    assert_next(SPAN("\xc3x"), 0xFFFD, 1);
    assert_next(SPAN("\xc0\x80"), 0xFFFD, 1);
    assert_next(SPAN("\xe0\x80\x80"), 0xFFFD, 1);
    assert_next(SPAN("\xf0\x80\x80\x80"), 0xFFFD, 1);
    assert_next(SPAN("\xed\xa0\x80"), 0xFFFD, 1);
    assert_next(SPAN("\xf4\x90\x80\x80"), 0xFFFD, 1);
    assert_next(SPAN("\x80"), 0xFFFD, 1);
    assert_next(SPAN("\xff"), 0xFFFD, 1);
}

static void test_length(void **state)
{
    (void)state;
    assert_int_equal(python_text_length(SPAN("")), 0);
    assert_int_equal(python_text_length(SPAN("a\xc3\xa9\xe6\x97\xa5\xf0\x9f\x8e\x89")), 4);
    assert_int_equal(python_text_length(SPAN("\xff\xfe")), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_in_python),
        cmocka_unit_test(test_digits),
        cmocka_unit_test(test_next),
        cmocka_unit_test(test_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
