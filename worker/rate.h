/*
 * Rate limits: how often tasks of one name may be started by this worker. One token bucket of
 * capacity 1 for each task (celery/worker/consumer/consumer.py bucket_for_task,
 * kombu/utils/limits.py TokenBucket). Time is an argument.
 */
#ifndef WORKER_RATE_H
#define WORKER_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"
#include "worker/registry.h"

/*
 * Reads a limit as celery/utils/time.py rate() does: "100/m", "2/h", "0.5/s", "10" (per second). ""
 * and 0 mean no limit: *per_second is then 0. CELERIAC_ERR_VALUE when it is none of these.
 */
enum celeriac_err cel_rate_parse(struct span text, double *per_second,
                                 struct celeriac_error *err) CELERIAC_MUST_CHECK;

struct cel_rates;

/*
 * Buckets for the tasks of a registry, which is complete and outlives them, with the limits that
 * the tasks were registered with. Disabled, they tell of limits but keep none. CELERIAC_ERR_MEMORY.
 */
enum celeriac_err cel_rates_create(const struct cel_registry *registry, bool disabled,
                                   struct cel_rates **rates) CELERIAC_MUST_CHECK;

/* Releases them; rates may be NULL. */
void cel_rates_destroy(struct cel_rates *rates);

/*
 * Sets the limit of a task, as the remote command rate_limit does, with a full bucket. Takes effect
 * with the next start; the caller wakes the consumer. Any thread. CELERIAC_ERR_NOT_FOUND: no such
 * task; CELERIAC_ERR_VALUE: not a rate.
 */
enum celeriac_err cel_rates_set(struct cel_rates *rates, struct span task, struct span text,
                                struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* The limit in force, in starts per second; 0 means none. Any thread. */
double cel_rates_get(struct cel_rates *rates, const struct cel_task_definition *definition);

/*
 * Takes a token for one start. Returns 0 when it may start, else the nanoseconds after which it is
 * worth asking again. now_ns is monotonic. Any thread.
 */
int64_t cel_rates_take(struct cel_rates *rates, const struct cel_task_definition *definition,
                       int64_t now_ns);

#endif
