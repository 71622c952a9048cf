#include "api/http.h"

#include "api/memory_budget.h"
#include "base/alloc.h"

struct http_exchange {
    struct http_request request;
    struct http_response response;
    const struct http_host *host;
    void *host_context;
    http_step_fn *step; /* what runs next */
    void *step_context;
    struct memory_budget *budget;
    size_t counted; /* in the budget */
    bool finished;
    void *attached;
    void (*release)(void *data);
};

static const struct {
    enum http_method method;
    const char *name;
} methods[] = {
    {HTTP_GET, "GET"},       {HTTP_POST, "POST"}, {HTTP_PUT, "PUT"},         {HTTP_PATCH, "PATCH"},
    {HTTP_DELETE, "DELETE"}, {HTTP_HEAD, "HEAD"}, {HTTP_OPTIONS, "OPTIONS"},
};

enum celeriac_err http_exchange_create(const struct http_host *host, void *context,
                                       struct http_exchange **x)
{
    struct http_exchange *made = mem_calloc(1, sizeof *made);

    if (!made)
        return CELERIAC_ERR_MEMORY;
    made->host = host;
    made->host_context = context;
    strbuf_init(&made->response.body, HTTP_RESPONSE_MAX);
    *x = made;
    return CELERIAC_OK;
}

void http_exchange_destroy(struct http_exchange *x)
{
    if (!x)
        return;
    if (x->release)
        x->release(x->attached);
    strbuf_close(&x->response.body);
    if (x->budget)
        memory_budget_release(x->budget, &x->counted);
    mem_free(x);
}

struct http_request *http_request(struct http_exchange *x)
{
    return &x->request;
}

struct http_response *http_response(struct http_exchange *x)
{
    return &x->response;
}

void http_attach(struct http_exchange *x, void *data, void (*release)(void *data))
{
    x->attached = data;
    x->release = release;
}

void http_set_step(struct http_exchange *x, http_step_fn *step, void *context)
{
    x->step = step;
    x->step_context = context;
}

void http_run(struct http_exchange *x)
{
    x->step(x, x->step_context);
}

void http_set_budget(struct http_exchange *x, struct memory_budget *budget)
{
    x->budget = budget;
}

bool http_hold(struct http_exchange *x, size_t bytes)
{
    return !x->budget || memory_budget_hold(x->budget, bytes, &x->counted);
}

bool http_is_finished(const struct http_exchange *x)
{
    return x->finished;
}

void http_finish(struct http_exchange *x)
{
    x->finished = true;
}

void http_continue(struct http_exchange *x, http_step_fn *step, void *context)
{
    http_set_step(x, step, context);
    x->host->post(x, x->host_context);
}

void http_add_header(struct http_response *r, const char *name, const char *value)
{
    if (r->header_count == HTTP_HEADERS_MAX)
        return;
    r->headers[r->header_count].name = name;
    r->headers[r->header_count].value = value;
    r->header_count++;
}

enum http_method http_method_of(struct span name)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (span_is(name, methods[i].name))
            return methods[i].method;
    }
    return HTTP_OTHER_METHOD;
}

const char *http_method_name(enum http_method method)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (methods[i].method == method)
            return methods[i].name;
    }
    return "OTHER";
}
