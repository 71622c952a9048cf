#include "celery_proto/codec/task_retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/iso8601.h"
#include "base/parse_num.h"
#include "celery_proto/codec/envelope.h"
#include "tests/support/case_file.h"

#define TEXT_MAX 100000

/* What a test needs at hand. */
struct fixture {
    struct cel_task_decoder *decoder;
    struct strbuf scratch;
    struct strbuf out;
    struct celeriac_error err;
};

static int setup(void **state)
{
    static struct fixture f;

    f = (struct fixture){.decoder = NULL};
    strbuf_init(&f.scratch, CEL_ENVELOPE_MAX);
    strbuf_init(&f.out, CEL_ENVELOPE_MAX);
    *state = &f;
    return cel_task_decoder_create(NULL, &f.decoder) == CELERIAC_OK ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    cel_task_decoder_destroy(f->decoder);
    strbuf_close(&f->scratch);
    strbuf_close(&f->out);
    return 0;
}

static struct cel_task_message *decode(struct fixture *f, struct span raw)
{
    struct cel_task_message *m = NULL;

    assert_int_equal(cel_task_message_create(f->decoder, raw, &m), CELERIAC_OK);
    return m;
}

/* A JSON document that must parse. */
static const struct json_node *parse(struct json_doc *doc, struct span json)
{
    json_init(doc);
    assert_int_equal(json_parse(doc, json, NULL, NULL), CELERIAC_OK);
    return json_root(doc);
}

/* The retry that Celery must have been asked for, from what it published. */
static struct cel_task_retry retry_of(const struct json_node *after)
{
    const struct json_node *headers = json_get(after, "headers");
    const struct json_node *properties = json_get(after, "properties");
    struct cel_task_retry retry = {.ignore_result = CEL_FALSE};
    struct span text;
    int64_t expires, left;

    assert_true(json_peek_string(json_get(properties, "delivery_tag"), &retry.delivery_tag));
    assert_true(json_peek_string(json_get(headers, "origin"), &retry.origin));
    if (json_peek_string(json_get(headers, "eta"), &text)) {
        assert_int_equal(iso8601_parse(text, &retry.eta.us), CELERIAC_OK);
        retry.eta.set = true;
    }
    if (json_peek_string(json_get(properties, "expiration"), &text)) {
        assert_int_equal(parse_int64(text, 0, INT64_MAX, &left), CELERIAC_OK);
        assert_true(json_peek_string(json_get(headers, "expires"), &text));
        assert_int_equal(iso8601_parse(text, &expires), CELERIAC_OK);
        retry.now_us = expires - left * 1000;
    }
    return retry;
}

/* Celery adds a header "meth" without a value to what was protocol 1; it means nothing to anybody.
 */
static void add_without_meth(struct strbuf *out, struct span text)
{
    const struct span meth = SPAN(", \"meth\": null");
    const char *at = memmem(text.ptr, text.len, meth.ptr, meth.len);

    if (at == NULL) {
        strbuf_add_span(out, text);
        return;
    }
    strbuf_add(out, text.ptr, (size_t)(at - text.ptr));
    strbuf_add(out, at + meth.len, text.len - (size_t)(at - text.ptr) - meth.len);
}

/* Byte for byte what Task.retry() of Celery 5.6.3 publishes. */
static void test_checklist_49_50_equals_celery(void **state)
{
    struct fixture *f = *state;
    struct case_file *file = case_file_open("celery/retry.tsv");
    struct span columns[3];
    struct strbuf wanted;
    size_t cases = 0;

    strbuf_init(&wanted, TEXT_MAX);
    while (case_file_next(file, columns, 3)) {
        struct cel_task_message *m = decode(f, columns[1]);
        struct json_doc doc;
        struct cel_task_retry retry = retry_of(parse(&doc, columns[2]));

        strbuf_clear(&f->out);
        strbuf_clear(&wanted);
        add_without_meth(&wanted, columns[2]);
        if (cel_task_retry_write(m, &retry, &f->scratch, &f->out, &f->err) != CELERIAC_OK)
            fail_msg("%s: %s", columns[0].ptr, f->err.text);
        if (!span_equal(strbuf_span(&f->out), strbuf_span(&wanted)))
            fail_msg("%s:\n  got    %s\n  wanted %s", columns[0].ptr, strbuf_text(&f->out),
                     strbuf_text(&wanted));
        json_close(&doc);
        cel_task_message_destroy(m);
        cases++;
    }
    printf("%zu retries\n", cases);
    assert_int_equal(cases, 13);
    strbuf_close(&wanted);
    case_file_close(file);
}

/* What may be in a message that Python would have spelt otherwise. */
#define ODD_HEADERS                                                               \
    "{\"task\":\"t\",  \"id\":\"i\", \"x\" : 1e5,\"headers\": {\"trace\" :[NaN, " \
    "12345678901234567890123]},"                                                  \
    "\"\\u0079\": \"\\ud800\"}"

static void test_custom_headers_pass_byte_for_byte(void **state)
{
    struct fixture *f = *state;
    static const char raw[] =
        "{\"body\": \"[[1 ,2],{ },null]\", \"content-type\": \"application/json\", "
        "\"headers\": " ODD_HEADERS
        ", \"properties\": {\"delivery_tag\": \"d\", \"delivery_info\": {\"exchange\": \"\", "
        "\"routing_key\": \"q\"}}}";
    struct cel_task_message *m = decode(f, span_of(raw));
    const struct cel_task_retry retry = {.delivery_tag = SPAN("new")};

    assert_int_equal(m->refuse, CEL_REFUSE_NONE);
    assert_int_equal(cel_task_retry_write(m, &retry, &f->scratch, &f->out, &f->err), CELERIAC_OK);
    assert_non_null(strstr(strbuf_text(&f->out),
                           ", \"x\": 1e5, \"headers\": {\"trace\" :[NaN, "
                           "12345678901234567890123]}, \"\\u0079\": \"\\ud800\"}"));
    assert_non_null(strstr(strbuf_text(&f->out), "{\"body\": \"[[1 ,2],{ },null]\", "));
    assert_non_null(strstr(strbuf_text(&f->out), "\"body_encoding\": \"utf-8\""));
    cel_task_message_destroy(m);
}

/* zlib.compress(b'[[1], {}, {}]'), as base64. */
#define ZLIB_BODY "eJyLjjaM1VGorgXhWAAbqAQq"

static void test_compressed_body_stays_compressed(void **state)
{
    struct fixture *f = *state;
    static const char raw[] =
        "{\"body\": \"" ZLIB_BODY
        "\", \"content-type\": \"application/json\", \"headers\": {\"task\": "
        "\"t\", \"id\": \"i\", \"compression\": \"application/x-gzip\", \"x\": 1}, \"properties\": "
        "{\"delivery_tag\": \"d\", \"body_encoding\": \"base64\", \"delivery_info\": "
        "{\"exchange\": "
        "\"\", \"routing_key\": \"q\"}}}";
    struct cel_task_message *m = decode(f, span_of(raw));
    struct cel_task_message *again;
    const struct cel_task_retry retry = {.delivery_tag = SPAN("new")};

    assert_string_equal(m->refuse_text, "");
    assert_int_equal(cel_task_retry_write(m, &retry, &f->scratch, &f->out, &f->err), CELERIAC_OK);
    assert_non_null(strstr(strbuf_text(&f->out), "{\"body\": \"" ZLIB_BODY "\", "));
    assert_non_null(
        strstr(strbuf_text(&f->out), "\"x\": 1, \"compression\": \"application/x-gzip\"}"));
    again = decode(f, strbuf_span(&f->out));
    assert_true(span_is(again->args, "[1]"));
    assert_int_equal(again->retries, 1);
    cel_task_message_destroy(again);
    cel_task_message_destroy(m);
}

/* A small message of protocol 2 with the given extra headers. */
static struct cel_task_message *small(struct fixture *f, const char *headers)
{
    char raw[1000];
    int len = snprintf(raw, sizeof(raw),
                       "{\"body\": \"[[], {}, {}]\", \"content-type\": \"application/json\", "
                       "\"headers\": {\"task\": \"t\", \"id\": \"i\"%s}, \"properties\": "
                       "{\"delivery_tag\": \"d\", \"delivery_info\": {\"exchange\": \"\", "
                       "\"routing_key\": \"q\"}}}",
                       headers);

    assert_in_range(len, 1, sizeof(raw) - 1);
    return decode(f, (struct span){raw, (size_t)len});
}

static void test_options_change_what_they_name(void **state)
{
    struct fixture *f = *state;
    struct cel_task_message *m = small(f, ", \"timelimit\": [30.0, 20]");
    struct cel_task_message *again;
    const struct cel_task_retry retry = {.delivery_tag = SPAN("new"),
                                         .routing_key = SPAN("other"),
                                         .ignore_result = CEL_TRUE,
                                         .time_limit = 7,
                                         .origin = SPAN("gen1@h"),
                                         .eta = {.set = true, .us = 0}};

    assert_int_equal(cel_task_retry_write(m, &retry, &f->scratch, &f->out, &f->err), CELERIAC_OK);
    again = decode(f, strbuf_span(&f->out));
    assert_true(span_is(again->delivery_tag, "new"));
    assert_true(span_is(again->routing_key, "other"));
    assert_true(span_is(again->exchange, ""));
    assert_int_equal(again->ignore_result, CEL_TRUE);
    assert_true(span_is(again->timelimit, "[7, 20]"));
    assert_true(span_is(again->origin, "gen1@h"));
    assert_true(again->eta.set && again->eta.us == 0);
    assert_true(span_is(again->parent_id, "i"));
    assert_true(span_is(again->root_id, "i"));
    cel_task_message_destroy(again);
    cel_task_message_destroy(m);
}

/* Without an option the header's own word about results is kept. */
static void test_unset_ignore_result_keeps_the_message_s(void **state)
{
    struct fixture *f = *state;
    struct cel_task_message *m = small(f, ", \"ignore_result\": true");
    const struct cel_task_retry retry = {.delivery_tag = SPAN("new")};

    assert_int_equal(cel_task_retry_write(m, &retry, &f->scratch, &f->out, &f->err), CELERIAC_OK);
    assert_non_null(strstr(strbuf_text(&f->out), "\"ignore_result\": true"));
    cel_task_message_destroy(m);
}

static void test_refuses_what_cannot_be_retried(void **state)
{
    struct fixture *f = *state;
    struct cel_task_message *refused = small(f, ", \"eta\": \"nonsense\"");
    struct cel_task_message *used_up = small(f, ", \"retries\": 2147483647");
    struct cel_task_message *last = small(f, ", \"retries\": 2147483646");
    struct cel_task_message *fine = small(f, "");
    struct cel_task_retry retry = {.delivery_tag = SPAN("new")};

    strbuf_add_text(&f->out, "kept");
    assert_int_equal(cel_task_retry_write(refused, &retry, &f->scratch, &f->out, &f->err),
                     CELERIAC_ERR_VALUE);
    assert_non_null(strstr(f->err.text, "eta"));
    assert_int_equal(cel_task_retry_write(used_up, &retry, &f->scratch, &f->out, NULL),
                     CELERIAC_ERR_VALUE);
    assert_int_equal(cel_task_retry_write(last, &retry, &f->scratch, &f->out, NULL), CELERIAC_OK);
    strbuf_truncate(&f->out, 4);
    retry.keep_retries = true;
    assert_int_equal(cel_task_retry_write(used_up, &retry, &f->scratch, &f->out, NULL),
                     CELERIAC_OK);
    assert_non_null(strstr(strbuf_text(&f->out), "\"retries\": 2147483647, "));
    strbuf_truncate(&f->out, 4);
    retry.delivery_tag = (struct span){NULL, 0};
    assert_int_equal(cel_task_retry_write(fine, &retry, &f->scratch, &f->out, NULL),
                     CELERIAC_ERR_VALUE);
    assert_string_equal(strbuf_text(&f->out), "kept");
    cel_task_message_destroy(refused);
    cel_task_message_destroy(used_up);
    cel_task_message_destroy(last);
    cel_task_message_destroy(fine);
}

static void test_needs_to_know_the_queue(void **state)
{
    struct fixture *f = *state;
    struct cel_task_message *m = decode(
        f, SPAN("{\"body\": \"[[], {}, {}]\", \"content-type\": \"application/json\", \"headers\": "
                "{\"task\": \"t\", \"id\": \"i\"}, \"properties\": {\"delivery_tag\": \"d\"}}"));
    struct cel_task_retry retry = {.delivery_tag = SPAN("new")};

    assert_string_equal(m->refuse_text, "");
    assert_int_equal(cel_task_retry_write(m, &retry, &f->scratch, &f->out, NULL),
                     CELERIAC_ERR_VALUE);
    retry.routing_key = SPAN("celery");
    assert_int_equal(cel_task_retry_write(m, &retry, &f->scratch, &f->out, NULL), CELERIAC_OK);
    cel_task_message_destroy(m);
}

static void test_survives_every_allocation_failure(void **state)
{
    struct fixture *f = *state;
    struct cel_task_message *m = small(f, ", \"x\": \"\\u00e9\"");
    const struct cel_task_retry retry = {.delivery_tag = SPAN("new")};
    bool failed = true;

    for (size_t n = 1; failed; n++) {
        struct strbuf scratch, out;
        enum celeriac_err code;

        strbuf_init(&scratch, TEXT_MAX);
        strbuf_init(&out, TEXT_MAX);
        mem_fail_at(n);
        code = cel_task_retry_write(m, &retry, &scratch, &out, NULL);
        failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(code, failed ? CELERIAC_ERR_MEMORY : CELERIAC_OK);
        assert_int_equal(out.len > 0, !failed);
        strbuf_close(&scratch);
        strbuf_close(&out);
    }
    cel_task_message_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_checklist_49_50_equals_celery, setup, teardown),
        cmocka_unit_test_setup_teardown(test_custom_headers_pass_byte_for_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(test_compressed_body_stays_compressed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_options_change_what_they_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unset_ignore_result_keeps_the_message_s, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_refuses_what_cannot_be_retried, setup, teardown),
        cmocka_unit_test_setup_teardown(test_needs_to_know_the_queue, setup, teardown),
        cmocka_unit_test_setup_teardown(test_survives_every_allocation_failure, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
