/*
 * A first-in-first-out list of calls, linked through the calls themselves. Pure; the caller locks.
 */
#ifndef NOTIFY_STORE_QUEUE_H
#define NOTIFY_STORE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "notify/store/call.h"

struct store_queue {
    struct store_call *head;
    struct store_call *tail;
};

/* Appends a call. */
void store_queue_push(struct store_queue *q, struct store_call *call);

/* Takes the first call, or NULL. */
struct store_call *store_queue_pop(struct store_queue *q);

/* Puts a call back where its age belongs: before the first younger one. */
void store_queue_return(struct store_queue *q, struct store_call *call);

/* Moves all of `from` to the end of `to`. */
void store_queue_append(struct store_queue *to, struct store_queue *from);

/* Whether a call should be moved. */
typedef bool store_queue_test_fn(const struct store_call *call, const void *context);

/* Moves each call that passes the test to the end of `to`, keeping the order. */
void store_queue_move(struct store_queue *from, struct store_queue *to, store_queue_test_fn *test,
                      const void *context);

/* The earliest deadline (0 never counts), or INT64_MAX. */
int64_t store_queue_deadline(const struct store_queue *q);

/* The earliest due time, or INT64_MAX. */
int64_t store_queue_due(const struct store_queue *q);

#endif
