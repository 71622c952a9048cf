/*
 * What /metrics of both daemons shows of the database and the outbox: the families celeriac_store_*
 * and celeriac_outbox_*. Any thread.
 */
#ifndef NOTIFY_METRICS_H
#define NOTIFY_METRICS_H

#include "base/strbuf.h"
#include "notify/enqueue.h"
#include "notify/store/store.h"
#include "notify/webhook_feed.h"
#include "notify/webhook_task.h"

/* Appends the store's counters. */
void notify_metrics_store(struct store *store, struct strbuf *out);

/*
 * Appends the publisher's counters, and what waits in the outbox, for which it asks the database:
 * it blocks for a second at most, and leaves these two out when there is no answer.
 */
void notify_metrics_outbox(struct store *store, struct notify_enqueue *enqueue, struct strbuf *out);

/*
 * Those of webhooks: what the processes of this worker have delivered, what feed has published, and
 * how many wait (one query, which is given up after a second). feed may be NULL while it is not
 * there yet. Any thread.
 */
void notify_metrics_webhooks(struct notify_webhook_counts *counts, struct store *store,
                             struct notify_webhook_feed *feed, struct strbuf *out);

#endif
