#include "celery_proto/codec/task_send.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/iso8601.h"
#include "celery_proto/codec/envelope.h"

#define TEXT_MAX 100000

struct fixture {
    struct strbuf scratch;
    struct strbuf out;
    struct cel_task_send send;
    struct celeriac_error err;
};

static int setup(void **state)
{
    static struct fixture f;

    f = (struct fixture){.send = {.task = SPAN("t.add"),
                                  .id = SPAN("i"),
                                  .delivery_tag = SPAN("d"),
                                  .routing_key = SPAN("celery")}};
    strbuf_init(&f.scratch, CEL_ENVELOPE_MAX);
    strbuf_init(&f.out, CEL_ENVELOPE_MAX);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    strbuf_close(&f->scratch);
    strbuf_close(&f->out);
    return 0;
}

/* Writes what the fixture holds; it must succeed. */
static const char *written(struct fixture *f)
{
    strbuf_clear(&f->out);
    celeriac_error_clear(&f->err);
    if (cel_task_send_write(&f->send, &f->scratch, &f->out, &f->err) != CELERIAC_OK)
        fail_msg("%s", f->err.text);
    return strbuf_text(&f->out);
}

/* add.delay(1, 2) of Celery 5.6.3, as captured. */
static void test_equals_a_captured_message(void **state)
{
    struct fixture *f = *state;

    f->send = (struct cel_task_send){.task = SPAN("t.add"),
                                     .id = SPAN("9ac60fa6-5ac4-4109-ae42-c1be7ec4e841"),
                                     .delivery_tag = SPAN("b2b8f2e5-04ed-4138-9e8b-20dd7a84b513"),
                                     .routing_key = SPAN("celery"),
                                     .reply_to = SPAN("dac95fb1-7c48-3690-bd3b-7c56affc72bf"),
                                     .origin = SPAN("gen12110@vm"),
                                     .args = SPAN("[1, 2]")};
    assert_string_equal(
        written(f),
        "{\"body\": "
        "\"W1sxLCAyXSwge30sIHsiY2FsbGJhY2tzIjogbnVsbCwgImVycmJhY2tzIjogbnVsbCwgImNoYWluIjogbnVs"
        "bCwgImNob3JkIjogbnVsbH1d\", \"content-encoding\": \"utf-8\", \"content-type\": "
        "\"application/json\", \"headers\": {\"lang\": \"py\", \"task\": \"t.add\", \"id\": "
        "\"9ac60fa6-5ac4-4109-ae42-c1be7ec4e841\", \"shadow\": null, \"eta\": null, \"expires\": "
        "null, "
        "\"group\": null, \"group_index\": null, \"retries\": 0, \"timelimit\": [null, null], "
        "\"root_id\": \"9ac60fa6-5ac4-4109-ae42-c1be7ec4e841\", \"parent_id\": null, \"argsrepr\": "
        "\"(1, 2)\", \"kwargsrepr\": \"{}\", \"origin\": \"gen12110@vm\", \"ignore_result\": "
        "false, "
        "\"replaced_task_nesting\": 0, \"stamped_headers\": null, \"stamps\": {}}, \"properties\": "
        "{\"correlation_id\": \"9ac60fa6-5ac4-4109-ae42-c1be7ec4e841\", \"reply_to\": "
        "\"dac95fb1-7c48-3690-bd3b-7c56affc72bf\", \"delivery_mode\": 2, \"delivery_info\": "
        "{\"exchange\": \"\", \"routing_key\": \"celery\"}, \"priority\": 0, \"body_encoding\": "
        "\"base64\", \"delivery_tag\": \"b2b8f2e5-04ed-4138-9e8b-20dd7a84b513\"}}");
}

static void test_checklist_2_3_6_routing_and_tag(void **state)
{
    struct fixture *f = *state;

    assert_non_null(strstr(written(f),
                           "\"delivery_info\": {\"exchange\": \"\", \"routing_key\": "
                           "\"celery\"}, \"priority\": 0, \"body_encoding\": \"base64\", "
                           "\"delivery_tag\": \"d\"}}"));
    f->send.exchange = SPAN("media");
    f->send.routing_key = SPAN("media.video");
    f->send.priority = 10;
    assert_non_null(strstr(written(f),
                           "{\"exchange\": \"media\", \"routing_key\": \"media.video\"}, "
                           "\"priority\": 10, "));
}

static void test_checklist_9_times(void **state)
{
    struct fixture *f = *state;

    f->send.eta = (struct cel_time){.set = true, .us = INT64_C(1893553445678901)};
    f->send.expires = (struct cel_time){.set = true, .us = INT64_C(1893553445000000)};
    f->send.now_us = f->send.expires.us - 60000000;
    assert_non_null(strstr(written(f),
                           "\"eta\": \"2030-01-02T03:04:05.678901+00:00\", \"expires\": "
                           "\"2030-01-02T03:04:05+00:00\", "));
    assert_non_null(strstr(written(f), "\"delivery_mode\": 2, \"expiration\": \"60000\", "));
}

static void test_checklist_10_past_expiry_is_sent_as_given(void **state)
{
    struct fixture *f = *state;

    assert_non_null(strstr(written(f), "\"eta\": null, \"expires\": null, "));
    assert_null(strstr(written(f), "expiration"));
    f->send.expires = (struct cel_time){.set = true, .us = 0};
    f->send.now_us = INT64_C(1893553445000000);
    assert_non_null(strstr(written(f), "\"expires\": \"1970-01-01T00:00:00+00:00\", "));
    assert_non_null(strstr(written(f), "\"expiration\": \"0\", "));
}

static void test_checklist_11_own_headers_and_properties(void **state)
{
    struct fixture *f = *state;

    f->send.headers = SPAN("{\"x\": 1, \"shadow\": \"mine\"}");
    f->send.properties = SPAN("{\"app_id\": \"a\"}");
    assert_non_null(strstr(written(f), "\"shadow\": \"mine\", \"eta\""));
    assert_non_null(strstr(written(f), "\"stamps\": {}, \"x\": 1}, "));
    assert_non_null(
        strstr(written(f), "\"reply_to\": \"\", \"app_id\": \"a\", \"delivery_mode\": 2"));
    f->send.headers = SPAN("{}");
    f->send.properties = SPAN("{}");
    assert_non_null(strstr(written(f), "\"reply_to\": \"\", \"delivery_mode\": 2"));
}

static void test_compresses_the_body(void **state)
{
    struct fixture *f = *state;
    struct cel_task_decoder *decoder = NULL;
    struct cel_task_message *m = NULL;

    f->send.args = SPAN("[\"some text some text some text some text some text\"]");
    f->send.headers = SPAN("{\"x\": 1}");
    f->send.compression = CEL_COMPRESSION_ZLIB;
    assert_non_null(strstr(written(f), "\"x\": 1, \"compression\": \"application/x-gzip\"}, "));
    assert_int_equal(cel_task_decoder_create(NULL, &decoder), CELERIAC_OK);
    assert_int_equal(cel_task_message_create(decoder, strbuf_span(&f->out), &m), CELERIAC_OK);
    assert_string_equal(m->refuse_text, "");
    assert_true(span_equal(m->args, f->send.args));
    cel_task_message_destroy(m);
    cel_task_decoder_destroy(decoder);
}

/* Checklist 41 from the sender's side: the bytes of arguments are those that were given. */
static void test_arguments_pass_byte_for_byte(void **state)
{
    struct fixture *f = *state;
    struct cel_task_decoder *decoder = NULL;
    struct cel_task_message *m = NULL;

    f->send.args = SPAN("[NaN ,-Infinity, 1180591620717411303424,\"\\ud800\", 1.50e+2 ]");
    f->send.kwargs = SPAN("{\"\\u0061\":[[]] }");
    (void)written(f);
    assert_int_equal(cel_task_decoder_create(NULL, &decoder), CELERIAC_OK);
    assert_int_equal(cel_task_message_create(decoder, strbuf_span(&f->out), &m), CELERIAC_OK);
    assert_string_equal(m->refuse_text, "");
    assert_true(span_equal(m->args, f->send.args));
    assert_true(span_equal(m->kwargs, f->send.kwargs));
    assert_true(span_is(m->argsrepr, "(nan, -inf, 1180591620717411303424, '\xed\xa0\x80', 150.0)"));
    cel_task_message_destroy(m);
    cel_task_decoder_destroy(decoder);
}

static void assert_refused(struct fixture *f, const char *text)
{
    strbuf_clear(&f->out);
    strbuf_add_text(&f->out, "kept");
    celeriac_error_clear(&f->err);
    assert_int_equal(cel_task_send_write(&f->send, &f->scratch, &f->out, &f->err),
                     CELERIAC_ERR_VALUE);
    assert_string_equal(f->err.text, text);
    assert_string_equal(strbuf_text(&f->out), "kept");
}

static void test_names_the_missing_field(void **state)
{
    struct fixture *f = *state;
    struct cel_task_send *s = &f->send;
    const struct {
        struct span *field;
        const char *text;
    } required[] = {{&s->task, "task: missing"},
                    {&s->id, "id: missing"},
                    {&s->delivery_tag, "delivery_tag: missing"},
                    {&s->routing_key, "routing_key: missing"}};

    for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
        struct span saved = *required[i].field;

        *required[i].field = (struct span){NULL, 0};
        assert_refused(f, required[i].text);
        *required[i].field = saved;
    }
}

static void test_names_the_malformed_field(void **state)
{
    struct fixture *f = *state;
    struct cel_task_send *s = &f->send;
    const struct {
        struct span *field;
        struct span value;
        const char *text;
    } raw[] = {
        {&s->args, SPAN("{}"), "args: not an array"},
        {&s->args, SPAN("[1"), "args: Expecting ',' delimiter: line 1 column 3 (char 2)"},
        {&s->args, SPAN("[] []"), "args: Extra data: line 1 column 4 (char 3)"},
        {&s->kwargs, SPAN("[]"), "kwargs: not an object"},
        {&s->callbacks, SPAN("{}"), "callbacks: not an array"},
        {&s->errbacks, SPAN("null"), "errbacks: not an array"},
        {&s->chain, SPAN("5"), "chain: not an array"},
        {&s->chord, SPAN("[]"), "chord: not an object"},
        {&s->stamps, SPAN("[]"), "stamps: not an object"},
        {&s->stamped_headers, SPAN("{}"), "stamped_headers: not an array"},
        {&s->headers, SPAN("[]"), "headers: not an object"},
        {&s->properties, SPAN("\"x\""), "properties: not an object"},
    };

    for (size_t i = 0; i < sizeof(raw) / sizeof(raw[0]); i++) {
        *raw[i].field = raw[i].value;
        assert_refused(f, raw[i].text);
        *raw[i].field = (struct span){NULL, 0};
    }
    s->retries = -1;
    assert_refused(f, "retries: out of range");
    s->retries = INT64_C(2147483648);
    assert_refused(f, "retries: out of range");
    s->retries = CEL_RETRIES_MAX;
    (void)written(f);
    s->time_limit = -1;
    assert_refused(f, "time_limit: not a time in seconds");
    s->time_limit = 0;
    s->soft_time_limit = (double)NAN;
    assert_refused(f, "soft_time_limit: not a time in seconds");
    s->soft_time_limit = 0;
}

static void test_times_at_and_beyond_the_years(void **state)
{
    struct fixture *f = *state;

    f->send.eta = (struct cel_time){.set = true, .us = ISO8601_MAX_US};
    f->send.expires = (struct cel_time){.set = true, .us = ISO8601_MIN_US};
    (void)written(f);
    f->send.eta.us++;
    assert_refused(f, "eta: outside the years 1 to 9999");
    f->send.eta.us--;
    f->send.expires.us--;
    assert_refused(f, "expires: outside the years 1 to 9999");
}

static void test_survives_every_allocation_failure(void **state)
{
    struct fixture *f = *state;
    bool failed = true;

    f->send.headers = SPAN("{\"x\": 1}");
    f->send.args = SPAN("[\"\\u00e9\"]");
    f->send.compression = CEL_COMPRESSION_ZLIB;
    for (size_t n = 1; failed; n++) {
        struct strbuf scratch, out;
        enum celeriac_err code;

        strbuf_init(&scratch, TEXT_MAX);
        strbuf_init(&out, TEXT_MAX);
        mem_fail_at(n);
        code = cel_task_send_write(&f->send, &scratch, &out, NULL);
        failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(code, failed ? CELERIAC_ERR_MEMORY : CELERIAC_OK);
        assert_int_equal(out.len > 0, !failed);
        strbuf_close(&scratch);
        strbuf_close(&out);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_equals_a_captured_message),
        TEST(test_checklist_2_3_6_routing_and_tag),
        TEST(test_checklist_9_times),
        TEST(test_checklist_10_past_expiry_is_sent_as_given),
        TEST(test_checklist_11_own_headers_and_properties),
        TEST(test_compresses_the_body),
        TEST(test_arguments_pass_byte_for_byte),
        TEST(test_names_the_missing_field),
        TEST(test_names_the_malformed_field),
        TEST(test_times_at_and_beyond_the_years),
        TEST(test_survives_every_allocation_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
