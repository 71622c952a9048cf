#include "celery_proto/codec/task_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/json.h"
#include "base/json_writer.h"
#include "base/strbuf.h"

#define TEXT_MAX 1000000

struct fixture {
    struct cel_task_decoder *decoder;
    struct strbuf raw;
    struct cel_task_message *m;
};

static int setup(void **state)
{
    static struct fixture f;

    f = (struct fixture){.decoder = NULL};
    strbuf_init(&f.raw, TEXT_MAX);
    *state = &f;
    return cel_task_decoder_create(NULL, &f.decoder) == CELERIAC_OK ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    cel_task_message_destroy(f->m);
    cel_task_decoder_destroy(f->decoder);
    strbuf_close(&f->raw);
    return 0;
}

/* Reads an envelope; the message lives until the next one. */
static const struct cel_task_message *read_raw(struct fixture *f, struct span raw)
{
    cel_task_message_destroy(f->m);
    f->m = NULL;
    assert_int_equal(cel_task_message_create(f->decoder, raw, &f->m), CELERIAC_OK);
    return f->m;
}

/* An envelope with these headers and this literal body. */
static const struct cel_task_message *read_parts(struct fixture *f, const char *headers,
                                                 const char *body)
{
    strbuf_clear(&f->raw);
    strbuf_add_text(&f->raw, "{\"body\": ");
    json_quote(&f->raw, span_of(body), JSON_STYLE_PYTHON);
    strbuf_printf(&f->raw,
                  ", \"content-type\": \"application/json\", \"headers\": %s, \"properties\": "
                  "{\"delivery_tag\": \"d\", \"delivery_info\": {\"exchange\": \"\", "
                  "\"routing_key\": \"q\"}}}",
                  headers);
    assert_int_equal(strbuf_status(&f->raw), CELERIAC_OK);
    return read_raw(f, strbuf_span(&f->raw));
}

/* An envelope with this body as base64, and more headers after task and id. */
static const struct cel_task_message *read_base64(struct fixture *f, const char *headers,
                                                  struct span body)
{
    strbuf_clear(&f->raw);
    strbuf_add_text(&f->raw, "{\"body\": \"");
    base64_encode(&f->raw, body);
    strbuf_printf(
        &f->raw,
        "\", \"content-type\": \"application/json\", \"headers\": {\"task\": \"t\", \"id\": "
        "\"i\"%s}, \"properties\": {\"delivery_tag\": \"d\", \"body_encoding\": \"base64\"}}",
        headers);
    return read_raw(f, strbuf_span(&f->raw));
}

/* The golden test reads all captures of 4.4, 5.2 and 5.6; here is the set of headers of each. */
static void test_checklist_35_headers_of_every_version(void **state)
{
    struct fixture *f = *state;
    static const char v44[] =
        "\"lang\": \"py\", \"task\": \"t\", \"id\": \"i\", \"shadow\": null, \"eta\": null, "
        "\"expires\": null, \"group\": null, \"group_index\": null, \"retries\": 1, \"timelimit\": "
        "[null, null], \"root_id\": \"r\", \"parent_id\": null, \"argsrepr\": \"()\", "
        "\"kwargsrepr\": "
        "\"{}\", \"origin\": \"o\"";
    const struct {
        const char *more;
        enum cel_tristate ignore_result;
    } versions[] = {
        {"", CEL_UNSET},
        {", \"ignore_result\": false", CEL_FALSE},
        {", \"ignore_result\": true, \"replaced_task_nesting\": 0, \"stamped_headers\": null, "
         "\"stamps\": {}, \"from\": {\"the\": \"future\"}",
         CEL_TRUE}};
    char headers[1000];

    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        const struct cel_task_message *m;

        assert_in_range(snprintf(headers, sizeof(headers), "{%s%s}", v44, versions[i].more), 1,
                        999);
        m = read_parts(f, headers, "[[1], {}, null]");
        assert_string_equal(m->refuse_text, "");
        assert_int_equal(m->refuse, CEL_REFUSE_NONE);
        assert_int_equal(m->protocol, CEL_PROTOCOL_2);
        assert_int_equal(m->ignore_result, versions[i].ignore_result);
        assert_int_equal(m->retries, 1);
        assert_true(span_is(m->headers, headers));
    }
}

static void test_checklist_36_the_least_there_can_be(void **state)
{
    struct fixture *f = *state;
    const char *const embeds[] = {"{}", "null", "{\"callbacks\": null}",
                                  "{\"chord\": null, \"x\": 1}"};

    for (size_t i = 0; i < sizeof(embeds) / sizeof(embeds[0]); i++) {
        char body[100];
        const struct cel_task_message *m;

        assert_in_range(snprintf(body, sizeof(body), "[[1, 2], {}, %s]", embeds[i]), 1, 99);
        m = read_parts(f, "{\"task\": \"t\", \"id\": \"i\"}", body);
        assert_string_equal(m->refuse_text, "");
        assert_true(span_is(m->task, "t") && span_is(m->id, "i"));
        assert_true(span_is(m->args, "[1, 2]") && span_is(m->kwargs, "{}"));
        assert_null(m->callbacks.ptr);
        assert_null(m->reply_to.ptr);
        assert_null(m->correlation_id.ptr);
        assert_null(m->root_id.ptr);
        assert_int_equal(m->retries, 0);
        assert_int_equal(m->priority, 0);
        assert_int_equal(m->ignore_result, CEL_UNSET);
        assert_false(m->eta.set || m->expires.set || m->has_group_index || m->redelivered);
    }
}

#define V1 "\"task\": \"t1\", \"id\": \"i1\", \"args\": [1], \"kwargs\": {\"k\": 2}, \"retries\": 3"

static void test_checklist_37_protocol_1(void **state)
{
    struct fixture *f = *state;
    const struct cel_task_message *m = read_parts(
        f, "{}",
        "{" V1 ", \"group\": null, \"group_index\": 4, \"eta\": \"1970-01-01T00:00:01\", "
        "\"expires\": null, \"utc\": true, \"callbacks\": [{\"task\": \"c\"}], "
        "\"errbacks\": null, \"timelimit\": [9, null], \"taskset\": null, \"chord\": "
        "{\"task\": \"b\"}, \"chain\": [5]}");

    assert_string_equal(m->refuse_text, "");
    assert_int_equal(m->protocol, CEL_PROTOCOL_1);
    assert_true(span_is(m->task, "t1") && span_is(m->id, "i1"));
    assert_true(span_is(m->args, "[1]") && span_is(m->kwargs, "{\"k\": 2}"));
    assert_int_equal(m->retries, 3);
    assert_true(m->eta.set && m->eta.us == 1000000);
    assert_true(m->has_group_index && m->group_index == 4);
    assert_true(m->time_limit > 8.9 && m->time_limit < 9.1);
    assert_true(span_is(m->callbacks, "[{\"task\": \"c\"}]"));
    assert_true(span_is(m->chord, "{\"task\": \"b\"}"));
    assert_null(m->chain.ptr);
    assert_null(m->errbacks.ptr);
    /* Its own group under the old name, escapes, and nothing but the name and id. */
    m = read_parts(f, "{\"x\": 1}",
                   "{\"task\": \"t\\u00e9\", \"id\": \"\\u0069\", \"taskset\": \"g\"}");
    assert_string_equal(m->refuse_text, "");
    assert_true(span_is(m->task, "t\xc3\xa9") && span_is(m->id, "i") && span_is(m->group, "g"));
    assert_true(span_is(m->args, "[]") && span_is(m->kwargs, "{}"));
}

static void test_checklist_37_hybrid(void **state)
{
    struct fixture *f = *state;
    const struct cel_task_message *m = read_parts(
        f, "{\"task\": \"t2\", \"id\": \"i2\", \"retries\": null}", "{" V1 ", \"root_id\": \"r\"}");

    assert_string_equal(m->refuse_text, "");
    assert_int_equal(m->protocol, CEL_PROTOCOL_HYBRID);
    assert_true(span_is(m->task, "t2") && span_is(m->id, "i2") && span_is(m->root_id, "r"));
    assert_int_equal(m->retries, 0);
    assert_true(span_is(m->args, "[1]"));
    /* Without args it is a body of the wrong shape. */
    m = read_parts(f, "{\"task\": \"t2\", \"id\": \"i2\"}", "{\"kwargs\": {}}");
    assert_int_equal(m->refuse, CEL_REFUSE_BODY_SHAPE);
}

static void test_checklist_38_literal_body_and_escapes(void **state)
{
    struct fixture *f = *state;
    const struct cel_task_message *m = read_parts(f, "{\"task\": \"t\\n\", \"id\": \"\\ud800\"}",
                                                  "[[\"h\xc3\xa9\"], {\"a\\n\": null}, {}]");

    assert_string_equal(m->refuse_text, "");
    assert_int_equal(m->body_encoding, CEL_BODY_LITERAL);
    assert_true(span_is(m->args, "[\"h\xc3\xa9\"]"));
    assert_true(span_is(m->task, "t\n"));
    assert_true(span_is(m->id, "\xed\xa0\x80"));
}

static void test_checklist_39_codecs(void **state)
{
    struct fixture *f = *state;
    const struct cel_task_message *m;
    struct strbuf zlib;

    strbuf_init(&zlib, TEXT_MAX);
    assert_int_equal(cel_body_compress(SPAN("[[1], {}, {}]"), &zlib), CELERIAC_OK);
    m = read_base64(f, ", \"compression\": \"application/x-gzip\"", strbuf_span(&zlib));
    assert_string_equal(m->refuse_text, "");
    assert_true(span_is(m->args, "[1]"));
    assert_true(span_is(m->compression, "application/x-gzip"));
    m = read_base64(f, ", \"compression\": \"application/x-bz2\"", strbuf_span(&zlib));
    assert_int_equal(m->refuse, CEL_REFUSE_COMPRESSION);
    assert_string_equal(m->refuse_text, "compression: application/x-bz2 cannot be undone here");
    /* What could be read is there all the same. */
    assert_true(span_is(m->task, "t") && span_is(m->id, "i") && span_is(m->delivery_tag, "d"));
    m = read_base64(f, ", \"compression\": 5", strbuf_span(&zlib));
    assert_int_equal(m->refuse, CEL_REFUSE_COMPRESSION);
    m = read_base64(f, ", \"compression\": \"gzip\"", SPAN("no zlib stream"));
    assert_int_equal(m->refuse, CEL_REFUSE_COMPRESSED_DATA);
    assert_true(span_is(m->id, "i"));
    strbuf_close(&zlib);
}

/* Checklist 40 and 41: values that JSON or C cannot hold stay the bytes they are. */
static void test_checklist_40_41_values_stay_bytes(void **state)
{
    struct fixture *f = *state;
    static const char args[] =
        "[NaN, -Infinity, 1180591620717411303424, \"\\ud83d\\ude00\\ud800\", 1.50e+2, "
        "{\"__type__\": "
        "\"datetime\", \"__value__\": \"2024-01-02T03:04:05+00:00\"}, {\"a\": 1, \"a\": 2}]";
    const struct cel_task_message *m;
    struct strbuf body;

    strbuf_init(&body, TEXT_MAX);
    strbuf_printf(&body, "[%s, {\"deep\": ", args);
    for (int i = 0; i < 500; i++)
        strbuf_add_text(&body, "[{\"a\":");
    for (int i = 0; i < 500; i++)
        strbuf_add_text(&body, i == 0 ? "1}]" : "}]");
    strbuf_add_text(&body, "}, {}]");
    m = read_base64(f, "", strbuf_span(&body));
    assert_string_equal(m->refuse_text, "");
    assert_true(span_is(m->args, args));
    assert_true(span_equal(m->body, strbuf_span(&body)));
    assert_true(span_equal(m->raw, strbuf_span(&f->raw)));
    strbuf_close(&body);
}

static void test_checklist_42_content_types(void **state)
{
    struct fixture *f = *state;
    const struct cel_task_message *m;

    m = read_raw(
        f, SPAN("{\"body\": \"gAJdcQAu\", \"content-type\": \"application/x-python-serialize\", "
                "\"content-encoding\": \"binary\", \"headers\": {\"task\": \"t\", \"id\": "
                "\"i\"}, \"properties\": {\"delivery_tag\": \"d\", \"body_encoding\": "
                "\"base64\"}}"));
    assert_int_equal(m->refuse, CEL_REFUSE_CONTENT_TYPE);
    assert_string_equal(m->refuse_text,
                        "content-type: application/x-python-serialize is not accepted");
    assert_true(span_is(m->content_encoding, "binary"));
    m = read_raw(f,
                 SPAN("{\"body\": \"[[], {}, {}]\", \"headers\": {\"task\": \"t\", \"id\": \"i\"}, "
                      "\"properties\": {\"delivery_tag\": \"d\"}}"));
    assert_int_equal(m->refuse, CEL_REFUSE_CONTENT_TYPE);
    assert_string_equal(m->refuse_text, "content-type: application/data is not accepted");
}

static void test_checklist_43_says_why_it_refuses(void **state)
{
    struct fixture *f = *state;
    const struct {
        const char *headers, *body;
        enum cel_refuse cause;
    } cases[] = {
        {"{\"task\": \"t\"}", "[[], {}, {}]", CEL_REFUSE_ID},
        {"{\"task\": \"t\", \"id\": null}", "[[], {}, {}]", CEL_REFUSE_ID},
        {"{\"task\": null, \"id\": \"i\"}", "[[], {}, {}]", CEL_REFUSE_TASK},
        {"{\"task\": \"t\", \"id\": \"i\"}", "[[], {}]", CEL_REFUSE_BODY_SHAPE},
        {"{\"task\": \"t\", \"id\": \"i\"}", "[[], {}, {}, 1]", CEL_REFUSE_BODY_SHAPE},
        {"{\"task\": \"t\", \"id\": \"i\"}", "\"text\"", CEL_REFUSE_BODY_SHAPE},
        {"{\"task\": \"t\", \"id\": \"i\"}", "null", CEL_REFUSE_BODY_SHAPE},
        {"{\"task\": \"t\", \"id\": \"i\"}", "", CEL_REFUSE_BODY_JSON},
        {"{\"task\": \"t\", \"id\": \"i\"}", "{nope", CEL_REFUSE_BODY_JSON},
        {"{\"task\": \"t\", \"id\": \"i\"}", "[{}, {}, {}]", CEL_REFUSE_ARGS},
        {"{\"task\": \"t\", \"id\": \"i\"}", "[[], [], {}]", CEL_REFUSE_KWARGS},
        {"{\"task\": \"t\", \"id\": \"i\"}", "[[], {}, []]", CEL_REFUSE_EMBED},
        {"{\"task\": \"t\", \"id\": \"i\"}", "[[], {}, {\"chain\": {\"a\": 1}}]", CEL_REFUSE_EMBED},
        {"{\"task\": \"t\", \"id\": \"i\", \"retries\": -1}", "[[], {}, {}]", CEL_REFUSE_HEADER},
        {"{}", "[[], {}, {}]", CEL_REFUSE_UNKNOWN_MESSAGE},
        {"{}", "{\"id\": \"i\", \"args\": []}", CEL_REFUSE_UNKNOWN_MESSAGE},
        {"{}", "{\"task\": \"t\"}", CEL_REFUSE_ID},
        {"{}", "{\"task\": \"t\", \"id\": \"i\", \"kwargs\": []}", CEL_REFUSE_KWARGS},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct cel_task_message *m = read_parts(f, cases[i].headers, cases[i].body);

        assert_string_equal(cel_refuse_name(m->refuse), cel_refuse_name(cases[i].cause));
        assert_true(m->refuse_text[0] != '\0');
        assert_true(span_is(m->delivery_tag, "d") && span_is(m->routing_key, "q"));
        assert_true(span_equal(m->raw, strbuf_span(&f->raw)));
    }
    assert_int_equal(read_raw(f, SPAN("not json"))->refuse, CEL_REFUSE_NOT_JSON);
    assert_true(span_is(f->m->raw, "not json"));
    assert_int_equal(read_raw(f, SPAN(""))->refuse, CEL_REFUSE_NOT_JSON);
    assert_null(f->m->raw.ptr);
    assert_int_equal(read_raw(f, SPAN("{\"body\": \"\"}"))->refuse, CEL_REFUSE_PROPERTIES);
}

static void test_checklist_45_eta(void **state)
{
    struct fixture *f = *state;
    const struct {
        const char *eta;
        int64_t us;
    } good[] = {
        {"2024-01-02T05:04:05+02:00", INT64_C(1704164645000000)},
        {"2024-01-02T03:04:05.678901+00:00", INT64_C(1704164645678901)},
        {"2024-01-02T03:04:05", INT64_C(1704164645000000)},
        {"2024-01-02T03:04:05Z", INT64_C(1704164645000000)},
        {"2024-01-02", INT64_C(1704153600000000)},
    };
    char headers[200];

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        const struct cel_task_message *m;

        assert_in_range(snprintf(headers, sizeof(headers),
                                 "{\"task\": \"t\", \"id\": \"i\", \"eta\": \"%s\"}", good[i].eta),
                        1, sizeof(headers) - 1);
        m = read_parts(f, headers, "[[], {}, {}]");
        assert_string_equal(m->refuse_text, "");
        assert_true(m->eta.set && m->eta.us == good[i].us);
        assert_true(span_is(m->eta_text, good[i].eta));
    }
    assert_int_equal(
        read_parts(f, "{\"task\": \"t\", \"id\": \"i\", \"eta\": \"garbage\"}", "[[], {}, {}]")
            ->refuse,
        CEL_REFUSE_ETA);
    assert_string_equal(f->m->refuse_text, "eta: impossible value");
    assert_int_equal(read_parts(f, "{}", "{\"task\": \"t\", \"id\": \"i\", \"eta\": 5}")->refuse,
                     CEL_REFUSE_ETA);
}

static void test_checklist_46_expires(void **state)
{
    struct fixture *f = *state;
    const struct cel_task_message *m = read_parts(
        f, "{\"task\": \"t\", \"id\": \"i\", \"expires\": \"1970-01-01T00:00:00+00:00\"}",
        "[[], {}, {}]");

    assert_true(m->expires.set && m->expires.us == 0);
    assert_int_equal(
        read_parts(f, "{\"task\": \"t\", \"id\": \"i\", \"expires\": \"?\"}", "[[], {}, {}]")
            ->refuse,
        CEL_REFUSE_EXPIRES);
}

static void test_checklist_47_signatures_stay_whole(void **state)
{
    struct fixture *f = *state;
    const struct cel_task_message *m =
        read_parts(f, "{\"task\": \"t\", \"id\": \"i\"}",
                   "[[], {}, {\"callbacks\": [{\"task\":\"c\",\"new\": NaN}], \"errbacks\": [{ }], "
                   "\"chain\": [{\"options\": {\"\\u0078\": 1}}], \"chord\": {\"chord_size\":2 }, "
                   "\"more\": 1}]");

    assert_string_equal(m->refuse_text, "");
    assert_true(span_is(m->callbacks, "[{\"task\":\"c\",\"new\": NaN}]"));
    assert_true(span_is(m->errbacks, "[{ }]"));
    assert_true(span_is(m->chain, "[{\"options\": {\"\\u0078\": 1}}]"));
    assert_true(span_is(m->chord, "{\"chord_size\":2 }"));
}

/* A message outlives the bytes it was read from and the decoder; every span is its own. */
static void test_owns_what_it_points_to(void **state)
{
    struct fixture *f = *state;
    struct cel_task_message *m = NULL;
    char raw[] = "{\"body\": \"{\\\"task\\\": \\\"\\\\u00e9t\\\", \\\"id\\\": \\\"i\\\", "
                 "\\\"args\\\": [1]}\", \"content-type\": \"application/json\", \"headers\": {}, "
                 "\"properties\": {\"delivery_tag\": \"\\u0064\"}}";

    assert_int_equal(cel_task_message_create(f->decoder, span_of(raw), &m), CELERIAC_OK);
    (void)read_raw(f, SPAN("{}"));
    cel_task_decoder_destroy(f->decoder);
    f->decoder = NULL;
    memset(raw, 'x', sizeof(raw) - 1);
    assert_string_equal(m->refuse_text, "");
    assert_true(span_is(m->task, "\xc3\xa9t") && span_is(m->id, "i") &&
                span_is(m->delivery_tag, "d"));
    assert_true(span_is(m->args, "[1]") && span_is(m->kwargs, "{}"));
    assert_true(span_starts(m->raw, SPAN("{\"body\": ")));
    cel_task_message_destroy(m);
    cel_task_message_destroy(NULL);
    cel_task_decoder_destroy(NULL);
}

static void test_redelivered_from_either_flag(void **state)
{
    struct fixture *f = *state;

    assert_true(
        read_parts(f, "{\"task\": \"t\", \"id\": \"i\", \"redelivered\": true}", "[[], {}, {}]")
            ->redelivered);
    assert_false(
        read_parts(f, "{\"task\": \"t\", \"id\": \"i\", \"redelivered\": 1}", "[[], {}, {}]")
            ->redelivered);
    assert_true(read_raw(f, SPAN("{\"properties\": {\"delivery_tag\": \"d\", \"delivery_info\": "
                                 "{\"redelivered\": true}}}"))
                    ->redelivered);
}

static void test_every_cut_is_refused(void **state)
{
    struct fixture *f = *state;

    (void)read_parts(f, "{\"task\": \"t\", \"id\": \"i\"}", "[[1], {\"a\": 2}, {}]");
    for (size_t len = 0; len < f->raw.len; len++)
        assert_int_equal(read_raw(f, (struct span){f->raw.ptr, len})->refuse, CEL_REFUSE_NOT_JSON);
    assert_int_equal(read_raw(f, strbuf_span(&f->raw))->refuse, CEL_REFUSE_NONE);
}

/* The body cut at every byte, inside a whole envelope. */
static void test_every_cut_body_is_refused(void **state)
{
    struct fixture *f = *state;
    static const char body[] = "[[1, \"x\"], {\"a\": 2}, {\"chain\": [{\"task\": \"n\"}]}]";

    for (size_t len = 0; len < sizeof(body) - 1; len++)
        assert_int_equal(read_base64(f, "", (struct span){body, len})->refuse,
                         CEL_REFUSE_BODY_JSON);
    assert_int_equal(read_base64(f, "", span_of(body))->refuse, CEL_REFUSE_NONE);
}

static void test_body_limit(void **state)
{
    struct fixture *f = *state;
    const struct cel_task_decoder_options options = {.body_max = 20};

    cel_task_decoder_destroy(f->decoder);
    f->decoder = NULL;
    assert_int_equal(cel_task_decoder_create(&options, &f->decoder), CELERIAC_OK);
    assert_int_equal(read_base64(f, "", SPAN("[[12345678], {}, {}]"))->refuse, CEL_REFUSE_NONE);
    assert_int_equal(read_base64(f, "", SPAN("[[123456789], {}, {}]"))->refuse,
                     CEL_REFUSE_TOO_LARGE);
    assert_string_equal(f->m->refuse_text, "body: larger than allowed");
}

static void test_nesting_limit(void **state)
{
    struct fixture *f = *state;
    struct strbuf body;

    strbuf_init(&body, TEXT_MAX);
    for (int depth = JSON_DEPTH_MAX - 1; depth <= JSON_DEPTH_MAX; depth++) {
        strbuf_clear(&body);
        strbuf_add_char(&body, '[');
        for (int i = 0; i < depth; i++)
            strbuf_add_char(&body, '[');
        for (int i = 0; i < depth; i++)
            strbuf_add_char(&body, ']');
        strbuf_add_text(&body, ", {}, {}]");
        assert_int_equal(read_base64(f, "", strbuf_span(&body))->refuse,
                         depth + 1 <= JSON_DEPTH_MAX ? CEL_REFUSE_NONE : CEL_REFUSE_TOO_LARGE);
    }
    strbuf_close(&body);
}

static void test_survives_every_allocation_failure(void **state)
{
    static const char raw[] =
        "{\"body\": \"eJyLjjaM1VGorgXhWAAbqAQq\", \"content-type\": \"application/json\", "
        "\"headers\": "
        "{\"task\": \"\\u00e9\", \"id\": \"i\", \"compression\": \"gzip\"}, \"properties\": "
        "{\"delivery_tag\": \"\\u00e9\", \"body_encoding\": \"base64\"}}";
    bool failed = true;

    (void)state;
    for (size_t n = 1; failed; n++) {
        struct cel_task_decoder *decoder = NULL;
        struct cel_task_message *m = NULL;
        enum celeriac_err code;

        mem_fail_at(n);
        code = cel_task_decoder_create(NULL, &decoder);
        if (code == CELERIAC_OK)
            code = cel_task_message_create(decoder, span_of(raw), &m);
        failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(code, failed ? CELERIAC_ERR_MEMORY : CELERIAC_OK);
        assert_true(failed == (m == NULL));
        if (m != NULL)
            assert_string_equal(m->refuse_text, "");
        cel_task_message_destroy(m);
        cel_task_decoder_destroy(decoder);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_checklist_35_headers_of_every_version),
        TEST(test_checklist_36_the_least_there_can_be),
        TEST(test_checklist_37_protocol_1),
        TEST(test_checklist_37_hybrid),
        TEST(test_checklist_38_literal_body_and_escapes),
        TEST(test_checklist_39_codecs),
        TEST(test_checklist_40_41_values_stay_bytes),
        TEST(test_checklist_42_content_types),
        TEST(test_checklist_43_says_why_it_refuses),
        TEST(test_checklist_45_eta),
        TEST(test_checklist_46_expires),
        TEST(test_checklist_47_signatures_stay_whole),
        TEST(test_owns_what_it_points_to),
        TEST(test_redelivered_from_either_flag),
        TEST(test_every_cut_is_refused),
        TEST(test_every_cut_body_is_refused),
        TEST(test_body_limit),
        TEST(test_nesting_limit),
        TEST(test_survives_every_allocation_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
