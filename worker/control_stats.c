/* Remote commands that show the worker itself (celery/worker/control.py). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "worker/control_call.h"
#include "worker/control_conf.h"
#include "worker/events.h"
#include "worker/live.h"
#include "worker/pool.h"
#include "worker/window.h"

/* Longest name with its attributes. */
#define TASK_LINE_MAX ((size_t)4096)

static void run_ping(struct cel_control_call *call)
{
    cel_control_ok(call, "pong");
}

static void run_clock(struct cel_control_call *call)
{
    uint64_t clock = cel_lamport_value(cel_events_clock(call->view->runtime->events));

    json_begin_object(&call->answer);
    json_key(&call->answer, "clock");
    json_integer(&call->answer, (int64_t)clock);
    json_end_object(&call->answer);
}

/* ---- stats ----------------------------------------------------------------------------------- */

static void write_total(void *context, struct span task, uint64_t executions)
{
    struct json_writer *w = context;

    json_key_span(w, task);
    json_integer(w, (int64_t)executions);
}

/* celery/worker/autoscale.py info(); absent without autoscaling, as Celery's. */
static void write_autoscaler(struct cel_control_call *call)
{
    struct cel_runtime *runtime = call->view->runtime;
    size_t max = atomic_load(&runtime->scale.max);
    struct json_writer *w = &call->answer;

    if (max == 0)
        return;
    json_key(w, "autoscaler");
    json_begin_object(w);
    json_key(w, "max");
    json_integer(w, (int64_t)max);
    json_key(w, "min");
    json_integer(w, (int64_t)atomic_load(&runtime->scale.min));
    json_key(w, "current");
    json_integer(w, (int64_t)atomic_load(&runtime->threads));
    json_key(w, "qty");
    json_integer(w, (int64_t)cel_ready_queue_demand(runtime->ready));
    json_end_object(w);
}

/* Whole seconds as Celery shows them, which keeps its integers. */
static void write_seconds(struct json_writer *w, double seconds)
{
    if (seconds == (double)(int64_t)seconds)
        json_integer(w, (int64_t)seconds);
    else
        json_number(w, seconds);
}

/* The worker's own process, or its children. */
static void write_processes(struct cel_control_call *call)
{
    struct cel_runtime *runtime = call->view->runtime;
    struct json_writer *w = &call->answer;
    int64_t *pids = NULL;
    size_t count = 0;

    if (runtime->fork_server)
        pids = mem_calloc(CEL_POOL_THREADS_MAX, sizeof *pids);
    if (pids)
        count = cel_pool_pids(runtime->pool, pids, CEL_POOL_THREADS_MAX);
    json_key(w, "processes");
    json_begin_array(w);
    if (!runtime->fork_server)
        json_integer(w, runtime->pid);
    for (size_t i = 0; i < count; i++)
        json_integer(w, pids[i]);
    json_end_array(w);
    mem_free(pids);
}

/* celery/concurrency/prefork.py and thread.py _get_info(). */
static void write_pool(struct cel_control_call *call)
{
    struct cel_runtime *runtime = call->view->runtime;
    struct json_writer *w = &call->answer;
    bool prefork = runtime->fork_server != NULL;

    json_begin_object(w);
    json_key(w, "implementation");
    json_text(w, prefork ? "celeriac.pool:prefork" : "celeriac.pool:threads");
    json_key(w, "max-concurrency");
    json_integer(w, (int64_t)atomic_load(&runtime->threads));
    if (!prefork) {
        json_key(w, "threads");
        json_integer(w, (int64_t)atomic_load(&runtime->threads));
    }
    write_processes(call);
    json_key(w, "max-tasks-per-child");
    if (prefork && runtime->max_tasks_per_child > 0)
        json_integer(w, runtime->max_tasks_per_child);
    else
        json_text(w, "N/A");
    json_key(w, "put-guarded-by-semaphore");
    json_boolean(w, false);
    json_key(w, "timeouts");
    json_begin_array(w);
    write_seconds(w, call->view->options->settings->soft_time_limit);
    write_seconds(w, call->view->options->settings->time_limit);
    json_end_array(w);
    json_key(w, "writes");
    json_text(w, "N/A");
    json_end_object(w);
}

/* kombu/connection.py Connection.info. */
static void write_broker(struct cel_control_call *call)
{
    const struct cel_broker_url *url = call->view->options->broker;
    const struct cel_endpoint *at = cel_broker_url_endpoint(url, cel_broker_url_current(url));
    struct json_writer *w = &call->answer;
    char db[16];

    (void)snprintf(db, sizeof db, "%u", (unsigned)at->db);
    json_begin_object(w);
    json_key(w, "hostname");
    json_text(w, at->socket_path ? at->socket_path : at->host);
    json_key(w, "userid");
    json_text(w, at->user);
    json_key(w, "virtual_host");
    json_text(w, db);
    json_key(w, "port");
    if (at->socket_path)
        json_null(w);
    else
        json_integer(w, at->port);
    json_key(w, "insist");
    json_boolean(w, false);
    json_key(w, "ssl");
    json_boolean(w, at->tls);
    json_key(w, "transport");
    json_text(w, "redis");
    json_key(w, "connect_timeout");
    json_integer(w, CEL_CONN_CONNECT_TIMEOUT_MS / 1000);
    json_key(w, "transport_options");
    json_begin_object(w);
    json_end_object(w);
    json_key(w, "login_method");
    json_null(w);
    json_key(w, "uri_prefix");
    json_null(w);
    json_key(w, "heartbeat");
    json_number(w, 0.0);
    json_key(w, "failover_strategy");
    json_text(w, "round-robin");
    json_key(w, "alternates");
    json_begin_array(w);
    json_end_array(w);
    json_key(w, "credential_provider");
    json_null(w);
    json_end_object(w);
}

static void write_usage(struct json_writer *w)
{
    struct rusage usage;
    struct {
        const char *key;
        long value;
    } rows[14];
    size_t n = 0;

    memset(&usage, 0, sizeof usage);
    (void)getrusage(RUSAGE_SELF, &usage);
#define ROW(name, field) rows[n].key = (name), rows[n++].value = usage.field
    ROW("maxrss", ru_maxrss);
    ROW("ixrss", ru_ixrss);
    ROW("idrss", ru_idrss);
    ROW("isrss", ru_isrss);
    ROW("minflt", ru_minflt);
    ROW("majflt", ru_majflt);
    ROW("nswap", ru_nswap);
    ROW("inblock", ru_inblock);
    ROW("oublock", ru_oublock);
    ROW("msgsnd", ru_msgsnd);
    ROW("msgrcv", ru_msgrcv);
    ROW("nsignals", ru_nsignals);
    ROW("nvcsw", ru_nvcsw);
    ROW("nivcsw", ru_nivcsw);
#undef ROW
    json_begin_object(w);
    json_key(w, "utime");
    json_number(w, (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6);
    json_key(w, "stime");
    json_number(w, (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6);
    for (size_t i = 0; i < n; i++) {
        json_key(w, rows[i].key);
        json_integer(w, rows[i].value);
    }
    json_end_object(w);
}

static void run_stats(struct cel_control_call *call)
{
    const struct cel_runtime *runtime = call->view->runtime;
    struct json_writer *w = &call->answer;
    char clock[24];

    (void)snprintf(clock, sizeof clock, "%llu",
                   (unsigned long long)cel_lamport_value(cel_events_clock(runtime->events)));
    json_begin_object(w);
    json_key(w, "total");
    json_begin_object(w);
    cel_live_totals(runtime->live, write_total, w);
    json_end_object(w);
    json_key(w, "pid");
    json_integer(w, runtime->pid);
    json_key(w, "clock");
    json_text(w, clock);
    json_key(w, "uptime");
    json_integer(w, (clock_monotonic_ns() - call->view->started_ns) / NS_PER_SEC);
    json_key(w, "pool");
    write_pool(call);
    write_autoscaler(call);
    json_key(w, "broker");
    write_broker(call);
    json_key(w, "prefetch_count");
    json_integer(w, (int64_t)cel_window_limit(runtime->window));
    json_key(w, "rusage");
    write_usage(w);
    json_end_object(w);
}

/* ---- registered ------------------------------------------------------------------------------ */

/* Appends " name=value" for an attribute that the task has; *count of them. */
static void add_attribute(const struct cel_task_definition *task, struct span name,
                          struct strbuf *out, size_t *count)
{
    char number[32];
    const char *value = NULL;

    if (span_is(name, "acks_late"))
        value = task->acks_late ? "True" : "False";
    else if (span_is(name, "ignore_result"))
        value = task->ignore_result ? "True" : "False";
    else if (span_is(name, "track_started"))
        value = task->track_started ? "True" : "False";
    if (span_is(name, "default_retry_delay")) {
        (void)snprintf(number, sizeof number, "%u", (unsigned)task->retry.default_delay);
        value = number;
    } else if (span_is(name, "max_retries") && !task->retry.unlimited) {
        (void)snprintf(number, sizeof number, "%u", (unsigned)task->retry.max_retries);
        value = number;
    } else if (span_is(name, "name")) {
        value = task->name.ptr;
    }
    if (!value)
        return;
    strbuf_add_text(out, (*count)++ == 0 ? " [" : " ");
    strbuf_add_span(out, name);
    strbuf_add_char(out, '=');
    strbuf_add_text(out, value);
}

static void write_task(struct cel_control_call *call, const struct cel_task_definition *task)
{
    const struct json_node *items = cel_control_argument(call, "taskinfoitems");
    struct strbuf line;
    size_t count = 0;

    strbuf_init(&line, TASK_LINE_MAX);
    strbuf_add_span(&line, task->name);
    if (items && items->type != JSON_ARRAY)
        items = NULL;
    for (const struct json_node *n = items ? json_first(items) : NULL; n; n = json_next(items, n)) {
        struct span name;

        if (json_peek_string(n, &name))
            add_attribute(task, name, &line, &count);
    }
    if (count > 0)
        strbuf_add_char(&line, ']');
    json_string(&call->answer, strbuf_span(&line));
    strbuf_close(&line);
}

static int compare_names(const void *left, const void *right)
{
    const struct span *a = left;
    const struct span *b = right;

    return strcmp(a->ptr, b->ptr);
}

/* Celery's own tasks are left out unless they are asked for. */
static void run_registered(struct cel_control_call *call)
{
    const struct cel_registry *registry = call->view->runtime->registry;
    const struct json_node *asked = cel_control_argument(call, "builtins");
    bool builtins = asked && asked->type == JSON_TRUE;
    size_t count = cel_registry_count(registry);
    struct span *names = mem_calloc(count + 1, sizeof *names);

    if (!names) {
        cel_control_raise(call, "MemoryError", "out of memory");
        return;
    }
    if (count > 0)
        memcpy(names, cel_registry_names(registry), count * sizeof *names);
    qsort(names, count, sizeof *names, compare_names);
    json_begin_array(&call->answer);
    for (size_t i = 0; i < count; i++)
        if (builtins || !span_starts(names[i], SPAN("celery.")))
            write_task(call, cel_registry_find(registry, names[i]));
    json_end_array(&call->answer);
    mem_free(names);
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* celery/utils/debug.py sample_mem: resident memory, as text. */
static void resident(char text[32])
{
    struct rusage usage;

    memset(&usage, 0, sizeof usage);
    (void)getrusage(RUSAGE_SELF, &usage);
    (void)snprintf(text, 32, "%.3fMB", (double)usage.ru_maxrss / 1024);
}

static void run_memsample(struct cel_control_call *call)
{
    char text[32];

    resident(text);
    json_text(&call->answer, text);
}

static void run_memdump(struct cel_control_call *call)
{
    char line[80];
    char text[32];

    resident(text);
    (void)snprintf(line, sizeof line, "- rss (end): %s.\n", text);
    json_text(&call->answer, line);
}

static void run_objgraph(struct cel_control_call *call)
{
    cel_control_raise(call, "NotImplementedError",
                      "objgraph: this worker is written in C and has no Python objects");
}

/* ---- the table ------------------------------------------------------------------------------- */

const struct cel_control_command cel_control_stats[] = {
    {"ping", NULL, run_ping, NULL, NULL},
    {"clock", NULL, run_clock, NULL, NULL},
    {"stats", NULL, run_stats, NULL, NULL},
    {"registered", "dump_tasks", run_registered, NULL, NULL},
    {"conf", "dump_conf", cel_control_run_conf, NULL, NULL},
    {"report", NULL, cel_control_run_report, NULL, ""},
    {"memsample", NULL, run_memsample, NULL, NULL},
    {"memdump", NULL, run_memdump, NULL, NULL},
    {"objgraph", NULL, run_objgraph, NULL, "num max_depth type"},
    {NULL, NULL, NULL, NULL, NULL},
};
