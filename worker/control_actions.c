/* Remote commands that change something (celery/worker/control.py). */
#include <stdio.h>

#include "base/log.h"
#include "celery_proto/redis/mailbox.h"
#include "worker/consumer.h"
#include "worker/control_call.h"
#include "worker/events.h"
#include "worker/pool.h"
#include "worker/rate.h"
#include "worker/window.h"

/* Longest name or text of an argument. */
#define TEXT_MAX ((size_t)64 * 1024)

/* Longest answer of ours. */
#define ANSWER_MAX 512

/* ---- events ---------------------------------------------------------------------------------- */

static void run_enable_events(struct cel_control_call *call)
{
    if (cel_events_enable(call->view->runtime->events, true)) {
        log_info("control", "task events enabled by remote");
        cel_control_ok(call, "task events enabled");
    } else {
        cel_control_ok(call, "task events already enabled");
    }
}

static void run_disable_events(struct cel_control_call *call)
{
    if (cel_events_enable(call->view->runtime->events, false)) {
        log_info("control", "task events disabled by remote");
        cel_control_ok(call, "task events disabled");
    } else {
        cel_control_ok(call, "task events already disabled");
    }
}

static void run_heartbeat(struct cel_control_call *call)
{
    call->view->beat_wanted = true;
    json_null(&call->answer);
}

/* This worker takes no part in elections: see gossip.h. */
static void run_election(struct cel_control_call *call)
{
    json_null(&call->answer);
}

/* ---- limits ---------------------------------------------------------------------------------- */

/* The task of the argument task_name; answers when there is none. */
static const struct cel_task_definition *find_task(struct cel_control_call *call)
{
    const struct cel_task_definition *task = NULL;
    struct strbuf name;

    strbuf_init(&name, TEXT_MAX);
    if (cel_control_text(call, "task_name", &name))
        task = cel_registry_find(call->view->runtime->registry, strbuf_span(&name));
    if (!task) {
        log_error("control", "a limit for an unknown task", LOG_STR("command", call->command),
                  LOG_SPAN("task", strbuf_span(&name)));
        cel_control_nok(call, "unknown task");
    }
    strbuf_close(&name);
    return task;
}

/* The rate as text: "10/m", 10, 0.5; null is none. */
static void read_rate(const struct cel_control_call *call, struct strbuf *rate)
{
    const struct json_node *node = cel_control_argument(call, "rate_limit");

    if (cel_control_text(call, "rate_limit", rate))
        return;
    if (node->type == JSON_INT || node->type == JSON_FLOAT)
        strbuf_add_span(rate, json_raw(node));
}

static void run_rate_limit(struct cel_control_call *call)
{
    struct cel_runtime *runtime = call->view->runtime;
    const struct cel_task_definition *task;
    struct celeriac_error err = {0};
    char answer[ANSWER_MAX];
    double per_second = 0;
    struct strbuf rate;

    if (!cel_control_argument(call, "rate_limit")) {
        cel_control_raise(call, "TypeError",
                          "rate_limit() missing 1 required positional argument: 'rate_limit'");
        return;
    }
    strbuf_init(&rate, TEXT_MAX);
    read_rate(call, &rate);
    if (cel_rate_parse(strbuf_span(&rate), &per_second, &err)) {
        struct span number;
        struct span unit;

        (void)span_cut(strbuf_span(&rate), '/', &number, &unit);
        (void)snprintf(answer, sizeof answer,
                       "Invalid rate limit string: ValueError(\"could not convert string to "
                       "float: '%.*s'\")",
                       SPAN_PRINTF(number));
        cel_control_nok(call, answer);
    } else if ((task = find_task(call)) != NULL) {
        if (cel_rates_set(runtime->rates, task->name, strbuf_span(&rate), &err)) {
            cel_control_raise(call, "ValueError", "%s", err.text);
        } else {
            cel_runtime_wake(runtime);
            log_info("control", "new rate limit", LOG_SPAN("task", task->name),
                     LOG_SPAN("rate", strbuf_span(&rate)));
            cel_control_ok(call, rate.len == 0 ? "rate limit disabled successfully"
                                               : "new rate limit set successfully");
        }
    }
    strbuf_close(&rate);
}

/* An argument in seconds; null and a missing one are none. False when it is no number. */
static bool read_seconds(struct cel_control_call *call, const char *name, double *seconds)
{
    const struct json_node *node = cel_control_argument(call, name);

    *seconds = 0;
    if (!node || node->type == JSON_NULL || json_double(node, seconds) == CELERIAC_OK)
        return true;
    cel_control_raise(call, "ValueError", "%s: must be a number of seconds", name);
    return false;
}

static void run_time_limit(struct cel_control_call *call)
{
    const struct cel_task_definition *task;
    struct celeriac_error err = {0};
    double hard;
    double soft;

    if (!read_seconds(call, "hard", &hard) || !read_seconds(call, "soft", &soft))
        return;
    task = find_task(call);
    if (!task)
        return;
    if (cel_registry_set_time_limits(call->view->runtime->registry, task->name, soft, hard, &err)) {
        cel_control_raise(call, "ValueError", "%s", err.text);
        return;
    }
    log_info("control", "new time limits", LOG_SPAN("task", task->name));
    cel_control_ok(call, "time limits set successfully");
}

/* ---- the pool -------------------------------------------------------------------------------- */

/* The argument n, 1 when it is not given; answers when it is no sensible number. */
static bool read_count(struct cel_control_call *call, size_t *n)
{
    const struct json_node *node = cel_control_argument(call, "n");
    int64_t value = 1;

    if (node && json_int(node, 0, CEL_POOL_THREADS_MAX, &value)) {
        cel_control_raise(call, "ValueError", "n: must be 0 to %d", CEL_POOL_THREADS_MAX);
        return false;
    }
    *n = (size_t)value;
    return true;
}

/* The prefetch window follows the number of threads (consumer.py _update_prefetch_count). */
static void fit_window(const struct cel_control_call *call)
{
    const struct celeriac_worker_options *settings = call->view->options->settings;
    struct cel_runtime *runtime = call->view->runtime;

    if (!settings->prefetch_unlimited)
        cel_window_set_limit(runtime->window,
                             atomic_load(&runtime->threads) * settings->prefetch_multiplier);
}

/* Whether the load decides on the threads; then the answer says so. */
static bool refuse_autoscaled(struct cel_control_call *call, const char *command)
{
    char answer[ANSWER_MAX];

    if (atomic_load(&call->view->runtime->scale.max) == 0)
        return false;
    (void)snprintf(answer, sizeof answer,
                   "%s is not supported with autoscale. Adjust autoscale range instead.", command);
    cel_control_nok(call, answer);
    return true;
}

static void run_pool_grow(struct cel_control_call *call)
{
    struct celeriac_error err = {0};
    size_t n = 0;

    if (refuse_autoscaled(call, "pool_grow") || !read_count(call, &n))
        return;
    if (cel_pool_grow(call->view->runtime->pool, n, &err))
        cel_control_raise(call, "ValueError", "%s", err.text);
    else
        cel_control_ok(call, "pool will grow");
    fit_window(call);
}

static void run_pool_shrink(struct cel_control_call *call)
{
    struct celeriac_error err = {0};
    size_t n = 0;

    if (refuse_autoscaled(call, "pool_shrink") || !read_count(call, &n))
        return;
    if (cel_pool_shrink(call->view->runtime->pool, n, &err))
        cel_control_raise(call, "ValueError", "%s", err.text);
    else
        cel_control_ok(call, "pool will shrink");
    fit_window(call);
}

static void run_pool_restart(struct cel_control_call *call)
{
    struct cel_runtime *runtime = call->view->runtime;

    if (!call->view->options->settings->pool_restarts) {
        cel_control_raise(call, "ValueError", "Pool restarts not enabled");
    } else if (!runtime->fork_server) {
        cel_control_raise(call, "NotImplementedError",
                          "tasks run in threads here, which are not replaced");
    } else {
        cel_pool_restart(runtime->pool);
        log_info("control", "child processes are replaced as they get free");
        cel_control_ok(call, "reload started");
    }
}

/* A bound as given, or as it is. False when it was answered that it is no sensible number. */
static bool read_bound(struct cel_control_call *call, const char *name, size_t *bound)
{
    const struct json_node *node = cel_control_argument(call, name);
    int64_t value;

    if (!node || json_is_null(node))
        return true;
    if (json_int(node, 0, CEL_POOL_THREADS_MAX, &value)) {
        cel_control_raise(call, "ValueError", "%s: must be 0 to %d", name, CEL_POOL_THREADS_MAX);
        return false;
    }
    *bound = (size_t)value;
    return true;
}

/* celery/worker/autoscale.py update(): the window follows the maximum. */
static void run_autoscale(struct cel_control_call *call)
{
    const struct celeriac_worker_options *settings = call->view->options->settings;
    struct cel_runtime *runtime = call->view->runtime;
    size_t max = atomic_load(&runtime->scale.max);
    size_t min = atomic_load(&runtime->scale.min);
    struct celeriac_error err = {0};
    char answer[ANSWER_MAX];

    if (max == 0) {
        cel_control_raise(call, "ValueError", "Autoscale not enabled");
        return;
    }
    if (!read_bound(call, "max", &max) || !read_bound(call, "min", &min))
        return;
    if (cel_scale_set(&runtime->scale, max, min, &err)) {
        cel_control_raise(call, "ValueError", "%s", err.text);
        return;
    }
    if (!settings->prefetch_unlimited)
        cel_window_set_limit(runtime->window, max * settings->prefetch_multiplier);
    cel_runtime_wake(runtime);
    (void)snprintf(answer, sizeof answer, "autoscale now max=%zu min=%zu", max, min);
    cel_control_ok(call, answer);
}

static void run_shutdown(struct cel_control_call *call)
{
    struct strbuf message;

    strbuf_init(&message, TEXT_MAX);
    if (!cel_control_text(call, "msg", &message))
        strbuf_add_text(&message, "Got shutdown from remote");
    log_warning("control", "shutdown", LOG_SPAN("message", strbuf_span(&message)));
    strbuf_close(&message);
    call->silent = true;
    celeriac_worker_stop(call->view->options->worker, CELERIAC_STOP_WARM);
}

/* ---- queues ---------------------------------------------------------------------------------- */

static void answer_queue(struct cel_control_call *call, const char *what, struct span queue)
{
    char answer[ANSWER_MAX];

    (void)snprintf(answer, sizeof answer, "%s %.*s", what, SPAN_PRINTF(queue));
    cel_control_ok(call, answer);
}

static bool tell_consumer(struct cel_control_call *call)
{
    const struct cel_control_queues *queues = call->view->queues;

    if (cel_consumer_set_queues(call->view->runtime->consumer, (const char *const *)queues->names,
                                queues->count) == CELERIAC_OK)
        return true;
    cel_control_raise(call, "MemoryError", "out of memory");
    return false;
}

/* A queue of a named exchange is bound to it; only direct exchanges need no more than that. */
static bool bind(struct cel_control_call *call, struct span queue)
{
    struct celeriac_error err = {0};
    struct strbuf exchange;
    struct strbuf type;
    struct strbuf key;
    bool done = true;

    strbuf_init(&exchange, TEXT_MAX);
    strbuf_init(&type, TEXT_MAX);
    strbuf_init(&key, TEXT_MAX);
    if (!cel_control_text(call, "routing_key", &key) || key.len == 0)
        strbuf_add_span(&key, queue);
    if (cel_control_text(call, "exchange_type", &type) && type.len > 0 &&
        !span_is(strbuf_span(&type), "direct")) {
        cel_control_raise(call, "NotImplementedError",
                          "exchange_type: only queues of direct exchanges can be added");
        done = false;
    } else if (cel_control_text(call, "exchange", &exchange) && exchange.len > 0 &&
               cel_mailbox_bind(call->view->mailbox, strbuf_span(&exchange), strbuf_span(&key),
                                queue, &err)) {
        cel_control_raise(call, "OSError", "%s", err.text);
        done = false;
    }
    strbuf_close(&exchange);
    strbuf_close(&type);
    strbuf_close(&key);
    return done;
}

static void run_add_consumer(struct cel_control_call *call)
{
    struct strbuf queue;
    enum celeriac_err code;

    strbuf_init(&queue, TEXT_MAX);
    (void)cel_control_text(call, "queue", &queue);
    code = cel_control_queues_add(call->view->queues, strbuf_span(&queue));
    if (code != CELERIAC_OK && code != CELERIAC_ERR_EXISTS) {
        cel_control_raise(call, "ValueError", "queue: %s", celeriac_err_name(code));
    } else if (bind(call, strbuf_span(&queue)) && tell_consumer(call)) {
        log_info("control", "started consuming", LOG_SPAN("queue", strbuf_span(&queue)));
        answer_queue(call, "add consumer", strbuf_span(&queue));
    }
    strbuf_close(&queue);
}

static void run_cancel_consumer(struct cel_control_call *call)
{
    struct strbuf queue;

    strbuf_init(&queue, TEXT_MAX);
    (void)cel_control_text(call, "queue", &queue);
    if (!cel_control_queues_remove(call->view->queues, strbuf_span(&queue)) ||
        tell_consumer(call)) {
        log_info("control", "no longer consuming", LOG_SPAN("queue", strbuf_span(&queue)));
        answer_queue(call, "no longer consuming from", strbuf_span(&queue));
    }
    strbuf_close(&queue);
}

/* ---- the table ------------------------------------------------------------------------------- */

const struct cel_control_command cel_control_actions[] = {
    {"enable_events", NULL, run_enable_events, NULL, ""},
    {"disable_events", NULL, run_disable_events, NULL, ""},
    {"heartbeat", NULL, run_heartbeat, NULL, ""},
    {"election", NULL, run_election, "id", NULL},
    {"rate_limit", NULL, run_rate_limit, "task_name", NULL},
    {"time_limit", NULL, run_time_limit, NULL, NULL},
    {"pool_grow", NULL, run_pool_grow, NULL, NULL},
    {"pool_shrink", NULL, run_pool_shrink, NULL, NULL},
    {"pool_restart", NULL, run_pool_restart, NULL, NULL},
    {"autoscale", NULL, run_autoscale, NULL, "max min"},
    {"shutdown", NULL, run_shutdown, NULL, NULL},
    {"add_consumer", NULL, run_add_consumer, "queue", NULL},
    {"cancel_consumer", NULL, run_cancel_consumer, "queue", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
