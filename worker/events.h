/*
 * What happens to tasks, on its way to monitors: the threads of the worker note events here, the
 * control thread sends them. The buffer is bounded: while Redis is away the oldest events go, and
 * are counted. Nothing is noted, and nothing costs anything, while task events are switched off.
 * Any thread.
 */
#ifndef WORKER_EVENTS_H
#define WORKER_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"
#include "celery_proto/codec/event.h"
#include "celery_proto/codec/lamport.h"

/* Most bytes of events that wait to be sent: half a minute of a busy worker with Redis away. */
#define CEL_EVENTS_BYTES_MAX ((size_t)16 * 1024 * 1024)

struct cel_events;
struct cel_outcome;
struct cel_request;

/* One event's body, waiting. */
struct cel_event_block {
    struct cel_event_block *next;
    size_t len;
    char body[];
};

struct cel_events_options {
    struct span hostname; /* node name; borrowed, outlives the object */
    int64_t pid;
    bool everything; /* -E: task events too, and no remote command switches them off */
    int wake_fd;     /* eventfd that is written when the sender should look; -1: none */
};

/* Makes an empty buffer. CELERIAC_ERR_MEMORY. */
enum celeriac_err cel_events_create(const struct cel_events_options *options,
                                    struct cel_events **events) CELERIAC_MUST_CHECK;

/* Releases it with what is inside; events may be NULL. */
void cel_events_destroy(struct cel_events *events);

/* The node's clock. */
struct cel_lamport *cel_events_clock(struct cel_events *events);

/* Who sends, for events that do not go through the buffer. */
void cel_events_origin(struct cel_events *events, struct cel_event_origin *origin);

/* The next tick of the clock and wall time. */
struct cel_event_moment cel_events_moment(struct cel_events *events);

/*
 * Switches task events on or off. False when they were so already, which with `everything` they
 * always are (celery/worker/control.py enable_events, disable_events).
 */
bool cel_events_enable(struct cel_events *events, bool on);

/* ---- noting ---------------------------------------------------------------------------------- */

/* task-received, task-started, and task-cancelled when a cold stop breaks it off. */
void cel_events_received(struct cel_events *events, const struct cel_request *request);
void cel_events_started(struct cel_events *events, const struct cel_request *request);
void cel_events_cancelled(struct cel_events *events, const struct cel_request *request);

/*
 * Prepares the event that tells how a request ended; the finisher sends it with
 * cel_events_ended() when the end is written, so that a monitor never knows more than the result
 * backend. outcome is how the task left, or NULL when it never ran; took_ns how long it ran.
 */
void cel_events_end(struct cel_events *events, struct cel_request *request,
                    const struct cel_outcome *outcome, int64_t took_ns);

/* task-revoked for a request that is about to end; signum 0: no signal. Replaces what was there. */
void cel_events_revoked(struct cel_events *events, struct cel_request *request, bool expired,
                        bool terminated, int signum);

/* Sends the prepared event, if there is one. */
void cel_events_ended(struct cel_events *events, struct cel_request *request);

/* Releases a block; NULL is allowed. */
void cel_event_block_destroy(struct cel_event_block *block);

/* ---- sending: one thread --------------------------------------------------------------------- */

/* Takes up to max events out, oldest first, linked; *count of them. NULL when there are none. */
struct cel_event_block *cel_events_take(struct cel_events *events, size_t max, size_t *count);

/* Puts back what could not be sent, to the front; what there is no room for is dropped, oldest
 * first. */
void cel_events_return(struct cel_events *events, struct cel_event_block *blocks);

/* Events dropped so far. */
uint64_t cel_events_dropped(struct cel_events *events);

#endif
