/*
 * One message on its way through the worker, from the claim to its end.
 *
 *     RECEIVED -> READY -> RUNNING -> ENDED
 *                   ^         |
 *                   |         v
 *                   +------ WAITING   (eta, or postponed)
 *
 * Exactly one thread owns a request at any time; handing it to a queue hands over ownership.
 */
#ifndef WORKER_REQUEST_H
#define WORKER_REQUEST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "celery_proto/codec/task_message.h"
#include "worker/held.h"
#include "worker/live.h"
#include "worker/registry.h"
#include "worker/settle.h"

enum cel_request_state {
    CEL_REQUEST_RECEIVED, /* with the consumer */
    CEL_REQUEST_READY,    /* in the ready queue */
    CEL_REQUEST_RUNNING,  /* with a task thread */
    CEL_REQUEST_WAITING,  /* with the consumer, until its time */
    CEL_REQUEST_ENDED     /* with the settler */
};

struct cel_event_block;
struct cel_task_stats;
struct cel_told_state;
struct cel_request;

/* A link in the settler's list: the request wants something written. */
struct cel_note {
    struct cel_note *next;
    struct cel_request *request;
    bool is_end;                 /* the last word about this request; it is released afterwards */
    struct cel_told_state *told; /* what it is part of; NULL: a start or an end */
};

struct cel_request {
    struct cel_task_message *message;             /* owned */
    const struct cel_task_definition *definition; /* NULL: not registered here */
    struct span tag;                              /* in `unacked`; owned */
    struct span queue;                            /* name; borrowed from the claimer */
    enum cel_request_state state;                 /* changed by cel_request_move() only */
    unsigned evictions;                           /* of the worker before it was claimed */
    struct cel_task_stats *stats;                 /* what it is counted in; NULL: nothing */
    int64_t ready_ns;     /* monotonic time of its reception, or of its eta; for those statistics */
    int64_t pid;          /* of the process that runs its task; set before it is active in `live` */
    bool in_window;       /* counts against the prefetch limit */
    bool acked;           /* acknowledged when it started, or about to be: it counts as gone */
    bool start_written;   /* the settler's: that acknowledgement has left */
    bool ending;          /* the settler's: its end is in the same batch as its start */
    unsigned chord_waits; /* the settler's: chords that it completes and whose results are read */
    const char *quarantine; /* why it goes to the quarantine list; NULL: it does not */
    struct strbuf started;  /* record of the STARTED state; empty: none */
    struct cel_settlement settlement;
    struct cel_request *next;    /* behind it in a line of limited.h, or in inbox.h */
    int64_t due_ns;              /* in the latter: when it is wanted again (monotonic) */
    struct cel_told_state *told; /* the settler's: a state of the task that waits to be written */
    bool end_queued;             /* the settler's: nothing may be written after its end */
    struct cel_note start_note;
    struct cel_note end_note;
    struct cel_held_node held;         /* while it exists */
    struct cel_event_block *end_event; /* sent when its end is written; owned; NULL: none */
    struct cel_live_node live;         /* its place in the table of live requests */
    atomic_uint keepers;               /* its owner, and snapshots that still look at it */
};

/*
 * Makes a request around a message, which it takes over, also on failure. tag is copied, queue
 * borrowed. CELERIAC_ERR_MEMORY.
 */
enum celeriac_err cel_request_create(struct cel_task_message *message_steal,
                                     const struct cel_task_definition *definition, struct span tag,
                                     struct span queue,
                                     struct cel_request **request) CELERIAC_MUST_CHECK;

/*
 * Ends a request: it leaves the table of live requests and is released with its message, or by the
 * last who keeps it. For its owner; request may be NULL. What is held in Redis stays held.
 */
void cel_request_destroy(struct cel_request *request);

/*
 * Keeps a request's message readable until cel_request_release(), for one who is not its owner and
 * knows that the owner has not ended it. Any thread.
 */
void cel_request_keep(struct cel_request *request);
void cel_request_release(struct cel_request *request);

/* Moves to another state; the picture above says which moves exist, others are a defect of ours. */
void cel_request_move(struct cel_request *request, enum cel_request_state to);

#endif
