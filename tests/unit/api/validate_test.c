#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/request_fields.h"
#include "api/validate.h"
#include "base/alloc.h"
#include "base/json_writer.h"
#include "notify/rules/template.h"
#include "tests/support/case_file.h"

static const char *const channels[] = {"email", "sms", "whatsapp", "push", NULL};

/* The serializer "All" of tests/data/rest/make_expectations.py. */
static const struct field all_fields[] = {
    {.name = "text", .type = FIELD_TEXT},
    {.name = "text_null", .type = FIELD_TEXT, .allow_null = true},
    {.name = "text_blank", .type = FIELD_TEXT, .allow_blank = true},
    {.name = "text_both", .type = FIELD_TEXT, .allow_null = true, .allow_blank = true},
    {.name = "short", .type = FIELD_TEXT, .max_length = 5},
    {.name = "email", .type = FIELD_EMAIL, .max_length = 30},
    {.name = "choice", .type = FIELD_CHOICE, .choices = channels},
    {.name = "choice_null", .type = FIELD_CHOICE, .choices = channels, .allow_null = true},
    {.name = "flag", .type = FIELD_BOOLEAN},
    {.name = "number", .type = FIELD_INTEGER},
    {.name = "number_null", .type = FIELD_INTEGER, .allow_null = true},
    {.name = "anything", .type = FIELD_JSON},
    {.name = "named",
     .type = FIELD_TEXT,
     .max_length = 5,
     .check = notify_template_name_ok,
     .check_message = NOTIFY_TEMPLATE_BAD_NAME},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* More than any table here has. */
#define FIELDS_MAX 16

static const struct {
    const char *name;
    const struct field *fields;
    size_t count;
} serializers[] = {
    {"all", all_fields, COUNT(all_fields)},   {"register", register_fields, REGISTER_FIELDS},
    {"key", key_fields, KEY_FIELDS},          {"template", template_fields, TEMPLATE_FIELDS},
    {"notify", notify_fields, NOTIFY_FIELDS},
};

/* A JSON value without white space and needless escapes, as DRF renders it. */
static void dump_json(struct json_writer *w, const struct json_node *node)
{
    struct strbuf text;

    strbuf_init(&text, JSON_TEXT_MAX);
    if (node->type == JSON_OBJECT) {
        json_begin_object(w);
        for (const struct json_node *key = json_first(node); key;) {
            const struct json_node *value = json_next(node, key);

            strbuf_clear(&text);
            assert_int_equal(json_decode_string(key, &text), CELERIAC_OK);
            json_key_span(w, strbuf_span(&text));
            dump_json(w, value);
            key = json_next(node, value);
        }
        json_end_object(w);
    } else if (node->type == JSON_ARRAY) {
        json_begin_array(w);
        for (const struct json_node *e = json_first(node); e; e = json_next(node, e))
            dump_json(w, e);
        json_end_array(w);
    } else if (node->type == JSON_STRING) {
        assert_int_equal(json_decode_string(node, &text), CELERIAC_OK);
        json_string(w, strbuf_span(&text));
    } else {
        json_value(w, span_is(json_raw(node), "-0") ? SPAN("0") : json_raw(node));
    }
    strbuf_close(&text);
}

static void dump_value(struct json_writer *w, const struct field *f, const struct value *v)
{
    struct json_doc doc;

    if (v->state == VALUE_MISSING)
        return;
    json_key(w, f->name);
    if (v->state == VALUE_NULL) {
        json_null(w);
    } else if (f->type == FIELD_BOOLEAN) {
        json_boolean(w, v->truth);
    } else if (f->type == FIELD_INTEGER) {
        json_value(w, v->text);
    } else if (f->type == FIELD_JSON) {
        json_init(&doc);
        assert_int_equal(json_parse(&doc, v->text, NULL, NULL), CELERIAC_OK);
        dump_json(w, json_root(&doc));
        json_close(&doc);
    } else {
        json_string(w, v->text);
    }
}

static void dump_values(const struct field *fields, size_t count, const struct value *values,
                        struct strbuf *out)
{
    struct json_writer w;

    json_writer_init(&w, out, JSON_STYLE_DRF);
    json_begin_object(&w);
    for (size_t i = 0; i < count; i++)
        dump_value(&w, &fields[i], &values[i]);
    json_end_object(&w);
}

/* What the API answers: 200 and the data, 400 and the problems, 400 or 415 and a sentence. */
static const char *answer(const struct field *fields, size_t count, bool partial,
                          struct span content_type, struct span bytes, struct strbuf *out)
{
    struct value values[FIELDS_MAX] = {0};
    struct celeriac_error err = {0};
    const char *status = "400";
    struct problems p;
    struct body body;
    enum celeriac_err rc;

    body_init(&body);
    rc = body_parse(&body, content_type, bytes, &err);
    if (rc == CELERIAC_ERR_UNSUPPORTED) {
        strbuf_add_text(out, "{\"detail\":\"Unsupported media type \\\"");
        for (size_t i = 0; i < content_type.len; i++) {
            if (content_type.ptr[i] == '"')
                strbuf_add_char(out, '\\');
            strbuf_add_char(out, content_type.ptr[i]);
        }
        strbuf_add_text(out, "\\\" in request.\"}");
        status = "415";
    } else if (rc != CELERIAC_OK) {
        strbuf_add_text(out, "{\"detail\":");
        json_quote(out, span_of(err.text), JSON_STYLE_DRF);
        strbuf_add_char(out, '}');
    } else {
        problems_init(&p, out);
        assert_int_equal(validate(fields, count, &body, partial, values, &p), CELERIAC_OK);
        if (!problems_found(&p)) {
            dump_values(fields, count, values, out);
            status = "200";
        }
        problems_end(&p);
    }
    validate_close(values, count);
    body_close(&body);
    return status;
}

static size_t find_serializer(struct span name)
{
    for (size_t i = 0; i < COUNT(serializers); i++) {
        if (span_is(name, serializers[i].name))
            return i;
    }
    fail_msg("unknown serializer %s", name.ptr);
    return 0;
}

/* A list or dict that is no choice: Python prints its repr(), we print it as it came. */
static bool differs_as_documented(struct span wanted)
{
    return memmem(wanted.ptr, wanted.len, ":[\"\\\"[", 6) ||
           memmem(wanted.ptr, wanted.len, ":[\"\\\"{", 6);
}

static void drf_answers_the_same(void **state)
{
    struct case_file *file = case_file_open("rest/validate.tsv");
    struct span columns[6];
    size_t different = 0;

    (void)state;
    while (case_file_next(file, columns, 6)) {
        size_t s = find_serializer(columns[0]);
        struct strbuf out;
        const char *status;

        strbuf_init(&out, 100000);
        status = answer(serializers[s].fields, serializers[s].count, span_is(columns[1], "PATCH"),
                        columns[2], columns[3], &out);
        assert_int_equal(strbuf_status(&out), CELERIAC_OK);
        if (differs_as_documented(columns[5])) {
            assert_string_equal(status, columns[4].ptr);
        } else if (!span_is(columns[4], status) || !span_equal(strbuf_span(&out), columns[5])) {
            print_message("validate.tsv:%zu: %.80s\n  ours %s %.200s\n  DRF  %s %.200s\n",
                          case_file_line(file), columns[3].ptr, status, strbuf_text(&out),
                          columns[4].ptr, columns[5].ptr);
            different++;
        }
        strbuf_close(&out);
    }
    assert_true(case_file_line(file) > 1500);
    assert_int_equal(different, 0);
    case_file_close(file);
}

static void check_answer(const char *body, const char *status, const char *wanted)
{
    struct strbuf out;

    strbuf_init(&out, 10000);
    assert_string_equal(
        answer(all_fields, COUNT(all_fields), false, SPAN("application/json"), span_of(body), &out),
        status);
    assert_string_equal(strbuf_text(&out), wanted);
    strbuf_close(&out);
}

/* Where Python breaks with a 500, here or when PostgreSQL refuses the row. */
static void what_python_breaks_on_is_invalid(void **state)
{
    (void)state;
    check_answer("{\"anything\": {\"a\": \"\\u0000\"}}", "400",
                 "{\"anything\":[\"Null characters are not allowed.\"]}");
    check_answer("{\"anything\": [\"\\ud800\"]}", "400",
                 "{\"anything\":[\"Surrogate characters are not allowed: U+D800.\"]}");
    check_answer("{\"choice\": \"\\ud800\"}", "400",
                 "{\"choice\":[\"\\\"\\ud800\\\" is not a valid choice.\"]}");
}

static void integers_come_as_numbers_too(void **state)
{
    struct value values[COUNT(all_fields)];
    struct problems p;
    struct strbuf out;
    struct body body;

    (void)state;
    strbuf_init(&out, 1000);
    problems_init(&p, &out);
    body_init(&body);
    assert_int_equal(body_parse(&body, SPAN("application/json"),
                                SPAN("{\"number\": \"-7\", \"number_null\": 9223372036854775808}"),
                                NULL),
                     CELERIAC_OK);
    assert_int_equal(validate(all_fields, COUNT(all_fields), &body, false, values, &p),
                     CELERIAC_OK);
    assert_false(problems_found(&p));
    assert_true(values[9].number_fits);
    assert_int_equal(values[9].number, -7);
    assert_false(values[10].number_fits);
    assert_true(span_is(value_text(&values[10], SPAN("")), "9223372036854775808"));
    assert_true(span_is(value_text(&values[0], SPAN("none")), "none"));
    validate_close(values, COUNT(all_fields));
    body_close(&body);
    strbuf_close(&out);
}

static const struct field several_fields[] = {
    {.name = "several", .type = FIELD_CHOICES, .choices = channels},
};

/* What MultipleChoiceField answers to one field's value; "200" shows the choices as bits. */
static void check_several(const char *type, const char *text, uint32_t chosen, const char *wanted)
{
    struct value value;
    struct problems p;
    struct strbuf out;
    struct body body;

    strbuf_init(&out, 1000);
    problems_init(&p, &out);
    body_init(&body);
    assert_int_equal(body_parse(&body, span_of(type), span_of(text), NULL), CELERIAC_OK);
    assert_int_equal(validate(several_fields, 1, &body, false, &value, &p), CELERIAC_OK);
    assert_int_equal(problems_found(&p), wanted != NULL);
    if (wanted) {
        problems_end(&p);
        assert_string_equal(strbuf_text(&out), wanted);
    } else {
        assert_int_equal(value.chosen, chosen);
        assert_int_equal(value.state, chosen ? VALUE_SET : VALUE_MISSING);
    }
    validate_close(&value, 1);
    body_close(&body);
    strbuf_close(&out);
}

static void several_choices(void **state)
{
    const char *json = "application/json";
    const char *form = "application/x-www-form-urlencoded";

    (void)state;
    check_several(json, "{}", 0, NULL);
    check_several(json, "{\"several\": [\"push\", \"email\", \"push\"]}", 1U | 8U, NULL);
    check_several(json, "{\"several\": []}", 0,
                  "{\"several\":[\"This selection may not be empty.\"]}");
    check_several(json, "{\"several\": null}", 0,
                  "{\"several\":[\"This field may not be null.\"]}");
    check_several(json, "{\"several\": [\"sms\", \"fax\", \"telex\"]}", 0,
                  "{\"several\":[\"\\\"fax\\\" is not a valid choice.\"]}");
    check_several(json, "{\"several\": [[\"sms\"]]}", 0,
                  "{\"several\":[\"\\\"[\\\"sms\\\"]\\\" is not a valid choice.\"]}");
    check_several(json, "{\"several\": \"sms\"}", 0,
                  "{\"several\":[\"Expected a list of items but got type \\\"str\\\".\"]}");
    check_several(json, "{\"several\": {\"sms\": 1}}", 0,
                  "{\"several\":[\"Expected a list of items but got type \\\"dict\\\".\"]}");
    check_several(form, "several=sms&other=fax&several=whatsapp", 2U | 4U, NULL);
    check_several(form, "several=sms&several=fax", 0,
                  "{\"several\":[\"\\\"fax\\\" is not a valid choice.\"]}");
    check_several(form, "other=sms", 0, NULL);
}

/* A list is taken at its limit and refused above it. */
static void several_choices_have_a_limit(void **state)
{
    static char text[16384 + 20];
    int len = snprintf(text, sizeof text, "{\"several\":[\"sms\"%16377s]}", "");

    (void)state;
    check_several("application/json", text, 2U, NULL);
    (void)snprintf(text + len - 2, 4, " ]}");
    check_several("application/json", text, 0,
                  "{\"several\":[\"Ensure this field has no more than 16384 characters.\"]}");
}

/* Every allocation that fails on the way from the body to the values is told. */
static void fail_each_allocation(const struct field *fields, size_t count, const char *text)
{
    bool done = false;

    for (size_t n = 1; !done; n++) {
        struct value values[COUNT(all_fields)] = {0};
        struct problems p;
        struct strbuf out;
        struct body body;
        enum celeriac_err rc;

        strbuf_init(&out, 1000);
        problems_init(&p, &out);
        body_init(&body);
        mem_fail_at(n);
        rc = body_parse(&body, SPAN("application/json"), span_of(text), NULL);
        if (rc == CELERIAC_OK)
            rc = validate(fields, count, &body, false, values, &p);
        if (rc == CELERIAC_OK)
            rc = strbuf_status(&out);
        done = !mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(rc, done ? CELERIAC_OK : CELERIAC_ERR_MEMORY);
        validate_close(values, count);
        body_close(&body);
        strbuf_close(&out);
        assert_true(n < 100);
    }
}

static void no_memory_is_reported(void **state)
{
    (void)state;
    fail_each_allocation(all_fields, COUNT(all_fields),
                         "{\"text\": \" a\\n \", \"choice\": \"sms\", \"number\": \"7\", "
                         "\"flag\": \"on\", \"anything\": [1.5], \"email\": \"x\"}");
    fail_each_allocation(several_fields, 1, "{\"several\": [\"sms\", \"fax\"]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drf_answers_the_same),
        cmocka_unit_test(what_python_breaks_on_is_invalid),
        cmocka_unit_test(integers_come_as_numbers_too),
        cmocka_unit_test(several_choices),
        cmocka_unit_test(several_choices_have_a_limit),
        cmocka_unit_test(no_memory_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
