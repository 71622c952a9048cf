/*
 * The route table: which paths exist, what they allow, who handles them. The table itself is in
 * routes.c; this file matches paths against such a table. Pure; any thread.
 */
#ifndef API_ROUTER_H
#define API_ROUTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/http.h"
#include "base/span.h"
#include "base/uuid.h"

/* Longest decoded path that can match; ours have less than 100 bytes. */
#define ROUTE_PATH_MAX 512

/* Bytes of the longest {file} with its NUL. */
#define ROUTE_FILE_SIZE 32

/* Most operations of one path: GET, POST, PUT, PATCH, DELETE. */
#define ROUTE_OPERATIONS_MAX 5

/* An id that no row has. */
#define ROUTE_NO_ID INT64_C(-1)

/* Bytes of the longest Allow header with its NUL. */
#define ROUTE_ALLOW_SIZE 64

struct api_call;
struct description;

/* Answers a call: must lead to exactly one reply (reply.h), at once or from any thread later. */
typedef void route_handler_fn(struct api_call *call);

/* Who may call a path. */
enum route_access {
    ROUTE_PUBLIC, /* no key is asked for */
    ROUTE_KEY     /* a valid X-API-KEY of an active tenant */
};

/* How a path's answers look, beyond their document. */
enum route_style {
    ROUTE_PLAIN, /* as a Django function view: no Allow, no Vary */
    ROUTE_DRF    /* as a DRF view: Allow and Vary on every answer */
};

struct route_operation {
    enum http_method method;
    route_handler_fn *handle;        /* NULL ends the list */
    const char *summary;             /* one phrase for the API's description */
    const struct description *about; /* what else it says; a test wants one for each call */
};

/* One row. Tables are static and end with a row whose path is NULL. */
struct route {
    /*
     * Ends with '/', which may be left out in requests, unless it names a file. One segment each is
     * taken by {int} (ASCII digits), {key} (anything without a '.', whether it is a number or not),
     * {uuid} (in lower case) and {file}; one of them at most.
     */
    const char *path;
    enum route_access access;
    enum route_style style;
    struct route_operation operations[ROUTE_OPERATIONS_MAX + 1];
};

/* The parameters of a path. */
struct route_params {
    int64_t number;             /* {int}, {key}; ROUTE_NO_ID when there can be no such row */
    bool is_unread;             /* {key}: there was no memory to read it with */
    struct uuid uuid;           /* {uuid}; all zero when there is none */
    char file[ROUTE_FILE_SIZE]; /* {file}: lower-case letters, '_' and '.'; "" when there is none */
};

/*
 * Decodes %xx in a request's path into buf; what does not fit is left out, and the answer is false:
 * no route can match then.
 */
bool route_decode_path(struct span path, char buf[ROUTE_PATH_MAX], struct span *decoded);

/* The row that a decoded path matches, or NULL. */
const struct route *route_find(const struct route *table, struct span path,
                               struct route_params *params);

/*
 * Whether a path that may not even exist needs a key: all of /v1/ does but registration and the
 * API's description, as the existing deployments check keys before they look for a view.
 */
enum route_access route_access_of(struct span path);

/* The operation for a method; HEAD is answered by GET's. NULL when it is not allowed. */
const struct route_operation *route_operation_of(const struct route *route,
                                                 enum http_method method);

/* Writes the Allow header in DRF's order, e.g. "GET, POST, HEAD, OPTIONS". */
void route_allow(const struct route *route, char allow[ROUTE_ALLOW_SIZE]);

#endif
