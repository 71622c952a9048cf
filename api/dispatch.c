#include "api/dispatch.h"

#include <stdio.h>
#include <string.h>

#include "api/call.h"
#include "api/media_type.h"
#include "api/reply.h"

/* DRF's description of a view, without what depends on the names of Python classes. */
static void describe(struct api_call *call, const struct route *route)
{
    struct json_writer w;

    document_begin(call, &w);
    json_begin_object(&w);
    json_key(&w, "name");
    json_text(&w, route->operations[0].summary);
    json_key(&w, "description");
    json_text(&w, "");
    json_key(&w, "renders");
    json_begin_array(&w);
    json_text(&w, "application/json");
    json_end_array(&w);
    json_key(&w, "parses");
    json_begin_array(&w);
    json_text(&w, "application/json");
    json_text(&w, "application/x-www-form-urlencoded");
    json_text(&w, "multipart/form-data");
    json_end_array(&w);
    json_end_object(&w);
    reply_document(call, 200);
}

static void reply_not_allowed(struct api_call *call)
{
    struct strbuf text;

    strbuf_init(&text, HTTP_RESPONSE_MAX);
    strbuf_add_text(&text, "Method \"");
    strbuf_add_span(&text, call->request->method_name);
    strbuf_add_text(&text, "\" not allowed.");
    if (strbuf_status(&text) == CELERIAC_OK)
        reply_detail(call, 405, strbuf_text(&text));
    else
        reply_later(call);
    strbuf_close(&text);
}

/* The key, if one is needed, is good: on to the view. */
static void run_route(struct api_call *call)
{
    const struct route_operation *op;

    if (!call->route) {
        reply_detail(call, 404, "Not found.");
        return;
    }
    if (call->params.is_unread) {
        reply_later(call);
        return;
    }
    if (call->route->style == ROUTE_DRF && !media_type_accepts_us(call->request->accept)) {
        reply_detail(call, 406, "Could not satisfy the request Accept header.");
        return;
    }
    if (call->request->method == HTTP_OPTIONS) {
        describe(call, call->route);
        return;
    }
    op = route_operation_of(call->route, call->request->method);
    if (op)
        op->handle(call);
    else
        reply_not_allowed(call);
}

static void on_verdict(struct api_call *call)
{
    switch (call->check.verdict) {
    case AUTH_ACCEPTED:
        call->who = call->check.who;
        call->is_authenticated = true;
        uuid_format(&call->who.tenant_id, call->tenant_text);
        /* All requests with a key are counted, before anything else is looked at. */
        call_check_rate(call, 0, run_route);
        return;
    case AUTH_TENANT_INACTIVE:
        reply_refusal(call, 403, "Tenant inactive", "Your account has been deactivated");
        return;
    case AUTH_INVALID:
        reply_refusal(call, 401, "Invalid API key", "The provided API key is invalid or inactive");
        return;
    case AUTH_SEARCHING:
        reply_searching(call);
        return;
    case AUTH_THROTTLED:
        reply_throttled(call, call->check.wait_ns);
        return;
    case AUTH_PENDING:
    case AUTH_LATER:
        break;
    }
    reply_later(call);
}

static void on_checked(struct auth_check *check)
{
    call_continue(check->context, on_verdict);
}

static void check_key(struct api_call *call)
{
    enum auth_verdict verdict;

    if (call->request->api_key.len == 0) {
        reply_refusal(call, 401, "Authentication required", "Missing X-API-KEY header");
        return;
    }
    call->check.key = call->request->api_key;
    call->check.peer = call->request->peer;
    call->check.done = on_checked;
    call->check.context = call;
    verdict = auth_check(call->api->auth, &call->check);
    if (verdict == AUTH_PENDING)
        return;
    call->check.verdict = verdict;
    on_verdict(call);
}

/* Routes that take longer bodies than HTTP_BODY_MAX. */
static const struct {
    const char *path;
    size_t body_max;
} long_bodies[] = {
    {"/v1/notify/batch/", HTTP_BATCH_BODY_MAX},
};

size_t dispatch_body_max(struct span path, void *context)
{
    const struct api *api = context;
    const struct route *route = NULL;
    struct route_params params;
    char buf[ROUTE_PATH_MAX];

    if (route_decode_path(path, buf, &path))
        route = route_find(api->routes, path, &params);
    for (size_t i = 0; route && i < sizeof long_bodies / sizeof long_bodies[0]; i++) {
        if (strcmp(route->path, long_bodies[i].path) == 0)
            return long_bodies[i].body_max;
    }
    return HTTP_BODY_MAX;
}

/* In Django's words for its DATA_UPLOAD_MAX_MEMORY_SIZE. */
static void reply_too_large(struct api_call *call)
{
    char text[64];

    (void)snprintf(text, sizeof text, "Request body exceeded %zu bytes.",
                   dispatch_body_max(call->request->path, call->api));
    reply_detail(call, 413, text);
}

void dispatch(struct http_exchange *http, void *context)
{
    struct api *api = context;
    char buf[ROUTE_PATH_MAX];
    struct api_call *call;
    struct span path;

    if (call_create(api, http, &call) != CELERIAC_OK) {
        http_response(http)->status = 503;
        http_finish(http);
        return;
    }
    if (call->request->host.ptr &&
        !notify_settings_host_allowed(api->settings, call->request->host)) {
        reply_detail(call, 400, "Invalid Host header.");
        return;
    }
    if (call->request->body_too_large) {
        reply_too_large(call);
        return;
    }
    if (call->request->body_unwelcome) {
        reply_later(call);
        return;
    }
    if (route_decode_path(call->request->path, buf, &path))
        call->route = route_find(api->routes, path, &call->params);
    if (call->route)
        route_allow(call->route, call->allow);
    if ((call->route ? call->route->access : route_access_of(path)) == ROUTE_KEY)
        check_key(call);
    else
        run_route(call);
}
