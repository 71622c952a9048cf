/*
 * One call of the API on its way: the request, who makes it, the route, and the handler's own
 * state. All of it is touched by one thread at a time (see http.h) and lives until the exchange
 * ends.
 */
#ifndef API_CALL_H
#define API_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/auth.h"
#include "api/body.h"
#include "api/http.h"
#include "api/rate_limit.h"
#include "api/router.h"
#include "api/validate.h"
#include "api/work_pool.h"
#include "celeriac/error.h"
#include "notify/enqueue.h"
#include "notify/render.h"
#include "notify/settings.h"
#include "notify/store/call.h"
#include "notify/store/store.h"

/*
 * How long a handler waits for the store: a database that is away for longer shows as 503. Deleting
 * a template rewrites its notifications and may take longer.
 */
#define CALL_STORE_NS INT64_C(5000000000)
#define CALL_STORE_LONG_NS INT64_C(60000000000)

/* Longest X-Request-ID that is taken over; a longer one is replaced by one of ours. */
#define CALL_REQUEST_ID_MAX 64

/* Bytes of a number in a header, with its NUL. */
#define CALL_NUMBER_SIZE 24

/* RateLimit-Limit, -Remaining and -Reset. */
#define CALL_RATE_HEADERS 3

struct api_metrics;

/* What handlers work with. All members outlive all calls; any thread. */
struct api {
    const struct route *routes;
    const struct notify_settings *settings;
    struct store *store;
    struct auth *auth;
    struct rate_limit *rates; /* NULL: no tenant has a limit */
    struct work_pool *work;
    struct notify_render *render;
    struct notify_enqueue *enqueue;
    struct api_metrics *metrics; /* NULL: nothing is counted */
};

struct api_call {
    struct api *api;
    struct http_exchange *http;
    const struct http_request *request;
    struct http_response *response;
    int64_t started_ns;
    char request_id[CALL_REQUEST_ID_MAX + 1];

    const struct route *route; /* NULL: no such path, or not known yet */
    struct route_params params;
    char allow[ROUTE_ALLOW_SIZE];
    char retry_after[CALL_NUMBER_SIZE];
    char rate_limit[CALL_RATE_HEADERS][CALL_NUMBER_SIZE]; /* limit, remaining, reset */

    struct auth_check check;
    struct rate_check rate;
    bool is_authenticated;
    struct auth_identity who; /* when is_authenticated */
    char tenant_text[UUID_SIZE];

    struct body body;
    struct strbuf trace; /* see call_headers() */

    void *state; /* the handler's; see call_state() */
    void (*release)(void *state);
    route_handler_fn *next;                    /* the step that runs when what was begun is done */
    void (*on_success)(struct api_call *call); /* see call_submit_store() */
    route_handler_fn *counted;                 /* see call_check_rate() */
    bool is_logged;
};

/* Makes the call of an exchange and hands it over to the exchange. CELERIAC_ERR_MEMORY. */
enum celeriac_err call_create(struct api *api, struct http_exchange *http,
                              struct api_call **call) CELERIAC_MUST_CHECK;

/*
 * Makes `size` zeroed bytes of state for the handler, to be released with `release` (may be NULL)
 * and then freed. Once per call. NULL when memory is short: a reply has been made, just return.
 */
void *call_state(struct api_call *call, size_t size, void (*release)(void *state));

/* For call_state(): releases a state that is, or begins with, one call of the store. */
void call_release_store(void *state);

/*
 * Gives a prepared call to the store and goes on with `next` on a server thread when it is
 * complete, well or badly. on_success (may be NULL) is called on success on the store's thread,
 * also when the client has gone: what must not be lost. When the store takes no calls a reply is
 * made.
 */
void call_submit_store(struct api_call *call, struct store_call *work, int64_t timeout_ns,
                       route_handler_fn *next, void (*on_success)(struct api_call *call));

/*
 * Gives a piece of work to the pool; work->run must end with call_continue(). When the pool is full
 * a reply is made.
 */
void call_submit_work(struct api_call *call, struct work *work);

/*
 * Further headers for the messages that the call leads to: its trace context, as a JSON object with
 * a NUL behind; ptr NULL without one, or without memory. Lives as long as the call.
 */
struct span call_headers(struct api_call *call);

/*
 * Counts the request against its tenant's limit, or, later and at most once, so many items beyond
 * it (0: the request), and goes on with `next`. When they are too many just now a reply is made.
 */
void call_check_rate(struct api_call *call, size_t items, route_handler_fn *next);

/* Goes on with `next` on a server thread. Any thread, once for each thing begun. */
void call_continue(struct api_call *call, route_handler_fn *next);

/*
 * Whether what this call accepts is recorded as sent and never sent: it came with a test key, and
 * CELERIAC_TEST_KEYS_SEND is off.
 */
bool call_is_simulated(const struct api_call *call);

/* Parses the body into call->body. False: a reply has been made, just return. */
bool call_parse_body(struct api_call *call);

/*
 * Parses the body and validates it into values, which the caller releases. False: a reply with the
 * problems has been made, just return.
 */
bool call_read_body(struct api_call *call, const struct field *fields, size_t count, bool partial,
                    struct value *values);

#endif
