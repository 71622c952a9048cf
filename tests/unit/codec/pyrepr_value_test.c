#include "celery_proto/codec/pyrepr_value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct json_doc doc;

static int close_doc(void **state)
{
    (void)state;
    json_close(&doc);
    return 0;
}

/* repr() of a typed value, or "-" when it is not shown. */
static void assert_repr(const char *type, const char *value, const char *wanted)
{
    struct strbuf json, out;

    strbuf_init(&json, 1000);
    strbuf_init(&out, 1000);
    strbuf_printf(&json, "{\"__type__\": \"%s\", \"__value__\": %s}", type, value);
    assert_int_equal(json_parse(&doc, strbuf_span(&json), NULL, NULL), CELERIAC_OK);
    if (!cel_pyrepr_value(json_root(&doc), &out))
        strbuf_add_char(&out, '-');
    assert_string_equal(strbuf_text(&out), wanted);
    strbuf_close(&json);
    strbuf_close(&out);
}

/* Many more cases are in tests/data/celery/repr.tsv, which pyrepr_test.c reads. */
static void test_shows_each_type(void **state)
{
    (void)state;
    assert_repr("datetime", "\"2024-01-02T03:04:05.678000+00:00\"",
                "datetime.datetime(2024, 1, 2, 3, 4, 5, 678000, tzinfo=datetime.timezone.utc)");
    assert_repr("date", "\"2024-01-02\"", "datetime.date(2024, 1, 2)");
    assert_repr("time", "\"03:04:05\"", "datetime.time(3, 4, 5)");
    assert_repr("decimal", "\"1.50\"", "Decimal('1.50')");
    assert_repr("uuid", "{\"hex\": \"12345678123456781234567812345678\"}",
                "UUID('12345678-1234-5678-1234-567812345678')");
}

/* Text that Python would not have written is left to be shown as the object it stands in. */
static void test_leaves_what_python_does_not_write(void **state)
{
    const char *const datetimes[] = {"5",
                                     "\"\"",
                                     "\"2024-01-02\"",
                                     "\"2024-01-02T\"",
                                     "\"2024-01-02T03\"",
                                     "\"2024-01-02T03:04:\"",
                                     "\"2024-01-02T03:04:05.\"",
                                     "\"2024-01-02T03:04:05.1\"",
                                     "\"2024-01-02T03:04:05Z\"",
                                     "\"2024-01-02T03:04:05+00\"",
                                     "\"2024-01-02T03:04:05+00:00x\"",
                                     "\"-024-01-02T03:04:05\"",
                                     "\"2024-13-02T03:04:05\""};

    (void)state;
    for (size_t i = 0; i < sizeof(datetimes) / sizeof(datetimes[0]); i++)
        assert_repr("datetime", datetimes[i], "-");
    assert_repr("date", "\"2024-01-02T00:00:00\"", "-");
    assert_repr("time", "\"3:04\"", "-");
    assert_repr("decimal", "\"x\"", "-");
    assert_repr("uuid", "{}", "-");
    assert_repr("bytes", "\"abc\"", "-");
    assert_repr("mine", "\"abc\"", "-");
}

static void test_bytes_are_escaped(void **state)
{
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 1000);
    cel_pyrepr_bytes(SPAN("a'\\\n\x7f\xff"), &out);
    cel_pyrepr_bytes(SPAN("'\""), &out);
    cel_pyrepr_bytes(SPAN(""), &out);
    assert_string_equal(strbuf_text(&out), "b\"a'\\\\\\n\\x7f\\xff\"b'\\'\"'b''");
    strbuf_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shows_each_type),
        cmocka_unit_test(test_leaves_what_python_does_not_write),
        cmocka_unit_test(test_bytes_are_escaped),
    };

    return cmocka_run_group_tests(tests, NULL, close_doc);
}
