/*
 * The tasks that this worker knows: name to code and rules. Filled before the worker runs,
 * read-only and free for all threads afterwards.
 */
#ifndef WORKER_REGISTRY_H
#define WORKER_REGISTRY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "celeriac/task.h"
#include "celeriac/worker.h"
#include "worker/retry.h"

/* Longest task name, in bytes: names travel in every message and in monitors' keys. */
#define CEL_TASK_NAME_MAX 255

/* Longest time limit in seconds: ten years; above it a limit is taken for a mistake. */
#define CEL_TIME_LIMIT_MAX (10.0 * 365 * 86400)

/* One registered task, with its defaults filled in. */
struct cel_task_definition {
    struct span name; /* NUL-terminated, owned by the registry */
    size_t index;     /* position in cel_registry_names() */
    celeriac_task_fn *run;
    void *user;
    struct cel_retry_policy retry;
    bool acks_late;
    bool ignore_result;
    bool track_started;
    bool requeue_on_timeout;
    bool reject_on_worker_lost;
    bool store_errors;                 /* also when results are not stored */
    double rate_limit;                 /* starts per second; 0: none */
    atomic_int_fast64_t time_limit_us; /* hard limit; 0: none */
    atomic_int_fast64_t soft_limit_us; /* soft limit; 0: none */
};

struct cel_registry;

/*
 * What tasks do that do not say it themselves. The text of the rate limit is needed for the call
 * only. CELERIAC_ERR_VALUE names the bad field. Before the first cel_registry_add().
 */
enum celeriac_err cel_registry_set_defaults(struct cel_registry *registry,
                                            const struct celeriac_task_defaults *defaults,
                                            struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* A new empty registry. CELERIAC_ERR_MEMORY. */
enum celeriac_err cel_registry_create(struct cel_registry **registry) CELERIAC_MUST_CHECK;

/* Releases it with its definitions; registry may be NULL. */
void cel_registry_destroy(struct cel_registry *registry);

/*
 * Adds a task; the options' strings are copied. CELERIAC_ERR_VALUE names the bad field,
 * CELERIAC_ERR_EXISTS a name that is taken.
 */
enum celeriac_err cel_registry_add(struct cel_registry *registry,
                                   const struct celeriac_task_options *options,
                                   struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Changes a task's time limits in seconds, 0 for none, as the remote command time_limit does; for
 * executions that begin later. Any thread. CELERIAC_ERR_NOT_FOUND: no such task; CELERIAC_ERR_VALUE
 * for a limit that is none.
 */
enum celeriac_err cel_registry_set_time_limits(struct cel_registry *registry, struct span name,
                                               double soft, double hard,
                                               struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* The task of that name, or NULL. Borrowed from the registry. */
const struct cel_task_definition *cel_registry_find(const struct cel_registry *registry,
                                                    struct span name);

/*
 * The names of all tasks, in the order of registration: cel_registry_count() spans, borrowed until
 * the next cel_registry_add().
 */
const struct span *cel_registry_names(const struct cel_registry *registry);

/* Number of tasks. */
size_t cel_registry_count(const struct cel_registry *registry);

#endif
