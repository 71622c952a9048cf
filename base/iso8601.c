#include "base/iso8601.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define SECONDS_PER_DAY 86400
#define US_PER_SECOND INT64_C(1000000)

/* Days from 0000-03-01 to 1970-01-01 in the proleptic Gregorian calendar. */
#define EPOCH_FROM_MARCH_0 719468

/* Days in a cycle of 400 years, after which the calendar repeats. */
#define DAYS_PER_ERA 146097

/* A calendar date; months 1 to 12, days from 1. */
struct date {
    int year, month, day;
};

/*
 * Counting years from March puts the leap day last, and (153 m + 2) / 5 is then the number of days
 * before month m: 31, 30, 31, 30, 31 days repeat from March on.
 */
static int64_t days_from_date(struct date d)
{
    int64_t year = d.month > 2 ? d.year : d.year - 1;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t month = d.month > 2 ? d.month - 3 : d.month + 9;
    int64_t day_of_year = (153 * month + 2) / 5 + d.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - EPOCH_FROM_MARCH_0;
}

/* The reverse for days of the years 1 to 9999. */
static struct date date_from_days(int64_t days)
{
    int64_t since = days + EPOCH_FROM_MARCH_0;
    int64_t era = since / DAYS_PER_ERA;
    int64_t day_of_era = since % DAYS_PER_ERA;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    struct date d;
    d.day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
    d.month = (int)(month < 10 ? month + 3 : month - 9);
    d.year = (int)(era * 400 + year_of_era + (d.month <= 2));
    return d;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* What is left to read. */
struct cursor {
    const char *at;
    const char *end;
};

static bool take_char(struct cursor *c, char wanted)
{
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

/* Exactly `count` digits, between min and max. */
static bool take_number(struct cursor *c, int count, int min, int max, int *number)
{
    if (c->end - c->at < count)
        return false;
    int n = 0;
    for (int i = 0; i < count; i++) {
        char digit = c->at[i];
        if (digit < '0' || digit > '9')
            return false;
        n = n * 10 + (digit - '0');
    }
    if (n < min || n > max)
        return false;
    c->at += count;
    *number = n;
    return true;
}

/* Year 0 is let through here: it is well-formed, but outside of the range. */
static bool take_date(struct cursor *c, struct date *d)
{
    if (!take_number(c, 4, 0, 9999, &d->year))
        return false;
    bool separated = take_char(c, '-');
    if (!take_number(c, 2, 1, 12, &d->month) || (separated && !take_char(c, '-')))
        return false;
    return take_number(c, 2, 1, days_in_month(d->year, d->month), &d->day);
}

/* Digits after the point as microseconds; further ones are read and dropped. */
static bool take_fraction(struct cursor *c, int *us)
{
    int n = 0;
    int digits = 0;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++) {
        if (digits < 6)
            n = n * 10 + (*c->at - '0');
        digits++;
    }
    if (digits == 0)
        return false;
    for (int i = digits; i < 6; i++)
        n *= 10;
    *us = n;
    return true;
}

/* hh:mm, hh:mm:ss, hh:mm:ss.f or the same without colons. */
static bool take_time(struct cursor *c, int64_t *us)
{
    int hour;
    int minute;
    int second = 0;
    int fraction = 0;
    if (!take_number(c, 2, 0, 23, &hour))
        return false;
    bool separated = take_char(c, ':');
    if (!take_number(c, 2, 0, 59, &minute))
        return false;
    bool more = separated ? take_char(c, ':') : c->at < c->end && *c->at >= '0' && *c->at <= '9';
    if (more) {
        if (!take_number(c, 2, 0, 59, &second))
            return false;
        if (take_char(c, '.') && !take_fraction(c, &fraction))
            return false;
    }
    int64_t minutes = hour * INT64_C(60) + minute;
    *us = (minutes * 60 + second) * US_PER_SECOND + fraction;
    return true;
}

/* Z, +hh:mm, +hhmm, +hh or nothing. */
static bool take_offset(struct cursor *c, int64_t *us)
{
    *us = 0;
    if (c->at == c->end || take_char(c, 'Z'))
        return true;
    bool west = take_char(c, '-');
    if (!west && !take_char(c, '+'))
        return false;
    int hours;
    int minutes = 0;
    if (!take_number(c, 2, 0, 23, &hours))
        return false;
    bool separated = take_char(c, ':');
    if ((separated || c->at < c->end) && !take_number(c, 2, 0, 59, &minutes))
        return false;
    int64_t seconds = hours * INT64_C(3600) + minutes * INT64_C(60);
    *us = (west ? -seconds : seconds) * US_PER_SECOND;
    return true;
}

enum celeriac_err iso8601_parse(struct span text, int64_t *us)
{
    if (text.len == 0)
        return CELERIAC_ERR_SYNTAX;
    struct cursor c = {text.ptr, text.ptr + text.len};
    struct date date;
    int64_t time = 0;
    int64_t offset = 0;
    if (!take_date(&c, &date))
        return CELERIAC_ERR_SYNTAX;
    if (take_char(&c, 'T') || take_char(&c, ' ')) {
        if (!take_time(&c, &time) || !take_offset(&c, &offset))
            return CELERIAC_ERR_SYNTAX;
    }
    if (c.at != c.end)
        return CELERIAC_ERR_SYNTAX;
    int64_t instant = days_from_date(date) * SECONDS_PER_DAY * US_PER_SECOND + time - offset;
    if (instant < ISO8601_MIN_US || instant > ISO8601_MAX_US)
        return CELERIAC_ERR_LIMIT;
    *us = instant;
    return CELERIAC_OK;
}

/* An instant taken apart for printing. */
struct civil {
    struct date date;
    int weekday; /* 0 is Sunday */
    int hour, minute, second, us;
};

static struct civil civil_from_us(int64_t us)
{
    if (us < ISO8601_MIN_US)
        us = ISO8601_MIN_US;
    if (us > ISO8601_MAX_US)
        us = ISO8601_MAX_US;
    /* Counted from year 1, so that divisions need not round down below zero. */
    int64_t since = us - ISO8601_MIN_US;
    int64_t seconds = since / US_PER_SECOND;
    int64_t days = seconds / SECONDS_PER_DAY + ISO8601_MIN_US / US_PER_SECOND / SECONDS_PER_DAY;
    int of_day = (int)(seconds % SECONDS_PER_DAY);
    return (struct civil){
        .date = date_from_days(days),
        .weekday = (int)((seconds / SECONDS_PER_DAY + 1) % 7), /* 0001-01-01 was a Monday */
        .hour = of_day / 3600,
        .minute = of_day / 60 % 60,
        .second = of_day % 60,
        .us = (int)(since % US_PER_SECOND),
    };
}

/* Writes n with leading zeros. */
static char *put_number(char *to, int n, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        to[i] = (char)('0' + n % 10);
        n /= 10;
    }
    return to + width;
}

static size_t format_instant(int64_t us, const char *zone, char buf[ISO8601_MAX])
{
    struct civil c = civil_from_us(us);
    char *to = put_number(buf, c.date.year, 4);
    *to++ = '-';
    to = put_number(to, c.date.month, 2);
    *to++ = '-';
    to = put_number(to, c.date.day, 2);
    *to++ = 'T';
    to = put_number(to, c.hour, 2);
    *to++ = ':';
    to = put_number(to, c.minute, 2);
    *to++ = ':';
    to = put_number(to, c.second, 2);
    if (c.us != 0) {
        *to++ = '.';
        to = put_number(to, c.us, 6);
    }
    size_t zone_len = strlen(zone);
    memcpy(to, zone, zone_len + 1);
    return (size_t)(to - buf) + zone_len;
}

size_t iso8601_python(int64_t us, char buf[ISO8601_MAX])
{
    return format_instant(us, "+00:00", buf);
}

size_t iso8601_drf(int64_t us, char buf[ISO8601_MAX])
{
    return format_instant(us, "Z", buf);
}

size_t rfc5322_date(int64_t us, char buf[ISO8601_MAX])
{
    static const char weekdays[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct civil c = civil_from_us(us);
    int n = snprintf(buf, ISO8601_MAX, "%s, %02d %s %04d %02d:%02d:%02d -0000", weekdays[c.weekday],
                     c.date.day, months[c.date.month - 1], c.date.year, c.hour, c.minute, c.second);
    return (size_t)n;
}
