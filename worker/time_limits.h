/*
 * Time limits of running tasks: which apply, and a thread that notices when a hard one has passed.
 * A thread cannot be killed without harm, so the task itself is let go: its request ends as
 * TimeLimitExceeded, and what the task does afterwards counts no more.
 */
#ifndef WORKER_TIME_LIMITS_H
#define WORKER_TIME_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "celeriac/error.h"
#include "worker/request.h"

/* The limits of one execution, in microseconds; 0: none. */
struct cel_time_limits {
    int64_t hard_us;
    int64_t soft_us;
};

/*
 * What the message says, else the task, else the worker (celery/worker/request.py
 * execute_using_pool). A soft limit that is not before the hard one has no effect.
 */
struct cel_time_limits cel_time_limits_of(const struct cel_task_message *message,
                                          const struct cel_task_definition *definition,
                                          struct cel_time_limits worker);

/* One execution with a hard limit. Lives until it was removed or timed out. */
struct cel_timed {
    struct cel_timed *prev, *next; /* the watch's */
    int64_t deadline_ns;           /* monotonic */
    bool timed_out;                /* the watch's: cel_time_watch_remove() comes too late */
    bool told;                     /* the watch's: and its callback has returned */
    void *owner;                   /* the pool's */
};

struct cel_time_watch;

/*
 * Called by the watch's thread for an execution whose deadline has passed and that nobody removed
 * before. No lock is held.
 */
typedef void cel_timed_out_fn(void *context, struct cel_timed *timed);

/* Makes it; its thread starts with the first execution. CELERIAC_ERR_MEMORY. */
enum celeriac_err cel_time_watch_create(cel_timed_out_fn *timed_out, void *context,
                                        struct cel_time_watch **watch) CELERIAC_MUST_CHECK;

/* Ends its thread and releases it, when no execution is watched; watch may be NULL. */
void cel_time_watch_destroy(struct cel_time_watch *watch);

/* Watches an execution until it is removed. CELERIAC_ERR_SYSTEM: the thread cannot be started. */
enum celeriac_err cel_time_watch_add(struct cel_time_watch *watch,
                                     struct cel_timed *timed) CELERIAC_MUST_CHECK;

/*
 * The execution has ended. False when its deadline was noticed before; the callback has then
 * returned, so that *timed may go.
 */
bool cel_time_watch_remove(struct cel_time_watch *watch, struct cel_timed *timed);

#endif
