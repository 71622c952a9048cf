/*
 * Publishing messages into queues: the declarations, list pushes and exchange look-ups of kombu's
 * virtual Channel (virtual/base.py: basic_publish, _lookup; redis.py: _put, _queue_bind,
 * _put_fanout).
 *
 * A publisher holds one connection. One thread at a time.
 */
#ifndef CEL_REDIS_PUBLISH_H
#define CEL_REDIS_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"
#include "celery_proto/redis/conn.h"

struct cel_keys;

/* Longest queue, exchange and routing key name: kombu's AMQP "short string". */
#define CEL_NAME_MAX 255

/* Largest message; Redis refuses strings of 512 MiB, and one message should never need a hundredth.
 */
#define CEL_MESSAGE_MAX ((size_t)64 * 1024 * 1024)

/* Queues bound to one exchange that are considered. */
#define CEL_BINDINGS_MAX 4096

/* How long a key of publish-once is remembered when the caller does not say: seconds. */
#define CEL_ONCE_SECONDS 3600

enum cel_exchange_type { CEL_EXCHANGE_DIRECT, CEL_EXCHANGE_TOPIC, CEL_EXCHANGE_FANOUT };

/*
 * One message on its way out. Everything is borrowed for the call. `message` is the envelope as it
 * will lie in the list; its properties must agree with the fields here.
 */
struct cel_outgoing {
    struct span message;
    struct span queue; /* pushed straight to this queue; empty: by exchange and routing key */
    struct span exchange;
    struct span routing_key;
    enum cel_exchange_type exchange_type;
    int priority; /* properties.priority; any value, clamped as kombu does */
    /*
     * Publish once: while this key was used in the last once_seconds, nothing is pushed and the
     * message counts as published. Empty: always push. Only with `queue`.
     */
    struct span once_key;
    uint32_t once_seconds; /* 0: CEL_ONCE_SECONDS */
    /*
     * Seconds after which the lists that the message was pushed to are removed unless something is
     * pushed again: for replies that nobody may ever fetch. 0: never.
     */
    uint32_t list_seconds;
};

/* What became of one message. */
enum cel_publish_outcome {
    CEL_PUBLISH_UNKNOWN,   /* the call failed before it was known */
    CEL_PUBLISHED,         /* pushed to at least one list, or to a channel */
    CEL_PUBLISH_DUPLICATE, /* its once_key was used before; nothing was pushed */
    CEL_PUBLISH_UNROUTED   /* no queue is bound; dropped, as kombu drops it */
};

/* kombu's retry policy (task_publish_retry_policy); all zero means its defaults. */
struct cel_publish_retry {
    unsigned max_retries; /* attempts after the first; 0: 3 */
    bool never;           /* one attempt only */
    uint32_t start_ms;    /* pause before the first retry; default 0 */
    uint32_t step_ms;     /* added for each further one; 0: 200 */
    uint32_t max_ms;      /* longest pause; 0: 1000 */
};

struct cel_publisher_options {
    struct cel_conn_options conn;
    const struct cel_keys *keys; /* names in use (codec/keys.h); borrowed, outlives the object */
    struct cel_publish_retry retry;
    int wake_fd; /* a readable descriptor ends pauses between retries; 0 or negative: none */
};

struct cel_publisher;

/* Makes a publisher; connects when first used. CELERIAC_ERR_VALUE or _MEMORY. */
enum celeriac_err cel_publisher_create(const struct cel_publisher_options *options,
                                       struct cel_publisher **publisher,
                                       struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* publisher may be NULL. */
void cel_publisher_destroy(struct cel_publisher *publisher);

/* Its connection, for other commands between two publishings. Borrowed. */
struct cel_conn *cel_publisher_conn(struct cel_publisher *publisher);

/*
 * Publishes count messages in one round trip (two when exchanges must be looked up), with the
 * retry policy. outcomes (may be NULL) gets count results, also on failure. A retry after a lost
 * reply may push a message twice unless it has a once_key. When several queues match, each copy
 * gets a fresh delivery_tag (kombu gives all the same, which collides in `unacked`).
 * CELERIAC_ERR_UNAVAILABLE, CELERIAC_ERR_AUTH, CELERIAC_ERR_VALUE (names the field; nothing was
 * sent), CELERIAC_ERR_LIMIT, CELERIAC_ERR_MEMORY, CELERIAC_ERR_SHUTDOWN.
 */
enum celeriac_err cel_publish(struct cel_publisher *publisher, const struct cel_outgoing *messages,
                              size_t count, enum cel_publish_outcome *outcomes,
                              struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Forgets once_keys before they expire. */
enum celeriac_err cel_publish_forget(struct cel_publisher *publisher, const struct span *once_keys,
                                     size_t count, struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
