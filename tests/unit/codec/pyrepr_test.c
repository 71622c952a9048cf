#include "celery_proto/codec/pyrepr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "tests/support/case_file.h"

/* Longest text a test makes. */
#define TEXT_MAX 100000

static void assert_text(struct span got, struct span wanted, size_t line)
{
    if (!span_equal(got, wanted))
        fail_msg("line %zu:\n  got    %.*s\n  wanted %.*s", line, SPAN_PRINTF(got),
                 SPAN_PRINTF(wanted));
}

/* What celery.utils.saferepr answers, for 1,024 characters and for 40. */
static void test_equals_saferepr(void **state)
{
    struct case_file *file = case_file_open("celery/saferepr.tsv");
    struct span columns[4];
    struct strbuf out;
    size_t cases = 0;

    (void)state;
    strbuf_init(&out, TEXT_MAX);
    while (case_file_next(file, columns, 4)) {
        bool as_tuple = span_is(columns[1], "args");

        strbuf_clear(&out);
        assert_int_equal(cel_pyrepr(columns[0], as_tuple, CEL_PYREPR_MAX, &out), CELERIAC_OK);
        assert_text(strbuf_span(&out), columns[2], case_file_line(file));
        strbuf_clear(&out);
        assert_int_equal(cel_pyrepr(columns[0], as_tuple, 40, &out), CELERIAC_OK);
        assert_text(strbuf_span(&out), columns[3], case_file_line(file));
        cases += 2;
    }
    printf("%zu cases of saferepr\n", cases);
    assert_true(cases > 1000);
    strbuf_close(&out);
    case_file_close(file);
}

/* What repr() answers. */
static void test_exact_equals_repr(void **state)
{
    struct case_file *file = case_file_open("celery/repr.tsv");
    struct span columns[2];
    struct json_doc doc;
    struct strbuf out;
    size_t cases = 0;

    (void)state;
    json_init(&doc);
    strbuf_init(&out, TEXT_MAX);
    while (case_file_next(file, columns, 2)) {
        strbuf_clear(&out);
        assert_int_equal(json_parse(&doc, columns[0], NULL, NULL), CELERIAC_OK);
        cel_pyrepr_exact(json_root(&doc), false, &out);
        assert_int_equal(strbuf_status(&out), CELERIAC_OK);
        assert_text(strbuf_span(&out), columns[1], case_file_line(file));
        cases++;
    }
    printf("%zu cases of repr\n", cases);
    assert_true(cases > 300);
    strbuf_close(&out);
    json_close(&doc);
    case_file_close(file);
}

static void test_unlimited_is_never_cut(void **state)
{
    struct strbuf json, out;

    (void)state;
    strbuf_init(&json, TEXT_MAX);
    strbuf_init(&out, TEXT_MAX);
    strbuf_add_text(&json, "[\"");
    for (int i = 0; i < 5000; i++)
        strbuf_add_char(&json, 'x');
    strbuf_add_text(&json, "\"]");
    assert_int_equal(cel_pyrepr(strbuf_span(&json), false, 0, &out), CELERIAC_OK);
    assert_int_equal(out.len, 5004);
    strbuf_close(&json);
    strbuf_close(&out);
}

/* repr() of what is nested deeper than we show still ends, and says that something is missing. */
static void test_exact_bounds_its_depth(void **state)
{
    struct strbuf json, out;
    struct json_doc doc;

    (void)state;
    json_init(&doc);
    strbuf_init(&json, TEXT_MAX);
    strbuf_init(&out, TEXT_MAX);
    for (int i = 0; i < CEL_PYREPR_EXACT_LEVELS + 1; i++)
        strbuf_add_char(&json, '[');
    for (int i = 0; i < CEL_PYREPR_EXACT_LEVELS + 1; i++)
        strbuf_add_char(&json, ']');
    assert_int_equal(json_parse(&doc, strbuf_span(&json), NULL, NULL), CELERIAC_OK);
    cel_pyrepr_exact(json_root(&doc), false, &out);
    assert_int_equal(out.len, 2 * CEL_PYREPR_EXACT_LEVELS + 5);
    assert_true(
        span_starts((struct span){out.ptr + CEL_PYREPR_EXACT_LEVELS, out.len}, SPAN("[...]")));
    json_close(&doc);
    strbuf_close(&json);
    strbuf_close(&out);
}

static void test_refuses_what_is_no_json(void **state)
{
    struct strbuf out;

    (void)state;
    strbuf_init(&out, TEXT_MAX);
    strbuf_add_text(&out, "kept");
    assert_int_equal(cel_pyrepr(SPAN("[1"), true, CEL_PYREPR_MAX, &out), CELERIAC_ERR_SYNTAX);
    assert_string_equal(strbuf_text(&out), "kept");
    strbuf_close(&out);
}

static void test_survives_every_allocation_failure(void **state)
{
    static const char json[] =
        "[\"a\\u00e9\", {\"b\\n\": [1.5, null, \"c\\td\"]}, {\"__type__\": \"base64\", "
        "\"__value__\": \"//4=\"}, {\"__type__\": \"decimal\", \"__value__\": \"1.50\"}]";
    bool failed = true;

    (void)state;
    for (size_t n = 1; failed; n++) {
        struct strbuf out;
        enum celeriac_err code;

        strbuf_init(&out, TEXT_MAX);
        mem_fail_at(n);
        code = cel_pyrepr(span_of(json), true, CEL_PYREPR_MAX, &out);
        failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(code, failed ? CELERIAC_ERR_MEMORY : CELERIAC_OK);
        if (!failed)
            assert_string_equal(
                strbuf_text(&out),
                "('a\xc3\xa9', {'b\n': [1.5, None, 'c\td']}, b'fffe', Decimal('1.50'))");
        strbuf_close(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equals_saferepr),
        cmocka_unit_test(test_exact_equals_repr),
        cmocka_unit_test(test_unlimited_is_never_cut),
        cmocka_unit_test(test_exact_bounds_its_depth),
        cmocka_unit_test(test_refuses_what_is_no_json),
        cmocka_unit_test(test_survives_every_allocation_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
