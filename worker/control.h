/*
 * The control thread: answers remote commands, sends events, keeps the heartbeat. It has a mailbox
 * of its own and never waits for a task, the consumer or the finisher, so that a worker whose
 * threads are all busy answers at once.
 */
#ifndef WORKER_CONTROL_H
#define WORKER_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "celeriac/error.h"
#include "celeriac/worker.h"
#include "celery_proto/redis/broker_url.h"
#include "celery_proto/redis/conn.h"
#include "celery_proto/redis/result_store.h"
#include "worker/runtime.h"

struct cel_control;

/* What remote control shows of the worker and may do to it. Everything outlives the thread. */
struct cel_control_options {
    struct cel_conn_options conn;
    const struct cel_keys *keys;
    const struct celeriac_worker_options *settings; /* numbers; defaults filled in */
    const struct cel_broker_url *broker;
    const struct cel_broker_url *backend;           /* NULL: no results */
    const struct cel_result_store_options *results; /* for records of revoked tasks */
    struct celeriac_worker *worker;                 /* for the command `shutdown` */
};

/* Makes it and starts its thread. CELERIAC_ERR_VALUE, _MEMORY, _SYSTEM. */
enum celeriac_err cel_control_create(const struct cel_control_options *options,
                                     struct cel_runtime *runtime, struct cel_control **control,
                                     struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Sends the events that are left and worker-offline, as far as the broker is there, and ends the
 * thread.
 */
void cel_control_stop(struct cel_control *control);

/* Stops it if need be and releases it; control may be NULL. */
void cel_control_destroy(struct cel_control *control);

#endif
