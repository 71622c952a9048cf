/*
 * A thread for work that is too long for a server thread: hashing new API keys, rendering previews.
 * Bounded; what does not fit is refused at once.
 */
#ifndef API_WORK_POOL_H
#define API_WORK_POOL_H

#include <stddef.h>

#include "celeriac/error.h"

/* Pieces that may wait: with a third of a second each, the last one waits 20 seconds. */
#define WORK_WAITING_MAX 64

/* One piece of work; the caller's memory, which must live until run() was called. */
struct work {
    void (*run)(struct work *work); /* on the pool's thread; may release the memory */
    struct work *next;              /* the pool's own */
};

struct work_pool;

/* Starts the thread, which runs at a lower priority. CELERIAC_ERR_MEMORY or CELERIAC_ERR_SYSTEM. */
enum celeriac_err work_pool_create(struct work_pool **pool,
                                   struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Runs what waits, then ends the thread and releases the pool; pool may be NULL. */
void work_pool_destroy(struct work_pool *pool);

/* Queues a piece. CELERIAC_ERR_LIMIT when WORK_WAITING_MAX wait already. Any thread. */
enum celeriac_err work_submit(struct work_pool *pool, struct work *work) CELERIAC_MUST_CHECK;

#endif
