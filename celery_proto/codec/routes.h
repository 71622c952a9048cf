/*
 * The setting task_routes: where a task goes by its name (celery/app/routes.py), as far as JSON can
 * say it. One map, or a list of maps of which the first counts that knows the task:
 *
 *     {"feed.*": {"queue": "feeds", "priority": 3}, "web.tasks.show": "web"}
 *     [[["feed.*", {"queue": "feeds"}]], {"*": {"exchange": "media", "routing_key": "any"}}]
 *
 * A name with a '*' is a pattern of Python's fnmatch; within a map names count before patterns, and
 * patterns in their order. Pure; constant once made, any thread.
 */
#ifndef CEL_ROUTES_H
#define CEL_ROUTES_H

#include <stdbool.h>

#include "base/span.h"
#include "celeriac/error.h"

/* Most names and patterns of all maps together: each task that is sent is compared with them. */
#define CEL_ROUTES_MAX 4096

/* Longest text of the setting. */
#define CEL_ROUTES_TEXT_MAX ((size_t)4 * 1024 * 1024)

/* Longest name or pattern of a task, queue, exchange and routing key: AMQP's short string. */
#define CEL_ROUTE_NAME_MAX 255

/* What a route says; what it does not say is empty. Texts end with NUL. */
struct cel_route {
    struct span queue;
    struct span exchange;
    struct span routing_key;
    bool has_priority;
    int priority; /* 0 to 255 */
};

struct cel_routes;

/*
 * Reads the setting, of which nothing is needed afterwards; empty and null are no routes.
 * CELERIAC_ERR_VALUE, _SYNTAX or _LIMIT name the place, _UNSUPPORTED is said of routers written in
 * Python; _MEMORY. The caller destroys it.
 */
enum celeriac_err cel_routes_create(struct span json, struct cel_routes **routes,
                                    struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* routes may be NULL. */
void cel_routes_destroy(struct cel_routes *routes);

/* The route of a task, borrowed; an empty one when it has none. routes may be NULL. Never NULL. */
const struct cel_route *cel_routes_find(const struct cel_routes *routes, struct span task);

#endif
