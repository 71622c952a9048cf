/*
 * The bounded hand-over from the consumer to the task threads: first in, first out. Any number of
 * threads may call any function except create and destroy at the same time.
 */
#ifndef WORKER_READY_QUEUE_H
#define WORKER_READY_QUEUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "celeriac/error.h"

struct cel_ready_queue;

/* A new empty queue for up to max items. CELERIAC_ERR_MEMORY. */
enum celeriac_err cel_ready_queue_create(size_t max,
                                         struct cel_ready_queue **queue) CELERIAC_MUST_CHECK;

/* Releases an empty queue that no thread waits for; queue may be NULL. */
void cel_ready_queue_destroy(struct cel_ready_queue *queue);

/*
 * Adds count items (not NULL), waking as many waiting threads as there are items. Ownership moves
 * with them. CELERIAC_ERR_LIMIT when they do not all fit, CELERIAC_ERR_SHUTDOWN when the queue is
 * closed; the caller then keeps all of them.
 */
enum celeriac_err cel_ready_queue_push(struct cel_ready_queue *queue, void *const *items,
                                       size_t count) CELERIAC_MUST_CHECK;

/*
 * Takes the oldest item, waiting for one; NULL when the queue is closed or the thread was
 * dismissed. The caller owns it. `again` says that the calling thread had an item before and is
 * done with it.
 */
void *cel_ready_queue_pop(struct cel_ready_queue *queue, bool again);

/*
 * The same for a thread that others may want for something else: *item is what
 * cel_ready_queue_pop() returns. False, with nothing taken, when *nudged is true, whatever is
 * inside.
 */
bool cel_ready_queue_pop_unless(struct cel_ready_queue *queue, bool again,
                                const atomic_bool *nudged, void **item) CELERIAC_MUST_CHECK;

/* Has those who wait look at their flags again; set them before. */
void cel_ready_queue_nudge(struct cel_ready_queue *queue);

/* Takes the oldest item without waiting, also from a closed queue; NULL when there is none. */
void *cel_ready_queue_take(struct cel_ready_queue *queue);

/* Wakes every waiting thread with NULL and refuses further items. What is inside stays. */
void cel_ready_queue_close(struct cel_ready_queue *queue);

/* Lets n threads go: each gets NULL from its present or next cel_ready_queue_pop(). */
void cel_ready_queue_dismiss(struct cel_ready_queue *queue, size_t n);

/* Number of items inside. */
size_t cel_ready_queue_count(struct cel_ready_queue *queue);

/* The same with those that were popped and are being worked on. */
size_t cel_ready_queue_demand(struct cel_ready_queue *queue);

#endif
