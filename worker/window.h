/*
 * The prefetch window: how many messages may be held that have not been finished (late
 * acknowledgement) or started (early). The consumer takes room, other threads give it back.
 * Messages that wait for their eta do not count (kombu/common.py QoS.increment_eventually).
 */
#ifndef WORKER_WINDOW_H
#define WORKER_WINDOW_H

#include <stddef.h>

#include "celeriac/error.h"

struct cel_window;

/*
 * A window for limit messages; wake_fd is an eventfd that is written when a consumer that was told
 * there is too little room may ask again. CELERIAC_ERR_MEMORY.
 */
enum celeriac_err cel_window_create(size_t limit, int wake_fd,
                                    struct cel_window **window) CELERIAC_MUST_CHECK;

/* Releases it; window may be NULL. */
void cel_window_destroy(struct cel_window *window);

/*
 * Free room, or 0 while it is not worth a round trip: with a busy pool it pays to wait until a
 * quarter of the window is free, so that one claim fetches many messages; an idle pool (`ready` of
 * at most `threads` messages left to start) is served at once. Consumer thread only.
 */
size_t cel_window_room(struct cel_window *window, size_t ready, size_t threads);

/* Messages that may be held. Any thread. */
size_t cel_window_limit(const struct cel_window *window);

/* Changes the limit; what is held beyond it stays held. Any thread. */
void cel_window_set_limit(struct cel_window *window, size_t limit);

/* Takes n of the room that cel_window_room() showed. Consumer thread only. */
void cel_window_take(struct cel_window *window, size_t n);

/* Gives n back. Any thread. */
void cel_window_give(struct cel_window *window, size_t n);

#endif
