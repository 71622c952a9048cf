/*
 * The calls of tenants without a socket, a thread or a database, and with each allocation failing
 * in its turn: the answer is then whole, or asks to come again. Sanitizers look for what leaks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/call.h"
#include "api/handlers.h"
#include "api/reply.h"
#include "base/alloc.h"
#include "base/log.h"
#include "notify/store/kind.h"
#include "notify/store/notifications.h"
#include "notify/store/retry.h"
#include "notify/store/templates.h"
#include "tests/unit/api/store_stand_in.h"

/* Most allocations of one request; a walk that goes on is one that never ends well. */
#define ALLOCATIONS_MAX 5000

#define UUID_TEXT "3f2b1c4d-0000-4000-8000-abcdefabcdef"

#define JSON "application/json"
#define FORM "application/x-www-form-urlencoded"
#define MULTIPART "multipart/form-data; boundary=b"

struct request {
    const char *method, *path, *type, *body;
    unsigned status; /* of its answer when there is memory */
    const char *key; /* Idempotency-Key */
    const char *query;
};

/* ---- a call ---------------------------------------------------------------------------------- */

static unsigned posted;

static void on_post(struct http_exchange *x, void *context)
{
    (void)x;
    (void)context;
    posted++;
}

static const struct http_host host = {on_post};
static const struct notify_settings settings = {
    .allowed_hosts = "*", .test_keys_send = true, .send_at_horizon_us = 60000000};
static struct api api = {.routes = api_routes, .settings = &settings};

/* As dispatch() does it once the key is known to be good. */
static void begin(struct http_exchange *x, void *context)
{
    const struct http_request *r = http_request(x);
    const struct route_operation *op;
    struct api_call *call;

    (void)context;
    if (call_create(&api, x, &call) != CELERIAC_OK) {
        http_response(x)->status = 503;
        http_finish(x);
        return;
    }
    call->route = route_find(api.routes, r->path, &call->params);
    assert_non_null(call->route);
    call->is_authenticated = true;
    op = route_operation_of(call->route, r->method);
    assert_non_null(op);
    if (call->params.is_unread)
        reply_later(call);
    else
        op->handle(call);
}

/* Runs a request to its end, with such a hook; the caller destroys the exchange. */
static struct http_exchange *run(const struct request *q, void (*hook)(size_t n), size_t n)
{
    struct http_exchange *x = NULL;
    struct http_request *r;

    assert_int_equal(http_exchange_create(&host, NULL, &x), CELERIAC_OK);
    r = http_request(x);
    r->method_name = span_of(q->method);
    r->method = http_method_of(r->method_name);
    r->path = span_of(q->path);
    r->query = span_of(q->query);
    r->content_type = span_of(q->type);
    r->body = span_of(q->body);
    r->idempotency_key = q->key ? span_of(q->key) : (struct span){NULL, 0};
    r->traceparent = SPAN("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    http_set_step(x, begin, NULL);
    posted = 0;
    hook(n);
    http_run(x);
    while (!http_is_finished(x) && posted > 0) {
        posted--;
        http_run(x);
    }
    assert_true(http_is_finished(x));
    return x;
}

/* ---- what the store answers ------------------------------------------------------------------ */

static enum celeriac_err answer(struct store_call *call)
{
    static const struct store_outbox_row given_up[2];
    static const struct store_template letter = {.id = 12,
                                                 .name = SPAN("t"),
                                                 .channel = SPAN("email"),
                                                 .subject = SPAN("s"),
                                                 .body = SPAN("b"),
                                                 .variables = SPAN("{\"a\": 1.50}")};
    static const struct store_notification sent = {.channel = SPAN("email"),
                                                   .to = SPAN("a@example.com"),
                                                   .status = SPAN("pending"),
                                                   .data = SPAN("{\"a\": 1e5, \"b\": 0.10}")};

    if (call->own.kind->id == STORE_KIND_FIND_TEMPLATE)
        ((struct store_find_template *)call)->found_id = 7;
    if (call->own.kind->id == STORE_KIND_GET_TEMPLATE)
        ((struct store_get_template *)call)->row = letter;
    if (call->own.kind->id == STORE_KIND_GET_NOTIFICATION)
        ((struct store_get_notification *)call)->row = sent;
    if (call->own.kind->id == STORE_KIND_RETRY_DEAD_LETTERS) {
        ((struct store_retry_dead_letters *)call)->rows = given_up;
        ((struct store_retry_dead_letters *)call)->count = 2;
    }
    return CELERIAC_OK;
}

static enum celeriac_err nothing_is_there(struct store_call *call)
{
    (void)call;
    return CELERIAC_ERR_NOT_FOUND;
}

/* ---- with too little memory ------------------------------------------------------------------ */

/* A document without the digits of times and of new ids. */
static void flatten(const struct http_exchange *x, struct strbuf *out)
{
    struct span body = strbuf_span(&http_response((struct http_exchange *)(uintptr_t)x)->body);

    for (size_t i = 0; i < body.len; i++) {
        if (!memchr("0123456789abcdef.-", body.ptr[i], 18))
            strbuf_add_char(out, body.ptr[i]);
    }
}

/* One answer without enough memory, beside the one that it should be. */
static void judge(const struct request *q, size_t n, const struct http_exchange *x,
                  const struct strbuf *whole, size_t published)
{
    const struct http_response *r = http_response((struct http_exchange *)(uintptr_t)x);
    struct strbuf found;

    strbuf_init(&found, HTTP_RESPONSE_MAX);
    flatten(x, &found);
    if (r->status != 503 &&
        (r->status != q->status || !span_equal(strbuf_span(&found), strbuf_span(whole))))
        fail_msg("%s %s %s, %zu: %u %s", q->method, q->path, q->body, n, r->status,
                 strbuf_text(&r->body));
    /* What was accepted is published, whatever the client hears. */
    if (r->status == q->status && store_stand_in.published != published)
        fail_msg("%s %s, %zu: %zu published", q->method, q->path, n, store_stand_in.published);
    strbuf_close(&found);
}

static void walk(const struct request *q, void (*hook)(size_t n))
{
    struct strbuf whole;
    struct http_exchange *x;
    size_t published;
    bool failed = true;
    size_t n = 0;

    store_stand_in.published = 0;
    x = run(q, mem_fail_at, 0);
    published = store_stand_in.published;
    strbuf_init(&whole, HTTP_RESPONSE_MAX);
    flatten(x, &whole);
    if (http_response(x)->status != q->status)
        fail_msg("%s %s %s: %u %s", q->method, q->path, q->body, http_response(x)->status,
                 strbuf_text(&http_response(x)->body));
    http_exchange_destroy(x);
    while (failed) {
        assert_true(++n < ALLOCATIONS_MAX);
        store_stand_in.published = 0;
        x = run(q, hook, n);
        failed = mem_has_failed();
        mem_fail_at(0);
        judge(q, n, x, &whole, published);
        if (!failed)
            assert_int_equal(http_response(x)->status, q->status);
        http_exchange_destroy(x);
    }
    /* The call itself at least. */
    assert_true(n > 1);
    strbuf_close(&whole);
}

static void walk_all(const struct request *requests, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        walk(&requests[i], mem_fail_at);
        walk(&requests[i], mem_fail_once);
    }
}

#define WALK_ALL(table) walk_all(table, sizeof(table) / sizeof(table)[0])

static int set_up(void **state)
{
    (void)state;
    store_stand_in_reset(answer);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mem_fail_at(0);
    return 0;
}

/* ---- requests -------------------------------------------------------------------------------- */

#define SEND(m, p, t, b, s) .method = (m), .path = (p), .type = (t), .body = (b), .status = (s)

#define ITEM \
    "{\"channel\": \"email\", \"to\": \"a@example.com\", \"subject\": \"s\", \"body\": \"b\"}"
#define BY_NAME "{\"channel\": \"email\", \"to\": \"a@example.com\", \"template\": \"welcome\"}"
#define BY_ID "{\"channel\": \"email\", \"to\": \"a@example.com\", \"template_id\": 12}"
#define BAD_ITEM "{\"channel\": \"pigeon\", \"to\": \"\"}"
#define LATER                                                                                   \
    "{\"channel\": \"email\", \"to\": \"a@example.com\", \"subject\": \"s\", \"body\": \"b\", " \
    "\"send_at\": \"2999-01-01T00:00:00Z\"}"

static void notifications(void **state)
{
    static const struct request requests[] = {
        {SEND("POST", "/v1/notify/", JSON, ITEM, 202)},
        {SEND("POST", "/v1/notify/", JSON, ITEM, 202), .key = "k1"},
        {SEND("POST", "/v1/notify/", JSON, BY_NAME, 202)},
        {SEND("POST", "/v1/notify/", JSON, BY_ID, 202)},
        {SEND("POST", "/v1/notify/", JSON, BAD_ITEM, 400)},
        {SEND("POST", "/v1/notify/", JSON, LATER, 400)},
        {SEND("POST", "/v1/notify/", JSON, "{", 400)},
        {SEND("POST", "/v1/notify/", JSON "; charset=latin-1", ITEM, 202)},
        {SEND("POST", "/v1/notify/", FORM, "channel=email&to=a%40example.com&subject=s&body=b",
              202)},
        {SEND("POST", "/v1/notify/", "text/pl\xe4in", ITEM, 415)},
        {SEND(
            "POST", "/v1/notify/", MULTIPART,
            "--b\r\nContent-Disposition: form-data; name=\"to\"\r\n\r\na@example.com\r\n--b--\r\n",
            400)},
        {SEND("POST", "/v1/notify/", "multipart/form-data; boundary=\xe4", "x", 400)},
        {SEND("GET", "/v1/notifications/" UUID_TEXT "/", "", "", 200)},
        {SEND("GET", "/v1/notifications/" UUID_TEXT "/history/", "", "", 200)},
        {SEND("GET", "/v1/notifications/", "", "", 200)},
        {SEND("GET", "/v1/notifications/", "", "", 400), .query = "created_after=never"},
        {SEND("POST", "/v1/notifications/" UUID_TEXT "/cancel/", JSON, "", 200)},
    };

    (void)state;
    WALK_ALL(requests);
}

static void batches(void **state)
{
    static const struct request requests[] = {
        {SEND("POST", "/v1/notify/batch/", JSON,
              "{\"notifications\": [" ITEM ", " BY_NAME ", " BY_NAME ", " BY_ID ", " BAD_ITEM "]}",
              202)},
        {SEND("POST", "/v1/notify/batch/", JSON, "{\"notifications\": [" BY_NAME "]}", 202),
         .key = "k1"},
        {SEND("POST", "/v1/notify/batch/", JSON, "{\"notifications\": [" BAD_ITEM ", 1]}", 400)},
        {SEND("POST", "/v1/notify/batch/", JSON, "{\"notifications\": {}}", 400)},
        {SEND("POST", "/v1/notify/batch/", JSON, "[1]", 400)},
    };

    (void)state;
    WALK_ALL(requests);
}

static void batches_without_their_templates(void **state)
{
    static const struct request requests[] = {
        {SEND("POST", "/v1/notify/batch/", JSON, "{\"notifications\": [" BY_NAME ", " BY_ID "]}",
              400)},
    };

    (void)state;
    store_stand_in_reset(nothing_is_there);
    WALK_ALL(requests);
}

static void dead_letters(void **state)
{
    static const struct request requests[] = {
        {SEND("GET", "/v1/dead-letters/", "", "", 200)},
        {SEND("GET", "/v1/dead-letters/" UUID_TEXT "/", "", "", 200)},
        {SEND("POST", "/v1/dead-letters/" UUID_TEXT "/retry/", JSON, "", 202)},
        {SEND("POST", "/v1/dead-letters/retry/", JSON, "", 202)},
        {SEND("POST", "/v1/dead-letters/retry/", JSON,
              "{\"channel\": \"email\", \"template\": \"t\", \"reason\": \"r\", \"limit\": 5, "
              "\"created_after\": \"2026-01-01T00:00:00Z\"}",
              202)},
        {SEND("POST", "/v1/dead-letters/retry/", JSON, "{\"limit\": 0}", 400)},
        {SEND("POST", "/v1/dead-letters/retry/", JSON, "{\"limit\": 1001}", 400)},
        {SEND("POST", "/v1/dead-letters/retry/", JSON, "{\"channel\": 1}", 400)},
    };

    (void)state;
    WALK_ALL(requests);
}

static void dead_letters_that_are_gone(void **state)
{
    static const struct request requests[] = {
        {SEND("GET", "/v1/dead-letters/" UUID_TEXT "/", "", "", 404)},
        {SEND("POST", "/v1/dead-letters/" UUID_TEXT "/retry/", JSON, "", 404)},
        {SEND("GET", "/v1/notifications/" UUID_TEXT "/", "", "", 404)},
    };

    (void)state;
    store_stand_in_reset(nothing_is_there);
    WALK_ALL(requests);
}

/* Digits of other scripts are an id to Django, and take memory to read. */
static void templates(void **state)
{
    static const struct request requests[] = {
        {SEND("GET", "/v1/templates/", "", "", 200)},
        {SEND("POST", "/v1/templates/", JSON,
              "{\"name\": \"t\", \"channel\": \"email\", \"subject\": \"s\", \"body\": \"b\", "
              "\"variables\": {\"a\": 1.50}}",
              201)},
        {SEND("POST", "/v1/templates/", JSON, "{}", 400)},
        {SEND("GET", "/v1/templates/12/", "", "", 200)},
        {SEND("GET", "/v1/templates/\u0661\u0662/", "", "", 200)},
        {SEND("PATCH", "/v1/templates/12/", JSON, "{\"body\": \"b\"}", 200)},
        {SEND("DELETE", "/v1/templates/12/", "", "", 204)},
        {SEND("GET", "/v1/templates/12/versions/", "", "", 200)},
        {SEND("POST", "/v1/templates/12/restore/", JSON, "{\"version\": 1}", 200)},
        {SEND("GET", "/v1/api-keys/", "", "", 200)},
        {SEND("GET", "/v1/tenants/me/", "", "", 200)},
    };

    (void)state;
    WALK_ALL(requests);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(notifications),
        TEST(batches),
        TEST(batches_without_their_templates),
        TEST(dead_letters),
        TEST(dead_letters_that_are_gone),
        TEST(templates),
    };

    log_set_level(LOG_CRITICAL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
