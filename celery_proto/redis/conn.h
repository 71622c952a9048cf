/*
 * One connection to a Redis server: connecting, TLS, login, deadlines on every step, and the pauses
 * between attempts. Commands go through pipeline.h.
 *
 * A connection is lazy: it connects when it is first used and again when it is used after a loss.
 * Each operation makes one attempt and reports CELERIAC_ERR_UNAVAILABLE when that fails; repeating,
 * and whether a repeat is safe, is the caller's knowledge. One thread at a time.
 */
#ifndef CEL_REDIS_CONN_H
#define CEL_REDIS_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "celeriac/error.h"
#include "celery_proto/redis/broker_url.h"

/* Defaults of the options below. A local server answers in microseconds; a reply that takes longer
 * than this is that of a frozen server or a half-open socket. */
#define CEL_CONN_CONNECT_TIMEOUT_MS 3000
#define CEL_CONN_IO_TIMEOUT_MS 3000

/* The same for connecting through sentinels: a master that is silent for so long is asked for
 * again, so that a fail-over meanwhile costs no more than this. */
#define CEL_CONN_SENTINEL_TIMEOUT_MS 1000

/* All zero but url means defaults. */
struct cel_conn_options {
    struct cel_broker_url *url;  /* borrowed; outlives the connection */
    const char *client_name;     /* CLIENT SETNAME, printable without spaces; NULL: none; copied */
    uint32_t connect_timeout_ms; /* TCP, TLS and login together; 0: the defaults above */
    uint32_t io_timeout_ms; /* for a pipeline's write, and for each reply's progress; 0: default */
};

struct cel_conn;

/* Makes an unconnected connection. The caller destroys it. CELERIAC_ERR_MEMORY or _VALUE. */
enum celeriac_err cel_conn_create(const struct cel_conn_options *options, struct cel_conn **conn,
                                  struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Disconnects and releases; conn may be NULL. */
void cel_conn_destroy(struct cel_conn *conn);

/*
 * Whether a sentinel tells this connection when the master has moved: an open socket is then left
 * by the next cel_conn_ensure(), which should not be long in coming.
 */
bool cel_conn_is_watching(const struct cel_conn *conn);

/*
 * Connects if needed: socket, TLS, AUTH, SELECT, CLIENT SETNAME, one attempt on the current
 * endpoint; a failure moves the address on to its next endpoint. CELERIAC_ERR_UNAVAILABLE (away,
 * loading, no answer in time), CELERIAC_ERR_AUTH (login or certificate refused),
 * CELERIAC_ERR_MEMORY.
 */
enum celeriac_err cel_conn_ensure(struct cel_conn *conn,
                                  struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Closes the socket; the next use connects again. */
void cel_conn_disconnect(struct cel_conn *conn);

/* Whether a socket is open, as far as we know. */
bool cel_conn_is_connected(const struct cel_conn *conn);

/* Counts successful connects: 0 before the first. What is cached per connection is stale when it
 * moves. */
uint64_t cel_conn_generation(const struct cel_conn *conn);

/* Endpoint index of the open socket; with sentinels that of the one that named the master. */
size_t cel_conn_endpoint(const struct cel_conn *conn);

/* Whether the latest targets of two connections over one address are the same server. */
bool cel_conn_is_same_server(const struct cel_conn *a, const struct cel_conn *b);

/* The socket, for poll(); -1 when not connected. */
int cel_conn_fd(const struct cel_conn *conn);

/*
 * Sleeps before the next attempt after failures in a row: 50 ms, then doubling to 1 s, each with
 * jitter (a quarter less up to a quarter more, never above 1 s, 0.4 s with sentinels). Celery waits
 * 2, 4, ... 30 s; ours must be consuming within 2 s of the server being back. A descriptor wake_fd
 * >= 0 that becomes readable ends the sleep at once: CELERIAC_ERR_SHUTDOWN (the descriptor is left
 * unread). CELERIAC_OK after the sleep.
 */
enum celeriac_err cel_conn_pause(struct cel_conn *conn, int wake_fd) CELERIAC_MUST_CHECK;

/* Failed attempts since the last reply that was received. */
unsigned cel_conn_failures(const struct cel_conn *conn);

#endif
