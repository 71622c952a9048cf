/*
 * Messages that wait for their time: a binary heap of due times. An entry costs 24 bytes here plus
 * its item. Time is an argument. One thread at a time.
 */
#ifndef WORKER_TIMER_HEAP_H
#define WORKER_TIMER_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "celeriac/error.h"

struct cel_timer_heap;

/* A new empty heap for up to max items. CELERIAC_ERR_MEMORY. */
enum celeriac_err cel_timer_heap_create(size_t max,
                                        struct cel_timer_heap **heap) CELERIAC_MUST_CHECK;

/* Releases the heap; items still in it with free_item unless that is NULL. heap may be NULL. */
void cel_timer_heap_destroy(struct cel_timer_heap *heap, void (*free_item)(void *item));

/*
 * Adds an item (not NULL) due at the given time; the heap owns it from now on. CELERIAC_ERR_LIMIT
 * when max items are waiting, CELERIAC_ERR_MEMORY; the item then stays with the caller.
 */
enum celeriac_err cel_timer_heap_add(struct cel_timer_heap *heap, int64_t due,
                                     void *item) CELERIAC_MUST_CHECK;

/* The earliest due time, or INT64_MAX when nothing waits. */
int64_t cel_timer_heap_next(const struct cel_timer_heap *heap);

/*
 * Takes out the earliest item if it is due at or before now, else returns NULL. Items with the same
 * time come out in the order in which they were added. The caller owns it.
 */
void *cel_timer_heap_take_due(struct cel_timer_heap *heap, int64_t now);

/* What cel_timer_heap_each() calls; false ends the walk. */
typedef bool cel_timer_heap_fn(void *context, int64_t due, const void *item);

/* Shows every item, in no particular order. */
void cel_timer_heap_each(const struct cel_timer_heap *heap, cel_timer_heap_fn *see, void *context);

/* Number of items waiting. */
size_t cel_timer_heap_count(const struct cel_timer_heap *heap);

#endif
