#include "celery_proto/codec/pidbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/alloc.h"

#define TEXT_MAX ((size_t)32 * 1024 * 1024)

static struct cel_pidbox_reader reader;

static int set_up(void **state)
{
    (void)state;
    cel_pidbox_reader_init(&reader);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cel_pidbox_reader_close(&reader);
    return 0;
}

/* The envelope that kombu puts around a body; kept until the end of the program. */
static struct span wrap(const char *body)
{
    static struct strbuf out;
    struct cel_envelope_fields fields = {.body = span_of(body),
                                         .headers = SPAN("{\"clock\": 7, \"expires\": 0}"),
                                         .exchange = SPAN("celery.pidbox"),
                                         .delivery_tag = SPAN("tag")};

    strbuf_close(&out);
    strbuf_init(&out, TEXT_MAX);
    assert_int_equal(cel_envelope_write(&fields, &out, NULL), CELERIAC_OK);
    return strbuf_span(&out);
}

static void test_checklist_82_request(void **state)
{
    struct cel_pidbox_request request;

    (void)state;
    assert_int_equal(
        cel_pidbox_read(
            &reader,
            wrap("{\"method\": \"rate_limit\", \"arguments\": {\"task_name\": \"t.add\"}, "
                 "\"destination\": [\"celery@host1\"], \"pattern\": null, \"matcher\": null, "
                 "\"ticket\": \"t1\", \"reply_to\": {\"exchange\": \"reply.celery.pidbox\", "
                 "\"routing_key\": \"o\\u00efd\"}}"),
            &request, NULL),
        CELERIAC_OK);
    assert_true(span_is(request.method, "rate_limit"));
    assert_true(json_string_is(json_get(request.arguments, "task_name"), "t.add"));
    assert_true(request.wants_reply);
    assert_true(span_is(request.reply_exchange, "reply.celery.pidbox"));
    assert_true(span_is(request.reply_key, "o\xc3\xaf"
                                           "d"));
    assert_true(json_string_is(request.ticket, "t1"));
    assert_int_equal(request.clock, 7);
}

static void test_least_request(void **state)
{
    struct cel_pidbox_request request;
    bool is_for = false;

    (void)state;
    assert_int_equal(cel_pidbox_read(&reader, wrap("{\"method\": \"ping\"}"), &request, NULL),
                     CELERIAC_OK);
    assert_null(request.arguments);
    assert_false(request.wants_reply);
    assert_int_equal(cel_pidbox_is_for(&request, SPAN("n@h"), &is_for, NULL), CELERIAC_OK);
    assert_true(is_for);
}

static bool is_for(const char *body)
{
    struct cel_pidbox_request request;
    bool found = false;

    assert_int_equal(cel_pidbox_read(&reader, wrap(body), &request, NULL), CELERIAC_OK);
    assert_int_equal(cel_pidbox_is_for(&request, SPAN("celery@host1"), &found, NULL), CELERIAC_OK);
    return found;
}

static void test_checklist_83_addressing(void **state)
{
    struct cel_pidbox_request request;
    bool found = true;

    (void)state;
    assert_true(is_for("{\"method\": \"m\", \"destination\": [\"a\", \"celery@host1\"]}"));
    assert_false(is_for("{\"method\": \"m\", \"destination\": [\"celery@host\", 1, null]}"));
    assert_true(is_for("{\"method\": \"m\", \"destination\": [\"celery\\u0040host1\"]}"));
    /* What is empty is not given. */
    assert_true(is_for("{\"method\": \"m\", \"destination\": []}"));
    assert_true(is_for("{\"method\": \"m\", \"destination\": \"\"}"));
    assert_true(is_for("{\"method\": \"m\", \"destination\": \"xcelery@host1x\"}"));
    assert_false(is_for("{\"method\": \"m\", \"destination\": \"celery\"}"));
    assert_true(is_for("{\"method\": \"m\", \"pattern\": \"celery@*\", \"matcher\": \"glob\"}"));
    assert_false(is_for("{\"method\": \"m\", \"pattern\": \"x*\", \"matcher\": \"glob\"}"));
    assert_true(is_for("{\"method\": \"m\", \"pattern\": \"x*\", \"matcher\": null}"));
    /* The list wins over the pattern. */
    assert_false(is_for("{\"method\": \"m\", \"destination\": [\"x\"], \"pattern\": \"*\", "
                        "\"matcher\": \"glob\"}"));
    assert_int_equal(
        cel_pidbox_read(&reader, wrap("{\"method\": \"m\", \"destination\": 5}"), &request, NULL),
        CELERIAC_OK);
    assert_int_equal(cel_pidbox_is_for(&request, SPAN("n"), &found, NULL), CELERIAC_ERR_VALUE);
    assert_true(found);
}

static void test_checklist_90_malformed_bodies(void **state)
{
    static const char *const bodies[] = {
        "",
        "not json",
        "[]",
        "null",
        "5",
        "\"text\"",
        "{}",
        "{\"method\": null}",
        "{\"method\": 5}",
        "{\"method\": \"\"}",
        "{\"method\": [\"ping\"]}",
        "{\"method\": \"ping\", \"arguments\": [1]}",
        "{\"method\": \"ping\", \"arguments\": \"x\"}",
        "{\"method\": \"ping\", \"arguments\": true}",
        "{\"method\": \"ping\", \"pattern\": 5}",
        "{\"method\": \"ping\", \"matcher\": {}}",
        "{\"method\": \"ping\", \"reply_to\": 5}",
        "{\"method\": \"ping\", \"reply_to\": {}}",
        "{\"method\": \"ping\", \"reply_to\": {\"exchange\": \"x\"}}",
        "{\"method\": \"ping\", \"reply_to\": {\"exchange\": 1, \"routing_key\": 2}}",
        "{\"method\": \"ping\"",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct cel_pidbox_request request = {.clock = 77};
        struct celeriac_error err = {0};

        assert_int_not_equal(cel_pidbox_read(&reader, wrap(bodies[i]), &request, &err),
                             CELERIAC_OK);
        assert_int_equal(request.clock, 77);
        assert_int_not_equal(strlen(err.text), 0);
    }
}

static void test_checklist_90_malformed_envelopes(void **state)
{
    static const char *const envelopes[] = {
        "",
        "x",
        "[]",
        "{}",
        "{\"body\": \"e30=\"}",
        "{\"body\": \"e30=\", \"properties\": {}}",
        "{\"body\": \"e30=\", \"content-type\": \"application/json\", \"properties\": "
        "{\"delivery_tag\": \"t\", \"body_encoding\": \"rot13\"}}",
        "{\"body\": \"!!!\", \"content-type\": \"application/json\", \"properties\": "
        "{\"delivery_tag\": \"t\", \"body_encoding\": \"base64\"}}",
        "{\"body\": \"gAJ9cQAu\", \"content-type\": \"application/x-python-serialize\", "
        "\"properties\": {\"delivery_tag\": \"t\", \"body_encoding\": \"base64\"}}",
        "{\"body\": \"e30=\", \"content-type\": \"application/json\", \"headers\": "
        "{\"compression\": \"lzma\"}, \"properties\": {\"delivery_tag\": \"t\", "
        "\"body_encoding\": \"base64\"}}",
    };
    struct cel_pidbox_request request;

    (void)state;
    for (size_t i = 0; i < sizeof envelopes / sizeof envelopes[0]; i++)
        assert_int_not_equal(cel_pidbox_read(&reader, span_of(envelopes[i]), &request, NULL),
                             CELERIAC_OK);
}

static void test_cut_at_every_byte(void **state)
{
    struct span whole = wrap("{\"method\": \"ping\", \"ticket\": \"t\", \"destination\": [\"a\"]}");
    struct cel_pidbox_request request;

    (void)state;
    for (size_t len = 0; len < whole.len; len++) {
        char *copy = mem_dup_span((struct span){whole.ptr, len});

        assert_non_null(copy);
        assert_int_not_equal(cel_pidbox_read(&reader, (struct span){copy, len}, &request, NULL),
                             CELERIAC_OK);
        mem_free(copy);
    }
    assert_int_equal(cel_pidbox_read(&reader, whole, &request, NULL), CELERIAC_OK);
}

static void test_limit(void **state)
{
    struct cel_pidbox_request request;
    struct strbuf raw;

    (void)state;
    strbuf_init(&raw, TEXT_MAX);
    strbuf_add_span(&raw, wrap("{\"method\": \"ping\"}"));
    /* White space behind the envelope is part of it. */
    while (raw.len < CEL_PIDBOX_MAX)
        strbuf_add_char(&raw, ' ');
    assert_int_equal(cel_pidbox_read(&reader, strbuf_span(&raw), &request, NULL), CELERIAC_OK);
    strbuf_add_char(&raw, ' ');
    assert_int_equal(cel_pidbox_read(&reader, strbuf_span(&raw), &request, NULL),
                     CELERIAC_ERR_LIMIT);
    strbuf_close(&raw);
}

static void test_short_memory(void **state)
{
    struct span raw = wrap("{\"method\": \"p\\u0069ng\", \"ticket\": \"t\"}");
    struct cel_pidbox_request request;
    enum celeriac_err code = CELERIAC_ERR_MEMORY;

    (void)state;
    for (size_t n = 1; code != CELERIAC_OK; n++) {
        cel_pidbox_reader_close(&reader);
        mem_fail_at(n);
        code = cel_pidbox_read(&reader, raw, &request, NULL);
        mem_fail_at(0);
        assert_true(code == CELERIAC_OK || code == CELERIAC_ERR_MEMORY);
    }
    assert_true(span_is(request.method, "ping"));
}

static void test_checklist_83_reply(void **state)
{
    struct cel_pidbox_request request;
    struct strbuf out;

    (void)state;
    assert_int_equal(
        cel_pidbox_read(&reader,
                        wrap("{\"method\": \"ping\", \"ticket\": \"t1\", \"reply_to\": "
                             "{\"exchange\": \"reply.celery.pidbox\", "
                             "\"routing_key\": \"oid\"}}"),
                        &request, NULL),
        CELERIAC_OK);
    strbuf_init(&out, TEXT_MAX);
    assert_int_equal(
        cel_pidbox_reply(&request, SPAN("a@b"), SPAN("{\"ok\": \"pong\"}"), 9, SPAN("tag"), &out),
        CELERIAC_OK);
    /* The body is {"a@b": {"ok": "pong"}}. */
    assert_string_equal(
        strbuf_text(&out),
        "{\"body\": \"eyJhQGIiOiB7Im9rIjogInBvbmcifX0=\", \"content-encoding\": "
        "\"utf-8\", \"content-type\": \"application/json\", \"headers\": "
        "{\"ticket\": \"t1\", \"clock\": 9}, \"properties\": {\"delivery_mode\": 1, "
        "\"delivery_info\": {\"exchange\": \"reply.celery.pidbox\", "
        "\"routing_key\": \"oid\"}, \"priority\": 0, \"body_encoding\": \"base64\", "
        "\"delivery_tag\": \"tag\"}}");
    strbuf_close(&out);
}

/* As captured from a worker that greets its peers, and from `celery control`. */
static void test_checklist_88_asking(void **state)
{
    const struct span nodes[] = {SPAN("a@b"), SPAN("c@d")};
    struct cel_pidbox_ask ask = {.method = SPAN("hello"),
                                 .arguments = SPAN("{\"from_node\": \"a@b\", \"revoked\": {}}"),
                                 .ticket = SPAN("t1"),
                                 .reply_key = SPAN("oid"),
                                 .clock = 7,
                                 .expires = 1795379689.5};
    struct cel_pidbox_request request;
    struct strbuf out;
    bool is_for = true;

    (void)state;
    strbuf_init(&out, TEXT_MAX);
    assert_int_equal(cel_pidbox_ask(&ask, SPAN("tag"), &out), CELERIAC_OK);
    assert_non_null(strstr(strbuf_text(&out),
                           "\"headers\": {\"clock\": 7, \"expires\": 1795379689.5}, "
                           "\"properties\": {\"delivery_mode\": 2, \"delivery_info\": "
                           "{\"exchange\": \"celery.pidbox\", \"routing_key\": \"\"}"));
    assert_int_equal(cel_pidbox_read(&reader, strbuf_span(&out), &request, NULL), CELERIAC_OK);
    assert_string_equal(
        strbuf_text(&reader.body),
        "{\"method\": \"hello\", \"arguments\": {\"from_node\": \"a@b\", \"revoked\": "
        "{}}, \"destination\": null, \"pattern\": null, \"matcher\": null, \"ticket\": "
        "\"t1\", \"reply_to\": {\"exchange\": \"reply.celery.pidbox\", "
        "\"routing_key\": \"oid\"}}");
    strbuf_clear(&out);
    ask = (struct cel_pidbox_ask){.method = SPAN("ping"),
                                  .destination = nodes,
                                  .destination_count = 2,
                                  .pattern = SPAN("*"),
                                  .matcher = SPAN("glob")};
    assert_int_equal(cel_pidbox_ask(&ask, SPAN("tag"), &out), CELERIAC_OK);
    assert_int_equal(cel_pidbox_read(&reader, strbuf_span(&out), &request, NULL), CELERIAC_OK);
    assert_false(request.wants_reply);
    assert_int_equal(cel_pidbox_is_for(&request, SPAN("x@y"), &is_for, NULL), CELERIAC_OK);
    assert_false(is_for);
    assert_int_equal(cel_pidbox_is_for(&request, SPAN("c@d"), &is_for, NULL), CELERIAC_OK);
    assert_true(is_for);
    strbuf_clear(&out);
    cel_pidbox_reply_queue(SPAN("oid"), &out);
    assert_string_equal(strbuf_text(&out), "oid.reply.celery.pidbox");
    strbuf_close(&out);
}

static void test_checklist_88_reading_replies(void **state)
{
    struct cel_pidbox_request request = {.reply_exchange = SPAN("reply.celery.pidbox"),
                                         .reply_key = SPAN("oid")};
    struct cel_pidbox_reply reply = {.clock = 77};
    struct strbuf out;

    (void)state;
    strbuf_init(&out, TEXT_MAX);
    assert_int_equal(
        cel_pidbox_reply(&request, SPAN("a@b"), SPAN("{\"ok\": 1}"), 9, SPAN("tag"), &out),
        CELERIAC_OK);
    assert_int_equal(cel_pidbox_read_reply(&reader, strbuf_span(&out), &reply, NULL), CELERIAC_OK);
    assert_int_equal(reply.clock, 9);
    assert_null(reply.ticket.ptr);
    assert_non_null(json_get(json_get(reply.answers, "a@b"), "ok"));
    reply.clock = 77;
    assert_int_not_equal(cel_pidbox_read_reply(&reader, wrap("[1]"), &reply, NULL), CELERIAC_OK);
    assert_int_not_equal(cel_pidbox_read_reply(&reader, SPAN("x"), &reply, NULL), CELERIAC_OK);
    assert_int_equal(reply.clock, 77);
    strbuf_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_checklist_82_request, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_least_request, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_checklist_83_addressing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_checklist_90_malformed_bodies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_checklist_90_malformed_envelopes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut_at_every_byte, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_short_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_checklist_83_reply, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_checklist_88_asking, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_checklist_88_reading_replies, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
