#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/parse_num.h"

/* Digits that always read back as the same double. */
#define SIGNIFICANT_MAX 17

/* repr() writes an exponent below 1e-4 and from 1e16 on. */
#define POINT_MIN (-3)
#define POINT_MAX 16

/* A positive double as 0.DIGITS times ten to the power `point`. */
struct shortest {
    char digits[SIGNIFICANT_MAX + 1];
    int count;
    int point;
};

static void drop_trailing_zeros(struct shortest *s)
{
    while (s->count > 1 && s->digits[s->count - 1] == '0')
        s->count--;
}

/*
 * Times and durations: at most six decimals. Below 2^33 doubles lie closer than 1e-6, so
 * that no two such decimals mean the same double, and the one that does is the shortest.
 */
static bool few_decimals(double value, struct shortest *s)
{
    if (!(value >= 1e-4 && value < 8589934592.0))
        return false;
    double millionths = rint(value * 1e6);
    if (millionths / 1e6 != value)
        return false;
    uint64_t n = (uint64_t)millionths;
    char reversed[20];
    int len = 0;
    for (; n > 0; n /= 10)
        reversed[len++] = (char)('0' + n % 10);
    for (int i = 0; i < len; i++)
        s->digits[i] = reversed[len - 1 - i];
    s->count = len;
    s->point = len - 6;
    drop_trailing_zeros(s);
    return true;
}

/* The double that the digits mean. */
static double read_back(const struct shortest *s)
{
    char text[SIGNIFICANT_MAX + 16];
    int len = snprintf(text, sizeof text, "%.*se%d", s->count, s->digits, s->point - s->count);
    double value = HUGE_VAL;
    if (parse_double((struct span){text, (size_t)len}, &value) != CELERIAC_OK)
        return HUGE_VAL;
    return value;
}

/* The decimal of `count` digits nearest to value. */
static void nearest(double value, int count, struct shortest *s)
{
    char text[SIGNIFICANT_MAX + 16];
    (void)snprintf(text, sizeof text, "%.*e", count - 1, value);
    s->count = 0;
    s->point = 0;
    const char *at = text;
    for (; *at != 'e'; at++) {
        if (*at >= '0' && *at <= '9') /* skips the decimal point, however the locale writes it */
            s->digits[s->count++] = *at;
    }
    int64_t exponent = 0;
    at += at[1] == '+' ? 2 : 1;
    if (parse_int64(span_of(at), -400, 400, &exponent) == CELERIAC_OK)
        s->point = (int)exponent + 1;
}

/* The next larger decimal of as many digits. */
static void step_up(struct shortest *s)
{
    int i = s->count - 1;
    while (i >= 0 && s->digits[i] == '9')
        s->digits[i--] = '0';
    if (i >= 0) {
        s->digits[i]++;
    } else {
        s->digits[0] = '1';
        s->point++;
    }
}

static void find_shortest(double value, struct shortest *s)
{
    /* Subnormal doubles hold fewer digits; all others keep 15 apart. */
    int count = value < 2.2250738585072014e-308 ? 1 : 15;
    for (; count < SIGNIFICANT_MAX; count++) {
        nearest(value, count, s);
        if (read_back(s) == value)
            break;
        /* At a power of two the interval above is the wider one and may hold what is second
         * nearest. */
        step_up(s);
        if (read_back(s) == value)
            break;
    }
    if (count == SIGNIFICANT_MAX)
        nearest(value, SIGNIFICANT_MAX, s);
    drop_trailing_zeros(s);
}

static char *put_zeros(char *to, int count)
{
    memset(to, '0', (size_t)count);
    return to + count;
}

static char *put_digits(char *to, const struct shortest *s, int from, int until)
{
    memcpy(to, s->digits + from, (size_t)(until - from));
    return to + (until - from);
}

static char *put_plain(char *to, const struct shortest *s)
{
    if (s->point <= 0) {
        *to++ = '0';
        *to++ = '.';
        to = put_zeros(to, -s->point);
        return put_digits(to, s, 0, s->count);
    }
    if (s->point >= s->count) {
        to = put_digits(to, s, 0, s->count);
        to = put_zeros(to, s->point - s->count);
        *to++ = '.';
        *to++ = '0';
        return to;
    }
    to = put_digits(to, s, 0, s->point);
    *to++ = '.';
    return put_digits(to, s, s->point, s->count);
}

static char *put_scientific(char *to, const struct shortest *s)
{
    *to++ = s->digits[0];
    if (s->count > 1) {
        *to++ = '.';
        to = put_digits(to, s, 1, s->count);
    }
    int exponent = s->point - 1;
    int size = exponent < 0 ? -exponent : exponent;
    *to++ = 'e';
    *to++ = exponent < 0 ? '-' : '+';
    if (size >= 100)
        *to++ = (char)('0' + size / 100);
    *to++ = (char)('0' + size / 10 % 10);
    *to++ = (char)('0' + size % 10);
    return to;
}

static size_t put_word(char *buf, const char *word)
{
    size_t len = strlen(word);
    memcpy(buf, word, len + 1);
    return len;
}

size_t format_double(double value, char buf[FORMAT_DOUBLE_MAX])
{
    if (isnan(value))
        return put_word(buf, "nan");
    char *to = buf;
    if (signbit(value)) {
        *to++ = '-';
        value = -value;
    }
    if (value == 0)
        return (size_t)(to - buf) + put_word(to, "0.0");
    if (isinf(value))
        return (size_t)(to - buf) + put_word(to, "inf");
    struct shortest s;
    if (!few_decimals(value, &s))
        find_shortest(value, &s);
    to = s.point >= POINT_MIN && s.point <= POINT_MAX ? put_plain(to, &s) : put_scientific(to, &s);
    *to = '\0';
    return (size_t)(to - buf);
}
