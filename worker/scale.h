/*
 * --autoscale: how many task threads there are follows the load between two bounds, as in
 * celery/worker/autoscale.py: as many as there are tasks that run or could, at once when more are
 * needed; surplus ones go when nothing was received and no thread was started for a time. Without
 * bounds it does nothing. The consumer's thread moves the pool; any thread may move the bounds.
 */
#ifndef WORKER_SCALE_H
#define WORKER_SCALE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "celeriac/error.h"

struct cel_pool;
struct cel_ready_queue;

/* Idle seconds after which surplus threads go: AUTOSCALE_KEEPALIVE of Celery. */
#define CEL_SCALE_KEEPALIVE 30.0

struct cel_scale {
    atomic_size_t max; /* 0: the number of threads does not follow the load */
    atomic_size_t min; /* 1 to max */
    int64_t keepalive_ns;
    int64_t moved_ns; /* when something was received or a thread was started last; consumer only */
};

/*
 * Sets the bounds; a min of 0 counts as 1, since a worker of threads has no use for none.
 * CELERIAC_ERR_VALUE when max is 0, below min or above CEL_POOL_THREADS_MAX. Any thread; wake the
 * consumer afterwards.
 */
enum celeriac_err cel_scale_set(struct cel_scale *scale, size_t max, size_t min,
                                struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * The number of threads that there should be now that there are `size`: demand is the number of
 * tasks that run or could, `received` whether new ones came, now_ns monotonic. Consumer only.
 */
size_t cel_scale_wanted(struct cel_scale *scale, size_t size, size_t demand, bool received,
                        int64_t now_ns);

/*
 * Makes the pool of `size` threads that serve `ready` what cel_scale_wanted() says. Returns when to
 * look again at the latest (monotonic); INT64_MAX: when something was received. Consumer only.
 */
int64_t cel_scale_follow(struct cel_scale *scale, struct cel_pool *pool, size_t size,
                         struct cel_ready_queue *ready, bool received);

#endif
