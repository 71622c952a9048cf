/*
 * Requests that are ready but for the rate limit of their task: first in, first out for each task.
 * They stay held and count against the window, as in Celery. One thread at a time.
 */
#ifndef WORKER_LIMITED_H
#define WORKER_LIMITED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "celeriac/error.h"
#include "worker/rate.h"
#include "worker/request.h"

struct cel_limited;

/* Made for the tasks of a registry, which is complete; rates is borrowed. CELERIAC_ERR_MEMORY. */
enum celeriac_err cel_limited_create(const struct cel_registry *registry, struct cel_rates *rates,
                                     struct cel_limited **limited) CELERIAC_MUST_CHECK;

/* Releases it with the requests inside; limited may be NULL. */
void cel_limited_destroy(struct cel_limited *limited);

/*
 * Whether the request may start now: true, or false when it has to wait and was taken over.
 * now_ns is monotonic.
 */
bool cel_limited_pass(struct cel_limited *limited, struct cel_request *request, int64_t now_ns);

/* A request whose turn has come, which is the caller's again; NULL when there is none. */
struct cel_request *cel_limited_next(struct cel_limited *limited, int64_t now_ns);

/* Any request, whether its turn has come or not; NULL when there is none. */
struct cel_request *cel_limited_take(struct cel_limited *limited);

/* When it is worth asking cel_limited_next() again after it gave NULL; INT64_MAX: nothing waits. */
int64_t cel_limited_due(const struct cel_limited *limited);

#endif
