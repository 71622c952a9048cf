#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/python_value.h"

static void check_integer(const char *text, const char *wanted)
{
    struct strbuf out;

    strbuf_init(&out, 1000);
    assert_int_equal(python_integer(span_of(text), &out),
                     wanted ? CELERIAC_OK : CELERIAC_ERR_VALUE);
    if (wanted)
        assert_string_equal(strbuf_text(&out), wanted);
    strbuf_close(&out);
}

/* Expectations: int(re.sub(r"\.0*\s*$", "", text)) of CPython 3.11. */
static void integers_are_read_as_python_reads_them(void **state)
{
    (void)state;
    check_integer("0", "0");
    check_integer("7", "7");
    check_integer("-7", "-7");
    check_integer("+7", "7");
    check_integer("007", "7");
    check_integer("-000", "0");
    check_integer("\xd9\xa0\xd9\xa3", "3");
    check_integer("-\xef\xbc\x97_7.0", "-77");
    check_integer("\xc2\xa0"
                  "7\xe2\x80\x83",
                  "7");
    check_integer("7.\xd9\xa0", NULL);
    check_integer("\xc2\xb2", NULL);
    check_integer("0_0", "0");
    check_integer("1_000", "1000");
    check_integer(" 7\t", "7");
    check_integer("7.", "7");
    check_integer("7.000 \n", "7");
    check_integer("70", "70");
    check_integer("700.", "700");
    check_integer("123456789012345678901234567890", "123456789012345678901234567890");
    check_integer("", NULL);
    check_integer(".", NULL);
    check_integer("-", NULL);
    check_integer("+-7", NULL);
    check_integer("1__0", NULL);
    check_integer("_1", NULL);
    check_integer("1_", NULL);
    check_integer("7.5", NULL);
    check_integer("7.0.0", NULL);
    check_integer("0x1", NULL);
    check_integer("1e2", NULL);
    check_integer("- 1", NULL);
}

/* A fraction is DRF's business, not int()'s. */
static void int_takes_no_fraction(void **state)
{
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 100);
    assert_int_equal(python_int(SPAN(" +1_2\n"), &out), CELERIAC_OK);
    assert_string_equal(strbuf_text(&out), "12");
    assert_int_equal(python_int(SPAN("7.0"), &out), CELERIAC_ERR_VALUE);
    strbuf_close(&out);
}

static void check_json(const char *text, const char *wanted)
{
    struct strbuf out;
    uint32_t code = 0;

    strbuf_init(&out, 1000);
    assert_int_equal(python_json(span_of(text), &out, &code), CELERIAC_OK);
    assert_string_equal(strbuf_text(&out), wanted);
    strbuf_close(&out);
}

static void floats_are_stored_as_python_spells_them(void **state)
{
    (void)state;
    check_json("{\"a\":[1.50,1e2,1E-7,-0.0,7,-7,0,1e22]}",
               "{\"a\":[1.5,100.0,1e-07,-0.0,7,-7,0,1e+22]}");
    check_json("123456789012345678901234567890", "123456789012345678901234567890");
    check_json("\"1.50 \\\" 2.50 \\\\\"", "\"1.50 \\\" 2.50 \\\\\"");
    check_json("[-0,-0.0,-1]", "[0,-0.0,-1]");
    check_json("[true,false,null]", "[true,false,null]");
    check_json("\"\\\\u0000 \\\\ud800\"", "\"\\\\u0000 \\\\ud800\"");
    check_json("\"\\ud83d\\ude00\\u00e9\"", "\"\\ud83d\\ude00\\u00e9\"");
}

static void check_refused(const char *text, enum celeriac_err wanted, uint32_t wanted_code)
{
    struct strbuf out;
    uint32_t code = 0;

    strbuf_init(&out, 1000);
    assert_int_equal(python_json(span_of(text), &out, &code), wanted);
    assert_int_equal(code, wanted_code);
    strbuf_close(&out);
}

static void what_cannot_be_stored_is_refused(void **state)
{
    (void)state;
    check_refused("[1e400]", CELERIAC_ERR_VALUE, 0);
    check_refused("-1e999", CELERIAC_ERR_VALUE, 0);
    check_refused("{\"a\":\"\\u0000\"}", CELERIAC_ERR_UNSUPPORTED, 0);
    check_refused("{\"\\ud800\":1}", CELERIAC_ERR_UNSUPPORTED, 0xd800);
    check_refused("\"\\udfff\"", CELERIAC_ERR_UNSUPPORTED, 0xdfff);
    check_refused("\"\\ud83d\\ud83d\"", CELERIAC_ERR_UNSUPPORTED, 0xd83d);
    check_refused("\"\\ud83dx\"", CELERIAC_ERR_UNSUPPORTED, 0xd83d);
    check_refused("\"\\ud83d\\n\"", CELERIAC_ERR_UNSUPPORTED, 0xd83d);
}

/* Well-formed texts are asked for, but a cut one must not be read beyond its end. */
static void truncated_texts_do_no_harm(void **state)
{
    static const char text[] = "{\"a\\u00e9\\ud83d\\ude00\\\\\":[1.5e-3,\"\\\"\",true]}";

    (void)state;
    for (size_t len = 0; len < sizeof text - 1; len++) {
        char *copy = malloc(len + 1);
        struct strbuf out;
        uint32_t code;

        assert_non_null(copy);
        memcpy(copy, text, len);
        strbuf_init(&out, 1000);
        (void)!python_json((struct span){copy, len}, &out, &code);
        strbuf_close(&out);
        free(copy);
    }
}

static void values_have_pythons_types(void **state)
{
    static const struct {
        const char *json, *type, *text;
        enum raw_kind kind;
    } cases[] = {
        {"null", "NoneType", "None", RAW_NULL}, {"true", "bool", "True", RAW_TRUE},
        {"false", "bool", "False", RAW_FALSE},  {"-0", "int", "0", RAW_INT},
        {"12", "int", "12", RAW_INT},           {"1e2", "float", "100.0", RAW_FLOAT},
        {"1e400", "float", "inf", RAW_FLOAT},   {"-1e400", "float", "-inf", RAW_FLOAT},
        {"\"\\n\"", "str", "\n", RAW_TEXT},     {"[1]", "list", "[1]", RAW_CONTAINER},
        {"{}", "dict", "{}", RAW_CONTAINER},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json_doc doc;
        struct strbuf out;
        struct raw raw;

        json_init(&doc);
        strbuf_init(&out, 100);
        assert_int_equal(json_parse(&doc, span_of(cases[i].json), NULL, NULL), CELERIAC_OK);
        raw = raw_of_json(json_root(&doc));
        assert_int_equal(raw.kind, cases[i].kind);
        assert_string_equal(raw_type_name(json_root(&doc)), cases[i].type);
        assert_int_equal(raw_to_text(&raw, &out), CELERIAC_OK);
        assert_string_equal(strbuf_text(&out), cases[i].text);
        strbuf_close(&out);
        json_close(&doc);
    }
    assert_int_equal(raw_of_json(NULL).kind, RAW_MISSING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_read_as_python_reads_them),
        cmocka_unit_test(int_takes_no_fraction),
        cmocka_unit_test(floats_are_stored_as_python_spells_them),
        cmocka_unit_test(what_cannot_be_stored_is_refused),
        cmocka_unit_test(truncated_texts_do_no_harm),
        cmocka_unit_test(values_have_pythons_types),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
