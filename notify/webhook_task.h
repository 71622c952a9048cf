/*
 * The task celeriac.deliver_webhook: post one message to a tenant's endpoint, record what came of
 * it, and try again as the schedule has it. At least once: a worker that is killed between the
 * answer and its record makes the message come twice, with the same webhook-id.
 */
#ifndef NOTIFY_WEBHOOK_TASK_H
#define NOTIFY_WEBHOOK_TASK_H

#include <stdatomic.h>
#include <stdint.h>

#include "celeriac/task.h"
#include "notify/providers/webhook_post.h"
#include "notify/rules/retry_plan.h"
#include "notify/store/store.h"
#include "notify/webhook_slots.h"

/* The task's name, and the queue of its own: a Python worker, which does not know the task, would
 * drop it from the queue that it consumes. Arguments: the message's id, the endpoint's id. */
#define NOTIFY_WEBHOOK_TASK_NAME "celeriac.deliver_webhook"
#define NOTIFY_WEBHOOK_QUEUE "celeriac.webhooks"

/*
 * Delays up to so many seconds are waited for by a message with an eta: to the moment, and without
 * a look at the database. Longer ones are in the table: nothing is held on the broker for hours,
 * where it would be lost with it or handed on at each visibility timeout, and what was switched off
 * meanwhile ends without a task.
 */
#define NOTIFY_WEBHOOK_ETA_MAX_S 60

/* Counters since the start; what all processes of a worker write to. All zero is the beginning. */
struct notify_webhook_counts {
    atomic_uint_fast64_t delivered; /* attempts that an endpoint has taken */
    atomic_uint_fast64_t failed;    /* attempts that failed */
    atomic_uint_fast64_t given_up;  /* messages after their last attempt */
    atomic_uint_fast64_t disabled;  /* endpoints switched off */
    atomic_uint_fast64_t
        postponed; /* tasks that waited, because too many deliveries were under way */
};

/* In memory that the worker's processes share. All zero is its beginning. */
struct notify_webhook_shared {
    struct notify_webhook_counts counts;
    struct notify_webhook_slots slots;
};

/* What the task works with. Borrowed; safe for any number of threads. */
struct notify_webhook_task {
    struct store *store;
    struct notify_webhook_poster *poster;
    struct notify_webhook_shared *shared;
    struct notify_retry_plan plan; /* its delays alone; at least one */
    unsigned at_once;              /* most deliveries of the worker; at least 1 */
    unsigned per_endpoint;         /* of these, to one endpoint; at least 1 */
    int64_t timeout_ns;            /* of one delivery */
};

/* The options to register it with; task outlives the worker. */
struct celeriac_task_options notify_webhook_task_options(struct notify_webhook_task *task);

#endif
