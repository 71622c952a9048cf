#include "base/parse_num.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Significant digits that can decide how a decimal rounds: the longest exact decimal half way
 * between two doubles has 767. What follows them matters only by being zero or not.
 */
#define DIGITS_MAX 768

/* Exponents are clamped here: far outside of what a double holds, far inside of an int. */
#define EXPONENT_CLAMP 100000000

/* Powers of ten that a double holds exactly. */
static const double exact_powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                      1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                      1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
#define EXACT_POWER_MAX 22

/* Integers up to 2^53 are exact in a double. */
#define EXACT_INTEGER_MAX (UINT64_C(1) << 53)

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

enum celeriac_err parse_int64(struct span text, int64_t min, int64_t max, int64_t *value)
{
    size_t at = text.len > 0 && text.ptr[0] == '-' ? 1 : 0;
    bool negative = at == 1;
    if (at == text.len)
        return CELERIAC_ERR_SYNTAX;
    int64_t n = 0;
    bool overflow = false;
    for (; at < text.len; at++) {
        if (!is_digit(text.ptr[at]))
            return CELERIAC_ERR_SYNTAX;
        int64_t digit = text.ptr[at] - '0';
        overflow = overflow || __builtin_mul_overflow(n, 10, &n) ||
                   __builtin_sub_overflow(n, digit, &n); /* counts down: INT64_MIN fits */
    }
    if (overflow || (!negative && n == INT64_MIN))
        return CELERIAC_ERR_LIMIT;
    n = negative ? n : -n;
    if (n < min || n > max)
        return CELERIAC_ERR_LIMIT;
    *value = n;
    return CELERIAC_OK;
}

/* Nanoseconds of the digits behind the point. */
static enum celeriac_err parse_fraction(struct span digits, int64_t *ns)
{
    int64_t n = 0;
    int64_t unit = 1000000000;
    for (size_t i = 0; i < digits.len; i++) {
        if (!is_digit(digits.ptr[i]))
            return CELERIAC_ERR_SYNTAX;
        unit /= 10;
        n += (digits.ptr[i] - '0') * unit;
    }
    *ns = n;
    return digits.len > 0 ? CELERIAC_OK : CELERIAC_ERR_SYNTAX;
}

enum celeriac_err parse_seconds(struct span text, int64_t *ns)
{
    struct span whole;
    struct span digits;
    int64_t seconds = 0;
    int64_t fraction = 0;
    enum celeriac_err err = CELERIAC_OK;
    bool negative = span_starts(text, SPAN("-"));
    if (span_cut(text, '.', &whole, &digits))
        err = parse_fraction(digits, &fraction);
    if (err == CELERIAC_OK)
        err = parse_int64(whole, INT64_MIN, INT64_MAX, &seconds);
    if (err != CELERIAC_OK)
        return err;
    int64_t n;
    if (__builtin_mul_overflow(seconds, INT64_C(1000000000), &n) ||
        __builtin_add_overflow(n, negative ? -fraction : fraction, &n))
        return CELERIAC_ERR_LIMIT;
    *ns = n;
    return CELERIAC_OK;
}

/* A decimal taken apart: 0.DIGITS times ten to the power `point`, without leading zeros. */
struct decimal {
    bool negative;
    bool cut; /* digits other than zero came after the kept ones */
    int point;
    int count;
    char digits[DIGITS_MAX];
};

/* Reads a run of digits; returns how many there were. */
static size_t read_digits(struct span text, size_t *at, struct decimal *d, bool fraction)
{
    size_t start = *at;
    for (; *at < text.len && is_digit(text.ptr[*at]); ++*at) {
        char c = text.ptr[*at];
        bool leading_zero = c == '0' && d->count == 0;
        if (!leading_zero && d->count < DIGITS_MAX)
            d->digits[d->count++] = c;
        else if (!leading_zero)
            d->cut = d->cut || c != '0';
        if (fraction && leading_zero && d->point > -EXPONENT_CLAMP)
            d->point--;
        else if (!fraction && !leading_zero && d->point < EXPONENT_CLAMP)
            d->point++;
    }
    return *at - start;
}

/* Reads what stands after the 'e'; false when there are no digits. */
static bool read_exponent(struct span text, size_t *at, int *exponent)
{
    bool negative = false;
    if (*at < text.len && (text.ptr[*at] == '-' || text.ptr[*at] == '+'))
        negative = text.ptr[(*at)++] == '-';
    size_t start = *at;
    int n = 0;
    for (; *at < text.len && is_digit(text.ptr[*at]); ++*at) {
        if (n < EXPONENT_CLAMP)
            n = n * 10 + (text.ptr[*at] - '0');
    }
    *exponent = negative ? -n : n;
    return *at > start;
}

static bool read_decimal(struct span text, struct decimal *d)
{
    size_t at = 0;
    d->negative = false;
    d->cut = false;
    d->point = 0;
    d->count = 0;
    if (at < text.len && (text.ptr[at] == '-' || text.ptr[at] == '+'))
        d->negative = text.ptr[at++] == '-';
    size_t digits = read_digits(text, &at, d, false);
    if (at < text.len && text.ptr[at] == '.') {
        at++;
        digits += read_digits(text, &at, d, true);
    }
    if (digits == 0)
        return false;
    if (at < text.len && (text.ptr[at] == 'e' || text.ptr[at] == 'E')) {
        int exponent;
        at++;
        if (!read_exponent(text, &at, &exponent))
            return false;
        d->point += exponent;
    }
    return at == text.len;
}

/* Exact without strtod() when both the digits and the power of ten are exact doubles. */
static bool small_decimal(const struct decimal *d, double *value)
{
    int exponent = d->point - d->count;
    if (d->count > 16 || exponent < -EXACT_POWER_MAX || exponent > EXACT_POWER_MAX)
        return false;
    uint64_t n = 0;
    for (int i = 0; i < d->count; i++)
        n = n * 10 + (uint64_t)(d->digits[i] - '0');
    if (n > EXACT_INTEGER_MAX)
        return false;
    if (exponent < 0)
        *value = (double)n / exact_powers[-exponent];
    else
        *value = (double)n * exact_powers[exponent];
    return true;
}

/*
 * strtod() rounds correctly, but looks for the locale's decimal point: a whole number with an
 * exponent has none.
 */
static double large_decimal(const struct decimal *d)
{
    char text[DIGITS_MAX + 32];
    memcpy(text, d->digits, (size_t)d->count);
    char *tail = text + d->count;
    int exponent = d->point - d->count;
    if (d->cut) {
        *tail++ = '1';
        exponent--;
    }
    (void)snprintf(tail, sizeof text - (size_t)(tail - text), "e%d", exponent);
    return strtod(text, NULL);
}

enum celeriac_err parse_double(struct span text, double *value)
{
    struct decimal d;
    if (!read_decimal(text, &d))
        return CELERIAC_ERR_SYNTAX;
    double n;
    if (d.count == 0)
        n = 0;
    else if (!small_decimal(&d, &n))
        n = large_decimal(&d);
    if (!isfinite(n))
        return CELERIAC_ERR_LIMIT;
    *value = d.negative ? -n : n;
    return CELERIAC_OK;
}

int parse_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}
