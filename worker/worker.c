/* A worker's life, seen from the program that has it. See celeriac/worker.h. */
#include "celeriac/worker.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "worker/builtins.h"
#include "worker/consumer.h"
#include "worker/fork_server.h"
#include "worker/metrics.h"
#include "worker/parts.h"
#include "worker/runtime.h"
#include "worker/settings.h"

struct celeriac_worker {
    struct cel_settings settings;
    struct cel_runtime runtime;
    struct cel_parts parts; /* while it runs */
    int cold_fd;            /* eventfd; readable: stop cold */

    pthread_mutex_t lock; /* of what follows */
    bool running;
    enum celeriac_stop stop; /* 0: not asked to stop */
};

enum celeriac_err celeriac_worker_create(const struct celeriac_worker_options *options,
                                         struct celeriac_worker **worker,
                                         struct celeriac_error *err)
{
    struct celeriac_worker *w = mem_calloc(1, sizeof *w);
    enum celeriac_err code;

    if (!w)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    pthread_mutex_init(&w->lock, NULL);
    w->runtime.wake_fd = -1;
    w->runtime.control_fd = -1;
    w->cold_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->cold_fd < 0)
        code = celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "cannot make an eventfd");
    else
        code = cel_settings_open(options, &w->settings, err);
    if (code == CELERIAC_OK)
        code = cel_runtime_open(&w->runtime, &w->settings, err);
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
    cel_runtime_close(&worker->runtime);
    cel_settings_close(&worker->settings);
    if (worker->cold_fd >= 0)
        close(worker->cold_fd);
    pthread_mutex_destroy(&worker->lock);
    mem_free(worker);
}

enum celeriac_err celeriac_worker_register(struct celeriac_worker *worker,
                                           const struct celeriac_task_options *options,
                                           struct celeriac_error *err)
{
    return cel_registry_add(worker->runtime.registry, options, err);
}

/* When the program has registered its own: they may have taken a name. */
static enum celeriac_err add_builtins(struct celeriac_worker *worker, struct celeriac_error *err)
{
    return cel_builtins_add(worker->runtime.registry, worker->settings.addresses.backend != NULL,
                            err);
}

enum celeriac_err celeriac_worker_prefork(struct celeriac_worker *worker,
                                          struct celeriac_error *err)
{
    const struct celeriac_worker_options *options = &worker->settings.options;
    const int private_fds[] = {worker->cold_fd, worker->runtime.wake_fd,
                               worker->runtime.control_fd};
    const struct cel_child_plan plan = {.runtime = &worker->runtime,
                                        .start = options->child_start,
                                        .stop = options->child_stop,
                                        .user = options->child_user,
                                        .private_fds = private_fds,
                                        .private_count =
                                            sizeof private_fds / sizeof private_fds[0]};
    enum celeriac_err code;

    if (options->pool != CELERIAC_POOL_PREFORK)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "pool: tasks do not run in processes");
    if (worker->runtime.fork_server)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "pool: forked already");
    code = add_builtins(worker, err);
    return code ? code : cel_fork_server_create(&plan, &worker->runtime.fork_server, err);
}

static bool needs_prefork(const struct celeriac_worker *worker)
{
    return worker->settings.options.pool == CELERIAC_POOL_PREFORK && !worker->runtime.fork_server;
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
    code = needs_prefork(worker) ? celeriac_worker_prefork(worker, err) : add_builtins(worker, err);
    if (code)
        return code;
    code = cel_parts_start(&worker->parts, &worker->settings, &worker->runtime, worker, err);
    /* Asked to stop while the broker was waited for: there was nothing to stop yet. */
    if (code == CELERIAC_ERR_SHUTDOWN)
        code = CELERIAC_OK;
    if (code == CELERIAC_OK && begin_running(worker)) {
        log_info("worker", "ready", LOG_STR("hostname", worker->settings.options.hostname),
                 LOG_INT("concurrency", worker->settings.options.concurrency),
                 LOG_INT("queues", worker->settings.queue_count));
        code = cel_consumer_run(worker->runtime.consumer, err);
    }
    if (atomic_load(&worker->runtime.pool_lost))
        code = celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "the fork server is gone");
    end_running(worker);
    if (!cel_parts_stop(&worker->parts, &worker->runtime, worker->cold_fd))
        return celeriac_error_set(err, CELERIAC_ERR_SHUTDOWN,
                                  "stopped while tasks were running; their messages were returned");
    cel_parts_release(&worker->parts, &worker->runtime);
    return code;
}

void celeriac_worker_stop(struct celeriac_worker *worker, enum celeriac_stop mode)
{
    const uint64_t one = 1;

    cel_runtime_tell_tasks(&worker->runtime);
    pthread_mutex_lock(&worker->lock);
    if (worker->stop < mode)
        worker->stop = mode;
    if (worker->running)
        cel_consumer_stop(worker->runtime.consumer);
    else
        cel_runtime_wake(&worker->runtime);
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
    struct cel_control_queues queues;
    enum celeriac_err code = cel_control_queues_copy(&worker->runtime.queues, &queues);
    struct cel_metrics_view view = {
        .runtime = &worker->runtime,
        .broker = worker->settings.addresses.broker,
        .keys = worker->settings.addresses.keys,
    };

    if (code)
        return code;
    view.queues = (const char *const *)queues.names;
    view.queue_count = queues.count;
    code = cel_metrics_give(&view, ask_broker, write, user);
    cel_control_queues_close(&queues);
    return code;
}
