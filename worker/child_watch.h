/*
 * Watches child processes that nobody waits for: a task thread without a request does not look at
 * its child. One thread of its own.
 */
#ifndef WORKER_CHILD_WATCH_H
#define WORKER_CHILD_WATCH_H

#include <stdint.h>

#include "celeriac/error.h"

struct cel_child_watch;

/* Called by the watch's thread, once for each descriptor that has become readable. */
typedef void cel_child_watch_fn(void *context, uint32_t token);

/* Starts the watch. CELERIAC_ERR_MEMORY, _SYSTEM. */
enum celeriac_err cel_child_watch_create(cel_child_watch_fn *tell, void *context,
                                         struct cel_child_watch **watch) CELERIAC_MUST_CHECK;

/*
 * Tells of fd, under this token, when it becomes readable, also if it is by now. The descriptor is
 * the caller's. CELERIAC_ERR_SYSTEM. Any thread.
 */
enum celeriac_err cel_child_watch_add(struct cel_child_watch *watch, int fd,
                                      uint32_t token) CELERIAC_MUST_CHECK;

/* Forgets it; one that is not watched is left alone. A call that has begun may end later. Any
 * thread. */
void cel_child_watch_remove(struct cel_child_watch *watch, int fd);

/* Ends the thread and releases the watch; watch may be NULL. */
void cel_child_watch_destroy(struct cel_child_watch *watch);

#endif
