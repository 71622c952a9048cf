/*
 * The requests that this worker has now: received and not yet started, or running. What remote
 * control shows of them is a snapshot: taking it holds the lock for as long as it takes to count up
 * references, so that it never stops the worker, however many requests there are. Any thread.
 */
#ifndef WORKER_LIVE_H
#define WORKER_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"

struct cel_live;
struct cel_request;

enum cel_live_state {
    CEL_LIVE_RESERVED, /* received, waits for a task thread */
    CEL_LIVE_ACTIVE    /* a task thread is busy with it */
};

/* What the table keeps inside a request; zero at first, touched by live.c only. */
struct cel_live_node {
    struct cel_live *live; /* NULL: not in a table */
    struct cel_request *prev, *next;
    enum cel_live_state state;
    bool acknowledged;
    int64_t started_us;
};

/* One request as it was at the time of the snapshot. */
struct cel_live_entry {
    struct cel_request *request; /* its message may be read; kept until cel_live_release() */
    enum cel_live_state state;
    bool acknowledged;
    int64_t started_us; /* wall time; 0: not started */
    int64_t pid;        /* of the process that runs its task; 0: not started */
};

/* Makes an empty table. CELERIAC_ERR_MEMORY. */
enum celeriac_err cel_live_create(struct cel_live **live) CELERIAC_MUST_CHECK;

/* Releases a table that holds no request any more; live may be NULL. */
void cel_live_destroy(struct cel_live *live);

/* The request waits for a task thread. */
void cel_live_reserve(struct cel_live *live, struct cel_request *request);

/*
 * A task thread has begun with it at started_us; counts it as processed. acknowledged: its message
 * is gone from the broker, or about to be.
 */
void cel_live_activate(struct cel_live *live, struct cel_request *request, int64_t started_us,
                       bool acknowledged);

/* It has ended, or waits for another time; a request that is in no table is left alone. */
void cel_live_remove(struct cel_request *request);

/* Requests in a state now, and executions begun since the start. */
size_t cel_live_count(struct cel_live *live, enum cel_live_state state);
uint64_t cel_live_processed(struct cel_live *live);

/*
 * The requests in a state, oldest first, at most max. *entries is the caller's, who releases it
 * with cel_live_release(). CELERIAC_ERR_MEMORY.
 */
enum celeriac_err cel_live_snapshot(struct cel_live *live, enum cel_live_state state, size_t max,
                                    struct cel_live_entry **entries,
                                    size_t *count) CELERIAC_MUST_CHECK;

/* Lets go of a snapshot; entries may be NULL. */
void cel_live_release(struct cel_live_entry *entries, size_t count);

/* Called for each task that was executed, in no order, with the lock held: be quick. */
typedef void cel_live_total_fn(void *context, struct span task, uint64_t executions);

/* Goes through the executions begun, by task name. */
void cel_live_totals(struct cel_live *live, cel_live_total_fn *each, void *context);

#endif
