/*
 * A node's mailbox: remote commands come in on the channel of `celery.pidbox`, replies and events
 * go out (kombu/pidbox.py Node and Mailbox over kombu's Redis transport). Two connections, one in
 * subscribe mode and one for sending. One thread at a time.
 */
#ifndef CEL_REDIS_MAILBOX_H
#define CEL_REDIS_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"
#include "celery_proto/redis/conn.h"
#include "celery_proto/redis/publish.h"

struct cel_keys;

/*
 * Seconds after which replies that nobody has fetched are removed: what kombu asks of brokers that
 * expire messages (setting control_queue_ttl).
 */
#define CEL_MAILBOX_REPLY_SECONDS 300

/* Called for each message on the channel, on the thread that waits. It may send. */
typedef void cel_mailbox_handler_fn(void *context, struct span message);

struct cel_mailbox_options {
    struct cel_conn_options conn; /* of both connections */
    const struct cel_keys *keys;  /* borrowed, outlives the object */
    struct span node;             /* node name; borrowed, outlives the object */
    cel_mailbox_handler_fn *handler;
    void *context;
};

struct cel_mailbox;

/* Makes one; connects when told to. CELERIAC_ERR_VALUE, _MEMORY. */
enum celeriac_err cel_mailbox_create(const struct cel_mailbox_options *options,
                                     struct cel_mailbox **mailbox,
                                     struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* mailbox may be NULL. */
void cel_mailbox_destroy(struct cel_mailbox *mailbox);

/*
 * Has what is published on a fanout exchange under a routing key (with '#' for any end) delivered
 * to a handler as well; once, before the first connect. CELERIAC_ERR_MEMORY, _LIMIT for names that
 * are too long, _EXISTS.
 */
enum celeriac_err cel_mailbox_listen(struct cel_mailbox *mailbox, struct span exchange,
                                     struct span routing_key, cel_mailbox_handler_fn *handler,
                                     void *context) CELERIAC_MUST_CHECK;

/*
 * Makes sure that both connections are up and that requests reach us; *is_new tells that they did
 * not before. Errors as cel_conn_ensure().
 */
enum celeriac_err cel_mailbox_connect(struct cel_mailbox *mailbox, bool *is_new,
                                      struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Delivers requests until wake_fd is readable (it is left unread) or the monotonic deadline has
 * passed; returns early after each batch of them. CELERIAC_ERR_UNAVAILABLE when the connection is
 * lost, which an unanswered PING tells within seconds.
 */
enum celeriac_err cel_mailbox_wait(struct cel_mailbox *mailbox, int64_t deadline_ns, int wake_fd,
                                   struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Sends messages, one attempt; see cel_publish(). */
enum celeriac_err cel_mailbox_send(struct cel_mailbox *mailbox, const struct cel_outgoing *messages,
                                   size_t count, struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Most tags of one look at what is held. */
#define CEL_HELD_MAX 256

/* Called with the envelope of each message found; false ends the walk. */
typedef bool cel_mailbox_held_fn(void *context, struct span envelope);

/*
 * Reads messages that this worker or others hold in `unacked`, by their tags (at most
 * CEL_HELD_MAX), and shows those that are still there. *go_on tells whether the walk went to its
 * end. Errors as cel_pipeline_run().
 */
enum celeriac_err cel_mailbox_held(struct cel_mailbox *mailbox, const struct span *tags,
                                   size_t count, cel_mailbox_held_fn *see, void *context,
                                   bool *go_on, struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Sleeps before the next attempt after a failure; see cel_conn_pause(). */
enum celeriac_err cel_mailbox_pause(struct cel_mailbox *mailbox, int wake_fd) CELERIAC_MUST_CHECK;

/*
 * Binds a queue to a direct exchange under a key, as kombu's queue declaration does. Errors as
 * cel_pipeline_run(), CELERIAC_ERR_LIMIT for names that are too long.
 */
enum celeriac_err cel_mailbox_bind(struct cel_mailbox *mailbox, struct span exchange,
                                   struct span routing_key, struct span queue,
                                   struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Called with each reply that has arrived. */
typedef void cel_mailbox_reply_fn(void *context, struct span reply);

/*
 * Shows the replies that have arrived for a key of CEL_PIDBOX_REPLY_EXCHANGE and gives the key up:
 * its queue, bound before the question with cel_mailbox_bind(), is gone afterwards. Errors as
 * cel_pipeline_run().
 */
enum celeriac_err cel_mailbox_collect(struct cel_mailbox *mailbox, struct span reply_key,
                                      cel_mailbox_reply_fn *see, void *context,
                                      struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Takes the node's binding away again: it is no longer there. One attempt. */
enum celeriac_err cel_mailbox_leave(struct cel_mailbox *mailbox,
                                    struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
