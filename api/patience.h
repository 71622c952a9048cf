/*
 * Patience with connections: each stage of a request has a longest time, beyond which the
 * connection is cut off (shutdown(2)). The server's idle timeout sees to connections that are
 * silent; this sees to those that send or read a byte now and then so as never to be, and would
 * fill the server.
 *
 * It also sees what the HTTP library misses: a client that leaves right after its last byte. The
 * library reads sockets by edges of epoll; when data and the end of the stream are there together
 * it takes the data, and is never told of the end. Such a connection would stay in CLOSE_WAIT until
 * the idle timeout.
 *
 * And it makes room: when there are more connections than wanted, the one that has waited longest
 * for a request is cut off for each that comes.
 */
#ifndef API_PATIENCE_H
#define API_PATIENCE_H

#include <stddef.h>
#include <stdint.h>

#include "celeriac/error.h"

/* How long a client may have left, with nothing more to read, before its connection is cut off. */
#define PATIENCE_LEFT_NS INT64_C(250000000)

struct patience_limits {
    int64_t head_ns; /* from the connection's beginning, or an answer's end, to a request's head */
    int64_t body_ns; /* for sending a body */
    int64_t answer_ns;  /* for reading an answer */
    size_t connections; /* beyond so many the one that has waited longest goes; 0: no such limit */
};

struct patience;

/* One connection that is watched. */
struct patience_entry;

/* Starts the thread that watches. CELERIAC_ERR_MEMORY or CELERIAC_ERR_SYSTEM. */
enum celeriac_err patience_create(const struct patience_limits *limits, struct patience **patience,
                                  struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Ends the thread; no connection may be watched any more. patience may be NULL. */
void patience_destroy(struct patience *patience);

/*
 * Watches a new connection, which waits for its first request. NULL when memory is short: it is
 * not watched then. The descriptor must stay open until patience_leave(). Any thread.
 */
struct patience_entry *patience_enter(struct patience *patience, int fd);

/*
 * What the connection does from now on. entry may be NULL; any thread.
 *   _reading: a request's head is complete, its body is read
 *   _busy: the request is complete, we are the ones who work; no limit
 *   _answering: the answer begins to be sent
 *   _waiting: the answer is sent, the next request may come
 */
void patience_reading(struct patience *patience, struct patience_entry *entry);
void patience_busy(struct patience *patience, struct patience_entry *entry);
void patience_answering(struct patience *patience, struct patience_entry *entry);
void patience_waiting(struct patience *patience, struct patience_entry *entry);

/* The connection is about to be closed; releases entry, which may be NULL. Any thread. */
void patience_leave(struct patience *patience, struct patience_entry *entry);

#endif
