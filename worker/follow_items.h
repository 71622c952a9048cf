/*
 * What follows ended tasks as items for the finisher: messages and records. Part of the settler's
 * thread.
 */
#ifndef WORKER_FOLLOW_ITEMS_H
#define WORKER_FOLLOW_ITEMS_H

#include <stdbool.h>
#include <stddef.h>

#include "celery_proto/redis/finish.h"
#include "worker/aftermath.h"
#include "worker/request.h"

/* Most messages that leave in one step with the acknowledgement of their task; more go before it.
 */
#define CEL_FOLLOW_TOGETHER_MAX 512

/* Items to be written, in order. Starts zeroed; the owner releases items with mem_free(). */
struct cel_item_list {
    struct cel_finish_item *items;
    size_t count, cap;
};

/* Adds one; false when memory is short. */
bool cel_item_list_add(struct cel_item_list *list, struct cel_finish_item item);

/*
 * Adds the messages and records that follow a request behind its own item, which is the last in
 * the list. False when memory is short, and nothing was added.
 */
bool cel_follow_add(const struct cel_request *request, struct cel_item_list *list);

/*
 * Adds the messages for queues, each as `to`, and the records of an aftermath. False when memory is
 * short, and nothing was added.
 */
bool cel_follow_list(const struct cel_aftermath *aftermath, enum cel_finish_to to,
                     struct cel_item_list *list);

#endif
