/*
 * The HTTP server: sockets, threads, limits. What a request means is the business of the steps.
 *
 * A few threads serve thousands of connections: while an exchange is pending its connection is
 * suspended, and http_continue() resumes it. A client that goes away in the meantime changes
 * nothing for the steps; its answer is dropped.
 */
#ifndef API_SERVER_H
#define API_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "api/client_address.h"
#include "api/http.h"
#include "celeriac/error.h"

/* Bytes kept for each connection, and so the most that a request line with its headers may have. */
#define SERVER_HEADERS_MAX ((size_t)16 * 1024)

/*
 * Bytes of an over-long body that are read and dropped so that the client gets to read the answer
 * instead of a reset; a body announced to be longer is answered at once.
 */
#define SERVER_DRAIN_MAX ((size_t)16 * 1024 * 1024)

/* Longest time that sending one body may take. */
#define SERVER_BODY_SECONDS 60

/*
 * Bytes of bodies that are not small (memory_budget.h) and held at a time, so that memory is
 * bounded however many clients send: beyond it a body is read and dropped, and its request is told
 * to come again.
 */
#define SERVER_BIG_BYTES ((size_t)256 * 1024 * 1024)

/*
 * Bytes of larger answers that are made or sent at a time, however many clients ask for long lists
 * and are slow to read them: beyond it they are told to come again.
 */
#define SERVER_ANSWER_BYTES ((size_t)256 * 1024 * 1024)

/*
 * Longest time that reading one answer may take: the longest list has some MiB, which this leaves
 * to a line of 128 kbit/s.
 */
#define SERVER_ANSWER_SECONDS 300

struct server_options {
    int listen_fd;    /* from listen_socket_open(); taken over, also on failure */
    unsigned threads; /* 0 means 2; at most 64 */
    /*
     * Wanted number at a time: beyond it the one that has waited longest for a request is closed
     * for each that comes. Some more may be busy; then the others wait in the backlog. 0 means
     * 4,096.
     */
    unsigned connections;
    unsigned connections_per_address; /* more are closed at once (peer_net.h); 0: not counted */
    /*
     * Of requests over connections from these the client's address is the one that X-Forwarded-For
     * tells, and the connections are not counted by address. It outlives the server; NULL: none.
     */
    const struct trusted_proxies *trusted;
    unsigned idle_seconds; /* a silent connection is closed after this time; 0 means 75 */
    /*
     * A connection that is never silent for so long, but does not complete the head of a request in
     * this time on top, is closed too; 0 means 30.
     */
    unsigned head_seconds;
    unsigned body_seconds;   /* for sending one body; 0 means SERVER_BODY_SECONDS */
    unsigned answer_seconds; /* for reading one answer; 0 means SERVER_ANSWER_SECONDS */
    size_t big_bytes;        /* 0 means SERVER_BIG_BYTES */
    size_t answer_bytes;     /* 0 means SERVER_ANSWER_BYTES */
    /* Longest body for a path (as sent); NULL means HTTP_BODY_MAX for all. Any thread. */
    size_t (*body_max)(struct span path, void *context);
    http_step_fn *handler; /* the first step of every request; must be set */
    void *context;         /* given to body_max and the handler */
};

struct server;

/* Starts the threads. CELERIAC_ERR_SYSTEM or _MEMORY. */
enum celeriac_err server_create(const struct server_options *options, struct server **s,
                                struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Stops: refuses new connections, lets requests that were read finish, and closes what
 * is left. Waits for every pending exchange, but no longer than grace_ns for answers that a client
 * is slow to read. Call once, from a thread that is not the server's.
 */
void server_stop(struct server *s, int64_t grace_ns);

/* How busy it is, and how many connections there were since the start. */
struct server_stats {
    uint64_t handling;    /* requests that were read and are not answered yet */
    uint64_t sending;     /* of these and of the answered, those not sent to their end */
    uint64_t connections; /* open now */
    uint64_t accepted;    /* since the start */
};

/* Reads the numbers. Any thread, until the server is destroyed. */
void server_get_stats(struct server *s, struct server_stats *stats);

/* Releases a server; stops it first if need be. s may be NULL. */
void server_destroy(struct server *s);

#endif
