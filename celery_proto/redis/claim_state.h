/*
 * The inside of a claimer, shared by claim.c (the claim), claim_odd.c (messages that need a real
 * parser) and claim_wait.c (waiting without taking).
 */
#ifndef CEL_REDIS_CLAIM_STATE_H
#define CEL_REDIS_CLAIM_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hashmap.h"
#include "base/strbuf.h"
#include "celery_proto/codec/envelope.h"
#include "celery_proto/codec/priority.h"
#include "celery_proto/redis/claim.h"
#include "celery_proto/redis/pipeline.h"

/* One list: a queue's messages of one step. */
struct claim_list {
    struct span key; /* inside the queue's `names` */
    int step;
    uint32_t offset;      /* elements at the tail that were seen and are not ours */
    bool is_whole_search; /* the current search began at the tail */
};

struct claim_queue {
    struct strbuf names; /* the queue's name, then the key of each list */
    struct span name;
    struct span binding_key;
    struct span binding_member;
    struct claim_list list[CEL_PRIORITY_STEPS_MAX];
    bool has_produced; /* in the current claim */
};

/* One message for take.lua. Spans lie in `bytes`, which also keeps them for the batch. */
struct claim_odd {
    struct strbuf bytes; /* raw message, tag, envelope (raw, or with another tag), what is stored */
    struct span raw, tag, envelope, entry;
    struct claim_queue *queue;
    const struct claim_list *list;
    uint64_t number;    /* of the call, so that a repeat is recognised */
    bool is_quarantine; /* entry goes to the quarantine list; there is no tag */
};

struct cel_claimer {
    struct cel_conn *conn;
    struct cel_pubsub *pubsub;
    const struct cel_keys *keys;
    const struct cel_priority_steps *steps;
    struct strbuf names; /* worker id and the keys that never change */
    struct span worker_id, workers_key, own_key, record_key;
    enum cel_queue_order order;
    struct claim_queue **queues; /* in the order in which they are served */
    size_t queue_count;
    char **tasks;
    size_t task_count;
    struct hashmap *known_tasks; /* the same names, for messages read by the parser */

    uint64_t number;   /* of the next claim */
    bool is_in_doubt;  /* this number was sent and its reply was lost */
    uint64_t declared; /* generation of the connection on which bindings were declared; 0: none */
    struct cel_pipeline claim;
    struct cel_pipeline other;
    struct cel_claimed *messages;
    size_t count, cap;
    size_t strays, quarantined;
    bool more;

    struct cel_envelope_reader reader;
    struct strbuf *kept; /* bytes of messages that were read by the parser, until the next claim */
    size_t kept_count, kept_cap;
    struct claim_odd doubt; /* sent to take.lua, and the reply was lost */
    bool has_doubt;
    uint64_t takes; /* number of the last call of take.lua */

    uint64_t compared;        /* generation on which what is held was compared; 0: never */
    int64_t compare_again_ns; /* when to do it once more; INT64_MAX: not */

    bool is_polling;    /* the server has no client-side caching for us */
    bool is_subscribed; /* the invalidation channel was added to the set */
    bool is_armed;      /* the server will tell when a list changes */
    bool has_changed;   /* it has told */
    uint64_t tracked;   /* generations on which tracking was switched on */
    uint64_t tracked_pubsub;
    int64_t checked_ns;    /* when the script connection last answered */
    int64_t poll_pause_ns; /* for polling */
};

/*
 * The list with the number that claim.lua uses: step by step, queue by queue, from 1 to their
 * product.
 */
struct claim_list *claim_list_at(const struct cel_claimer *c, size_t number,
                                 struct claim_queue **queue);

/* Adds a message to the batch. CELERIAC_ERR_MEMORY. */
enum celeriac_err claim_add(struct cel_claimer *c, struct span tag, struct span envelope,
                            struct claim_queue *queue, int step) CELERIAC_MUST_CHECK;

/*
 * Reads a message that the script left in its list, and takes it, moves it to the quarantine, or
 * leaves it for somebody else. CELERIAC_ERR_UNAVAILABLE leaves it in doubt.
 */
enum celeriac_err claim_take_odd(struct cel_claimer *c, struct claim_queue *queue,
                                 const struct claim_list *list, struct span raw,
                                 struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Asks again about the message whose reply was lost, and adds it to the batch if it is ours. */
enum celeriac_err claim_settle_doubt(struct cel_claimer *c,
                                     struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Sets up waiting; the subscription is made when it is first needed. CELERIAC_ERR_MEMORY. */
enum celeriac_err claim_wait_init(struct cel_claimer *c) CELERIAC_MUST_CHECK;

#endif
