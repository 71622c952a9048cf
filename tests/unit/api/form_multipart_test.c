#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/body.h"
#include "base/alloc.h"
#include "base/json_writer.h"
#include "tests/support/case_file.h"

/* The fields, or the error, as the cases have them. */
static void dump(const struct body *b, enum celeriac_err rc, const char *why, struct strbuf *out)
{
    struct json_writer w;

    json_writer_init(&w, out, JSON_STYLE_DRF);
    if (rc != CELERIAC_OK) {
        json_begin_object(&w);
        json_key(&w, "detail");
        json_text(&w, why);
        json_end_object(&w);
        return;
    }
    json_begin_array(&w);
    for (size_t i = 0; i < b->form.count; i++) {
        const struct form_field *field = &b->form.fields[i];

        json_begin_array(&w);
        json_string(&w, form_name(&b->form, field));
        if (field->is_file)
            json_null(&w);
        else
            json_string(&w, form_value(&b->form, field));
        json_end_array(&w);
    }
    json_end_array(&w);
}

static void parts_are_read_as_django_reads_them(void **state)
{
    struct case_file *file = case_file_open("rest/multipart.tsv");
    struct span columns[4];

    (void)state;
    while (case_file_next(file, columns, 4)) {
        struct celeriac_error err = {0};
        struct strbuf out;
        struct body b;
        enum celeriac_err rc;

        body_init(&b);
        strbuf_init(&out, 10000);
        rc = body_parse(&b, columns[0], columns[1], &err);
        dump(&b, rc, err.text, &out);
        if (!span_equal(strbuf_span(&out), columns[3]))
            fail_msg("multipart.tsv:%zu: %s instead of %s", case_file_line(file), strbuf_text(&out),
                     columns[3].ptr);
        strbuf_close(&out);
        body_close(&b);
    }
    case_file_close(file);
}

static const char whole[] =
    "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n"
    "--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\ntwo\r\n"
    "--B\r\nContent-Disposition: form-data; name=\"b\"\r\n"
    "Content-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--B--\r\n";

/* Whatever is cut off, nothing is read beyond the end and complete fields are right. */
static void truncated_bodies_do_no_harm(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        char *copy = malloc(len + 1);
        struct form f;

        assert_non_null(copy);
        memcpy(copy, whole, len);
        form_init(&f);
        assert_int_equal(
            form_add_multipart(&f, (struct span){copy, len}, SPAN("B"), CHARSET_UTF8, NULL),
            CELERIAC_OK);
        assert_true(f.count <= 3);
        if (f.count > 1)
            assert_true(span_is(form_value(&f, &f.fields[0]), "one"));
        form_close(&f);
        free(copy);
    }
}

static void add_files(struct strbuf *body, unsigned count, const char *disposition)
{
    for (unsigned i = 0; i < count; i++)
        strbuf_printf(body, "--B\r\nContent-Disposition: form-data; %s\r\n\r\nx\r\n", disposition);
    strbuf_add_text(body, "--B--");
}

static enum celeriac_err parse_many(unsigned count, const char *disposition)
{
    struct strbuf body;
    struct form f;
    enum celeriac_err rc;

    strbuf_init(&body, 1000000);
    form_init(&f);
    add_files(&body, count, disposition);
    rc = form_add_multipart(&f, strbuf_span(&body), SPAN("B"), CHARSET_UTF8, NULL);
    form_close(&f);
    strbuf_close(&body);
    return rc;
}

static void fields_and_files_are_limited(void **state)
{
    (void)state;
    assert_int_equal(parse_many(FORM_FILES_MAX, "name=a; filename=b"), CELERIAC_OK);
    assert_int_equal(parse_many(FORM_FILES_MAX + 1, "name=a; filename=b"), CELERIAC_ERR_LIMIT);
    assert_int_equal(parse_many(FORM_FIELDS_MAX, "name=a"), CELERIAC_OK);
    assert_int_equal(parse_many(FORM_FIELDS_MAX + 1, "name=a"), CELERIAC_ERR_LIMIT);
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
        rc = form_add_multipart(&f, ((struct span){whole, sizeof whole - 1}), SPAN("B"),
                                CHARSET_UTF8, NULL);
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
        cmocka_unit_test(parts_are_read_as_django_reads_them),
        cmocka_unit_test(truncated_bodies_do_no_harm),
        cmocka_unit_test(fields_and_files_are_limited),
        cmocka_unit_test(no_memory_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
