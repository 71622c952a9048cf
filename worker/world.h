/*
 * What messages that follow tasks have in common, whoever sends them here: their origin, the queue
 * of those that name none, fresh ids. One thread at a time; the context may then be read by any.
 */
#ifndef WORKER_WORLD_H
#define WORKER_WORLD_H

#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"
#include "celery_proto/codec/canvas.h"

/* Texts that a context points to. Starts zeroed. */
struct cel_world {
    char *origin; /* "gen<pid>@<host>", as Celery signs what it sends */
    char *queue;  /* task_default_queue */
};

/*
 * Makes the texts and fills *context; hostname is the node name, queue NULL or empty means
 * "celery", reply_to is borrowed. CELERIAC_ERR_MEMORY.
 */
enum celeriac_err cel_world_open(struct cel_world *world, struct span hostname, int64_t pid,
                                 const char *queue, struct span reply_to,
                                 struct cel_canvas_context *context) CELERIAC_MUST_CHECK;

/* Releases the texts; contexts are then of no use. */
void cel_world_close(struct cel_world *world);

#endif
