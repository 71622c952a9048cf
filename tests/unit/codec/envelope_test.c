#include "celery_proto/codec/envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/alloc.h"

#define TEXT_MAX 100000

struct fixture {
    struct cel_envelope_reader reader;
    struct cel_envelope e;
    struct strbuf out;
    enum cel_refuse cause;
    struct celeriac_error err;
};

static int setup(void **state)
{
    static struct fixture f;

    f = (struct fixture){.cause = CEL_REFUSE_NONE};
    cel_envelope_reader_init(&f.reader);
    strbuf_init(&f.out, TEXT_MAX);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    cel_envelope_reader_close(&f->reader);
    strbuf_close(&f->out);
    return 0;
}

static enum celeriac_err read_text(struct fixture *f, const char *raw)
{
    celeriac_error_clear(&f->err);
    return cel_envelope_read(&f->reader, span_of(raw), &f->e, &f->cause, &f->err);
}

static const char full[] =
    "{\"body\": \"W10=\", \"content-encoding\": \"utf-8\", \"content-type\": \"application/json\", "
    "\"headers\": {\"task\": \"t\", \"x\": 1}, \"properties\": {\"correlation_id\": \"c\", "
    "\"reply_to\": \"r\", \"delivery_mode\": 2, \"delivery_info\": {\"exchange\": \"ex\", "
    "\"routing_key\": \"rk\"}, \"priority\": 5, \"body_encoding\": \"base64\", \"delivery_tag\": "
    "\"tag\"}}";

static void test_checklist_2_reads_every_field(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(read_text(f, full), CELERIAC_OK);
    assert_true(span_is(f->e.raw, full));
    assert_true(span_is(json_raw(f->e.body), "\"W10=\""));
    assert_int_equal(f->e.body_encoding, CEL_BODY_BASE64);
    assert_true(span_is(f->e.content_type, "application/json"));
    assert_true(span_is(f->e.content_encoding, "utf-8"));
    assert_true(span_is(json_raw(f->e.headers), "{\"task\": \"t\", \"x\": 1}"));
    assert_true(span_is(f->e.delivery_tag, "tag"));
    assert_true(span_is(f->e.exchange, "ex"));
    assert_true(span_is(f->e.routing_key, "rk"));
    assert_true(span_is(f->e.correlation_id, "c"));
    assert_true(span_is(f->e.reply_to, "r"));
    assert_int_equal(f->e.priority, 5);
    assert_false(f->e.redelivered);
    assert_int_equal(f->cause, CEL_REFUSE_NONE);
}

static void test_takes_the_least_there_can_be(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(read_text(f, "{\"properties\": {\"delivery_tag\": \"t\"}}"), CELERIAC_OK);
    assert_null(f->e.body);
    assert_null(f->e.headers);
    assert_null(f->e.delivery_info);
    assert_null(f->e.content_type.ptr);
    assert_null(f->e.exchange.ptr);
    assert_null(f->e.correlation_id.ptr);
    assert_int_equal(f->e.body_encoding, CEL_BODY_LITERAL);
    assert_int_equal(f->e.priority, 0);
}

/* What is false in Python stands for "nothing": kombu only asks whether the value is true. */
static void test_empty_values_count_as_missing(void **state)
{
    struct fixture *f = *state;
    const char *const nothing[] = {"null", "{}", "[]", "false", "\"\""};

    for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++) {
        char raw[300];

        assert_in_range(
            snprintf(raw, sizeof(raw),
                     "{\"headers\": %s, \"properties\": {\"delivery_tag\": \"t\", "
                     "\"delivery_info\": %s, \"correlation_id\": 5, \"reply_to\": null}, "
                     "\"content-type\": null, \"content-encoding\": 5}",
                     nothing[i], nothing[i]),
            1, sizeof(raw) - 1);
        assert_int_equal(read_text(f, raw), CELERIAC_OK);
        assert_null(f->e.headers);
        assert_null(f->e.delivery_info);
        assert_null(f->e.correlation_id.ptr);
        assert_null(f->e.content_encoding.ptr);
    }
}

static void test_decodes_escaped_strings(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(
        read_text(f, "{\"content-type\": \"\\u0061/b\", \"properties\": {\"delivery_tag\": "
                     "\"t\\u00e9\", \"delivery_info\": {\"exchange\": \"\\ud83d\\ude00\", "
                     "\"routing_key\": \"\\\"q\\\"\"}, \"reply_to\": \"\\n\"}}"),
        CELERIAC_OK);
    assert_true(span_is(f->e.content_type, "a/b"));
    assert_true(span_is(f->e.delivery_tag, "t\xc3\xa9"));
    assert_true(span_is(f->e.exchange, "\xf0\x9f\x98\x80"));
    assert_true(span_is(f->e.routing_key, "\"q\""));
    assert_true(span_is(f->e.reply_to, "\n"));
}

static void test_checklist_43_names_what_is_wrong_with_an_envelope(void **state)
{
    struct fixture *f = *state;
    const struct {
        const char *raw;
        enum cel_refuse cause;
        enum celeriac_err code;
        const char *field;
    } cases[] = {
        {"", CEL_REFUSE_NOT_JSON, CELERIAC_ERR_SYNTAX, "Expecting value"},
        {"not json", CEL_REFUSE_NOT_JSON, CELERIAC_ERR_SYNTAX, "Expecting value"},
        {"{\"a\": \"\xff\"}", CEL_REFUSE_NOT_JSON, CELERIAC_ERR_SYNTAX, ""},
        {"[1]", CEL_REFUSE_NOT_OBJECT, CELERIAC_ERR_VALUE, "envelope"},
        {"{}", CEL_REFUSE_PROPERTIES, CELERIAC_ERR_VALUE, "properties"},
        {"{\"properties\": null}", CEL_REFUSE_PROPERTIES, CELERIAC_ERR_VALUE, "properties"},
        {"{\"properties\": []}", CEL_REFUSE_PROPERTIES, CELERIAC_ERR_VALUE, "properties"},
        {"{\"properties\": {}}", CEL_REFUSE_DELIVERY_TAG, CELERIAC_ERR_VALUE,
         "properties.delivery_tag"},
        {"{\"properties\": {\"delivery_tag\": 5}}", CEL_REFUSE_DELIVERY_TAG, CELERIAC_ERR_VALUE,
         "properties.delivery_tag"},
        {"{\"properties\": {\"delivery_tag\": \"\"}}", CEL_REFUSE_DELIVERY_TAG, CELERIAC_ERR_VALUE,
         "properties.delivery_tag"},
        {"{\"headers\": [1], \"properties\": {\"delivery_tag\": \"t\"}}", CEL_REFUSE_HEADERS,
         CELERIAC_ERR_VALUE, "headers"},
        {"{\"content-type\": 5, \"properties\": {\"delivery_tag\": \"t\"}}", CEL_REFUSE_FIELD,
         CELERIAC_ERR_VALUE, "content-type"},
        {"{\"properties\": {\"delivery_tag\": \"t\", \"delivery_info\": \"x\"}}", CEL_REFUSE_FIELD,
         CELERIAC_ERR_VALUE, "properties.delivery_info"},
        {"{\"properties\": {\"delivery_tag\": \"t\", \"delivery_info\": {\"exchange\": 1}}}",
         CEL_REFUSE_FIELD, CELERIAC_ERR_VALUE, "properties.delivery_info.exchange"},
        {"{\"properties\": {\"delivery_tag\": \"t\", \"delivery_info\": {\"routing_key\": {}}}}",
         CEL_REFUSE_FIELD, CELERIAC_ERR_VALUE, "properties.delivery_info.routing_key"},
        {"{\"properties\": {\"delivery_tag\": \"t\", \"body_encoding\": \"rot13\"}}",
         CEL_REFUSE_BODY_ENCODING, CELERIAC_ERR_VALUE, "properties.body_encoding"},
    };

    f->e.priority = 77;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(read_text(f, cases[i].raw), cases[i].code);
        assert_int_equal(f->cause, cases[i].cause);
        assert_true(span_starts(span_of(f->err.text), span_of(cases[i].field)));
        assert_int_equal(f->e.priority, 77);
    }
}

static void test_every_cut_is_refused(void **state)
{
    struct fixture *f = *state;

    for (size_t len = 0; len < sizeof(full) - 1; len++) {
        assert_int_equal(
            cel_envelope_read(&f->reader, (struct span){full, len}, &f->e, &f->cause, NULL),
            CELERIAC_ERR_SYNTAX);
        assert_int_equal(f->cause, CEL_REFUSE_NOT_JSON);
    }
}

static void test_limits(void **state)
{
    struct fixture *f = *state;
    struct strbuf raw;

    /* The size alone decides, before a byte is looked at. */
    assert_int_equal(cel_envelope_read(&f->reader, (struct span){"{", CEL_ENVELOPE_MAX + 1}, &f->e,
                                       &f->cause, &f->err),
                     CELERIAC_ERR_LIMIT);
    assert_int_equal(f->cause, CEL_REFUSE_TOO_LARGE);
    strbuf_init(&raw, TEXT_MAX);
    for (int depth = JSON_DEPTH_MAX - 2; depth <= JSON_DEPTH_MAX; depth++) {
        strbuf_clear(&raw);
        strbuf_add_text(&raw, "{\"properties\": {\"delivery_tag\": \"t\"}, \"headers\": {\"x\": ");
        for (int i = 0; i < depth; i++)
            strbuf_add_char(&raw, '[');
        for (int i = 0; i < depth; i++)
            strbuf_add_char(&raw, ']');
        strbuf_add_text(&raw, "}}");
        if (depth + 2 <= JSON_DEPTH_MAX) {
            assert_int_equal(read_text(f, strbuf_text(&raw)), CELERIAC_OK);
        } else {
            assert_int_equal(read_text(f, strbuf_text(&raw)), CELERIAC_ERR_LIMIT);
            assert_int_equal(f->cause, CEL_REFUSE_TOO_LARGE);
        }
    }
    strbuf_close(&raw);
}

static void test_checklist_23_marks_for_redelivery(void **state)
{
    struct fixture *f = *state;
    const struct {
        const char *raw;
        const char *wanted;
    } cases[] = {
        {"{\"headers\": {\"a\": 1}, \"properties\": {\"delivery_info\": {\"exchange\": \"\"}, "
         "\"delivery_tag\": \"t\"}}",
         "{\"headers\": {\"a\": 1, \"redelivered\": true}, \"properties\": {\"delivery_info\": "
         "{\"exchange\": \"\", \"redelivered\": true}, \"delivery_tag\": \"t\"}}"},
        /* Objects that are empty, in the other order, with the white space of a stranger. */
        {"{ \"properties\":{\"delivery_tag\":\"t\",\"delivery_info\":{ } } ,\"headers\":{} }",
         "{ \"properties\":{\"delivery_tag\":\"t\",\"delivery_info\":{ \"redelivered\": true} } "
         ",\"headers\":{\"redelivered\": true} }"},
        /* Flags that are there already. */
        {"{\"headers\": {\"redelivered\": false, \"b\": 1}, \"properties\": {\"delivery_info\": "
         "{\"redelivered\": null}, \"delivery_tag\": \"t\"}}",
         "{\"headers\": {\"redelivered\": true, \"b\": 1}, \"properties\": {\"delivery_info\": "
         "{\"redelivered\": true}, \"delivery_tag\": \"t\"}}"},
        /* Objects that are missing or null. */
        {"{\"properties\": {\"delivery_tag\": \"t\"}}",
         "{\"properties\": {\"delivery_tag\": \"t\", \"delivery_info\": {\"redelivered\": true}}, "
         "\"headers\": {\"redelivered\": true}}"},
        {"{\"headers\": null, \"properties\": {\"delivery_info\": [], \"delivery_tag\": \"t\"}}",
         "{\"headers\": {\"redelivered\": true}, \"properties\": {\"delivery_info\": "
         "{\"redelivered\": true}, \"delivery_tag\": \"t\"}}"},
        /* Of what is repeated the last counts. */
        {"{\"headers\": {\"x\": 1}, \"headers\": {\"redelivered\": 1, \"redelivered\": 2}, "
         "\"properties\": {\"delivery_tag\": \"t\", \"delivery_info\": {\"redelivered\": 0}}}",
         "{\"headers\": {\"x\": 1}, \"headers\": {\"redelivered\": 1, \"redelivered\": true}, "
         "\"properties\": {\"delivery_tag\": \"t\", \"delivery_info\": {\"redelivered\": true}}}"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        strbuf_clear(&f->out);
        assert_int_equal(
            cel_envelope_mark_redelivered(&f->reader, span_of(cases[i].raw), &f->out, NULL),
            CELERIAC_OK);
        assert_string_equal(strbuf_text(&f->out), cases[i].wanted);
        assert_int_equal(read_text(f, cases[i].wanted), CELERIAC_OK);
        assert_true(f->e.redelivered);
        /* Marking twice is marking once. */
        strbuf_clear(&f->out);
        assert_int_equal(
            cel_envelope_mark_redelivered(&f->reader, span_of(cases[i].wanted), &f->out, NULL),
            CELERIAC_OK);
        assert_string_equal(strbuf_text(&f->out), cases[i].wanted);
    }
}

/* Checklist 41: what Python would have to write in another way stays as it came. */
static void test_checklist_41_marking_keeps_every_other_byte(void **state)
{
    struct fixture *f = *state;
    static const char before[] =
        "{\"body\" : \"\\ud800\", \"x\":[NaN,-Infinity, 1180591620717411303424,1.50e+2,\"\\/\"],"
        "\"properties\": {\"delivery_tag\": \"t\", \"delivery_info\":{\"routing_key\":\"\\u0071\"";
    struct strbuf raw;

    strbuf_init(&raw, TEXT_MAX);
    strbuf_add_text(&raw, before);
    strbuf_add_text(&raw, "}},\"headers\":{\"h\":{\"h\":[[]]}}}");
    assert_int_equal(cel_envelope_mark_redelivered(&f->reader, strbuf_span(&raw), &f->out, NULL),
                     CELERIAC_OK);
    assert_true(span_starts(strbuf_span(&f->out), span_of(before)));
    assert_true(
        span_ends(strbuf_span(&f->out), SPAN(", \"redelivered\": true}},\"headers\":{\"h\":{\"h\":"
                                             "[[]]}, \"redelivered\": true}}")));
    strbuf_close(&raw);
}

static void test_marking_refuses_what_cannot_be_read(void **state)
{
    struct fixture *f = *state;

    strbuf_add_text(&f->out, "kept");
    assert_int_equal(cel_envelope_mark_redelivered(&f->reader, SPAN("x"), &f->out, &f->err),
                     CELERIAC_ERR_SYNTAX);
    assert_string_equal(strbuf_text(&f->out), "kept");
    for (size_t len = 0; len < sizeof(full) - 1; len++)
        assert_int_equal(
            cel_envelope_mark_redelivered(&f->reader, (struct span){full, len}, &f->out, NULL),
            CELERIAC_ERR_SYNTAX);
    assert_string_equal(strbuf_text(&f->out), "kept");
}

static void test_survives_every_allocation_failure(void **state)
{
    static const char raw[] = "{\"headers\": {}, \"properties\": {\"delivery_tag\": \"\\u00e9\", "
                              "\"reply_to\": \"\\u00e9\"}}";
    bool failed = true;

    (void)state;
    for (size_t n = 1; failed; n++) {
        struct cel_envelope_reader reader;
        struct strbuf out;
        enum celeriac_err code;

        cel_envelope_reader_init(&reader);
        strbuf_init(&out, TEXT_MAX);
        mem_fail_at(n);
        code = cel_envelope_mark_redelivered(&reader, span_of(raw), &out, NULL);
        failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(code, failed ? CELERIAC_ERR_MEMORY : CELERIAC_OK);
        strbuf_close(&out);
        cel_envelope_reader_close(&reader);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_checklist_2_reads_every_field),
        TEST(test_takes_the_least_there_can_be),
        TEST(test_empty_values_count_as_missing),
        TEST(test_decodes_escaped_strings),
        TEST(test_checklist_43_names_what_is_wrong_with_an_envelope),
        TEST(test_every_cut_is_refused),
        TEST(test_limits),
        TEST(test_checklist_23_marks_for_redelivery),
        TEST(test_checklist_41_marking_keeps_every_other_byte),
        TEST(test_marking_refuses_what_cannot_be_read),
        TEST(test_survives_every_allocation_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
