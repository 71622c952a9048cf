/*
 * The fork server of `-P prefork`: a process with one thread, forked from the worker before that
 * has a second one, which forks all children. A process with threads must not fork and go on: locks
 * that other threads held at that moment stay held in the child for ever. Starting the program anew
 * (fork and exec) would avoid that too, but a library does not know how to start the program that
 * uses it, and the tasks that it registered would be gone.
 *
 * For each child the worker holds two sockets: one to the child itself, and one to the server, over
 * which it hears that the child lives and how it ended, and asks for signals. Since only the server
 * reaps the child, a signal never meets another process with the same number.
 */
#ifndef WORKER_FORK_SERVER_H
#define WORKER_FORK_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "celeriac/error.h"
#include "worker/child_main.h"

struct cel_fork_server;

/* What the server says about a child: records on its socket, one each. */
enum cel_fork_news {
    CEL_FORK_STARTED = 1, /* value: process id */
    CEL_FORK_REFUSED = 2, /* value: errno of fork(); the last record */
    CEL_FORK_ENDED = 3    /* value: status of waitpid(); the last record */
};

struct cel_fork_record {
    int news;
    int value;
};

/* What the worker asks for: a signal to the child, or to its process group. */
struct cel_fork_signal {
    int number;
    int whole_group; /* what the task has started as well, unless it left the group */
};

/*
 * Forks the server. CELERIAC_ERR_VALUE when the process has more than one thread;
 * CELERIAC_ERR_SYSTEM, CELERIAC_ERR_MEMORY. plan->stopping is filled in: see
 * cel_fork_server_stopping(). What plan points to is copied by the fork; later changes do not reach
 * the children.
 */
enum celeriac_err cel_fork_server_create(const struct cel_child_plan *plan,
                                         struct cel_fork_server **server,
                                         struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Ends the server and with it all children, at once; server may be NULL.
 */
void cel_fork_server_destroy(struct cel_fork_server *server);

/*
 * Asks for a child. *work is a stream to it, *control the server's socket about it, on which the
 * records above arrive; both are the caller's. Closing *control kills the child. *control ends
 * without a record when the server had no room for the descriptors. CELERIAC_ERR_UNAVAILABLE when
 * the server is gone, CELERIAC_ERR_SYSTEM. Any thread.
 */
enum celeriac_err cel_fork_server_spawn(struct cel_fork_server *server, int *work, int *control,
                                        struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Tells all tasks in children that the worker is stopping. Any thread. */
void cel_fork_server_stopping(struct cel_fork_server *server);

#endif
