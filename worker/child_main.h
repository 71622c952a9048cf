/*
 * What a child process of `-P prefork` does: runs the tasks that come over its socket, one after
 * the other, and says how they ended. It is forked by the fork server, has one thread of ours, and
 * speaks to no broker, unless a task sends others: all but the task's code happens in the worker.
 */
#ifndef WORKER_CHILD_MAIN_H
#define WORKER_CHILD_MAIN_H

#include <stdatomic.h>
#include <stddef.h>
#include <sys/types.h>

#include "celeriac/error.h"
#include "worker/runtime.h"

/* What children need; fixed before the fork server is forked. All of it is borrowed. */
struct cel_child_plan {
    const struct cel_runtime *runtime; /* as it was when the fork server was forked */
    const atomic_bool *stopping;       /* in memory that worker and children share */
    enum celeriac_err (*start)(void *user,
                               struct celeriac_error *err); /* see celeriac/worker.h; or NULL */
    void (*stop)(void *user);                               /* likewise */
    void *user;
    const int *private_fds; /* descriptors of the worker's own, which its children do not get */
    size_t private_count;
};

/*
 * The whole life of a child, which owns `socket`; parent is the fork server. Ends the process: with
 * 0 when the worker closes the socket, with 1 when the start failed or the socket is broken. Exit
 * handlers are not run, since they are the worker's.
 */
_Noreturn void cel_child_main(const struct cel_child_plan *plan, int socket, pid_t parent);

#endif
