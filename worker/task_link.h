/*
 * The host of tasks that run in a thread of their worker: states go to the settler, sub-tasks to
 * the client that all task threads share. One for each task thread; that thread only.
 */
#ifndef WORKER_TASK_LINK_H
#define WORKER_TASK_LINK_H

#include "worker/request.h"
#include "worker/runtime.h"
#include "worker/task_host.h"

struct cel_task_link {
    struct cel_task_host host; /* for struct celeriac_task */
    struct cel_runtime *runtime;
    struct cel_request *request; /* what runs; readable while it runs, also after its hard limit */
};

/* Prepares it, without a request. */
void cel_task_link_init(struct cel_task_link *link, struct cel_runtime *runtime);

#endif
