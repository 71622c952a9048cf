/*
 * What /metrics of both daemons shows of the database and the outbox: the families celeriac_store_*
 * and celeriac_outbox_*. Any thread.
 */
#ifndef NOTIFY_METRICS_H
#define NOTIFY_METRICS_H

#include "base/strbuf.h"
#include "notify/enqueue.h"
#include "notify/store/store.h"

/* Appends the store's counters. */
void notify_metrics_store(struct store *store, struct strbuf *out);

/*
 * Appends the publisher's counters, and what waits in the outbox, for which it asks the database:
 * it blocks for a second at most, and leaves these two out when there is no answer.
 */
void notify_metrics_outbox(struct store *store, struct notify_enqueue *enqueue, struct strbuf *out);

#endif
