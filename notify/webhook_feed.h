/*
 * From the messages for webhooks to their Celery tasks: a thread that publishes what is due, at
 * once when this process has made some, and looks now and then for the rest: what other processes
 * or a crash have left, what is to be tried again, and what workers in Python have sent.
 */
#ifndef NOTIFY_WEBHOOK_FEED_H
#define NOTIFY_WEBHOOK_FEED_H

#include <stdint.h>

#include "celeriac/error.h"
#include "notify/store/store.h"

struct notify_webhook_feed;

/* All but store are strings that are copied, or numbers. */
struct notify_webhook_feed_options {
    struct store *store;    /* borrowed; stopped after the feed is destroyed */
    const char *broker_url; /* as in celeriac/client.h, like the next three */
    const char *broker_transport_options;
    const char *broker_use_ssl;
    const char *broker_failover_strategy;
    unsigned look_ms; /* pause between looks, once there is a webhook; 0: 2000 */
};

/* Makes it and starts its thread. CELERIAC_ERR_VALUE names a bad URL; _MEMORY, _SYSTEM. */
enum celeriac_err notify_webhook_feed_create(const struct notify_webhook_feed_options *options,
                                             struct notify_webhook_feed **feed,
                                             struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Ends the thread; what is not published is left in the table. feed may be NULL. */
void notify_webhook_feed_destroy(struct notify_webhook_feed *feed);

/* Says that there are new messages. Never blocks. Any thread; feed may be NULL. */
void notify_webhook_feed_wake(struct notify_webhook_feed *feed);

/* Numbers since the start. */
struct notify_webhook_feed_stats {
    uint64_t published; /* tasks handed to the broker */
    uint64_t failures;  /* attempts to publish that the broker did not take */
    uint64_t found;     /* messages made for what workers in Python have done */
};

/* Reads the numbers. Any thread. */
void notify_webhook_feed_get_stats(struct notify_webhook_feed *feed,
                                   struct notify_webhook_feed_stats *stats);

#endif
