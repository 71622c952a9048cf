/*
 * From an accepted notification to its Celery message: a thread that publishes what was just
 * accepted, many in one round trip, and sweeps the outbox for what a crash or an outage of Redis
 * has left behind.
 *
 * A notification and its outbox row are committed together before the API answers, so a message is
 * never lost; each is published under a key of its own (publish once), so that publishing it again
 * after an uncertain answer does not send it twice.
 */
#ifndef NOTIFY_ENQUEUE_H
#define NOTIFY_ENQUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/uuid.h"
#include "celeriac/error.h"
#include "notify/publications.h"
#include "notify/store/store.h"

struct notify_enqueue;

/* The queue that the deployment's workers consume. */
#define NOTIFY_QUEUE "celery"

/* All but store are strings or numbers that are copied. */
struct notify_enqueue_options {
    struct store *store;                  /* borrowed; stopped after the enqueuer is destroyed */
    const char *broker_url;               /* NULL: redis://127.0.0.1:6379/0 */
    const char *broker_transport_options; /* as in celeriac/client.h; NULL: none */
    const char *broker_use_ssl;           /* likewise */
    const char *broker_failover_strategy; /* likewise */
    const char *queue;                    /* NULL: NOTIFY_QUEUE */
    unsigned sweep_ms;                    /* pause between sweeps; 0: 1000 */
    unsigned idle_sweep_ms;     /* longest, as long as they find nothing; 0: it stays as it is */
    unsigned reconcile_after_s; /* looks for lost messages (store/reconcile.h); 0: does not */
};

/*
 * The pause after a sweep that followed one of last_ns: twice that when it was quiet, as nothing
 * was found, the broker can be reached and nothing else waits for it, up to idle_ns; otherwise
 * sweep_ns. Pure.
 */
int64_t notify_enqueue_pause_ns(int64_t last_ns, int64_t sweep_ns, int64_t idle_ns, bool is_quiet);

/* Makes it and starts its thread. CELERIAC_ERR_VALUE names a bad URL; _MEMORY, _SYSTEM. */
enum celeriac_err notify_enqueue_create(const struct notify_enqueue_options *options,
                                        struct notify_enqueue **enqueue,
                                        struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Publishes what waits, for at most a second when Redis is away, then ends the thread; what is left
 * stays in the outbox. enqueue may be NULL.
 */
void notify_enqueue_destroy(struct notify_enqueue *enqueue);

/*
 * Publishes accepted notifications soon; their outbox rows are committed already. They are copied.
 * Never fails and never blocks: what is beyond the limits of what may wait (publications.h) the
 * sweeper will find in the outbox. Any thread.
 */
void notify_enqueue_publish(struct notify_enqueue *enqueue,
                            const struct notify_publication *publications, size_t count);

/*
 * Tells workers soon not to execute a cancelled notification's task: ours look at its status, those
 * of others do not. As long as the broker is away it is tried again, for up to 1,000. Any thread.
 */
void notify_enqueue_revoke(struct notify_enqueue *enqueue, const struct uuid *notification_id);

/* What is known of the broker. */
enum notify_broker { NOTIFY_BROKER_UNKNOWN, NOTIFY_BROKER_REACHED, NOTIFY_BROKER_AWAY };

/* Numbers since the start, and how it is now. Any thread. */
struct notify_enqueue_stats {
    uint64_t published;        /* messages handed to the broker, swept ones included */
    uint64_t swept;            /* of these, found in the outbox */
    uint64_t failures;         /* attempts that the broker did not take */
    enum notify_broker broker; /* at the last attempt; one is made every few seconds when idle */
    int64_t round_ns;          /* CLOCK_MONOTONIC: when the thread went round last */
};

/* Reads the numbers. */
void notify_enqueue_get_stats(struct notify_enqueue *enqueue, struct notify_enqueue_stats *stats);

#endif
