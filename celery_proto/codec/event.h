/*
 * Events as monitors read them: what a worker and its tasks do (celery/events/dispatcher.py,
 * celery/worker/heartbeat.py, celery/worker/request.py, celery/worker/strategy.py). Bodies are
 * JSON objects with Celery's fields in Celery's order; the envelope around them goes to a channel
 * of the exchange `celeryev`. Pure; any thread. Functions append to a strbuf, whose sticky error
 * tells of failure.
 */
#ifndef CEL_EVENT_H
#define CEL_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"
#include "celery_proto/codec/task_message.h"

/* The exchange of events (setting event_exchange), a fanout on Redis. */
#define CEL_EVENT_EXCHANGE "celeryev"

/* Routing key of a batch: a JSON array of task events. */
#define CEL_EVENT_TASK_MULTI "task.multi"

/* What the software calls itself to monitors (Celery: "py-celery"). */
#define CEL_EVENT_SOFTWARE "celeriac"

/* Most events of one batch: celery/events/dispatcher.py buffer_limit. */
#define CEL_EVENT_BATCH_MAX 24

/* Longest routing key of an event, without NUL. */
#define CEL_EVENT_KEY_MAX 64

/* Who sends. */
struct cel_event_origin {
    struct span hostname; /* node name */
    double utc_offset;    /* hours west of UTC; Celery before 5.7 rounds it down */
    int64_t pid;
};

/* When: the logical clock of the sender and wall time. */
struct cel_event_moment {
    uint64_t clock;
    int64_t now_us; /* microseconds since 1970 */
};

/* Worker events. */
enum cel_worker_event {
    CEL_WORKER_ONLINE,
    CEL_WORKER_HEARTBEAT,
    CEL_WORKER_OFFLINE,
    CEL_WORKER_PROMPTED /* a heartbeat that the remote command `heartbeat` asked for */
};

/* How a worker is, for its events. */
struct cel_worker_state {
    double freq; /* seconds between heartbeats */
    uint64_t active;
    uint64_t processed;
    double load[3];      /* load averages, rounded up to hundredths here */
    struct span version; /* of the software */
};

/* Appends a worker event's body. CEL_WORKER_PROMPTED has freq 5 and no figures, as Celery's. */
void cel_event_worker(const struct cel_event_origin *origin, const struct cel_event_moment *moment,
                      enum cel_worker_event kind, const struct cel_worker_state *state,
                      struct strbuf *out);

/* Appends the body of task-received. */
void cel_event_received(const struct cel_event_origin *origin,
                        const struct cel_event_moment *moment,
                        const struct cel_task_message *message, struct strbuf *out);

/* What happens to a task after it was received. */
enum cel_task_event {
    CEL_TASK_STARTED,
    CEL_TASK_SUCCEEDED,
    CEL_TASK_FAILED,
    CEL_TASK_RETRIED,
    CEL_TASK_REVOKED,
    CEL_TASK_REJECTED,
    CEL_TASK_CANCELLED
};

/* The fields of one such event; those of other kinds are not looked at. */
struct cel_task_event_fields {
    enum cel_task_event kind;
    struct span id;
    struct span result;    /* SUCCEEDED: Python's repr of the result */
    double runtime;        /* SUCCEEDED: seconds */
    struct span exception; /* FAILED, RETRIED: Python's repr of it */
    struct span traceback; /* FAILED, RETRIED; NULL pointer: left out */
    bool terminated;       /* REVOKED: while it was running */
    int signum;            /* REVOKED: by this signal; 0: null */
    bool expired;          /* REVOKED: because of its expiry */
    bool requeue;          /* REJECTED: the message goes back to its queue */
};

/* Appends the event's body. */
void cel_event_task(const struct cel_event_origin *origin, const struct cel_event_moment *moment,
                    const struct cel_task_event_fields *fields, struct strbuf *out);

/* The event's type, e.g. "worker-heartbeat". Never NULL. */
const char *cel_worker_event_type(enum cel_worker_event kind);

/* The routing key of a type: the same with '.' for '-' ("worker.heartbeat"). */
void cel_event_routing_key(const char *type, char key[CEL_EVENT_KEY_MAX + 1]);

/*
 * Appends the envelope around a body: one event, or an array of them. hostname is the node's name,
 * tag a fresh delivery tag. Errors as cel_envelope_write().
 */
enum celeriac_err cel_event_envelope(struct span hostname, const char *routing_key, struct span tag,
                                     struct span body, struct strbuf *out) CELERIAC_MUST_CHECK;

#endif
