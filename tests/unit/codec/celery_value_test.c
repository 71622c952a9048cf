#include "celery_proto/codec/celery_value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"

#define TEXT_MAX 10000

/* A typed value as kombu writes it. */
#define TYPED(type, value) "{\"__type__\": \"" type "\", \"__value__\": " value "}"

static struct json_doc doc;

static const struct json_node *node(const char *json)
{
    assert_int_equal(json_parse(&doc, span_of(json), NULL, NULL), CELERIAC_OK);
    return json_root(&doc);
}

static int close_doc(void **state)
{
    (void)state;
    json_close(&doc);
    return 0;
}

static void test_checklist_40_the_seven_types(void **state)
{
    const struct {
        const char *json;
        enum cel_value_type type;
    } cases[] = {
        {TYPED("datetime", "1"), CEL_VALUE_DATETIME},
        {TYPED("date", "1"), CEL_VALUE_DATE},
        {TYPED("time", "1"), CEL_VALUE_TIME},
        {TYPED("decimal", "1"), CEL_VALUE_DECIMAL},
        {TYPED("uuid", "1"), CEL_VALUE_UUID},
        {TYPED("bytes", "1"), CEL_VALUE_BYTES},
        {TYPED("base64", "1"), CEL_VALUE_BASE64},
        {TYPED("mine", "1"), CEL_VALUE_UNKNOWN},
        {"{\"__type__\": 5, \"__value__\": 1}", CEL_VALUE_UNKNOWN},
        {"{\"__value__\": 1, \"__type__\": \"date\"}", CEL_VALUE_DATE},
        /* Exactly two keys: anything else is an ordinary object. */
        {"{\"__type__\": \"date\"}", CEL_VALUE_PLAIN},
        {"{\"__type__\": \"date\", \"__value__\": 1, \"x\": 2}", CEL_VALUE_PLAIN},
        {"{\"__type__\": \"date\", \"value\": 1}", CEL_VALUE_PLAIN},
        {"{}", CEL_VALUE_PLAIN},
        {"[\"__type__\", \"__value__\"]", CEL_VALUE_PLAIN},
        {"\"date\"", CEL_VALUE_PLAIN},
        {"null", CEL_VALUE_PLAIN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct json_node *value = NULL;
        const struct json_node *n = node(cases[i].json);

        assert_int_equal(cel_value_type_of(n, &value), cases[i].type);
        assert_true(cases[i].type == CEL_VALUE_PLAIN ? value == n : span_is(json_raw(value), "1"));
    }
    assert_int_equal(cel_value_type_of(NULL, NULL), CEL_VALUE_PLAIN);
}

static void test_datetimes_in_both_forms(void **state)
{
    const struct {
        const char *json;
        int64_t us;
    } good[] = {
        {TYPED("datetime", "\"2024-01-02T03:04:05.678000+00:00\""), INT64_C(1704164645678000)},
        {TYPED("datetime", "\"2024-01-02T05:04:05.678000+02:00\""), INT64_C(1704164645678000)},
        {TYPED("datetime", "\"2024-01-02T03:04:05\""), INT64_C(1704164645000000)},
        {"\"2024-01-02T03:04:05.678000Z\"", INT64_C(1704164645678000)},
    };
    const char *const bad[] = {TYPED("date", "\"2024-01-02\""), TYPED("datetime", "5"),
                               TYPED("mine", "\"2024-01-02\""), "5", "{}"};
    int64_t us = 77;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(cel_value_datetime(node(bad[i]), &us), CELERIAC_ERR_VALUE);
    assert_int_equal(cel_value_datetime(NULL, &us), CELERIAC_ERR_VALUE);
    assert_int_equal(cel_value_datetime(node("\"yesterday\""), &us), CELERIAC_ERR_SYNTAX);
    assert_int_equal(cel_value_datetime(node("\"2024-01-02T03:04:05.\\u0030\""), &us),
                     CELERIAC_ERR_SYNTAX);
    assert_int_equal(us, 77);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(cel_value_datetime(node(good[i].json), &us), CELERIAC_OK);
        assert_int_equal(us, good[i].us);
    }
}

/* The text is copied to the stack: one that fills the place, and one that does not fit. */
static void test_text_at_and_above_its_limit(void **state)
{
    char json[100] = "\"2024-01-02T03:04:05.";
    int64_t us = 77;

    (void)state;
    memset(json + 21, '0', 44);
    json[65] = '"';
    assert_int_equal(cel_value_datetime(node(json), &us), CELERIAC_OK);
    assert_int_equal(us, INT64_C(1704164645000000));
    us = 77;
    memcpy(json + 65, "0\"", 3);
    assert_int_equal(cel_value_datetime(node(json), &us), CELERIAC_ERR_SYNTAX);
    assert_int_equal(us, 77);
}

static void test_dates_in_both_forms(void **state)
{
    int64_t us = 77;

    (void)state;
    assert_int_equal(cel_value_date(node(TYPED("date", "\"2024-01-02\"")), &us), CELERIAC_OK);
    assert_int_equal(us, INT64_C(1704153600000000));
    assert_int_equal(cel_value_date(node("\"2024-01-02T00:00:00\""), &us), CELERIAC_OK);
    assert_int_equal(us, INT64_C(1704153600000000));
    assert_int_equal(cel_value_date(node("\"1969-12-31T23:59:59\""), &us), CELERIAC_OK);
    assert_int_equal(us, -INT64_C(86400000000));
    assert_int_equal(cel_value_date(node("\"1970-01-01\""), &us), CELERIAC_OK);
    assert_int_equal(us, 0);
    assert_int_equal(cel_value_date(node("\"x\""), &us), CELERIAC_ERR_SYNTAX);
    assert_int_equal(cel_value_date(node(TYPED("time", "\"03:04\"")), &us), CELERIAC_ERR_VALUE);
    assert_int_equal(us, 0);
}

static void test_times_of_day(void **state)
{
    int64_t us = 77;

    (void)state;
    assert_int_equal(cel_value_time(node(TYPED("time", "\"03:04:05.000006\"")), &us), CELERIAC_OK);
    assert_int_equal(us, INT64_C(11045000006));
    assert_int_equal(cel_value_time(node("\"23:59:59.999999\""), &us), CELERIAC_OK);
    assert_int_equal(us, INT64_C(86399999999));
    /* The offset does not move the clock. */
    assert_int_equal(cel_value_time(node("\"03:04+02:00\""), &us), CELERIAC_OK);
    assert_int_equal(us, INT64_C(11040000000));
    assert_int_equal(cel_value_time(node("\"00:00\""), &us), CELERIAC_OK);
    assert_int_equal(us, 0);
    assert_int_equal(cel_value_time(node("\"24:00:01\""), &us), CELERIAC_ERR_SYNTAX);
    assert_int_equal(cel_value_time(node("\"\""), &us), CELERIAC_ERR_SYNTAX);
    assert_int_equal(cel_value_time(node("\"+02:00\""), &us), CELERIAC_ERR_SYNTAX);
    assert_int_equal(cel_value_time(node("5"), &us), CELERIAC_ERR_VALUE);
    assert_int_equal(us, 0);
}

static void test_uuids_in_all_forms(void **state)
{
    const char *const good[] = {
        TYPED("uuid", "{\"hex\": \"12345678123456781234567812345678\"}"),
        TYPED("uuid", "{\"hex\": \"12345678123456781234567812345678\", \"version\": 4}"),
        TYPED("uuid", "\"12345678-1234-5678-1234-567812345678\""),
        "\"12345678-1234-5678-1234-567812345678\"",
        "\"urn:uuid:12345678-1234-5678-1234-567812345678\"",
        "\"{12345678123456781234567812345678}\"",
    };
    const char *const broken[] = {TYPED("uuid", "{\"hex\": \"1234567812345678123456781234567\"}"),
                                  TYPED("uuid", "{\"hex\": \"123456781234567812345678123456780\"}"),
                                  TYPED("uuid", "{\"hex\": \"1234567812345678123456781234567x\"}"),
                                  TYPED("uuid", "{\"hex\": \"\"}"),
                                  "\"\"",
                                  "\"------------------------------------\""};
    const char *const none[] = {TYPED("uuid", "{}"), TYPED("uuid", "5"), "5", "null",
                                TYPED("bytes", "\"12345678123456781234567812345678\"")};
    char text[UUID_SIZE];
    struct uuid uuid;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(cel_value_uuid(node(good[i]), &uuid), CELERIAC_OK);
        uuid_format(&uuid, text);
        assert_string_equal(text, "12345678-1234-5678-1234-567812345678");
    }
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        assert_int_equal(cel_value_uuid(node(broken[i]), &uuid), CELERIAC_ERR_SYNTAX);
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_int_equal(cel_value_uuid(node(none[i]), &uuid), CELERIAC_ERR_VALUE);
}

static void test_decimals(void **state)
{
    const char *const good[] = {"1.50",     "0",    "-3",  "+.5",  "5.",    "1E+400", "1e-7",
                                "Infinity", "-inf", "NaN", "sNaN", "nan12", "-sNaN5"};
    const char *const bad[] = {"",   ".",   "-", "1e",   "1e+", "1 ",
                               " 1", "1_0", "x", "nanx", "0x1", "--1"};
    char json[100];
    struct strbuf out;

    (void)state;
    strbuf_init(&out, TEXT_MAX);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        strbuf_clear(&out);
        assert_in_range(snprintf(json, sizeof(json), TYPED("decimal", "\"%s\""), good[i]), 1, 99);
        assert_int_equal(cel_value_decimal(node(json), &out), CELERIAC_OK);
        assert_string_equal(strbuf_text(&out), good[i]);
    }
    strbuf_clear(&out);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_in_range(snprintf(json, sizeof(json), "\"%s\"", bad[i]), 1, 99);
        assert_int_equal(cel_value_decimal(node(json), &out), CELERIAC_ERR_SYNTAX);
    }
    assert_int_equal(cel_value_decimal(node("1.5"), &out), CELERIAC_ERR_VALUE);
    assert_int_equal(out.len, 0);
    strbuf_close(&out);
}

/* Digits at the limit of what is copied, and one more. */
static void test_long_decimals(void **state)
{
    char json[1100] = "\"";
    struct strbuf out;

    (void)state;
    strbuf_init(&out, TEXT_MAX);
    memset(json + 1, '9', 1024);
    json[1025] = '"';
    assert_int_equal(cel_value_decimal(node(json), &out), CELERIAC_OK);
    assert_int_equal(out.len, 1024);
    memcpy(json + 1025, "9\"", 3);
    assert_int_equal(cel_value_decimal(node(json), &out), CELERIAC_ERR_SYNTAX);
    strbuf_close(&out);
}

static void test_bytes_in_all_forms(void **state)
{
    struct strbuf out;

    (void)state;
    strbuf_init(&out, TEXT_MAX);
    assert_int_equal(cel_value_bytes(node(TYPED("bytes", "\"abc\\u00e9\"")), &out), CELERIAC_OK);
    assert_int_equal(cel_value_bytes(node(TYPED("base64", "\"//4=\"")), &out), CELERIAC_OK);
    assert_int_equal(cel_value_bytes(node("\"plain\""), &out), CELERIAC_OK);
    assert_true(span_equal(strbuf_span(&out), SPAN("abc\xc3\xa9\xff\xfeplain")));
    strbuf_clear(&out);
    assert_int_equal(cel_value_bytes(node(TYPED("base64", "\"//4\"")), &out), CELERIAC_ERR_SYNTAX);
    assert_int_equal(cel_value_bytes(node(TYPED("bytes", "[1]")), &out), CELERIAC_ERR_VALUE);
    assert_int_equal(cel_value_bytes(node(TYPED("uuid", "\"a\"")), &out), CELERIAC_ERR_VALUE);
    assert_int_equal(cel_value_bytes(node("null"), &out), CELERIAC_ERR_VALUE);
    assert_int_equal(out.len, 0);
    strbuf_close(&out);
}

static void test_survives_every_allocation_failure(void **state)
{
    const struct json_node *n = node(TYPED("base64", "\"\\u002f/4=\""));
    bool failed = true;

    (void)state;
    for (size_t i = 1; failed; i++) {
        struct strbuf out;
        enum celeriac_err code;

        strbuf_init(&out, TEXT_MAX);
        mem_fail_at(i);
        code = cel_value_bytes(n, &out);
        failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(code, failed ? CELERIAC_ERR_MEMORY : CELERIAC_OK);
        strbuf_close(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checklist_40_the_seven_types),
        cmocka_unit_test(test_datetimes_in_both_forms),
        cmocka_unit_test(test_text_at_and_above_its_limit),
        cmocka_unit_test(test_dates_in_both_forms),
        cmocka_unit_test(test_times_of_day),
        cmocka_unit_test(test_uuids_in_all_forms),
        cmocka_unit_test(test_decimals),
        cmocka_unit_test(test_long_decimals),
        cmocka_unit_test(test_bytes_in_all_forms),
        cmocka_unit_test(test_survives_every_allocation_failure),
    };

    return cmocka_run_group_tests(tests, NULL, close_doc);
}
