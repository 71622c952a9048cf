#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/iso8601.h"

#define S INT64_C(1000000)

static void reads_the_usual_forms(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } cases[] = {
        {"1970-01-01", 0},
        {"19700101", 0},
        {"1970-01-01T00:00", 0},
        {"1970-01-01T00:00:00Z", 0},
        {"1969-12-31T23:59:59.999999Z", -1},
        {"2026-11-22T20:34:59.134672+00:00", 1795379699134672},
        {"2026-11-22T20:34:59.134672", 1795379699134672},
        {"2026-11-22 20:34:59.134672Z", 1795379699134672},
        {"2026-11-22T22:34:59.134672+02:00", 1795379699134672},
        {"2026-11-22T22:34:59.134672+0200", 1795379699134672},
        {"2026-11-22T22:34:59.134672+02", 1795379699134672},
        {"2026-11-22T15:04:59.134672-05:30", 1795379699134672},
        {"2026-11-22T15:04:59.134672-0530", 1795379699134672},
        {"20261122T203459.134672Z", 1795379699134672},
        {"20261122T203459", 1795379699 * S},
        {"20261122T2034", 1795379640 * S},
        {"20261122 2034+0000", 1795379640 * S},
        {"2026-11-22T203459Z", 1795379699 * S},
        {"20261122T20:34:59Z", 1795379699 * S},
        {"2026-11-22T20:34", 1795379640 * S},
        {"2026-11-22T20:34Z", 1795379640 * S},
        {"2026-11-22T20:34-00:00", 1795379640 * S},
        {"2026-11-22T20:34:59.1", 1795379699 * S + 100000},
        {"2026-11-22T20:34:59.000001", 1795379699 * S + 1},
        {"2026-11-22T20:34:59.1346729999999999999999999", 1795379699134672},
        {"2000-02-29T00:00:00Z", 951782400 * S},
        {"2100-03-01", 4107542400 * S},
        {"1900-03-01", -2203891200 * S},
        {"2026-11-22T23:59:59+23:59", 1795305659 * S},
        {"0001-01-01T00:00:00Z", ISO8601_MIN_US},
        {"9999-12-31T23:59:59.999999Z", ISO8601_MAX_US},
        {"0001-01-01T01:00:00+01:00", ISO8601_MIN_US},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t us = 99;
        if (iso8601_parse(span_of(cases[i].text), &us) != CELERIAC_OK)
            fail_msg("%s was refused", cases[i].text);
        if (us != cases[i].us)
            fail_msg("%s gave %lld", cases[i].text, (long long)us);
    }
}

static void refuses_what_is_no_time(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "now",
        "2026",
        "2026-11",
        "202611",
        "2026-1122",
        "202611-22",
        "2026-11-2",
        "2026/11/22",
        "26-11-22",
        "+2026-11-22",
        "2026-00-22",
        "2026-13-22",
        "2026-11-00",
        "2026-11-31",
        "2026-02-29",
        "2100-02-29",
        "2026-11-22T",
        "2026-11-22T2",
        "2026-11-22T20",
        "2026-11-22T20:",
        "2026-11-22T20:3",
        "2026-11-22T20:34:",
        "2026-11-22T20:34:5",
        "2026-11-22T20:3459",
        "2026-11-22T2034:59",
        "2026-11-22T20:34:59.",
        "2026-11-22T20:34:59.Z",
        "2026-11-22T20:34:59,5",
        "2026-11-22T20:34.5",
        "2026-11-22T24:00:00",
        "2026-11-22T20:60:00",
        "2026-11-22T20:34:60",
        "2026-11-22t20:34:59Z",
        "2026-11-22T20:34:59z",
        "2026-11-22T20:34:59ZZ",
        "2026-11-22T20:34:59Z ",
        " 2026-11-22T20:34:59Z",
        "2026-11-22T20:34:59 Z",
        "2026-11-22T20:34:59+",
        "2026-11-22T20:34:59+1",
        "2026-11-22T20:34:59+1:00",
        "2026-11-22T20:34:59+01:",
        "2026-11-22T20:34:59+01:0",
        "2026-11-22T20:34:59+010",
        "2026-11-22T20:34:59+24:00",
        "2026-11-22T20:34:59+01:60",
        "2026-11-22T20:34:59+01:00Z",
        "2026-11-22Z",
        "2026-11-22+01:00",
        "2026-W47-7",
        "2026-11-22T20:34:59\n",
    };
    int64_t us = 99;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (iso8601_parse(span_of(cases[i]), &us) != CELERIAC_ERR_SYNTAX)
            fail_msg("%s was not refused", cases[i]);
    }
    assert_int_equal(iso8601_parse((struct span){NULL, 0}, &us), CELERIAC_ERR_SYNTAX);
    static const char *const outside[] = {
        "0000-12-31",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
    };
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++)
        assert_int_equal(iso8601_parse(span_of(outside[i]), &us), CELERIAC_ERR_LIMIT);
    assert_true(us == 99);
}

/* What is left of a time cut anywhere is a time with fewer parts, or refused. */
static void survives_being_cut(void **state)
{
    (void)state;
    static const char text[] = "2026-11-22T22:34:59.134672+02:00";
    for (size_t len = 0; len < sizeof text - 1; len++) {
        int64_t us = 99;
        enum celeriac_err code = iso8601_parse((struct span){text, len}, &us);
        bool whole = len == 10 || len == 16 || len == 19 || (len >= 21 && len <= 26) || len == 29;
        assert_int_equal(code, whole ? CELERIAC_OK : CELERIAC_ERR_SYNTAX);
    }
}

static void writes_as_python_and_drf_do(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        const char *python, *mail;
    } cases[] = {
        {0, "1970-01-01T00:00:00+00:00", "Thu, 01 Jan 1970 00:00:00 -0000"},
        {1, "1970-01-01T00:00:00.000001+00:00", "Thu, 01 Jan 1970 00:00:00 -0000"},
        {-1, "1969-12-31T23:59:59.999999+00:00", "Wed, 31 Dec 1969 23:59:59 -0000"},
        {1795379699134672, "2026-11-22T20:34:59.134672+00:00", "Sun, 22 Nov 2026 20:34:59 -0000"},
        {951782400 * S, "2000-02-29T00:00:00+00:00", "Tue, 29 Feb 2000 00:00:00 -0000"},
        {4107542400 * S, "2100-03-01T00:00:00+00:00", "Mon, 01 Mar 2100 00:00:00 -0000"},
        {1234567890 * S, "2009-02-13T23:31:30+00:00", "Fri, 13 Feb 2009 23:31:30 -0000"},
        {ISO8601_MIN_US, "0001-01-01T00:00:00+00:00", "Mon, 01 Jan 0001 00:00:00 -0000"},
        {ISO8601_MAX_US, "9999-12-31T23:59:59.999999+00:00", "Fri, 31 Dec 9999 23:59:59 -0000"},
        {INT64_MIN, "0001-01-01T00:00:00+00:00", "Mon, 01 Jan 0001 00:00:00 -0000"},
        {INT64_MAX, "9999-12-31T23:59:59.999999+00:00", "Fri, 31 Dec 9999 23:59:59 -0000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char buf[ISO8601_MAX];
        size_t len = iso8601_python(cases[i].us, buf);
        assert_string_equal(buf, cases[i].python);
        assert_int_equal(len, strlen(buf));
        char drf[ISO8601_MAX];
        len = iso8601_drf(cases[i].us, drf);
        assert_int_equal(len, strlen(drf));
        memcpy(strstr(buf, "+00:00"), "Z", 2);
        assert_string_equal(drf, buf);
        len = rfc5322_date(cases[i].us, buf);
        assert_string_equal(buf, cases[i].mail);
        assert_int_equal(len, strlen(buf));
    }
}

/* Every day of the calendar against the C library's, and back through the parser. */
static void knows_the_calendar(void **state)
{
    (void)state;
    for (int64_t day = ISO8601_MIN_US / S / 86400; day <= ISO8601_MAX_US / S / 86400; day++) {
        int64_t us = day * 86400 * S + day % 86400;
        char ours[ISO8601_MAX];
        size_t len = iso8601_drf(us < ISO8601_MIN_US ? ISO8601_MIN_US : us, ours);
        if (day % 5 == 0) {
            time_t seconds = (time_t)(us >= 0 ? us / S : -((-us + S - 1) / S));
            struct tm tm;
            char theirs[ISO8601_MAX];
            assert_non_null(gmtime_r(&seconds, &tm));
            assert_int_not_equal(strftime(theirs, sizeof theirs, "-%m-%dT%H:%M:%S", &tm), 0);
            assert_int_equal(strncmp(ours + 4, theirs, strlen(theirs)), 0);
        }
        int64_t again = 0;
        assert_int_equal(iso8601_parse((struct span){ours, len}, &again), CELERIAC_OK);
        assert_true(again == (us < ISO8601_MIN_US ? ISO8601_MIN_US : us));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_usual_forms), cmocka_unit_test(refuses_what_is_no_time),
        cmocka_unit_test(survives_being_cut),    cmocka_unit_test(writes_as_python_and_drf_do),
        cmocka_unit_test(knows_the_calendar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
