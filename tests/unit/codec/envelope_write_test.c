#include "celery_proto/codec/envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"

#define TEXT_MAX 100000

static void assert_written(const struct cel_envelope_fields *fields, const char *wanted)
{
    struct strbuf out;

    strbuf_init(&out, TEXT_MAX);
    assert_int_equal(cel_envelope_write(fields, &out, NULL), CELERIAC_OK);
    assert_string_equal(strbuf_text(&out), wanted);
    strbuf_close(&out);
}

static void test_least_envelope(void **state)
{
    const struct cel_envelope_fields fields = {.delivery_tag = SPAN("t")};

    (void)state;
    assert_written(
        &fields, "{\"body\": \"\", \"content-encoding\": \"utf-8\", \"content-type\": "
                 "\"application/json\", \"headers\": {}, \"properties\": {\"delivery_mode\": 2, "
                 "\"delivery_info\": {\"exchange\": \"\", \"routing_key\": \"\"}, \"priority\": 0, "
                 "\"body_encoding\": \"base64\", \"delivery_tag\": \"t\"}}");
}

/* As captured from a worker's event, celery-pubsub: worker-online. */
static void test_event_envelope_is_kombu_s(void **state)
{
    const struct cel_envelope_fields fields = {.body = SPAN("{\"a\": 1}"),
                                               .headers = SPAN("{\"hostname\": \"celery@host1\"}"),
                                               .delivery_mode = 1,
                                               .exchange = SPAN("celeryev"),
                                               .routing_key = SPAN("worker.online"),
                                               .delivery_tag =
                                                   SPAN("7b0a691a-318d-48e6-badc-7ed7ff04cbf6")};

    (void)state;
    assert_written(
        &fields,
        "{\"body\": \"eyJhIjogMX0=\", \"content-encoding\": \"utf-8\", \"content-type\": "
        "\"application/json\", \"headers\": {\"hostname\": \"celery@host1\"}, \"properties\": "
        "{\"delivery_mode\": 1, \"delivery_info\": {\"exchange\": \"celeryev\", \"routing_key\": "
        "\"worker.online\"}, \"priority\": 0, \"body_encoding\": \"base64\", \"delivery_tag\": "
        "\"7b0a691a-318d-48e6-badc-7ed7ff04cbf6\"}}");
}

static void test_every_field_in_its_place(void **state)
{
    struct cel_envelope_fields fields = {.body = SPAN("h\xc3\xa9\""),
                                         .body_encoding = CEL_BODY_LITERAL,
                                         .content_type = SPAN("application/data"),
                                         .content_encoding = SPAN("binary"),
                                         .correlation_id = SPAN("c\""),
                                         .reply_to = SPAN(""),
                                         .extra_properties = SPAN("{ \"x\": [1] }"),
                                         .has_expiration = true,
                                         .expiration_ms = 60000,
                                         .exchange = SPAN("ex"),
                                         .routing_key = SPAN("\xe2\x98\x83"),
                                         .priority = 12,
                                         .delivery_tag = SPAN("t")};

    (void)state;
    assert_written(
        &fields, "{\"body\": \"h\\u00e9\\\"\", \"content-encoding\": \"binary\", \"content-type\": "
                 "\"application/data\", \"headers\": {}, \"properties\": {\"correlation_id\": "
                 "\"c\\\"\", \"reply_to\": \"\", \"x\": [1], \"delivery_mode\": 2, \"expiration\": "
                 "\"60000\", \"delivery_info\": {\"exchange\": \"ex\", \"routing_key\": "
                 "\"\\u2603\"}, \"priority\": 12, \"body_encoding\": \"utf-8\", \"delivery_tag\": "
                 "\"t\"}}");
    fields.body_literal = SPAN("\"as \\u0069t came\"");
    fields.correlation_id = fields.reply_to = (struct span){NULL, 0};
    fields.has_expiration = false;
    fields.extra_properties = SPAN("{ }");
    assert_written(
        &fields,
        "{\"body\": \"as \\u0069t came\", \"content-encoding\": \"binary\", \"content-type\": "
        "\"application/data\", \"headers\": {}, \"properties\": {\"delivery_mode\": 2, "
        "\"delivery_info\": {\"exchange\": \"ex\", \"routing_key\": \"\\u2603\"}, "
        "\"priority\": 12, \"body_encoding\": \"utf-8\", \"delivery_tag\": \"t\"}}");
}

static void test_refuses_and_leaves_the_buffer_alone(void **state)
{
    const struct {
        struct cel_envelope_fields fields;
        const char *text;
    } cases[] = {
        {{.headers = SPAN("{}")}, "delivery_tag: missing"},
        {{.delivery_tag = SPAN("t"), .headers = SPAN("[]")}, "headers: not a JSON object"},
        {{.delivery_tag = SPAN("t"), .headers = SPAN("{")}, "headers: not a JSON object"},
        {{.delivery_tag = SPAN("t"), .extra_properties = SPAN("x")},
         "properties: not a JSON object"},
    };
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 100);
    strbuf_add_text(&out, "kept");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct celeriac_error err = {.code = CELERIAC_OK};

        assert_int_equal(cel_envelope_write(&cases[i].fields, &out, &err), CELERIAC_ERR_VALUE);
        assert_string_equal(err.text, cases[i].text);
        assert_string_equal(strbuf_text(&out), "kept");
    }
    /* Too little room. */
    assert_int_equal(
        cel_envelope_write(&(struct cel_envelope_fields){.delivery_tag = SPAN("t")}, &out, NULL),
        CELERIAC_ERR_LIMIT);
    assert_string_equal(strbuf_text(&out), "kept");
    strbuf_close(&out);
}

static void test_survives_every_allocation_failure(void **state)
{
    const struct cel_envelope_fields fields = {.delivery_tag = SPAN("t"), .body = SPAN("body")};
    bool failed = true;

    (void)state;
    for (size_t n = 1; failed; n++) {
        struct strbuf out;
        enum celeriac_err code;

        strbuf_init(&out, TEXT_MAX);
        mem_fail_at(n);
        code = cel_envelope_write(&fields, &out, NULL);
        failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(code, failed ? CELERIAC_ERR_MEMORY : CELERIAC_OK);
        strbuf_close(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_least_envelope),
        cmocka_unit_test(test_event_envelope_is_kombu_s),
        cmocka_unit_test(test_every_field_in_its_place),
        cmocka_unit_test(test_refuses_and_leaves_the_buffer_alone),
        cmocka_unit_test(test_survives_every_allocation_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
