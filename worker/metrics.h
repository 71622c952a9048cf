/*
 * What a worker tells Prometheus: its tasks, itself, and the lengths of its queues. Names and
 * labels are those of celery-exporter (github.com/danihodovic/celery-exporter), so that its
 * dashboards work; what it does not know is called celeriac_*.
 */
#ifndef WORKER_METRICS_H
#define WORKER_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "celery_proto/codec/keys.h"
#include "celery_proto/redis/broker_url.h"
#include "worker/runtime.h"

/* Bytes of the longest text: 1024 pairs of task and queue with 50 lines of 300 bytes each. */
#define CEL_METRICS_MAX ((size_t)16 * 1024 * 1024)

/* How long the broker may take for connecting, and for telling lengths; without it they are left
 * out. A collector waits ten seconds as a rule. */
#define CEL_METRICS_BROKER_MS 1000

/* What is looked at; all borrowed for the call. */
struct cel_metrics_view {
    struct cel_runtime *runtime;
    struct cel_broker_url *broker;
    const struct cel_keys *keys;
    const char *const *queues;
    size_t queue_count;
};

/*
 * Gives `write` all of them in one text; with ask_broker also what the broker is asked for, over a
 * connection that is closed afterwards. CELERIAC_ERR_MEMORY or _LIMIT, and nothing was written. Any
 * thread.
 */
enum celeriac_err cel_metrics_give(const struct cel_metrics_view *view, bool ask_broker,
                                   void (*write)(void *user, const char *text, size_t len),
                                   void *user) CELERIAC_MUST_CHECK;

#endif
