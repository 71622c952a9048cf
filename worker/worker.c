/* Assembly: options to parts, start in one order, stop in the reverse. See celeriac/worker.h. */
#include "celeriac/worker.h"

#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "celery_proto/redis/addresses.h"
#include "worker/consumer.h"
#include "worker/control.h"
#include "worker/events.h"
#include "worker/heartbeat.h"
#include "worker/keeper.h"
#include "worker/live.h"
#include "worker/metrics.h"
#include "worker/pool.h"
#include "worker/runtime.h"
#include "worker/settler.h"
#include "worker/subtasks.h"
#include "worker/task_stats.h"
#include "worker/world.h"

#define DEFAULT_MULTIPLIER 4
#define UNLIMITED_PREFETCH \
    65536 /* what Celery calls unlimited: kombu/common.py PREFETCH_COUNT_MAX */
#define MULTIPLIER_MAX 1024
/*
 * Seconds between heartbeats: more often than the first is a load without use, more seldom than the
 * second and every monitor has long given the worker up.
 */
#define HEARTBEAT_MIN 0.1
#define HEARTBEAT_MAX 3600.0

#define KEEPALIVE_MAX 86400 /* seconds; a day means for ever */

/* How long a stopping worker tries to reach Redis before it leaves the rest to its peers. */
#define WARM_WRITE_NS (10 * NS_PER_SEC)
#define WARM_LEAVE_NS (5 * NS_PER_SEC)
#define COLD_WRITE_NS (1 * NS_PER_SEC)
#define COLD_LEAVE_NS (2 * NS_PER_SEC)

struct celeriac_worker {
    struct cel_runtime runtime;
    struct celeriac_worker_options options; /* numbers; strings are below */
    char *hostname;
    struct cel_world world;
    struct cel_addresses addresses;
    char *queue_text;    /* the names one after the other, NUL-terminated */
    const char **queues; /* into queue_text */
    size_t queue_count;
    const char **tasks; /* names for the claimer while running */
    struct cel_keeper *keeper;
    struct cel_control *control;
    struct cel_result_store_options results; /* for the control thread */
    int cold_fd;                             /* eventfd; readable: stop cold */

    pthread_mutex_t lock; /* of what follows */
    bool running;
    enum celeriac_stop stop; /* 0: not asked to stop */
};

/* ---- options ------------------------------------------------------------------------------- */

static enum celeriac_err set_hostname(struct celeriac_worker *worker, const char *pattern,
                                      struct celeriac_error *err)
{
    char name[CELERIAC_NODENAME_SIZE];
    enum celeriac_err code = celeriac_worker_nodename(pattern, name, err);

    if (code)
        return code;
    worker->hostname = mem_dup(name);
    if (!worker->hostname)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    worker->runtime.hostname = span_of(worker->hostname);
    return CELERIAC_OK;
}

static enum celeriac_err set_addresses(struct celeriac_worker *worker,
                                       const struct celeriac_worker_options *options,
                                       struct celeriac_error *err)
{
    const struct cel_address_texts texts = {
        .broker_url = options->broker_url,
        .result_backend = options->result_backend,
        .broker_transport_options = options->broker_transport_options,
        .result_backend_transport_options = options->result_backend_transport_options,
        .broker_use_ssl = options->broker_use_ssl,
        .redis_backend_use_ssl = options->redis_backend_use_ssl,
        .broker_failover_strategy = options->broker_failover_strategy,
        .global_keyprefix = options->global_keyprefix,
    };

    return cel_addresses_open(&texts, &worker->addresses, err);
}

static enum celeriac_err add_queue(struct celeriac_worker *worker, char *name,
                                   struct celeriac_error *err)
{
    struct span trimmed = span_trim(span_of(name));

    if (trimmed.len == 0)
        return CELERIAC_OK;
    if (worker->queue_count == CEL_CLAIM_QUEUES_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "queues: at most %d",
                                  CEL_CLAIM_QUEUES_MAX);
    name += trimmed.ptr - name;
    name[trimmed.len] = '\0';
    worker->queues[worker->queue_count++] = name;
    return CELERIAC_OK;
}

static enum celeriac_err set_queues(struct celeriac_worker *worker, const char *list,
                                    struct celeriac_error *err)
{
    enum celeriac_err code = CELERIAC_OK;
    char *name;

    worker->queue_text = mem_dup(list && *list ? list : "celery");
    worker->queues = mem_calloc(CEL_CLAIM_QUEUES_MAX, sizeof(char *));
    if (!worker->queue_text || !worker->queues)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    name = worker->queue_text;
    while (code == CELERIAC_OK && name) {
        char *comma = strchr(name, ',');

        if (comma)
            *comma = '\0';
        code = add_queue(worker, name, err);
        name = comma ? comma + 1 : NULL;
    }
    if (code == CELERIAC_OK && worker->queue_count == 0)
        code = celeriac_error_set(err, CELERIAC_ERR_VALUE, "queues: names none");
    return code;
}

static enum celeriac_err set_numbers(struct celeriac_worker *worker,
                                     const struct celeriac_worker_options *options,
                                     struct celeriac_error *err)
{
    struct celeriac_worker_options *numbers = &worker->options;

    *numbers = *options;
    if (numbers->concurrency == 0) {
        long cpus = sysconf(_SC_NPROCESSORS_ONLN);

        numbers->concurrency = cpus > 0 ? (unsigned)cpus : 1;
    }
    if (numbers->concurrency > CEL_POOL_THREADS_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "concurrency: at most %d",
                                  CEL_POOL_THREADS_MAX);
    if (numbers->autoscale_keepalive < 0 || numbers->autoscale_keepalive > KEEPALIVE_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "autoscale_keepalive: must be 0 to %d seconds", KEEPALIVE_MAX);
    if (!(numbers->time_limit >= 0 && numbers->time_limit <= CEL_TIME_LIMIT_MAX) ||
        !(numbers->soft_time_limit >= 0 && numbers->soft_time_limit <= CEL_TIME_LIMIT_MAX))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "time_limit, soft_time_limit: must be seconds, 0 for none");
    worker->runtime.time_limit_us = (int64_t)(numbers->time_limit * (double)US_PER_SEC);
    worker->runtime.soft_limit_us = (int64_t)(numbers->soft_time_limit * (double)US_PER_SEC);
    if (numbers->prefetch_multiplier == 0)
        numbers->prefetch_multiplier = DEFAULT_MULTIPLIER;
    if (numbers->prefetch_multiplier > MULTIPLIER_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "prefetch_multiplier: at most %d",
                                  MULTIPLIER_MAX);
    if (numbers->heartbeat_interval == 0)
        numbers->heartbeat_interval = CEL_HEARTBEAT_SECONDS;
    if (!(numbers->heartbeat_interval >= HEARTBEAT_MIN &&
          numbers->heartbeat_interval <= HEARTBEAT_MAX))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "heartbeat_interval: must be 0.1 to 3600 seconds");
    return CELERIAC_OK;
}

static size_t window_limit(const struct celeriac_worker *worker, size_t threads)
{
    size_t limit = threads * (size_t)worker->options.prefetch_multiplier;

    if (worker->options.prefetch_unlimited || limit > UNLIMITED_PREFETCH)
        return UNLIMITED_PREFETCH;
    return limit;
}

static enum celeriac_err set_scale(struct celeriac_worker *worker, struct celeriac_error *err)
{
    struct celeriac_worker_options *numbers = &worker->options;
    struct cel_scale *scale = &worker->runtime.scale;
    double keepalive = numbers->autoscale_keepalive;
    enum celeriac_err code;

    if (numbers->autoscale_max == 0)
        return CELERIAC_OK;
    code = cel_scale_set(scale, numbers->autoscale_max, numbers->autoscale_min, err);
    scale->keepalive_ns =
        (int64_t)((keepalive > 0 ? keepalive : CEL_SCALE_KEEPALIVE) * (double)NS_PER_SEC);
    numbers->concurrency = (unsigned)atomic_load(&scale->min);
    return code;
}

/* What there is before the worker runs. */
static enum celeriac_err make_parts(struct celeriac_worker *worker,
                                    const struct celeriac_worker_options *options,
                                    struct celeriac_error *err)
{
    struct cel_runtime *runtime = &worker->runtime;
    enum celeriac_err code = cel_revoked_create(options->state_db, &runtime->revoked);

    if (code == CELERIAC_OK)
        code = cel_registry_create(&runtime->registry);
    if (code == CELERIAC_OK)
        code = cel_task_table_create(&runtime->task_table);
    if (code == CELERIAC_OK)
        code = cel_subtasks_create(&worker->addresses, options->result_expires, &runtime->subtasks);
    if (code == CELERIAC_OK)
        code = cel_held_create(&runtime->held);
    if (code == CELERIAC_OK)
        code = cel_window_create(window_limit(worker, options->autoscale_max
                                                          ? options->autoscale_max
                                                          : worker->options.concurrency),
                                 runtime->wake_fd, &runtime->window);
    if (code == CELERIAC_OK)
        code = cel_ready_queue_create(
            window_limit(worker, CEL_POOL_THREADS_MAX) + CEL_CLAIM_ROOM_MAX, &runtime->ready);
    return code ? celeriac_error_set(err, code, "out of memory") : CELERIAC_OK;
}

static enum celeriac_err set_up(struct celeriac_worker *worker,
                                const struct celeriac_worker_options *options,
                                struct celeriac_error *err)
{
    struct cel_runtime *runtime = &worker->runtime;
    enum celeriac_err code = set_numbers(worker, options, err);

    if (code == CELERIAC_OK)
        code = set_scale(worker, err);
    if (code == CELERIAC_OK)
        code = set_hostname(worker, options->hostname, err);
    if (code == CELERIAC_OK)
        code = set_addresses(worker, options, err);
    if (code == CELERIAC_OK)
        code = set_queues(worker, options->queues, err);
    if (code)
        return code;
    runtime->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    worker->cold_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    runtime->control_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (runtime->wake_fd < 0 || worker->cold_fd < 0 || runtime->control_fd < 0)
        return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "cannot make an eventfd");
    uuid_new(runtime->id);
    runtime->pid = getpid();
    runtime->unknown_task = options->unknown_task;
    runtime->inherit_priority = options->inherit_parent_priority;
    runtime->result_extended = options->result_extended;
    code = cel_world_open(&worker->world, runtime->hostname, runtime->pid, options->default_queue,
                          (struct span){.ptr = runtime->id, .len = UUID_LEN}, &runtime->world);
    if (code)
        return celeriac_error_set(err, code, "out of memory");
    runtime->progress = options->progress;
    runtime->progress_user = options->progress_user;
    return make_parts(worker, options, err);
}

enum celeriac_err celeriac_worker_create(const struct celeriac_worker_options *options,
                                         struct celeriac_worker **worker,
                                         struct celeriac_error *err)
{
    struct celeriac_worker *w = mem_calloc(1, sizeof *w);
    enum celeriac_err code;

    if (!w)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    w->runtime.wake_fd = -1;
    w->runtime.control_fd = -1;
    w->cold_fd = -1;
    pthread_mutex_init(&w->lock, NULL);
    code = set_up(w, options, err);
    if (code) {
        celeriac_worker_destroy(w);
        return code;
    }
    *worker = w;
    return CELERIAC_OK;
}

void celeriac_worker_destroy(struct celeriac_worker *worker)
{
    if (!worker)
        return;
    cel_ready_queue_destroy(worker->runtime.ready);
    cel_window_destroy(worker->runtime.window);
    cel_held_destroy(worker->runtime.held);
    cel_task_table_destroy(worker->runtime.task_table);
    cel_subtasks_destroy(worker->runtime.subtasks);
    cel_registry_destroy(worker->runtime.registry);
    cel_revoked_destroy(worker->runtime.revoked);
    if (worker->runtime.wake_fd >= 0)
        close(worker->runtime.wake_fd);
    if (worker->runtime.control_fd >= 0)
        close(worker->runtime.control_fd);
    if (worker->cold_fd >= 0)
        close(worker->cold_fd);
    cel_addresses_close(&worker->addresses);
    mem_free(worker->queues);
    mem_free(worker->queue_text);
    mem_free(worker->hostname);
    cel_world_close(&worker->world);
    pthread_mutex_destroy(&worker->lock);
    mem_free(worker);
}

enum celeriac_err celeriac_worker_register(struct celeriac_worker *worker,
                                           const struct celeriac_task_options *options,
                                           struct celeriac_error *err)
{
    return cel_registry_add(worker->runtime.registry, options, err);
}

/* ---- starting ------------------------------------------------------------------------------ */

static struct cel_result_store_options results_of(const struct celeriac_worker *worker)
{
    return (struct cel_result_store_options){
        .conn = cel_to_backend(&worker->addresses, "celeriac-results"),
        .keys = worker->addresses.keys,
        .expires = worker->options.result_expires,
        .keep = worker->options.result_keep,
    };
}

static enum celeriac_err start_settler(struct celeriac_worker *worker, struct celeriac_error *err)
{
    struct cel_finisher_options options = {
        .conn = cel_to_broker(&worker->addresses, "celeriac-finish"),
        .keys = worker->addresses.keys,
        .worker_id = worker->runtime.id,
        .results = results_of(worker),
    };

    return cel_settler_create(&options, worker->options.chord_unordered, &worker->runtime,
                              &worker->runtime.settler, err);
}

static enum celeriac_err start_consumer(struct celeriac_worker *worker, struct celeriac_error *err)
{
    size_t count = cel_registry_count(worker->runtime.registry);
    const struct span *names = cel_registry_names(worker->runtime.registry);
    struct cel_claimer_options options = {
        .conn = cel_to_broker(&worker->addresses, "celeriac-claim"),
        .keys = worker->addresses.keys,
        .worker_id = worker->runtime.id,
        .queues = worker->queues,
        .queue_count = worker->queue_count,
        .order = cel_transport_queue_order(worker->addresses.broker_options),
    };

    if (worker->options.unknown_task == CELERIAC_UNKNOWN_LEAVE) {
        worker->tasks = mem_calloc(count + 1, sizeof(char *));
        if (!worker->tasks)
            return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
        for (size_t i = 0; i < count; i++)
            worker->tasks[i] = names[i].ptr;
        options.tasks = worker->tasks;
        options.task_count = count;
    }
    return cel_consumer_create(&options, &worker->runtime, worker->options.eta_task_limit,
                               &worker->runtime.consumer, err);
}

static enum celeriac_err start_keeper(struct celeriac_worker *worker, struct celeriac_error *err)
{
    struct cel_maintainer_options options = {
        .conn = cel_to_broker(&worker->addresses, "celeriac-keep"),
        .keys = worker->addresses.keys,
        .worker_id = worker->runtime.id,
        .worker_name = worker->hostname,
        .visibility_timeout = worker->options.visibility_timeout,
        .answered = &worker->runtime.answered,
    };

    if (options.visibility_timeout == 0)
        options.visibility_timeout =
            cel_transport_visibility_timeout(worker->addresses.broker_options);
    return cel_keeper_create(&options, &worker->runtime, &worker->keeper, err);
}

static enum celeriac_err start_events(struct celeriac_worker *worker, struct celeriac_error *err)
{
    struct cel_events_options options = {
        .hostname = worker->runtime.hostname,
        .pid = worker->runtime.pid,
        .everything = worker->options.task_events,
        .wake_fd = worker->runtime.control_fd,
    };
    enum celeriac_err code = cel_events_create(&options, &worker->runtime.events);

    if (code == CELERIAC_OK)
        code = cel_live_create(&worker->runtime.live);
    return code ? celeriac_error_set(err, code, "out of memory") : CELERIAC_OK;
}

static enum celeriac_err start_control(struct celeriac_worker *worker, struct celeriac_error *err)
{
    struct cel_control_options options = {
        .conn = cel_to_broker(&worker->addresses, "celeriac-control"),
        .keys = worker->addresses.keys,
        .settings = &worker->options,
        .broker = worker->addresses.broker,
        .backend = worker->addresses.backend,
        .queues = worker->queues,
        .queue_count = worker->queue_count,
        .results = &worker->results,
        .worker = worker,
    };

    worker->results = results_of(worker);
    return cel_control_create(&options, &worker->runtime, &worker->control, err);
}

static enum celeriac_err start(struct celeriac_worker *worker, struct celeriac_error *err)
{
    enum celeriac_err code = CELERIAC_OK;

    if (cel_registry_count(worker->runtime.registry) == 0)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "no task is registered");
    code = cel_revoked_load(worker->runtime.revoked, clock_wall_us(), err);
    if (code == CELERIAC_OK && cel_rates_create(worker->runtime.registry, &worker->runtime.rates))
        code = celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    if (code == CELERIAC_OK)
        code = start_events(worker, err);
    if (code == CELERIAC_OK)
        code = start_settler(worker, err);
    if (code == CELERIAC_OK)
        code = start_consumer(worker, err);
    if (code == CELERIAC_OK)
        code = cel_pool_create(&worker->runtime, worker->options.concurrency,
                               worker->options.task_stack, &worker->runtime.pool, err);
    if (code == CELERIAC_OK)
        code = start_keeper(worker, err);
    if (code == CELERIAC_OK)
        code = start_control(worker, err);
    return code;
}

/* ---- stopping ------------------------------------------------------------------------------ */

static void save_revoked(struct cel_runtime *runtime)
{
    struct celeriac_error err = {0};

    if (cel_revoked_save(runtime->revoked, &err))
        log_error("worker", "revoked ids could not be saved", LOG_ERR(&err));
}

/* False when task threads may still be running: then nothing that they use may be released. */
static bool stop_parts(struct celeriac_worker *worker)
{
    struct cel_runtime *runtime = &worker->runtime;
    bool ended = true;

    atomic_store(&runtime->stopping, true);
    cel_ready_queue_close(runtime->ready);
    if (runtime->pool)
        ended = cel_pool_join(runtime->pool, worker->cold_fd);
    if (runtime->settler)
        cel_settler_stop(runtime->settler, ended ? WARM_WRITE_NS : COLD_WRITE_NS);
    if (worker->control)
        cel_control_stop(worker->control);
    save_revoked(runtime);
    if (worker->keeper)
        cel_keeper_leave(worker->keeper, ended ? WARM_LEAVE_NS : COLD_LEAVE_NS);
    return ended;
}

static void release_parts(struct celeriac_worker *worker)
{
    struct cel_runtime *runtime = &worker->runtime;
    struct cel_request *request;

    cel_control_destroy(worker->control);
    while ((request = cel_ready_queue_take(runtime->ready)))
        cel_request_destroy(request);
    cel_pool_destroy(runtime->pool);
    cel_settler_destroy(runtime->settler);
    cel_consumer_destroy(runtime->consumer);
    cel_keeper_destroy(worker->keeper);
    cel_live_destroy(runtime->live);
    cel_events_destroy(runtime->events);
    cel_rates_destroy(runtime->rates);
    mem_free(worker->tasks);
    worker->control = NULL;
    runtime->pool = NULL;
    runtime->live = NULL;
    runtime->events = NULL;
    runtime->settler = NULL;
    runtime->consumer = NULL;
    runtime->rates = NULL;
    worker->keeper = NULL;
    worker->tasks = NULL;
}

static bool begin_running(struct celeriac_worker *worker)
{
    bool go;

    pthread_mutex_lock(&worker->lock);
    go = worker->stop == 0;
    worker->running = go;
    pthread_mutex_unlock(&worker->lock);
    return go;
}

static void end_running(struct celeriac_worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    worker->running = false;
    pthread_mutex_unlock(&worker->lock);
}

enum celeriac_err celeriac_worker_run(struct celeriac_worker *worker, struct celeriac_error *err)
{
    struct celeriac_error unwanted = {0};
    enum celeriac_err code;

    /* The consumer looks into the record to log why the broker is away. */
    if (!err)
        err = &unwanted;
    code = start(worker, err);
    if (code == CELERIAC_OK && begin_running(worker)) {
        log_info("worker", "ready", LOG_STR("hostname", worker->hostname),
                 LOG_INT("concurrency", worker->options.concurrency),
                 LOG_INT("queues", worker->queue_count));
        code = cel_consumer_run(worker->runtime.consumer, err);
    }
    end_running(worker);
    if (!stop_parts(worker))
        return celeriac_error_set(err, CELERIAC_ERR_SHUTDOWN,
                                  "stopped while tasks were running; their messages were returned");
    release_parts(worker);
    return code;
}

void celeriac_worker_stop(struct celeriac_worker *worker, enum celeriac_stop mode)
{
    const uint64_t one = 1;

    atomic_store(&worker->runtime.stopping, true);
    pthread_mutex_lock(&worker->lock);
    if (worker->stop < mode)
        worker->stop = mode;
    if (worker->running)
        cel_consumer_stop(worker->runtime.consumer);
    pthread_mutex_unlock(&worker->lock);
    /* Here and not only once the consumer has ended: a task thread that is done before that would
     * begin what is to be returned. */
    cel_ready_queue_close(worker->runtime.ready);
    if (mode == CELERIAC_STOP_COLD && write(worker->cold_fd, &one, sizeof one) < 0)
        log_debug("worker", "a cold stop is under way already");
}

void celeriac_worker_get_stats(const struct celeriac_worker *worker,
                               struct celeriac_worker_stats *stats)
{
    const struct cel_counters *c = &worker->runtime.counters;

    *stats = (struct celeriac_worker_stats){
        .received = atomic_load(&c->received),
        .started = atomic_load(&c->started),
        .succeeded = atomic_load(&c->succeeded),
        .failed = atomic_load(&c->failed),
        .retried = atomic_load(&c->retried),
        .postponed = atomic_load(&c->postponed),
        .revoked = atomic_load(&c->revoked),
        .restored = atomic_load(&c->restored),
        .quarantined = atomic_load(&c->quarantined),
        .active = atomic_load(&c->active),
        .waiting = atomic_load(&c->waiting),
        .threads = (unsigned)atomic_load(&worker->runtime.threads),
        .results_dropped = atomic_load(&c->results_dropped),
    };
}

enum celeriac_err celeriac_worker_metrics(struct celeriac_worker *worker, bool ask_broker,
                                          void (*write)(void *user, const char *text, size_t len),
                                          void *user)
{
    struct cel_metrics_view view = {
        .runtime = &worker->runtime,
        .broker = worker->addresses.broker,
        .keys = worker->addresses.keys,
        .queues = worker->queues,
        .queue_count = worker->queue_count,
    };

    return cel_metrics_give(&view, ask_broker, write, user);
}
