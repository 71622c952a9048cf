/*
 * What a worker consists of while it runs: made in one order, stopped in the reverse. What threads
 * need of one another is in struct cel_runtime; here is the rest. For the thread that runs the
 * worker.
 */
#ifndef WORKER_PARTS_H
#define WORKER_PARTS_H

#include <stdbool.h>

#include "celeriac/error.h"
#include "celery_proto/redis/result_store.h"
#include "worker/control.h"
#include "worker/keeper.h"
#include "worker/runtime.h"
#include "worker/settings.h"

/* Starts zeroed, and is so again once released. */
struct cel_parts {
    struct cel_keeper *keeper;
    struct cel_control *control;
    struct cel_result_store_options results; /* for the control thread */
    const char **tasks;                      /* names for the claimer */
};

/*
 * Makes everything and starts all threads but the consumer's; `worker` is for the remote command
 * `shutdown`. CELERIAC_ERR_VALUE without a registered task, the codes of what is made. On failure
 * stop and release it all the same.
 */
enum celeriac_err cel_parts_start(struct cel_parts *parts, const struct cel_settings *settings,
                                  struct cel_runtime *runtime, struct celeriac_worker *worker,
                                  struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Ends the threads, writing what has ended and giving back what has not, after the consumer has
 * ended. False when task threads were left running because cold_fd became readable, or are lost in
 * their tasks: then nothing that they use may be released.
 */
bool cel_parts_stop(struct cel_parts *parts, struct cel_runtime *runtime, int cold_fd);

/* Releases everything, after cel_parts_stop() has returned true. */
void cel_parts_release(struct cel_parts *parts, struct cel_runtime *runtime);

#endif
