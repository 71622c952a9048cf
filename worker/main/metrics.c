#include "worker/main/metrics.h"

#include "base/log.h"
#include "base/metrics_text.h"
#include "notify/metrics.h"

static void add_text(void *user, const char *text, size_t len)
{
    strbuf_add(user, text, len);
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
        notify_metrics_store(store, out);
    }
    if (store && enqueue)
        notify_metrics_outbox(store, enqueue, out);
}
