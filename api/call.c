#include "api/call.h"

#include <string.h>

#include "api/charset.h"
#include "api/problems.h"
#include "api/reply.h"
#include "api/trace_context.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/uuid.h"
#include "notify/rules/api_key.h"

static void release_call(void *data)
{
    struct api_call *call = data;

    reply_log_abandoned(call);
    if (call->release)
        call->release(call->state);
    mem_free(call->state);
    body_close(&call->body);
    strbuf_close(&call->trace);
    mem_free(call);
}

/* A proxy's id is kept when it can stand in a log line and a header. */
static bool is_usable_id(struct span id)
{
    if (id.len == 0 || id.len > CALL_REQUEST_ID_MAX)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        if (!letter && c != '-' && c != '_' && c != '.')
            return false;
    }
    return true;
}

enum celeriac_err call_create(struct api *api, struct http_exchange *http, struct api_call **call)
{
    struct api_call *made = mem_calloc(1, sizeof *made);

    if (!made)
        return CELERIAC_ERR_MEMORY;
    made->api = api;
    made->http = http;
    made->request = http_request(http);
    made->response = http_response(http);
    made->started_ns = clock_monotonic_ns();
    body_init(&made->body);
    strbuf_init(&made->trace, TRACE_HEADERS_MAX);
    if (is_usable_id(made->request->request_id))
        memcpy(made->request_id, made->request->request_id.ptr, made->request->request_id.len);
    else
        uuid_new(made->request_id);
    http_attach(http, made, release_call);
    *call = made;
    return CELERIAC_OK;
}

struct span call_headers(struct api_call *call)
{
    const struct http_request *r = call->request;

    if (call->trace.len == 0 && r->traceparent.len > 0)
        (void)trace_context_write(r->traceparent, r->tracestate, &call->trace);
    if (call->trace.len == 0 || strbuf_status(&call->trace) != CELERIAC_OK)
        return (struct span){NULL, 0};
    return strbuf_span(&call->trace);
}

void *call_state(struct api_call *call, size_t size, void (*release)(void *state))
{
    call->state = mem_calloc(1, size);
    if (!call->state) {
        reply_later(call);
        return NULL;
    }
    call->release = release;
    return call->state;
}

void call_release_store(void *state)
{
    store_call_release(state);
}

static void run_next(struct http_exchange *http, void *context)
{
    struct api_call *call = context;

    (void)http;
    call->next(call);
}

void call_continue(struct api_call *call, route_handler_fn *next)
{
    call->next = next;
    http_continue(call->http, run_next, call);
}

static void on_store_done(struct store_call *work)
{
    struct api_call *call = work->context;

    if (work->error.code == CELERIAC_OK && call->on_success)
        call->on_success(call);
    http_continue(call->http, run_next, call);
}

void call_submit_store(struct api_call *call, struct store_call *work, int64_t timeout_ns,
                       route_handler_fn *next, void (*on_success)(struct api_call *call))
{
    call->next = next;
    call->on_success = on_success;
    work->done = on_store_done;
    work->context = call;
    work->deadline_ns = clock_monotonic_ns() + timeout_ns;
    if (store_submit(call->api->store, work) != CELERIAC_OK)
        reply_store_failure(call, &work->error);
}

static void on_counted(struct api_call *call)
{
    if (call->rate.is_limited)
        reply_add_rate(call);
    if (call->rate.is_granted)
        call->counted(call);
    else
        reply_throttled(call, call->rate.retry_ms * NS_PER_MS);
}

static void on_rate_checked(struct rate_check *check)
{
    call_continue(check->context, on_counted);
}

void call_check_rate(struct api_call *call, size_t items, route_handler_fn *next)
{
    call->counted = next;
    call->rate = (struct rate_check){.tenant_id = call->who.tenant_id,
                                     .per_1000_s = call->who.limit_milli,
                                     .burst = call->who.limit_burst,
                                     .items = (int64_t)items,
                                     .done = on_rate_checked,
                                     .context = call};
    if (rate_limit_check(call->api->rates, &call->rate))
        on_counted(call);
}

void call_submit_work(struct api_call *call, struct work *work)
{
    if (work_submit(call->api->work, work) != CELERIAC_OK)
        reply_later(call);
}

/* 415 in DRF's words; WSGI hands headers on as Latin-1, and so they are quoted. */
static void reply_unsupported(struct api_call *call)
{
    struct strbuf text;

    strbuf_init(&text, HTTP_RESPONSE_MAX);
    strbuf_add_text(&text, "Unsupported media type \"");
    charset_decode_replace(&text, call->request->content_type, CHARSET_LATIN1);
    strbuf_add_text(&text, "\" in request.");
    if (strbuf_status(&text) == CELERIAC_OK)
        reply_detail(call, 415, strbuf_text(&text));
    else
        reply_later(call);
    strbuf_close(&text);
}

bool call_is_simulated(const struct api_call *call)
{
    return !call->api->settings->test_keys_send && notify_api_key_is_test(call->request->api_key);
}

bool call_parse_body(struct api_call *call)
{
    struct celeriac_error err = {0};
    enum celeriac_err rc =
        body_parse(&call->body, call->request->content_type, call->request->body, &err);

    if (rc == CELERIAC_OK)
        return true;
    if (rc == CELERIAC_ERR_UNSUPPORTED)
        reply_unsupported(call);
    else if (rc == CELERIAC_ERR_MEMORY)
        reply_later(call);
    else
        reply_detail(call, 400, err.text);
    return false;
}

bool call_read_body(struct api_call *call, const struct field *fields, size_t count, bool partial,
                    struct value *values)
{
    struct problems problems;

    if (!call_parse_body(call))
        return false;
    problems_init(&problems, &call->response->body);
    if (validate(fields, count, &call->body, partial, values, &problems) != CELERIAC_OK) {
        reply_later(call);
        return false;
    }
    if (!problems_found(&problems))
        return true;
    problems_end(&problems);
    reply_document(call, 400);
    return false;
}
