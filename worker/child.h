/*
 * One child process, seen from the worker: what goes to it, what comes back, whether it lives. For
 * one thread at a time, which waits here for whatever happens first.
 */
#ifndef WORKER_CHILD_H
#define WORKER_CHILD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"
#include "worker/child_frame.h"
#include "worker/fork_server.h"

struct cel_child;

/* Why cel_child_wait() has returned. */
enum cel_child_news {
    CEL_CHILD_FRAME, /* it has said something */
    CEL_CHILD_GONE,  /* it has ended, and everything that it said was read */
    CEL_CHILD_WOKEN, /* wake_fd is readable */
    CEL_CHILD_LATE   /* the deadline has passed */
};

/* Asks the server for a child. CELERIAC_ERR_MEMORY, and as cel_fork_server_spawn(). */
enum celeriac_err cel_child_create(struct cel_fork_server *server, struct cel_child **child,
                                   struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Lets it end by itself, which it does when it has finished what it does, kills it at deadline_ns
 * (monotonic), and releases it; child may be NULL.
 */
void cel_child_destroy(struct cel_child *child, int64_t deadline_ns);

/*
 * Waits until there is news, sending what is left to send meanwhile. wake_fd may be -1; a negative
 * deadline_ns means none. A whole frame comes before the deadline, so who gets many looks at the
 * clock himself. A frame stays valid until the next call. A child that says what is no frame is
 * killed, and soon gone.
 */
enum cel_child_news cel_child_wait(struct cel_child *child, int wake_fd, int64_t deadline_ns,
                                   struct cel_frame *frame);

/* Releases the memory of the frame that was given out last, if it took much. */
void cel_child_forget(struct cel_child *child);

/* Whether it has ended, without waiting; what it said before stays to be read. */
bool cel_child_is_gone(struct cel_child *child);

/* Readable when the server has said something about it, its end for example; -1: no more will come.
 */
int cel_child_record_fd(const struct cel_child *child);

/* The buffer for what is to be sent; append frames when nothing is left to send. */
struct strbuf *cel_child_out(struct cel_child *child);

/* Sends a signal to it, or to it and all that it has started. */
void cel_child_signal(struct cel_child *child, int number, bool whole_group);

/* Its process id; 0 while it is not known. */
int64_t cel_child_pid(const struct cel_child *child);

/*
 * Once it is gone: whether it had taken in all that was sent to it. What waits for a process that
 * ends is thrown away by the kernel, which says so by ECONNRESET (net/unix/af_unix.c).
 */
bool cel_child_has_taken(const struct cel_child *child);

/* Once it is gone: the status of waitpid(), and whether it was ever started. */
int cel_child_status(const struct cel_child *child);
bool cel_child_was_started(const struct cel_child *child);

#endif
