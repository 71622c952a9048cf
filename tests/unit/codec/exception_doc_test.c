#include "celery_proto/codec/exception_doc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "tests/support/case_file.h"

#define TEXT_MAX 10000

/* repr() and the traceback's last line as Python makes them. */
static void test_shows_exceptions_as_python_does(void **state)
{
    struct case_file *file = case_file_open("celery/exceptions.tsv");
    struct span columns[5];
    struct strbuf out;
    size_t cases = 0;

    (void)state;
    strbuf_init(&out, TEXT_MAX);
    while (case_file_next(file, columns, 5)) {
        struct cel_exception e = {.args = columns[0], .type = columns[1], .module = columns[2]};

        strbuf_clear(&out);
        cel_exception_repr(&e, &out);
        assert_string_equal(strbuf_text(&out), columns[3].ptr);
        strbuf_clear(&out);
        cel_exception_line(&e, &out);
        assert_string_equal(strbuf_text(&out), columns[4].ptr);
        cases++;
    }
    assert_int_equal(cases, 50);
    strbuf_close(&out);
    case_file_close(file);
}

static void assert_written(const struct cel_exception *e, const char *wanted)
{
    struct strbuf out;

    strbuf_init(&out, TEXT_MAX);
    assert_int_equal(cel_exception_write(e, &out), CELERIAC_OK);
    assert_string_equal(strbuf_text(&out), wanted);
    strbuf_close(&out);
}

static void test_checklist_65_exception_object(void **state)
{
    struct cel_exception e = {
        .type = SPAN("ValueError"), .module = SPAN("builtins"), .args = SPAN("[\"kaboom\", 3]")};

    (void)state;
    assert_written(&e, "{\"exc_type\": \"ValueError\", \"exc_message\": [\"kaboom\", 3], "
                       "\"exc_module\": \"builtins\"}");
    e = (struct cel_exception){.message = SPAN("h\xc3\xa9")};
    assert_written(&e, "{\"exc_type\": \"Exception\", \"exc_message\": [\"h\\u00e9\"], "
                       "\"exc_module\": \"builtins\"}");
    e = (struct cel_exception){.type = SPAN("SoftTimeLimitExceeded"),
                               .module = SPAN("billiard.exceptions")};
    assert_written(&e, "{\"exc_type\": \"SoftTimeLimitExceeded\", \"exc_message\": [], "
                       "\"exc_module\": \"billiard.exceptions\"}");
}

static void test_shows_the_message_without_args(void **state)
{
    struct cel_exception e = {.type = SPAN("KeyError"), .message = SPAN("nope")};
    struct strbuf out;

    (void)state;
    strbuf_init(&out, TEXT_MAX);
    cel_exception_repr(&e, &out);
    strbuf_add_char(&out, ' ');
    cel_exception_line(&e, &out);
    e.type = SPAN("ValueError");
    strbuf_add_char(&out, ' ');
    cel_exception_line(&e, &out);
    e.message = (struct span){NULL, 0};
    strbuf_add_char(&out, ' ');
    cel_exception_line(&e, &out);
    assert_string_equal(strbuf_text(&out), "KeyError('nope') KeyError: 'nope' ValueError: nope "
                                           "ValueError");
    strbuf_close(&out);
}

static void test_refuses_args_that_are_no_array(void **state)
{
    const struct span bad[] = {SPAN("{}"), SPAN("[1"), SPAN("\"x\""), SPAN("x")};
    struct strbuf out;

    (void)state;
    strbuf_init(&out, TEXT_MAX);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct cel_exception e = {.args = bad[i]};

        assert_int_equal(cel_exception_write(&e, &out), CELERIAC_ERR_VALUE);
        assert_int_equal(out.len, 0);
    }
    strbuf_close(&out);
}

static enum celeriac_err read_text(struct json_doc *doc, const char *json, struct strbuf *text,
                                   struct cel_exception *e)
{
    enum celeriac_err code = json_parse(doc, span_of(json), NULL, NULL);

    return code != CELERIAC_OK ? code : cel_exception_read(json_root(doc), text, e);
}

static void test_reads_what_celery_stores(void **state)
{
    struct cel_exception e = {.type = {NULL, 0}};
    struct json_doc doc;
    struct strbuf text;

    (void)state;
    json_init(&doc);
    strbuf_init(&text, TEXT_MAX);
    assert_int_equal(read_text(&doc,
                               "{\"exc_type\": \"Gro\\u00dfer\", \"exc_message\": [\"a\", [1]], "
                               "\"exc_module\": \"m\\u00e9\"}",
                               &text, &e),
                     CELERIAC_OK);
    assert_true(span_is(e.type, "Gro\xc3\x9f"
                                "er"));
    assert_true(span_is(e.module, "m\xc3\xa9"));
    assert_true(span_is(e.args, "[\"a\", [1]]"));
    strbuf_clear(&text);
    assert_int_equal(read_text(&doc, "{\"exc_type\": \"E\", \"exc_message\": \"one\"}", &text, &e),
                     CELERIAC_OK);
    assert_true(span_is(e.args, "[\"one\"]"));
    assert_null(e.module.ptr);
    assert_int_equal(read_text(&doc, "{\"exc_type\": \"E\", \"exc_message\": null}", &text, &e),
                     CELERIAC_OK);
    assert_true(span_is(e.args, "[]"));
    json_close(&doc);
    strbuf_close(&text);
}

static void test_refuses_what_is_no_exception(void **state)
{
    const char *const bad[] = {"[]",
                               "{}",
                               "null",
                               "{\"exc_type\": null}",
                               "{\"exc_type\": 5}",
                               "{\"exc_type\": \"\"}",
                               "{\"exc_type\": \"E\", \"exc_module\": 1}",
                               "{\"exc_message\": [1]}"};
    struct cel_exception e = {.type = SPAN("untouched")};
    struct json_doc doc;
    struct strbuf text;

    (void)state;
    json_init(&doc);
    strbuf_init(&text, TEXT_MAX);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(read_text(&doc, bad[i], &text, &e), CELERIAC_ERR_VALUE);
    assert_int_equal(cel_exception_read(NULL, &text, &e), CELERIAC_ERR_VALUE);
    assert_true(span_is(e.type, "untouched"));
    json_close(&doc);
    strbuf_close(&text);
}

static void test_survives_every_allocation_failure(void **state)
{
    static const char json[] = "{\"exc_type\": \"\\u00e9\", \"exc_message\": [\"b\\n\"]}";
    bool failed = true;

    (void)state;
    for (size_t n = 1; failed; n++) {
        struct cel_exception e;
        struct json_doc doc;
        struct strbuf text, out;
        enum celeriac_err code;

        json_init(&doc);
        strbuf_init(&text, TEXT_MAX);
        strbuf_init(&out, TEXT_MAX);
        mem_fail_at(n);
        code = read_text(&doc, json, &text, &e);
        if (code == CELERIAC_OK)
            code = cel_exception_write(&e, &out);
        if (code == CELERIAC_OK) {
            cel_exception_repr(&e, &out);
            cel_exception_line(&e, &out);
            code = strbuf_status(&out);
        }
        failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(code, failed ? CELERIAC_ERR_MEMORY : CELERIAC_OK);
        strbuf_close(&out);
        strbuf_close(&text);
        json_close(&doc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shows_exceptions_as_python_does),
        cmocka_unit_test(test_checklist_65_exception_object),
        cmocka_unit_test(test_shows_the_message_without_args),
        cmocka_unit_test(test_refuses_args_that_are_no_array),
        cmocka_unit_test(test_reads_what_celery_stores),
        cmocka_unit_test(test_refuses_what_is_no_exception),
        cmocka_unit_test(test_survives_every_allocation_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
