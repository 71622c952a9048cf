/*
 * The moving parts of a connection, for the files of this folder that speak the protocol: pipelines
 * and pub/sub.
 */
#ifndef CEL_REDIS_CONN_IO_H
#define CEL_REDIS_CONN_IO_H

#include <stdbool.h>

#include "base/span.h"
#include "celeriac/error.h"
#include "celery_proto/redis/conn.h"
#include "celery_proto/redis/reply.h"

/*
 * Writes all bytes; each step must make progress within the io timeout. On failure the connection
 * is closed and counted as failed. CELERIAC_ERR_UNAVAILABLE.
 */
enum celeriac_err cel_conn_send(struct cel_conn *conn, struct span bytes,
                                struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Waits for one reply, each byte of progress within the io timeout; the caller destroys it. On
 * failure the connection is closed and counted as failed. CELERIAC_ERR_UNAVAILABLE,
 * CELERIAC_ERR_PROTOCOL, CELERIAC_ERR_MEMORY.
 */
enum celeriac_err cel_conn_receive(struct cel_conn *conn, struct redisReply **reply,
                                   struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* The same without waiting: *reply is NULL when no whole reply has arrived. */
enum celeriac_err cel_conn_try_receive(struct cel_conn *conn, struct redisReply **reply,
                                       struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Whether received bytes wait inside TLS or the reader, unseen by poll(). */
bool cel_conn_has_buffered(const struct cel_conn *conn);

/*
 * Ends a connection that cannot be used further and counts a failure, so that the next pause is
 * longer. With fail_over the next attempt goes to the next endpoint. Sets err to code with why.
 */
enum celeriac_err cel_conn_fail(struct cel_conn *conn, enum celeriac_err code, bool fail_over,
                                const char *why, struct celeriac_error *err);

/* The server answered as it should: forgets failures. */
void cel_conn_succeed(struct cel_conn *conn);

/* Counts a failure without closing: the server asked for patience (BUSY, OOM, ...). */
void cel_conn_count_failure(struct cel_conn *conn);

/* Milliseconds a peer may be silent. */
uint32_t cel_conn_io_timeout_ms(const struct cel_conn *conn);

#endif
