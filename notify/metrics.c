#include "notify/metrics.h"

#include <stdint.h>

#include "base/clock.h"
#include "base/metrics_text.h"
#include "notify/store/outbox_size.h"
#include "notify/store/webhooks.h"

/* How long /metrics waits for the database: less than a collector waits for us. */
#define MEASURE_TIMEOUT_NS NS_PER_SEC

static void write_one(struct strbuf *out, const char *name, enum metrics_type type,
                      const char *help, uint64_t value)
{
    metrics_text_family(out, name, type, help);
    metrics_text_int(out, name, NULL, 0, value);
}

void notify_metrics_store(struct store *store, struct strbuf *out)
{
    struct store_stats stats;

    store_get_stats(store, &stats);
    write_one(out, "celeriac_store_calls_total", METRICS_COUNTER,
              "Calls to the database that ended, well or badly.", stats.calls);
    write_one(out, "celeriac_store_failed_total", METRICS_COUNTER,
              "Calls that ended with an error.", stats.failed);
    write_one(out, "celeriac_store_statements_total", METRICS_COUNTER,
              "Statements that carried the calls.", stats.statements);
    write_one(out, "celeriac_store_split_total", METRICS_COUNTER, "Statements repeated row by row.",
              stats.split);
    write_one(out, "celeriac_store_held_total", METRICS_COUNTER,
              "Times that a call had to wait for the database to come back.", stats.held);
    write_one(out, "celeriac_store_connects_total", METRICS_COUNTER, "Connections established.",
              stats.connects);
    write_one(out, "celeriac_store_waiting", METRICS_GAUGE, "Calls waiting or running.",
              stats.waiting);
    write_one(out, "celeriac_store_connected", METRICS_GAUGE, "Connections that are up.",
              stats.connected);
}

/* How long the oldest of so many rows has been due. */
static void write_oldest(struct strbuf *out, const char *name, uint64_t rows, int64_t oldest_us)
{
    int64_t now_us = clock_wall_us();
    int64_t age_us = rows > 0 && now_us > oldest_us ? now_us - oldest_us : 0;

    metrics_text_family(out, name, METRICS_GAUGE,
                        "How long the oldest of them has been due; 0 when there is none.");
    metrics_text_seconds(out, name, NULL, 0, (uint64_t)age_us * 1000);
}

/* What waits in the table, by one query; nothing when the database does not answer in time. */
static void write_rows(struct store *store, struct strbuf *out)
{
    struct store_measure_outbox size;

    store_measure_outbox_init(&size);
    size.call.deadline_ns = clock_monotonic_ns() + MEASURE_TIMEOUT_NS;
    if (store_run(store, &size.call) == CELERIAC_OK) {
        write_one(out, "celeriac_outbox_length", METRICS_GAUGE,
                  "Accepted notifications, of all processes, whose message is due and may not be "
                  "published yet.",
                  size.rows);
        write_oldest(out, "celeriac_outbox_oldest_seconds", size.rows, size.oldest_us);
    }
    store_call_release(&size.call);
}

void notify_metrics_outbox(struct store *store, struct notify_enqueue *enqueue, struct strbuf *out)
{
    struct notify_enqueue_stats stats;

    notify_enqueue_get_stats(enqueue, &stats);
    write_one(out, "celeriac_outbox_published_total", METRICS_COUNTER,
              "Accepted notifications published by this process.", stats.published);
    write_one(out, "celeriac_outbox_swept_total", METRICS_COUNTER,
              "Of these, found in the outbox, where a crash or an outage had left them.",
              stats.swept);
    write_one(out, "celeriac_outbox_failures_total", METRICS_COUNTER,
              "Attempts to publish that the broker did not take.", stats.failures);
    write_one(out, "celeriac_broker_reached", METRICS_GAUGE,
              "Whether the last attempt to publish, or to reach the broker, succeeded.",
              stats.broker == NOTIFY_BROKER_REACHED);
    write_rows(store, out);
}

static void write_waiting_webhooks(struct store *store, struct strbuf *out)
{
    struct store_measure_webhooks size;

    store_measure_webhooks_init(&size);
    size.call.deadline_ns = clock_monotonic_ns() + MEASURE_TIMEOUT_NS;
    if (store_run(store, &size.call) == CELERIAC_OK) {
        write_one(out, "celeriac_webhooks_due", METRICS_GAUGE,
                  "Messages for webhooks, of all processes, whose task is due and not published.",
                  size.rows);
        write_oldest(out, "celeriac_webhooks_oldest_seconds", size.rows, size.oldest_us);
    }
    store_call_release(&size.call);
}

void notify_metrics_webhooks(struct notify_webhook_counts *counts, struct store *store,
                             struct notify_webhook_feed *feed, struct strbuf *out)
{
    struct notify_webhook_feed_stats stats;

    write_one(out, "celeriac_webhooks_delivered_total", METRICS_COUNTER,
              "Deliveries that an endpoint has taken.", atomic_load(&counts->delivered));
    write_one(out, "celeriac_webhooks_failed_total", METRICS_COUNTER,
              "Deliveries that failed, and may be tried again.", atomic_load(&counts->failed));
    write_one(out, "celeriac_webhooks_given_up_total", METRICS_COUNTER,
              "Messages given up after their last attempt.", atomic_load(&counts->given_up));
    write_one(out, "celeriac_webhooks_disabled_total", METRICS_COUNTER,
              "Endpoints switched off because of their answers.", atomic_load(&counts->disabled));
    write_one(out, "celeriac_webhooks_postponed_total", METRICS_COUNTER,
              "Times that a delivery waited because too many were under way.",
              atomic_load(&counts->postponed));
    if (!feed || !store)
        return;
    notify_webhook_feed_get_stats(feed, &stats);
    write_one(out, "celeriac_webhooks_published_total", METRICS_COUNTER,
              "Tasks of deliveries published by this process.", stats.published);
    write_one(out, "celeriac_webhooks_publish_failures_total", METRICS_COUNTER,
              "Attempts to publish these that the broker did not take.", stats.failures);
    write_one(out, "celeriac_webhooks_found_total", METRICS_COUNTER,
              "Messages made for what other workers have sent or given up.", stats.found);
    write_waiting_webhooks(store, out);
}
