/*
 * One socket to one Redis server or sentinel: connecting, TLS, login, bytes out, replies in. Knows
 * nothing of failing over; conn.h does. One thread at a time.
 */
#ifndef CEL_REDIS_LINK_H
#define CEL_REDIS_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"
#include "celery_proto/redis/broker_url.h"

struct redisReply;
struct cel_link;

/* How long a step may take: until deadline_ns (monotonic) when that is not negative, else until
 * progress_ms have passed without any byte of progress. */
struct link_patience {
    int64_t deadline_ns;
    uint32_t progress_ms;
};

/* Makes a link without a socket; NULL without memory. The caller destroys it. */
struct cel_link *link_create(void);

/* Closes and releases; link may be NULL. */
void link_destroy(struct cel_link *link);

/*
 * Connects by the monotonic deadline: socket, TLS, AUTH, SELECT, CLIENT SETNAME, PING, and for an
 * endpoint that must be a master the question whether it is one. client_name may be NULL. The link
 * must be closed. On failure it is closed again: CELERIAC_ERR_UNAVAILABLE (away, loading, a
 * replica), CELERIAC_ERR_TIMEOUT, CELERIAC_ERR_AUTH (login or certificate refused),
 * CELERIAC_ERR_PROTOCOL (no such database), CELERIAC_ERR_MEMORY.
 */
enum celeriac_err link_open(struct cel_link *link, const struct cel_endpoint *endpoint,
                            const char *client_name, int64_t deadline_ns,
                            struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Closes the socket, if there is one. */
void link_close(struct cel_link *link);

/* Whether there is a socket, and which; -1 for none. */
bool link_is_open(const struct cel_link *link);
int link_fd(const struct cel_link *link);

/* Writes all bytes. CELERIAC_ERR_UNAVAILABLE (lost), CELERIAC_ERR_TIMEOUT; the caller closes. */
enum celeriac_err link_send(struct cel_link *link, struct span bytes, struct link_patience patience,
                            struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Waits for one reply, which the caller destroys. CELERIAC_ERR_UNAVAILABLE (lost),
 * CELERIAC_ERR_TIMEOUT, CELERIAC_ERR_PROTOCOL, CELERIAC_ERR_MEMORY; the caller closes.
 */
enum celeriac_err link_receive(struct cel_link *link, struct link_patience patience,
                               struct redisReply **reply,
                               struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* The same without waiting: *reply is NULL when no whole reply has arrived. */
enum celeriac_err link_try_receive(struct cel_link *link, struct redisReply **reply,
                                   struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Whether received bytes wait inside TLS or the reader, unseen by poll(). */
bool link_has_buffered(const struct cel_link *link);

#endif
