/*
 * Termination signals as a file descriptor that a poll() loop can watch, instead of handlers that
 * run at any moment. Signals are blocked in every thread that starts after shutdown_create().
 */
#ifndef BASE_SHUTDOWN_H
#define BASE_SHUTDOWN_H

#include <stdbool.h>

#include "celeriac/error.h"

struct shutdown_signals;

/*
 * Blocks SIGTERM, SIGINT, SIGQUIT and SIGHUP for this and later threads and ignores SIGPIPE. Call
 * it in the main thread before any other thread starts. CELERIAC_ERR_SYSTEM or _MEMORY.
 */
enum celeriac_err shutdown_create(struct shutdown_signals **s,
                                  struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Closes the descriptor; the signals stay blocked. s may be NULL. */
void shutdown_destroy(struct shutdown_signals *s);

/* Readable when a signal waits. */
int shutdown_fd(const struct shutdown_signals *s);

/* The next signal's number, or 0 when none waits. Does not block. */
int shutdown_next(struct shutdown_signals *s);

#endif
