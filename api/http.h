/*
 * One HTTP request and its response as values of our own: what handlers see, so that routing,
 * validation and authentication are tested without a socket.
 *
 * An exchange belongs to the server that made it. The server fills the request and runs a first
 * step; a step either calls http_finish(), or leaves the exchange pending and sees to it that
 * http_continue() is called once, from any thread, with the next step. All steps run on threads of
 * the server, one at a time for an exchange, so that they need no locks.
 *
 * When the client is gone by the time http_continue() is called, the exchange may be destroyed
 * instead: what must happen in any case does not belong into a step after the first.
 */
#ifndef API_HTTP_H
#define API_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "api/client_address.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"

/* Longest request body: DATA_UPLOAD_MAX_MEMORY_SIZE of Django's settings, 2.5 MiB. */
#define HTTP_BODY_MAX ((size_t)2621440)

/* The same for a batch: 1,000 notifications with 8 KiB each. */
#define HTTP_BATCH_BODY_MAX ((size_t)8 * 1024 * 1024)

/* Longest response body: 1,000 notifications of a usual size; a longer list is answered with 500.
 */
#define HTTP_RESPONSE_MAX ((size_t)64 * 1024 * 1024)

/* Most response headers beside those of the protocol itself; our widest answer has eight. */
#define HTTP_HEADERS_MAX 16

/* Bytes of a client's address as text with its NUL. */
#define HTTP_PEER_SIZE CLIENT_ADDRESS_SIZE

/* Request methods as bits, so that a route can carry a set of them. */
enum http_method {
    HTTP_GET = 1,
    HTTP_POST = 2,
    HTTP_PUT = 4,
    HTTP_PATCH = 8,
    HTTP_DELETE = 16,
    HTTP_HEAD = 32,
    HTTP_OPTIONS = 64,
    HTTP_OTHER_METHOD = 128 /* TRACE, CONNECT and words of extensions */
};

/* What came in. All spans are borrowed from the server until the exchange is finished. */
struct http_request {
    enum http_method method;
    struct span method_name;     /* as sent, e.g. "GET" */
    struct span path;            /* percent-encoded, from the first '/' up to the '?' */
    struct span query;           /* after the '?', without it; empty when there is none */
    struct span body;            /* at most as long as its path's limit */
    struct span host;            /* header Host; ptr is NULL when a header is missing */
    struct span content_type;    /* header Content-Type */
    struct span accept;          /* header Accept */
    struct span api_key;         /* header X-API-KEY: never log it */
    struct span request_id;      /* header X-Request-ID */
    struct span idempotency_key; /* header Idempotency-Key */
    struct span traceparent;     /* header traceparent */
    struct span tracestate;      /* header tracestate; of several the first */
    /*
     * More bytes than the path's limit were sent or announced: body is empty. The first step must
     * then finish, since the rest of the body may still be on its way.
     */
    bool body_too_large;
    bool body_unwelcome; /* there is no memory for it just now: body is empty, ask to come again */
    /*
     * Address of the client: the other end of the connection, or whom a trusted proxy names
     * (client_address.h); "" when unknown.
     */
    char peer[HTTP_PEER_SIZE];
};

/* One response header; both texts are borrowed and must live as long as the exchange. */
struct http_header {
    const char *name;
    const char *value;
};

/* What goes out. Zero-initialised by the server; a status must be set before http_finish(). */
struct http_response {
    unsigned status;
    const char *content_type; /* NULL: none is sent */
    struct strbuf body;       /* not sent for HEAD, but counted in Content-Length */
    struct http_header headers[HTTP_HEADERS_MAX];
    size_t header_count;
};

struct http_exchange;
struct memory_budget;

/* One step of answering an exchange. Runs on a server thread without locks; must not block. */
typedef void http_step_fn(struct http_exchange *x, void *context);

/*
 * What a server does for its exchanges. `post` takes a step of a pending exchange from any thread
 * and has it run on one of the server's threads.
 */
struct http_host {
    void (*post)(struct http_exchange *x, void *host_context);
};

/* Makes an exchange. host must outlive it; context is given to its functions. CELERIAC_ERR_MEMORY.
 */
enum celeriac_err http_exchange_create(const struct http_host *host, void *context,
                                       struct http_exchange **x) CELERIAC_MUST_CHECK;

/* Releases the exchange, its response and what was attached; x may be NULL. */
void http_exchange_destroy(struct http_exchange *x);

/* For servers: runs the step that is due. Afterwards the exchange is finished, or pending. */
void http_run(struct http_exchange *x);

/* For servers: sets the first step, before http_run(). */
void http_set_step(struct http_exchange *x, http_step_fn *step, void *context);

/* For servers: what the answer's bytes are counted in; it outlives the exchange. NULL: nowhere. */
void http_set_budget(struct http_exchange *x, struct memory_budget *budget);

/*
 * Counts `bytes` in all for the answer, until the exchange is destroyed, which is when it has been
 * sent. False: too much is being answered already; what is counted stays. Any step.
 */
bool http_hold(struct http_exchange *x, size_t bytes);

/* Whether http_finish() was called. */
bool http_is_finished(const struct http_exchange *x);

/* The request, filled in by the server and read by the steps. */
struct http_request *http_request(struct http_exchange *x);

/* The response, filled in by the steps and read by the server. */
struct http_response *http_response(struct http_exchange *x);

/*
 * Hands `data` to the exchange, to be released with `release` when the exchange is destroyed. One
 * piece of data at most. The state of a request lives here.
 */
void http_attach(struct http_exchange *x, void *data, void (*release)(void *data));

/* The response is complete. Only from a step, which then returns without leaving anything pending.
 */
void http_finish(struct http_exchange *x);

/*
 * Goes on with a pending exchange: step will run on a server thread. Any thread, also before the
 * step that left it pending has returned. The caller may not touch the exchange afterwards.
 */
void http_continue(struct http_exchange *x, http_step_fn *step, void *context);

/* Adds a header; names and values as in struct http_header. Beyond HTTP_HEADERS_MAX it is dropped.
 */
void http_add_header(struct http_response *r, const char *name, const char *value);

/* The method of that name (upper case), or HTTP_OTHER_METHOD. */
enum http_method http_method_of(struct span name);

/* The name of a method; "OTHER" for HTTP_OTHER_METHOD. */
const char *http_method_name(enum http_method method);

#endif
