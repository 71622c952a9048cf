#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/utf8.h"

/* More, produced by Python, are in tests/data/json/loads.tsv. */
static void uses_python_s_words(void **state)
{
    (void)state;
    static const struct {
        struct span bytes;
        const char *text;
    } cases[] = {
        {{"\xff", 1}, "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"},
        {{"ab\xc3(", 4},
         "'utf-8' codec can't decode byte 0xc3 in position 2: invalid continuation byte"},
        {{"\xc3\xa9\xe2\x82(", 5},
         "'utf-8' codec can't decode bytes in position 2-3: invalid continuation byte"},
        {{"\xe2\x82", 2},
         "'utf-8' codec can't decode bytes in position 0-1: unexpected end of data"},
        {{"\xf0\x9f\x98", 3},
         "'utf-8' codec can't decode bytes in position 0-2: unexpected end of data"},
        {{"x\xf0", 2},
         "'utf-8' codec can't decode byte 0xf0 in position 1: unexpected end of data"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct celeriac_error err = {0};
        assert_int_equal(utf8_error(cases[i].bytes, &err), CELERIAC_ERR_SYNTAX);
        assert_string_equal(err.text, cases[i].text);
        assert_int_equal(utf8_error(cases[i].bytes, NULL), CELERIAC_ERR_SYNTAX);
    }
}

/* Both judge every text of four bytes taken from the edges of the grammar's classes alike. */
static void agrees_with_span_is_utf8(void **state)
{
    (void)state;
    static const char edge[] = {0x00,       0x7f,       (char)0x80, (char)0x8f, (char)0x90,
                                (char)0x9f, (char)0xa0, (char)0xbf, (char)0xc1, (char)0xc2,
                                (char)0xdf, (char)0xe0, (char)0xed, (char)0xef, (char)0xf0,
                                (char)0xf3, (char)0xf4, (char)0xf5};
    enum { N = sizeof edge };
    for (size_t code = 0; code < (size_t)N * N * N * N; code++) {
        char s[4] = {edge[code % N], edge[code / N % N], edge[code / N / N % N],
                     edge[code / N / N / N]};
        struct span bytes = {s, 1 + code % 4};
        assert_int_equal(utf8_error(bytes, NULL) == CELERIAC_OK, span_is_utf8(bytes));
    }
}

static void encodes_and_decodes_every_character(void **state)
{
    (void)state;
    for (uint32_t c = 0; c <= 0x10ffff; c++) {
        char bytes[UTF8_MAX + 1];
        uint32_t again = 0;
        size_t len = utf8_encode(c, bytes);
        assert_int_equal(len, c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4);
        bool surrogate = c >= 0xd800 && c <= 0xdfff;
        assert_int_equal(span_is_utf8((struct span){bytes, len}), !surrogate);
        for (size_t cut = 0; cut < len; cut++)
            assert_int_equal(utf8_decode((struct span){bytes, cut}, &again), 0);
        assert_true(again == 0);
        bytes[len] = 'x';
        assert_int_equal(utf8_decode((struct span){bytes, len + 1}, &again), len);
        assert_true(again == c);
    }
}

static void refuses_what_is_no_character(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xc2x",
        "\xe0\x9f\xbf",
        "\xe2\x82x",
        "\xe2x\x82",
        "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf0\x9f\x98x",
        "\xf5\x80\x80\x80",
        "\xff",
    };
    uint32_t c = 99;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(utf8_decode(span_of(cases[i]), &c), 0);
    assert_int_equal(utf8_decode((struct span){NULL, 0}, &c), 0);
    assert_true(c == 99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_and_decodes_every_character),
        cmocka_unit_test(refuses_what_is_no_character),
        cmocka_unit_test(uses_python_s_words),
        cmocka_unit_test(agrees_with_span_is_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
