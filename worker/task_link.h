/*
 * The host of tasks that run in a thread of their worker: states go to the settler, sub-tasks to
 * the client that all task threads share. One for each task thread; that thread only.
 */
#ifndef WORKER_TASK_LINK_H
#define WORKER_TASK_LINK_H

#include "celery_proto/redis/client_state.h"
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

/* A message as the parent of what its task sends. Points into both. */
struct cel_client_parent cel_task_parent(const struct cel_runtime *runtime,
                                         const struct cel_task_message *message);

#endif
