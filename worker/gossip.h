/*
 * Gossip: what other workers' events tell a worker (celery/worker/consumer/gossip.py). The logical
 * clock follows theirs, and the log says who has come, gone or fallen silent. Elections, which
 * nothing of Celery's own uses, are left alone: a Python worker that is elected without a rival
 * ends with an IndexError (kombu/clocks.py sort_heap), which our acknowledgement would only bring
 * about. Part of the control thread, over its subscribed connection.
 */
#ifndef WORKER_GOSSIP_H
#define WORKER_GOSSIP_H

#include <stdint.h>

#include "celeriac/error.h"
#include "celery_proto/redis/mailbox.h"
#include "worker/runtime.h"

/* How often silence is looked for: Celery's interval. */
#define CEL_GOSSIP_INTERVAL_NS (5 * NS_PER_SEC)

struct cel_gossip;

/*
 * Makes it and has the mailbox listen to workers' events; all arguments are borrowed and outlive
 * it. CELERIAC_ERR_MEMORY or _LIMIT.
 */
enum celeriac_err cel_gossip_create(struct cel_runtime *runtime, struct cel_mailbox *mailbox,
                                    struct cel_gossip **gossip) CELERIAC_MUST_CHECK;

/* gossip may be NULL. The mailbox must not deliver any more. */
void cel_gossip_destroy(struct cel_gossip *gossip);

/* The connection is new: what was said meanwhile was not heard. gossip may be NULL. */
void cel_gossip_reconnected(struct cel_gossip *gossip, int64_t now_ns);

/*
 * Looks for peers that have fallen silent, if it is time. Returns when to call again, INT64_MAX
 * while there is nobody. gossip may be NULL.
 */
int64_t cel_gossip_look(struct cel_gossip *gossip, int64_t now_ns);

#endif
