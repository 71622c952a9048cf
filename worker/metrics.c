#include "worker/metrics.h"

#include <stdio.h>

#include "base/metrics_text.h"
#include "celery_proto/codec/priority.h"
#include "celery_proto/redis/conn.h"
#include "celery_proto/redis/pipeline.h"
#include "worker/task_stats.h"

/* What the visitors of task statistics need. */
struct writing {
    struct strbuf *out;
    struct span host;
    const char *name;
    size_t counter; /* offset of the counter in struct cel_task_stats */
};

/* ---- tasks --------------------------------------------------------------------------------- */

/* The part behind "@", which is what celery-exporter calls hostname. */
static struct span host_of(struct span nodename)
{
    struct span name;
    struct span host;

    return span_cut(nodename, '@', &name, &host) ? host : nodename;
}

static void fill_labels(const struct writing *w, const struct cel_task_stats *stats,
                        struct metrics_label labels[4])
{
    labels[0] = (struct metrics_label){"name", stats->definition->name};
    labels[1] = (struct metrics_label){"hostname", w->host};
    labels[2] = (struct metrics_label){"queue_name", stats->queue};
}

static void write_counter(void *user, struct cel_task_stats *stats)
{
    const struct writing *w = user;
    struct metrics_label labels[4];
    const char *base = (const char *)stats;
    const atomic_uint_fast64_t *counter = (const void *)(base + w->counter);

    fill_labels(w, stats, labels);
    metrics_text_int(w->out, w->name, labels, 3, atomic_load(counter));
}

static void write_failures(void *user, struct cel_task_stats *stats)
{
    struct cel_failure_stats failures[CEL_TASK_STATS_EXCEPTIONS];
    const struct writing *w = user;
    struct metrics_label labels[4];

    fill_labels(w, stats, labels);
    cel_task_stats_failures(stats, failures);
    for (size_t i = 0; i < CEL_TASK_STATS_EXCEPTIONS; i++) {
        if (i > 0 && failures[i].count == 0)
            continue;
        /* An entry without failures shows a zero, so that rates can be computed from the first. */
        labels[3] = (struct metrics_label){"exception", span_of(failures[i].exception)};
        metrics_text_int(w->out, w->name, labels, 4, failures[i].count);
    }
}

static void write_runtime(void *user, struct cel_task_stats *stats)
{
    const struct writing *w = user;
    struct metrics_label labels[4];

    fill_labels(w, stats, labels);
    metrics_text_histogram(w->out, w->name, labels, 3, &stats->runtime);
}

static void write_wait(void *user, struct cel_task_stats *stats)
{
    const struct writing *w = user;
    struct metrics_label labels[4];

    fill_labels(w, stats, labels);
    metrics_text_histogram(w->out, w->name, labels, 3, &stats->wait);
}

static const struct {
    const char *name;
    enum metrics_type type;
    const char *help;
    void (*write)(void *user, struct cel_task_stats *stats);
    size_t counter;
} task_families[] = {
    {"celery_task_received_total", METRICS_COUNTER, "Messages received.", write_counter,
     offsetof(struct cel_task_stats, received)},
    {"celery_task_started_total", METRICS_COUNTER, "Executions begun.", write_counter,
     offsetof(struct cel_task_stats, started)},
    {"celery_task_succeeded_total", METRICS_COUNTER, "Executions that succeeded.", write_counter,
     offsetof(struct cel_task_stats, succeeded)},
    {"celery_task_failed_total", METRICS_COUNTER, "Tasks that failed, by type of exception.",
     write_failures, 0},
    {"celery_task_retried_total", METRICS_COUNTER, "Executions that will be retried.",
     write_counter, offsetof(struct cel_task_stats, retried)},
    {"celery_task_rejected_total", METRICS_COUNTER, "Messages that the task rejected.",
     write_counter, offsetof(struct cel_task_stats, rejected)},
    {"celery_task_revoked_total", METRICS_COUNTER, "Messages discarded: revoked or expired.",
     write_counter, offsetof(struct cel_task_stats, revoked)},
    {"celery_task_runtime", METRICS_HISTOGRAM, "Seconds that successful executions took.",
     write_runtime, 0},
    {"celeriac_task_wait_seconds", METRICS_HISTOGRAM,
     "Seconds from taking a message, or from its eta, to the start of its execution.", write_wait,
     0},
};

static void write_tasks(struct cel_runtime *runtime, struct strbuf *out)
{
    for (size_t i = 0; i < sizeof task_families / sizeof task_families[0]; i++) {
        struct writing w = {.out = out,
                            .host = host_of(runtime->hostname),
                            .name = task_families[i].name,
                            .counter = task_families[i].counter};

        metrics_text_family(out, w.name, task_families[i].type, task_families[i].help);
        cel_task_table_each(runtime->task_table, task_families[i].write, &w);
    }
}

/* ---- the worker ---------------------------------------------------------------------------- */

static void write_one(struct strbuf *out, const char *name, enum metrics_type type,
                      const char *help, struct span host, uint64_t value)
{
    const struct metrics_label label = {"hostname", host};

    metrics_text_family(out, name, type, help);
    metrics_text_int(out, name, &label, 1, value);
}

static void write_worker(struct cel_runtime *runtime, struct strbuf *out)
{
    const struct cel_counters *c = &runtime->counters;
    struct span host = host_of(runtime->hostname);

    write_one(out, "celery_worker_up", METRICS_GAUGE, "Whether the worker runs.", host,
              !atomic_load(&runtime->stopping));
    write_one(out, "celery_worker_tasks_active", METRICS_GAUGE, "Executions right now.", host,
              atomic_load(&c->active));
    write_one(out, "celeriac_worker_tasks_waiting", METRICS_GAUGE, "Messages held until their eta.",
              host, atomic_load(&c->waiting));
    write_one(out, "celeriac_worker_tasks_ready", METRICS_GAUGE,
              "Messages held that no task thread has begun.", host,
              cel_ready_queue_count(runtime->ready));
    write_one(out, "celeriac_worker_threads", METRICS_GAUGE, "Task threads.", host,
              atomic_load(&runtime->threads));
    write_one(out, "celeriac_worker_prefetch_limit", METRICS_GAUGE,
              "Messages that may be held, besides those with an eta.", host,
              cel_window_limit(runtime->window));
    write_one(out, "celeriac_worker_postponed_total", METRICS_COUNTER,
              "Executions that ended with \"not now\".", host, atomic_load(&c->postponed));
    write_one(out, "celeriac_worker_restored_total", METRICS_COUNTER,
              "Messages of dead peers put back into their queues.", host,
              atomic_load(&c->restored));
    write_one(out, "celeriac_worker_quarantined_total", METRICS_COUNTER,
              "Messages that could not be understood.", host, atomic_load(&c->quarantined));
    write_one(out, "celeriac_worker_results_dropped_total", METRICS_COUNTER,
              "Results that could not be written for too long.", host,
              atomic_load(&c->results_dropped));
}

static void write_consumers(const struct cel_metrics_view *view, const char *name, const char *help,
                            uint64_t value, struct strbuf *out)
{
    metrics_text_family(out, name, METRICS_GAUGE, help);
    for (size_t i = 0; i < view->queue_count; i++)
        metrics_text_int(out, name, &(struct metrics_label){"queue_name", span_of(view->queues[i])},
                         1, value);
}

static void write_own(const struct cel_metrics_view *view, struct strbuf *out)
{
    write_tasks(view->runtime, out);
    write_worker(view->runtime, out);
    write_consumers(view, "celery_active_consumer_count",
                    "Consumers of the queue in this process; sum them over the workers.", 1, out);
    write_consumers(view, "celery_active_worker_count",
                    "Workers of the queue in this process; sum them over the workers.", 1, out);
    write_consumers(view, "celery_active_process_count",
                    "Tasks that may run at the same time here; sum them over the workers.",
                    atomic_load(&view->runtime->threads), out);
}

/* ---- what the broker knows ----------------------------------------------------------------- */

/* The lengths of all lists of all queues, in the order in which write_lengths() reads them. */
static void ask(const struct cel_metrics_view *view, struct cel_pipeline *p)
{
    const struct cel_priority_steps *steps = cel_keys_steps(view->keys);
    struct strbuf key;

    strbuf_init(&key, CEL_METRICS_MAX);
    CEL_COMMAND(p, SPAN("HLEN"), cel_key_unacked(view->keys));
    CEL_COMMAND(p, SPAN("LLEN"), cel_key_quarantine(view->keys));
    for (size_t i = 0; i < view->queue_count; i++) {
        for (size_t step = 0; step < steps->count; step++) {
            strbuf_clear(&key);
            cel_key_queue(view->keys, span_of(view->queues[i]), steps->step[step], &key);
            CEL_COMMAND(p, SPAN("LLEN"), strbuf_span(&key));
        }
    }
    strbuf_close(&key);
}

static uint64_t number(const struct cel_pipeline *p, size_t i)
{
    const struct redisReply *reply = cel_pipeline_reply(p, i);

    /* A key of another type answers with an error: there are no messages of ours in it. */
    return cel_reply_check(reply, NULL) ? 0 : (uint64_t)cel_reply_int(reply);
}

static void write_lengths(const struct cel_metrics_view *view, const struct cel_pipeline *p,
                          struct strbuf *out)
{
    const struct cel_priority_steps *steps = cel_keys_steps(view->keys);

    metrics_text_family(out, "celeriac_unacked_length", METRICS_GAUGE,
                        "Messages that some worker of this database holds.");
    metrics_text_int(out, "celeriac_unacked_length", NULL, 0, number(p, 0));
    metrics_text_family(out, "celeriac_quarantine_length", METRICS_GAUGE,
                        "Messages that nobody could understand, kept aside.");
    metrics_text_int(out, "celeriac_quarantine_length", NULL, 0, number(p, 1));
    metrics_text_family(out, "celery_queue_length", METRICS_GAUGE,
                        "Messages waiting in the queue, all priorities together.");
    for (size_t i = 0; i < view->queue_count; i++) {
        uint64_t sum = 0;

        for (size_t step = 0; step < steps->count; step++)
            sum += number(p, 2 + i * steps->count + step);
        metrics_text_int(out, "celery_queue_length",
                         &(struct metrics_label){"queue_name", span_of(view->queues[i])}, 1, sum);
    }
    metrics_text_family(out, "celeriac_queue_priority_length", METRICS_GAUGE,
                        "Messages waiting in one priority list of the queue.");
    for (size_t i = 0; i < view->queue_count * steps->count; i++) {
        char step[16];
        struct metrics_label labels[2] = {{"queue_name", span_of(view->queues[i / steps->count])},
                                          {"priority", {0}}};

        (void)snprintf(step, sizeof step, "%d", steps->step[i % steps->count]);
        labels[1].value = span_of(step);
        metrics_text_int(out, "celeriac_queue_priority_length", labels, 2, number(p, 2 + i));
    }
}

static void write_broker(const struct cel_metrics_view *view, struct strbuf *out)
{
    const struct cel_conn_options options = {.url = view->broker,
                                             .client_name = "celeriac-metrics",
                                             .connect_timeout_ms = CEL_METRICS_BROKER_MS,
                                             .io_timeout_ms = CEL_METRICS_BROKER_MS};
    struct cel_conn *conn = NULL;
    struct cel_pipeline p;
    bool up;

    cel_pipeline_init(&p);
    ask(view, &p);
    up = cel_conn_create(&options, &conn, NULL) == CELERIAC_OK &&
         cel_pipeline_run(&p, conn, NULL) == CELERIAC_OK;
    metrics_text_family(out, "celeriac_broker_up", METRICS_GAUGE,
                        "Whether the broker told the lengths of the queues.");
    metrics_text_int(out, "celeriac_broker_up", NULL, 0, up);
    if (up)
        write_lengths(view, &p, out);
    cel_pipeline_close(&p);
    cel_conn_destroy(conn);
}

enum celeriac_err cel_metrics_give(const struct cel_metrics_view *view, bool ask_broker,
                                   void (*write)(void *user, const char *text, size_t len),
                                   void *user)
{
    struct strbuf text;
    enum celeriac_err code;

    strbuf_init(&text, CEL_METRICS_MAX);
    write_own(view, &text);
    if (ask_broker)
        write_broker(view, &text);
    code = strbuf_status(&text);
    if (code == CELERIAC_OK)
        write(user, strbuf_text(&text), strbuf_span(&text).len);
    strbuf_close(&text);
    return code;
}
