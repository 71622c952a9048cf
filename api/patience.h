/*
 * Patience with connections: one that has been between two requests for too long is cut off, and so
 * is one that takes too long to read its answer. The server's idle timeout sees to those that are
 * silent; this sees to those that send or read a byte now and then so as never to be, and would
 * fill the server.
 */
#ifndef API_PATIENCE_H
#define API_PATIENCE_H

#include <stdint.h>

#include "celeriac/error.h"

struct patience;

/* One connection that is watched. */
struct patience_entry;

/*
 * Starts a thread that cuts off (shutdown(2)) what waits for a request for longer than request_ns,
 * and what reads one answer for longer than answer_ns. CELERIAC_ERR_MEMORY or CELERIAC_ERR_SYSTEM.
 */
enum celeriac_err patience_create(int64_t request_ns, int64_t answer_ns, struct patience **patience,
                                  struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Ends the thread; no connection may be watched any more. patience may be NULL. */
void patience_destroy(struct patience *patience);

/*
 * Watches a new connection, from now on. NULL when memory is short: it is not watched then. The
 * descriptor must stay open until patience_leave(). Any thread.
 */
struct patience_entry *patience_enter(struct patience *patience, int fd);

/* A request's head is complete: the connection is busy. entry may be NULL. Any thread. */
void patience_busy(struct patience *patience, struct patience_entry *entry);

/* The answer begins to be sent: the client reads, from now on. entry may be NULL. Any thread. */
void patience_answering(struct patience *patience, struct patience_entry *entry);

/* The answer is sent: the connection waits for a request, from now on. entry may be NULL. */
void patience_waiting(struct patience *patience, struct patience_entry *entry);

/* The connection is about to be closed; releases entry, which may be NULL. Any thread. */
void patience_leave(struct patience *patience, struct patience_entry *entry);

#endif
