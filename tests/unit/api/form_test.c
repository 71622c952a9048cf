#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/form.h"
#include "base/alloc.h"
#include "base/json_writer.h"
#include "tests/support/case_file.h"

/* The fields as [["name","value"],...], in the order in which they came. */
static void dump(const struct form *f, struct strbuf *out)
{
    struct json_writer w;

    json_writer_init(&w, out, JSON_STYLE_DRF);
    json_begin_array(&w);
    for (size_t i = 0; i < f->count; i++) {
        json_begin_array(&w);
        json_string(&w, form_name(f, &f->fields[i]));
        if (f->fields[i].is_file)
            json_null(&w);
        else
            json_string(&w, form_value(f, &f->fields[i]));
        json_end_array(&w);
    }
    json_end_array(&w);
}

static void queries_are_read_as_django_reads_them(void **state)
{
    struct case_file *file = case_file_open("rest/query.tsv");
    struct span columns[2];

    (void)state;
    while (case_file_next(file, columns, 2)) {
        struct strbuf out;
        struct form f;

        form_init(&f);
        strbuf_init(&out, 10000);
        assert_int_equal(form_add_urlencoded(&f, columns[0], CHARSET_UTF8, NULL), CELERIAC_OK);
        dump(&f, &out);
        if (!span_equal(strbuf_span(&out), columns[1]))
            fail_msg("query.tsv:%zu: %s instead of %s", case_file_line(file), strbuf_text(&out),
                     columns[1].ptr);
        strbuf_close(&out);
        form_close(&f);
    }
    case_file_close(file);
}

static void the_last_of_equal_names_is_found(void **state)
{
    struct form f;

    (void)state;
    form_init(&f);
    assert_int_equal(form_add_urlencoded(&f, SPAN("a=1&b=2&a=3"), CHARSET_UTF8, NULL), CELERIAC_OK);
    assert_true(span_is(form_value(&f, form_find(&f, "a")), "3"));
    assert_true(span_is(form_value(&f, form_find(&f, "b")), "2"));
    assert_null(form_find(&f, "c"));
    form_close(&f);
    assert_null(form_find(&f, "a"));
    form_close(&f);
}

/* request.data: the files are added to the fields, behind them. */
static void files_come_before_fields(void **state)
{
    struct form f;

    (void)state;
    form_init(&f);
    assert_int_equal(form_add(&f, SPAN("a"), SPAN("x.txt"), true, CHARSET_UTF8), CELERIAC_OK);
    assert_int_equal(form_add(&f, SPAN("a"), SPAN("1"), false, CHARSET_UTF8), CELERIAC_OK);
    assert_int_equal(form_add(&f, SPAN("a"), SPAN("2"), false, CHARSET_UTF8), CELERIAC_OK);
    assert_true(span_is(form_value(&f, form_find(&f, "a")), "x.txt"));
    assert_int_equal(form_add(&f, SPAN("a"), SPAN("y.txt"), true, CHARSET_UTF8), CELERIAC_OK);
    assert_true(span_is(form_value(&f, form_find(&f, "a")), "y.txt"));
    form_close(&f);
}

static void latin1_is_decoded(void **state)
{
    struct form f;

    (void)state;
    form_init(&f);
    assert_int_equal(form_add_urlencoded(&f, SPAN("a=%E9"), CHARSET_LATIN1, NULL), CELERIAC_OK);
    assert_true(span_is(form_value(&f, form_find(&f, "a")), "\xc3\xa9"));
    form_close(&f);
}

static void the_number_of_fields_is_limited(void **state)
{
    char text[2 * FORM_FIELDS_MAX + 2];
    struct celeriac_error err = {0};
    struct form f;

    (void)state;
    for (size_t i = 0; i < sizeof text; i += 2)
        memcpy(text + i, "a&", 2);
    form_init(&f);
    assert_int_equal(
        form_add_urlencoded(&f, (struct span){text, 2 * FORM_FIELDS_MAX - 1}, CHARSET_UTF8, &err),
        CELERIAC_OK);
    assert_int_equal(f.count, FORM_FIELDS_MAX);
    form_close(&f);
    assert_int_equal(
        form_add_urlencoded(&f, (struct span){text, 2 * FORM_FIELDS_MAX + 1}, CHARSET_UTF8, &err),
        CELERIAC_ERR_LIMIT);
    assert_string_equal(err.text, "The number of GET/POST parameters exceeded "
                                  "settings.DATA_UPLOAD_MAX_NUMBER_FIELDS.");
    form_close(&f);
}

static void no_memory_is_reported(void **state)
{
    bool done = false;

    (void)state;
    for (size_t n = 1; !done; n++) {
        struct form f;
        enum celeriac_err rc;

        form_init(&f);
        mem_fail_at(n);
        rc = form_add_urlencoded(&f, SPAN("a=1&b=2&c=3&d=4&e=5&f=6&g=7&h=8&i=9"), CHARSET_UTF8,
                                 NULL);
        done = !mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(rc, done ? CELERIAC_OK : CELERIAC_ERR_MEMORY);
        form_close(&f);
        assert_true(n < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queries_are_read_as_django_reads_them),
        cmocka_unit_test(the_last_of_equal_names_is_found),
        cmocka_unit_test(files_come_before_fields),
        cmocka_unit_test(latin1_is_decoded),
        cmocka_unit_test(the_number_of_fields_is_limited),
        cmocka_unit_test(no_memory_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
