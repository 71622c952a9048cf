#include "api/reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/description.h"
#include "api/metrics.h"
#include "api/python_value.h"
#include "base/clock.h"
#include "base/iso8601.h"
#include "base/log.h"

/* The status that stands in the log for a client that left. */
#define STATUS_ABANDONED 499

/* When to come again, in seconds: a database or a queue recovers soon, a search takes longer. */
#define RETRY_AFTER "2"
#define RETRY_AFTER_SEARCH "5"

/* Bytes of a sentence with one number. */
#define SENTENCE_SIZE 96

#define MS_PER_S 1000

#define UNAVAILABLE "Service temporarily unavailable, try again later."

/* What a page may load and do: our own files and calls, and nothing else. */
#define PAGE_POLICY                                                                 \
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " \
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

static const struct member detail_members[] = {
    {.name = "detail", .help = "One sentence"},
    {.name = NULL},
};
const struct schema detail_schema = {
    .name = "Detail", .help = "Why there is nothing else", .members = detail_members};

static const struct member error_members[] = {
    {.name = "error", .help = "One sentence"},
    {.name = NULL},
};
const struct schema error_schema = {
    .name = "Error", .help = "Why there is nothing else", .members = error_members};

static const struct member refusal_members[] = {
    {.name = "error", .help = "What is wrong"},
    {.name = "detail", .help = "One sentence more"},
    {.name = NULL},
};
const struct schema refusal_schema = {
    .name = "Refusal", .help = "Why the request is not looked at", .members = refusal_members};

static void log_call(struct api_call *call, unsigned status)
{
    if (call->is_logged)
        return;
    call->is_logged = true;
    api_metrics_count(call->api->metrics, call->route, call->request->method, status,
                      clock_monotonic_ns() - call->started_ns);
    log_info("api", "request", LOG_STR("method", http_method_name(call->request->method)),
             LOG_STR("route", call->route ? call->route->path : "-"), LOG_INT("status", status),
             LOG_SECONDS("took", clock_monotonic_ns() - call->started_ns),
             LOG_STR("request", call->request_id),
             LOG_STR("tenant", call->is_authenticated ? call->tenant_text : "-"));
}

void reply_log_abandoned(struct api_call *call)
{
    log_call(call, STATUS_ABANDONED);
}

/* DRF's views name what they allow; Django's own answers and the key check's do not. */
static void add_headers(struct api_call *call)
{
    bool is_drf = call->route && call->route->style == ROUTE_DRF &&
                  (call->is_authenticated || call->route->access == ROUTE_PUBLIC);

    /* What it cannot answer in is known before it looks for a session. */
    if (is_drf)
        http_add_header(call->response, "Vary",
                        call->response->status == 406 ? "Accept" : "Accept, Cookie");
    if (is_drf || call->response->status == 405)
        http_add_header(call->response, "Allow", call->allow);
    if (call->is_authenticated)
        http_add_header(call->response, "X-Tenant-ID", call->tenant_text);
    http_add_header(call->response, "X-Request-ID", call->request_id);
}

static void send_reply(struct api_call *call, unsigned status)
{
    call->response->status = status;
    add_headers(call);
    log_call(call, status);
    http_finish(call->http);
}

void document_begin(struct api_call *call, struct json_writer *w)
{
    json_writer_init(w, &call->response->body, JSON_STYLE_DRF);
}

void document_time(struct json_writer *w, const char *key, int64_t us)
{
    char text[ISO8601_MAX];

    json_key(w, key);
    if (us == STORE_NO_TIME)
        json_null(w);
    else
        json_string(w, (struct span){text, iso8601_drf(us, text)});
}

void document_text(struct json_writer *w, const char *key, struct span text)
{
    json_key(w, key);
    if (text.ptr)
        json_string(w, text);
    else
        json_null(w);
}

void document_json(struct json_writer *w, const char *key, struct span json)
{
    size_t before;
    uint32_t code;

    json_key(w, key);
    json_value(w, SPAN(""));
    before = w->out->len;
    /* jsonb never writes exponents, so that without a '.' there is no float. */
    if (memchr(json.ptr, '.', json.len) && python_json(json, w->out, &code) == CELERIAC_OK)
        return;
    if (strbuf_status(w->out) == CELERIAC_OK) {
        strbuf_truncate(w->out, before);
        strbuf_add_span(w->out, json);
    }
}

void document_uuid(struct json_writer *w, const char *key, const struct uuid *uuid)
{
    char text[UUID_SIZE];

    uuid_format(uuid, text);
    json_key(w, key);
    json_text(w, text);
}

/* A document that does not fit is replaced by a sentence that does. */
static unsigned check_document(struct api_call *call, unsigned status)
{
    struct strbuf *body = &call->response->body;
    enum celeriac_err rc = strbuf_status(body);

    if (rc == CELERIAC_OK)
        return status;
    strbuf_close(body);
    if (rc == CELERIAC_ERR_LIMIT) {
        strbuf_add_text(body,
                        "{\"detail\":\"The answer is too long; ask for less with ?limit=.\"}");
        return 400;
    }
    http_add_header(call->response, "Retry-After", RETRY_AFTER);
    strbuf_add_text(body, "{\"detail\":\"" UNAVAILABLE "\"}");
    return 503;
}

bool reply_fits(struct api_call *call)
{
    if (http_hold(call->http, call->response->body.cap))
        return true;
    strbuf_close(&call->response->body);
    reply_later(call);
    return false;
}

static bool is_safe(enum http_method method)
{
    return method == HTTP_GET || method == HTTP_HEAD;
}

void reply_document(struct api_call *call, unsigned status)
{
    if (is_safe(call->request->method) && !reply_fits(call))
        return;
    status = check_document(call, status);
    call->response->content_type = "application/json";
    send_reply(call, status);
}

bool reply_list_ended(struct api_call *call, struct json_writer *w, bool is_last)
{
    if (!is_last && strbuf_status(&call->response->body) == CELERIAC_OK)
        return !reply_fits(call);
    json_end_array(w);
    reply_document(call, 200);
    return true;
}

/* One or two members; a name or value of NULL is left out. */
static void reply_pairs(struct api_call *call, unsigned status, const char *name1,
                        struct span value1, const char *name2, const char *value2)
{
    struct json_writer w;

    strbuf_close(&call->response->body);
    document_begin(call, &w);
    json_begin_object(&w);
    json_key(&w, name1);
    json_string(&w, value1);
    if (name2) {
        json_key(&w, name2);
        json_text(&w, value2);
    }
    json_end_object(&w);
    reply_document(call, status);
}

void reply_detail(struct api_call *call, unsigned status, const char *text)
{
    reply_pairs(call, status, "detail", span_of(text), NULL, NULL);
}

void reply_error(struct api_call *call, unsigned status, struct span text)
{
    reply_pairs(call, status, "error", text, NULL, NULL);
}

void reply_refusal(struct api_call *call, unsigned status, const char *error, const char *detail)
{
    reply_pairs(call, status, "error", span_of(error), "detail", detail);
}

void reply_problem(struct api_call *call, const char *field, const char *message)
{
    struct problems p;

    problems_init(&p, &call->response->body);
    problems_add(&p, field, message);
    problems_end(&p);
    reply_document(call, 400);
}

void reply_empty(struct api_call *call, unsigned status)
{
    send_reply(call, status);
}

void reply_page(struct api_call *call, const char *type, const unsigned char *bytes, size_t size)
{
    strbuf_add(&call->response->body, (const char *)bytes, size);
    if (strbuf_status(&call->response->body) != CELERIAC_OK) {
        strbuf_close(&call->response->body);
        reply_later(call);
        return;
    }
    if (!reply_fits(call))
        return;
    call->response->content_type = type;
    http_add_header(call->response, "Content-Security-Policy", PAGE_POLICY);
    http_add_header(call->response, "X-Content-Type-Options", "nosniff");
    http_add_header(call->response, "Referrer-Policy", "no-referrer");
    http_add_header(call->response, "Cache-Control", "no-cache");
    send_reply(call, 200);
}

void reply_moved(struct api_call *call, const char *location)
{
    http_add_header(call->response, "Location", location);
    send_reply(call, 301);
}

void reply_later(struct api_call *call)
{
    http_add_header(call->response, "Retry-After", RETRY_AFTER);
    reply_detail(call, 503, UNAVAILABLE);
}

static void put_number(char text[CALL_NUMBER_SIZE], int64_t number)
{
    (void)snprintf(text, CALL_NUMBER_SIZE, "%" PRId64, number);
}

void reply_add_rate(struct api_call *call)
{
    static const char *const names[CALL_RATE_HEADERS] = {"RateLimit-Limit", "RateLimit-Remaining",
                                                         "RateLimit-Reset"};

    bool is_first = call->rate_limit[0][0] == '\0';

    put_number(call->rate_limit[0], call->rate.limit);
    put_number(call->rate_limit[1], call->rate.remaining);
    put_number(call->rate_limit[2], (call->rate.reset_ms + MS_PER_S - 1) / MS_PER_S);
    for (size_t i = 0; is_first && i < CALL_RATE_HEADERS; i++)
        http_add_header(call->response, names[i], call->rate_limit[i]);
}

void reply_throttled(struct api_call *call, int64_t wait_ns)
{
    int64_t seconds = wait_ns > 0 ? (wait_ns - 1) / NS_PER_SEC + 1 : 1;
    char sentence[SENTENCE_SIZE];

    put_number(call->retry_after, seconds);
    (void)snprintf(sentence, sizeof sentence,
                   "Request was throttled. Expected available in %" PRId64 " second%s.", seconds,
                   seconds == 1 ? "" : "s");
    http_add_header(call->response, "Retry-After", call->retry_after);
    reply_detail(call, 429, sentence);
}

void reply_searching(struct api_call *call)
{
    http_add_header(call->response, "Retry-After", RETRY_AFTER_SEARCH);
    reply_detail(call, 503, "The API key is being verified, try again later.");
}

void reply_store_failure(struct api_call *call, const struct celeriac_error *error)
{
    switch (error->code) {
    case CELERIAC_ERR_LIMIT:
    case CELERIAC_ERR_TIMEOUT:
    case CELERIAC_ERR_UNAVAILABLE:
    case CELERIAC_ERR_SHUTDOWN:
    case CELERIAC_ERR_MEMORY:
        log_warning("api", "the store did not answer", LOG_STR("request", call->request_id),
                    LOG_STR("why", celeriac_err_name(error->code)));
        reply_later(call);
        return;
    default:
        log_error("api", "the store refused", LOG_STR("request", call->request_id), LOG_ERR(error));
        reply_detail(call, 500, "A server error occurred.");
    }
}

void reply_store_missing(struct api_call *call, const struct celeriac_error *error,
                         struct span missing)
{
    if (error->code == CELERIAC_ERR_NOT_FOUND)
        reply_error(call, 404, missing);
    else
        reply_store_failure(call, error);
}
