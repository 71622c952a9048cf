#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/span.h"

static void compares_bytes(void **state)
{
    (void)state;
    struct span empty = {NULL, 0};
    assert_true(span_equal(SPAN("abc"), span_of("abc")));
    assert_false(span_equal(SPAN("abc"), SPAN("abd")));
    assert_false(span_equal(SPAN("abc"), SPAN("ab")));
    assert_true(span_equal(empty, SPAN("")));
    assert_true(span_equal(SPAN("a\0b"), SPAN("a\0b")));
    assert_false(span_equal(SPAN("a\0b"), SPAN("a\0c")));
    assert_true(span_is(SPAN("celery"), "celery"));
    assert_false(span_is(SPAN("celery"), "Celery"));
    assert_true(span_is(empty, ""));
    assert_int_equal(span_of(NULL).len, 0);
}

static void ignores_case_of_ascii_only(void **state)
{
    (void)state;
    assert_true(span_is_nocase(SPAN("X-Api-KEY"), "x-api-key"));
    assert_true(span_is_nocase(SPAN("AZaz09"), "azAZ09"));
    assert_false(span_is_nocase(SPAN("@"), "`"));
    assert_false(span_is_nocase(SPAN("["), "{"));
    assert_false(span_is_nocase(SPAN("\xc4"), "\xe4"));
    assert_false(span_is_nocase(SPAN("ab"), "abc"));
}

static void finds_prefix_and_suffix(void **state)
{
    (void)state;
    assert_true(span_starts(SPAN("rediss://h"), SPAN("rediss://")));
    assert_false(span_starts(SPAN("redis"), SPAN("rediss")));
    assert_false(span_starts(SPAN("abc"), SPAN("b")));
    assert_true(span_starts(SPAN(""), (struct span){NULL, 0}));
    assert_true(span_ends(SPAN("a.json"), SPAN(".json")));
    assert_false(span_ends(SPAN("json"), SPAN(".json")));
    assert_false(span_ends(SPAN("abc"), SPAN("b")));
    assert_true(span_ends((struct span){NULL, 0}, SPAN("")));
}

static void trims_ascii_space(void **state)
{
    (void)state;
    assert_true(span_is(span_trim(SPAN(" \t\n\v\f\r a b \r\n")), "a b"));
    assert_true(span_is(span_trim(SPAN("   ")), ""));
    assert_true(span_is(span_trim(SPAN("")), ""));
    assert_true(span_equal(span_trim(SPAN("\0 ")), SPAN("\0")));
    assert_int_equal(span_trim(SPAN("\xc2\xa0")).len, 2);
}

static void cuts_at_first_separator(void **state)
{
    (void)state;
    struct span head;
    struct span rest;
    assert_true(span_cut(SPAN("a=b=c"), '=', &head, &rest));
    assert_true(span_is(head, "a"));
    assert_true(span_is(rest, "b=c"));
    assert_true(span_cut(SPAN("a="), '=', &head, &rest));
    assert_int_equal(rest.len, 0);
    assert_non_null(rest.ptr);
    assert_false(span_cut(SPAN("abc"), '=', &head, &rest));
    assert_true(span_is(head, "abc"));
    assert_null(rest.ptr);
    assert_false(span_cut((struct span){NULL, 0}, '=', &head, &rest));
    assert_int_equal(head.len, 0);
}

/* The definition of UTF-8 the slow way: decode by length, then check the code point. */
static int naive_is_utf8(const unsigned char *p, size_t len)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t i = 0;
    while (i < len) {
        size_t n = p[i] < 0x80             ? 1
                   : (p[i] & 0xe0) == 0xc0 ? 2
                   : (p[i] & 0xf0) == 0xe0 ? 3
                   : (p[i] & 0xf8) == 0xf0 ? 4
                                           : 0;
        if (n == 0 || n > len - i)
            return 0;
        uint32_t c = n == 1 ? p[i] : p[i] & (0x7fU >> n);
        for (size_t k = 1; k < n; k++) {
            if ((p[i + k] & 0xc0) != 0x80)
                return 0;
            c = c << 6 | (p[i + k] & 0x3f);
        }
        if (n > 1 && (c < smallest[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)))
            return 0;
        i += n;
    }
    return 1;
}

/* All texts of one to three interesting bytes and a fourth, at both ends of a long ASCII run. */
static void knows_utf8(void **state)
{
    (void)state;
    static const unsigned char edge[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
                                         0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee,
                                         0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff};
    enum { N = sizeof edge };
    size_t valid = 0;
    char text[80];
    for (size_t code = 0; code < (size_t)N * N * N * N; code++) {
        unsigned char s[4] = {edge[code % N], edge[code / N % N], edge[code / N / N % N],
                              edge[code / N / N / N]};
        for (size_t len = 1; len <= 4; len++) {
            int want = naive_is_utf8(s, len);
            valid += (size_t)want;
            assert_int_equal(span_is_utf8((struct span){(const char *)s, len}), want);
        }
        memset(text, 'a', sizeof text);
        memcpy(text + 30, s, 4);
        assert_int_equal(span_is_utf8((struct span){text, sizeof text}), naive_is_utf8(s, 4));
    }
    assert_true(valid > 1000);
    assert_true(span_is_utf8((struct span){NULL, 0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares_bytes),          cmocka_unit_test(ignores_case_of_ascii_only),
        cmocka_unit_test(finds_prefix_and_suffix), cmocka_unit_test(trims_ascii_space),
        cmocka_unit_test(cuts_at_first_separator), cmocka_unit_test(knows_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
