/*
 * One execution of a request's task, but for the task itself, which pool.c runs in its thread and
 * seat.c in a child process: what is said when it begins, and what becomes of it when it ends. Each
 * task thread has one, and uses it for one request after the other. One thread at a time.
 */
#ifndef WORKER_EXECUTION_H
#define WORKER_EXECUTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "worker/request.h"
#include "worker/runtime.h"
#include "worker/task_context.h"
#include "worker/task_link.h"
#include "worker/time_limits.h"

struct cel_execution {
    struct cel_runtime *runtime;
    struct celeriac_task task;
    struct cel_task_link link; /* what the task may ask for, in this process or through another */
    struct strbuf scratch;
    int64_t pid; /* of the process that runs the task */
    struct cel_time_limits limits;
    int64_t began_ns;         /* monotonic */
    int64_t soft_deadline_ns; /* monotonic; 0: none */
};

/*
 * Starts it, for tasks in this process until `pid` is changed; its address must not change.
 * Allocates nothing yet.
 */
void cel_execution_init(struct cel_execution *execution, struct cel_runtime *runtime);

/* Releases what it holds. */
void cel_execution_close(struct cel_execution *execution);

/*
 * Begins with a request: looks whether it may still be started, tells whoever wants to know,
 * acknowledges it if it is to be early, and makes the task's context ready. False: it was revoked
 * or has expired, has ended with that, and is no longer the caller's.
 */
bool cel_execution_begin(struct cel_execution *execution, struct cel_request *request);

/* Ends a request with what the task has said, and hands it on. */
void cel_execution_conclude(struct cel_execution *execution, struct cel_request *request);

/*
 * Prepares the end of a request whose task did not come to its end: it has passed its hard limit;
 * its process was lost, which text says as WorkerLostError; it was terminated by a remote command
 * with a signal. The caller hands it on with cel_end(). execution needs no more than its runtime,
 * limits and began_ns.
 */
void cel_execution_time_out(struct cel_execution *execution, struct cel_request *request);
void cel_execution_lose(struct cel_execution *execution, struct cel_request *request,
                        struct span text);
void cel_execution_terminate(struct cel_execution *execution, struct cel_request *request,
                             int signum);

#endif
