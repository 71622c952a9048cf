/* All that /metrics of celeriac-worker shows: the worker's, the store's and the outbox's numbers.
 */
#ifndef WORKER_MAIN_METRICS_H
#define WORKER_MAIN_METRICS_H

#include "base/strbuf.h"
#include "celeriac/worker.h"
#include "notify/enqueue.h"
#include "notify/send_task.h"
#include "notify/store/store.h"

/* Appends them; enqueue may be NULL, and store when there is no notification service here. Any
 * thread. */
void worker_metrics_write(struct celeriac_worker *worker, const struct notify_send_times *times,
                          struct store *store, struct notify_enqueue *enqueue, struct strbuf *out);

#endif
