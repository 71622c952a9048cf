#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/parse_num.h"

static void reads_integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } cases[] = {
        {"0", 0},
        {"-0", 0},
        {"7", 7},
        {"-7", -7},
        {"007", 7},
        {"00000000000000000000000012", 12},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t n = 99;
        assert_int_equal(parse_int64(span_of(cases[i].text), INT64_MIN, INT64_MAX, &n),
                         CELERIAC_OK);
        assert_true(n == cases[i].value);
    }
}

static void refuses_what_is_no_integer(void **state)
{
    (void)state;
    static const char *const cases[] = {"",      "-",   "+1",  " 1",       "1 ",
                                        "1\n",   "1.0", "1e3", "--1",      "0x10",
                                        "1_000", "a",   "1-",  "\xd9\xa1", "99999999999999999999x"};
    int64_t n = 99;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(parse_int64(span_of(cases[i]), INT64_MIN, INT64_MAX, &n),
                         CELERIAC_ERR_SYNTAX);
    assert_int_equal(parse_int64(SPAN("1\0"), 0, 9, &n), CELERIAC_ERR_SYNTAX);
    assert_int_equal(parse_int64((struct span){NULL, 0}, 0, 9, &n), CELERIAC_ERR_SYNTAX);
    assert_true(n == 99);
}

static void keeps_integers_in_range(void **state)
{
    (void)state;
    int64_t n = 99;
    assert_int_equal(parse_int64(SPAN("1"), 1, 65535, &n), CELERIAC_OK);
    assert_int_equal(parse_int64(SPAN("65535"), 1, 65535, &n), CELERIAC_OK);
    n = 99;
    static const char *const outside[] = {"0",
                                          "65536",
                                          "-1",
                                          "9223372036854775808",
                                          "-9223372036854775809",
                                          "18446744073709551617",
                                          "99999999999999999999999999"};
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++)
        assert_int_equal(parse_int64(span_of(outside[i]), 1, 65535, &n), CELERIAC_ERR_LIMIT);
    for (size_t i = 3; i < sizeof outside / sizeof outside[0]; i++)
        assert_int_equal(parse_int64(span_of(outside[i]), INT64_MIN, INT64_MAX, &n),
                         CELERIAC_ERR_LIMIT);
    assert_true(n == 99);
}

static void reads_doubles(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } cases[] = {
        {"0", 0.0},
        {"1", 1.0},
        {"+1.5", 1.5},
        {"-1.5", -1.5},
        {"1.", 1.0},
        {".5", 0.5},
        {"-.5e1", -5.0},
        {"1E3", 1000.0},
        {"1e+3", 1000.0},
        {"1e-3", 0.001},
        {"000123.4500", 123.45},
        {"9007199254740993", 9007199254740992.0},
        {"9007199254740993.0000000000000000000000000000001", 9007199254740994.0},
        {"1e22", 1e22},
        {"1e23", 1e23},
        {"123456789012345678901234567890", 123456789012345678901234567890.0},
        {"1e-400", 0.0},
        {"1e-99999999999999999999", 0.0},
        {"0e99999999999999999999", 0.0},
        {"0.000000000000000000000000000000000001e36", 1.0},
        {"100000000000000000000000000000000000e-35", 1.0},
        {"4.9e-324", 4.9e-324},
        {"2.4703282292062328e-324", 4.9e-324},
        {"2.4703282292062327e-324", 0.0},
        {"1.7976931348623158e308", 1.7976931348623157e308},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double n = 99;
        assert_int_equal(parse_double(span_of(cases[i].text), &n), CELERIAC_OK);
        if (n != cases[i].value)
            fail_msg("%s gave %.17g", cases[i].text, n);
    }
    double n = 1;
    assert_int_equal(parse_double(SPAN("-0"), &n), CELERIAC_OK);
    assert_true(n == 0 && signbit(n));
}

static void refuses_what_is_no_double(void **state)
{
    (void)state;
    static const char *const cases[] = {"",      "+",   "-",   ".",     "e5",       "1e",
                                        "1e+",   "1e-", " 1",  "1 ",    "1,5",      "1.2.3",
                                        "0x1p3", "nan", "inf", "-inf",  "Infinity", "1_0",
                                        "1f",    "--1", "+-1", "1e5.5", ".e5"};
    double n = 99;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(parse_double(span_of(cases[i]), &n), CELERIAC_ERR_SYNTAX);
    static const char *const large[] = {"1e309", "-1e309", "1.7976931348623159e308", "1e400",
                                        "1e99999999999999999999"};
    for (size_t i = 0; i < sizeof large / sizeof large[0]; i++)
        assert_int_equal(parse_double(span_of(large[i]), &n), CELERIAC_ERR_LIMIT);
    assert_true(n == 99);
}

/* 2^-1 + 2^-53 lies half way between two doubles; a last digit far behind decides. */
static void rounds_by_digits_far_behind(void **state)
{
    (void)state;
    enum { LEN = 2000 };
    char text[LEN + 1];
    static const char half[] = "1.00000000000000011102230246251565404236316680908203125";
    memset(text, '0', LEN);
    memcpy(text, half, sizeof half - 1);
    double n = 0;
    assert_int_equal(parse_double((struct span){text, LEN}, &n), CELERIAC_OK);
    assert_true(n == 1.0); /* a tie goes to the even neighbour */
    text[LEN - 1] = '1';
    assert_int_equal(parse_double((struct span){text, LEN}, &n), CELERIAC_OK);
    assert_true(n == 1.0000000000000002);
}

static void reads_seconds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns;
    } cases[] = {
        {"0", 0},
        {"90", INT64_C(90000000000)},
        {"1.5", INT64_C(1500000000)},
        {"-0.25", INT64_C(-250000000)},
        {"-1.000000001", INT64_C(-1000000001)},
        {"0.0000000019", 1},
        {"9223372036.854775807", INT64_MAX},
        {"-9223372036.854775808", INT64_MIN},
    };
    int64_t ns = 99;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(parse_seconds(span_of(cases[i].text), &ns), CELERIAC_OK);
        assert_true(ns == cases[i].ns);
    }
    ns = 99;
    static const char *const bad[] = {"",    ".",   "-",    "1.",    ".5", "+1",   "1s",
                                      "1,5", "1e3", "1.-5", "1.2.3", " 1", "1.5 ", "inf"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(parse_seconds(span_of(bad[i]), &ns), CELERIAC_ERR_SYNTAX);
    static const char *const large[] = {"9223372036.854775808", "-9223372036.854775809",
                                        "9223372037", "99999999999999999999"};
    for (size_t i = 0; i < sizeof large / sizeof large[0]; i++)
        assert_int_equal(parse_seconds(span_of(large[i]), &ns), CELERIAC_ERR_LIMIT);
    assert_true(ns == 99);
}

static void reads_hexadecimal_digits(void **state)
{
    static const char digits[] = "0123456789abcdef", capitals[] = "0123456789ABCDEF";
    int found = 0;

    (void)state;
    for (int i = 0; i < 16; i++) {
        assert_int_equal(parse_hex_digit(digits[i]), i);
        assert_int_equal(parse_hex_digit(capitals[i]), i);
    }
    for (int c = CHAR_MIN; c <= CHAR_MAX; c++)
        found += parse_hex_digit((char)c) >= 0;
    assert_int_equal(found, 22);
}

static void does_not_read_beyond_the_text(void **state)
{
    (void)state;
    int64_t n = 0;
    double d = 0;
    assert_int_equal(parse_int64((struct span){"123", 2}, 0, 100, &n), CELERIAC_OK);
    assert_int_equal(n, 12);
    assert_int_equal(parse_double((struct span){"1.25e3", 3}, &d), CELERIAC_OK);
    assert_true(d == 1.2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_integers),
        cmocka_unit_test(refuses_what_is_no_integer),
        cmocka_unit_test(keeps_integers_in_range),
        cmocka_unit_test(reads_doubles),
        cmocka_unit_test(refuses_what_is_no_double),
        cmocka_unit_test(rounds_by_digits_far_behind),
        cmocka_unit_test(reads_seconds),
        cmocka_unit_test(reads_hexadecimal_digits),
        cmocka_unit_test(does_not_read_beyond_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
