/*
 * Consuming: messages move from their queue into kombu's `unacked` structures and into our
 * ownership set in one atomic script, so that at every instant each message is in exactly one place
 * and a process can be killed anywhere without losing one. Waiting is done without taking: the
 * server tells us when a list changes (client-side caching), so an idle worker sends nothing but a
 * health check.
 *
 * A claimer holds two connections: one for scripts and one for pub/sub. One thread at a time.
 */
#ifndef CEL_REDIS_CLAIM_H
#define CEL_REDIS_CLAIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"
#include "celery_proto/redis/conn.h"
#include "celery_proto/redis/pubsub.h"

struct cel_keys;

/* Most queues one worker consumes, and most task names it may announce. */
#define CEL_CLAIM_QUEUES_MAX 256
#define CEL_CLAIM_TASKS_MAX 4096

/* Most messages read again by one cel_claim_recall(). */
#define CEL_RECALL_MAX 128

/* Most messages of one claim: the script holds them all in memory while the server waits. */
#define CEL_CLAIM_ROOM_MAX 1024

/* Order of queues, kombu's queue_order_strategy. */
enum cel_queue_order { CEL_ORDER_ROUND_ROBIN, CEL_ORDER_SORTED, CEL_ORDER_PRIORITY };

/* Arrays and strings are copied. */
struct cel_claimer_options {
    struct cel_conn_options conn;
    const struct cel_keys *keys; /* names in use (codec/keys.h); borrowed, outlives the object */
    const char *worker_id;       /* UUID of this worker process, the one its maintainer uses */
    const char *const *queues;
    size_t queue_count; /* at least 1 */
    enum cel_queue_order order;
    /*
     * Names of registered tasks. Messages of other tasks stay in their list, untouched and in
     * place, for somebody else. NULL: take everything. A message whose task cannot be read cheaply
     * is taken.
     */
    const char *const *tasks;
    size_t task_count;
};

/* One claimed message. Spans live until the next call on the claimer. */
struct cel_claimed {
    struct span tag;      /* its field in `unacked`; what every later call takes */
    struct span envelope; /* the list element, byte for byte */
    struct span queue;    /* queue name, without priority suffix; lives as long as the claimer */
    int step;             /* priority step of the list it came from */
};

/* Result of one claim. */
struct cel_claim_batch {
    const struct cel_claimed *messages; /* in the order in which they should be executed */
    size_t count;
    size_t strays;      /* messages seen that belong to tasks of others */
    size_t quarantined; /* messages nobody could ever decode, moved to the quarantine list */
    bool more;          /* the room was filled: there may be more right now */
};

struct cel_claimer;

/* Makes a claimer; connects when first used. CELERIAC_ERR_VALUE names the option; _MEMORY. */
enum celeriac_err cel_claimer_create(const struct cel_claimer_options *options,
                                     struct cel_claimer **claimer,
                                     struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* claimer may be NULL. Claimed messages stay owned by the worker id. */
void cel_claimer_destroy(struct cel_claimer *claimer);

/*
 * Declares the queues (SADD of their bindings) and claims up to room messages, priority step by
 * priority step, sharing the room among the queues of a step. Never blocks for messages.
 *
 * After CELERIAC_ERR_UNAVAILABLE the outcome of the attempt is unknown; the next call first asks
 * for its result, so nothing claimed by a lost reply is left lying. CELERIAC_ERR_NOT_FOUND: the
 * worker id is not registered (its lease ran out, or the maintainer has not registered it yet):
 * nothing was taken; let the maintainer register and call again. Others: _AUTH, _MEMORY, _PROTOCOL.
 */
enum celeriac_err cel_claim(struct cel_claimer *claimer, size_t room, struct cel_claim_batch *batch,
                            struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Reads messages that were claimed before and put aside, 1 to CEL_RECALL_MAX of them, in one round
 * trip: envelopes[i] gets the message with tags[i], borrowed until the next call on the claimer. It
 * is empty when the message is no longer ours, because a peer took us for dead or somebody restored
 * or deleted it. Errors as cel_claim(), without _NOT_FOUND.
 */
enum celeriac_err cel_claim_recall(struct cel_claimer *claimer, const struct span *tags,
                                   size_t count, struct span *envelopes,
                                   struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Why cel_claim_wait() returned. */
enum cel_wake {
    CEL_WAKE_MESSAGES, /* a queue changed since the last claim, or may have: claim again */
    CEL_WAKE_CALLER,   /* wake_fd is readable; it is left unread */
    CEL_WAKE_DEADLINE
};

/*
 * Waits until a queue has a message that the last claim has not seen, wake_fd (-1: none) is
 * readable, or the monotonic deadline_ns (negative: none) has passed. With for_messages false it
 * does not look at the queues, but still keeps both connections healthy and pub/sub messages
 * flowing. A frozen server or half-open socket is noticed within seconds. CELERIAC_ERR_UNAVAILABLE
 * at once when a connection is lost; call cel_claim_pause() and go on.
 */
enum celeriac_err cel_claim_wait(struct cel_claimer *claimer, bool for_messages,
                                 int64_t deadline_ns, int wake_fd, enum cel_wake *why,
                                 struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Sleeps before the next attempt after a failure; see cel_conn_pause(). */
enum celeriac_err cel_claim_pause(struct cel_claimer *claimer, int wake_fd) CELERIAC_MUST_CHECK;

/* Replaces the set of consumed queues (add_consumer, cancel_consumer). */
enum celeriac_err cel_claimer_set_queues(struct cel_claimer *claimer, const char *const *queues,
                                         size_t count,
                                         struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Whether waiting is push (client-side caching) or, on old or restricted servers, bounded polling.
 */
bool cel_claimer_is_polling(const struct cel_claimer *claimer);

#endif
