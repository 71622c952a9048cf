/* What the fork server does in its own process; see fork_server.h. */
#ifndef WORKER_FORK_SERVER_PROCESS_H
#define WORKER_FORK_SERVER_PROCESS_H

#include <sys/types.h>

#include "worker/child_main.h"

/*
 * The whole life of the server, which owns `control`; parent is the worker. All signals are blocked
 * when it is called. It ends when the worker closes its end, and takes all children with it.
 */
_Noreturn void cel_fork_server_process(const struct cel_child_plan *plan, int control,
                                       pid_t parent);

#endif
