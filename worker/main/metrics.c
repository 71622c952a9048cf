#include "worker/main/metrics.h"

#include <stdint.h>

#include "base/log.h"
#include "base/metrics_text.h"

static void add_text(void *user, const char *text, size_t len)
{
    strbuf_add(user, text, len);
}

static void write_one(struct strbuf *out, const char *name, enum metrics_type type,
                      const char *help, uint64_t value)
{
    metrics_text_family(out, name, type, help);
    metrics_text_int(out, name, NULL, 0, value);
}

static void write_store(struct store *store, struct strbuf *out)
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

static void write_outbox(struct notify_enqueue *enqueue, struct strbuf *out)
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
}

static void write_times(const struct notify_send_times *times, struct strbuf *out)
{
    metrics_text_family(out, "celeriac_send_database_seconds", METRICS_HISTOGRAM,
                        "Seconds for loading and claiming a notification.");
    metrics_text_histogram(out, "celeriac_send_database_seconds", NULL, 0, &times->database);
    metrics_text_family(out, "celeriac_send_provider_seconds", METRICS_HISTOGRAM,
                        "Seconds for one delivery, such as by SMTP, well or badly.");
    metrics_text_histogram(out, "celeriac_send_provider_seconds", NULL, 0, &times->provider);
}

void worker_metrics_write(struct celeriac_worker *worker, const struct notify_send_times *times,
                          struct store *store, struct notify_enqueue *enqueue, struct strbuf *out)
{
    if (celeriac_worker_metrics(worker, true, add_text, out))
        log_error("http", "the worker's metrics are too long, or there is no memory for them");
    if (store) {
        write_times(times, out);
        write_store(store, out);
    }
    if (enqueue)
        write_outbox(enqueue, out);
}
