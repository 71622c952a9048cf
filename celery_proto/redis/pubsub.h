/*
 * One connection in subscribe mode: a set of channels and patterns that is subscribed again after
 * every reconnect, and a handler for what arrives. One thread at a time.
 */
#ifndef CEL_REDIS_PUBSUB_H
#define CEL_REDIS_PUBSUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"
#include "celery_proto/redis/conn.h"

/* Most subscriptions of one connection: waiting results, remote control, events. */
#define CEL_PUBSUB_SUBSCRIPTIONS_MAX 100000

struct cel_pubsub;

/*
 * Called for each message, on the thread that reads. For a pattern subscription `subscription` is
 * the pattern, else the channel. payload is empty with a NULL pointer when the server sent null
 * (a flush of the key space on the invalidation channel). The handler may add and remove
 * subscriptions, but not read.
 */
typedef void cel_pubsub_handler_fn(void *context, struct span subscription, struct span channel,
                                   struct span payload);

/* Makes an unconnected one. CELERIAC_ERR_MEMORY or _VALUE. */
enum celeriac_err cel_pubsub_create(const struct cel_conn_options *options,
                                    struct cel_pubsub **pubsub,
                                    struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* pubsub may be NULL. */
void cel_pubsub_destroy(struct cel_pubsub *pubsub);

/*
 * Adds a channel, or a pattern, with its handler. Takes effect at the next cel_pubsub_ensure(),
 * which waits for the server's confirmation. CELERIAC_ERR_EXISTS, CELERIAC_ERR_LIMIT,
 * CELERIAC_ERR_MEMORY.
 */
enum celeriac_err cel_pubsub_add(struct cel_pubsub *pubsub, struct span name, bool is_pattern,
                                 cel_pubsub_handler_fn *handler, void *context) CELERIAC_MUST_CHECK;

/* Removes a channel or pattern; unknown names are ignored. */
void cel_pubsub_remove(struct cel_pubsub *pubsub, struct span name, bool is_pattern);

/*
 * Connects if needed and makes the server's subscriptions equal to the set; when it returns
 * CELERIAC_OK, every message published from now on will be received. Messages that arrive meanwhile
 * are delivered, but none that was published before its own subscription took effect.
 */
enum celeriac_err cel_pubsub_ensure(struct cel_pubsub *pubsub,
                                    struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Delivers everything that has arrived; does not block. *delivered (may be NULL) counts them. */
enum celeriac_err cel_pubsub_read(struct cel_pubsub *pubsub, size_t *delivered,
                                  struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* So much of the time between two looks at a connection is enough for who is awake anyhow: looks at
 * several connections then fall together, and an idle process wakes once for all of them. */
#define CEL_PUBSUB_EARLY(interval_ns) ((interval_ns) / 4 * 3)

/*
 * Sends a PING if nothing arrived for interval_ns, or for CEL_PUBSUB_EARLY() of it since the caller
 * is awake, and reports CELERIAC_ERR_UNAVAILABLE when an earlier one is still unanswered after the
 * connection's io timeout; before that it delivers what has arrived. *next_ns (may be NULL) gets
 * the monotonic time until which the caller may sleep before it calls again: now_ns when messages
 * were delivered.
 */
enum celeriac_err cel_pubsub_check(struct cel_pubsub *pubsub, int64_t now_ns, int64_t interval_ns,
                                   int64_t *next_ns,
                                   struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* The connection underneath: descriptor, generation, pauses. Borrowed; send nothing on it. */
struct cel_conn *cel_pubsub_conn(struct cel_pubsub *pubsub);

/* Whether TLS or the reader holds bytes that poll() will not announce. */
bool cel_pubsub_has_buffered(const struct cel_pubsub *pubsub);

/* The server's id of this connection (CLIENT ID), 0 when not connected. */
int64_t cel_pubsub_client_id(const struct cel_pubsub *pubsub);

#endif
