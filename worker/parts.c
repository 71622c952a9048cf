#include "worker/parts.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "worker/consumer.h"
#include "worker/events.h"
#include "worker/live.h"
#include "worker/pool.h"
#include "worker/purge.h"
#include "worker/settler.h"

/* How long a stopping worker tries to reach Redis before it leaves the rest to its peers. */
#define WARM_WRITE_NS (10 * NS_PER_SEC)
#define WARM_LEAVE_NS (5 * NS_PER_SEC)
#define COLD_WRITE_NS (1 * NS_PER_SEC)
#define COLD_LEAVE_NS (2 * NS_PER_SEC)

static struct cel_result_store_options results_of(const struct cel_settings *settings)
{
    return (struct cel_result_store_options){
        .conn = cel_to_backend(&settings->addresses, "celeriac-results"),
        .keys = settings->addresses.keys,
        .expires = settings->options.result_expires,
        .keep = settings->options.result_keep,
    };
}

static enum celeriac_err start_settler(const struct cel_settings *settings,
                                       struct cel_runtime *runtime, struct celeriac_error *err)
{
    struct cel_finisher_options options = {
        .conn = cel_to_broker(&settings->addresses, "celeriac-finish"),
        .keys = settings->addresses.keys,
        .worker_id = runtime->id,
        .results = results_of(settings),
    };

    return cel_settler_create(&options, settings->options.chord_unordered, runtime,
                              &runtime->settler, err);
}

static enum celeriac_err start_consumer(struct cel_parts *parts,
                                        const struct cel_settings *settings,
                                        struct cel_runtime *runtime, struct celeriac_error *err)
{
    size_t count = cel_registry_count(runtime->registry);
    const struct span *names = cel_registry_names(runtime->registry);
    struct cel_claimer_options options = {
        .conn = cel_to_broker(&settings->addresses, "celeriac-claim"),
        .keys = settings->addresses.keys,
        .worker_id = runtime->id,
        .queues = settings->queues,
        .queue_count = settings->queue_count,
        .order = cel_transport_queue_order(settings->addresses.broker_options),
    };

    if (settings->options.unknown_task == CELERIAC_UNKNOWN_LEAVE) {
        parts->tasks = mem_calloc(count + 1, sizeof(char *));
        if (!parts->tasks)
            return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
        for (size_t i = 0; i < count; i++)
            parts->tasks[i] = names[i].ptr;
        options.tasks = parts->tasks;
        options.task_count = count;
    }
    return cel_consumer_create(&options, runtime, settings->options.eta_task_limit,
                               &runtime->consumer, err);
}

static enum celeriac_err start_keeper(struct cel_parts *parts, const struct cel_settings *settings,
                                      struct cel_runtime *runtime, struct celeriac_error *err)
{
    struct cel_maintainer_options options = {
        .conn = cel_to_broker(&settings->addresses, "celeriac-keep"),
        .keys = settings->addresses.keys,
        .worker_id = runtime->id,
        .worker_name = settings->options.hostname,
        .visibility_timeout = settings->options.visibility_timeout,
        .answered = &runtime->answered,
    };

    if (options.visibility_timeout == 0)
        options.visibility_timeout =
            cel_transport_visibility_timeout(settings->addresses.broker_options);

    return cel_keeper_create(&options, runtime, &parts->keeper, err);
}

static enum celeriac_err start_events(const struct cel_settings *settings,
                                      struct cel_runtime *runtime, struct celeriac_error *err)
{
    struct cel_events_options options = {
        .hostname = runtime->hostname,
        .pid = runtime->pid,
        .everything = settings->options.task_events,
        .wake_fd = runtime->control_fd,
    };
    enum celeriac_err code = cel_events_create(&options, &runtime->events);

    if (code == CELERIAC_OK)
        code = cel_live_create(&runtime->live);
    return code ? celeriac_error_set(err, code, "out of memory") : CELERIAC_OK;
}

static enum celeriac_err start_control(struct cel_parts *parts, const struct cel_settings *settings,
                                       struct cel_runtime *runtime, struct celeriac_worker *worker,
                                       struct celeriac_error *err)
{
    struct cel_control_options options = {
        .conn = cel_to_broker(&settings->addresses, "celeriac-control"),
        .keys = settings->addresses.keys,
        .settings = &settings->options,
        .broker = settings->addresses.broker,
        .backend = settings->addresses.backend,
        .results = &parts->results,
        .worker = worker,
    };

    parts->results = results_of(settings);
    return cel_control_create(&options, runtime, &parts->control, err);
}

enum celeriac_err cel_parts_start(struct cel_parts *parts, const struct cel_settings *settings,
                                  struct cel_runtime *runtime, struct celeriac_worker *worker,
                                  struct celeriac_error *err)
{
    enum celeriac_err code = CELERIAC_OK;

    if (cel_registry_count(runtime->registry) == 0)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "no task is registered");
    code = cel_revoked_load(runtime->revoked, clock_wall_us(), err);
    if (code == CELERIAC_OK && settings->options.purge)
        code = cel_purge(settings, runtime, err);
    if (code == CELERIAC_OK &&
        cel_rates_create(runtime->registry, settings->options.disable_rate_limits, &runtime->rates))
        code = celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    if (code == CELERIAC_OK)
        code = start_events(settings, runtime, err);
    if (code == CELERIAC_OK)
        code = start_settler(settings, runtime, err);
    if (code == CELERIAC_OK)
        code = start_consumer(parts, settings, runtime, err);
    if (code == CELERIAC_OK)
        code = cel_pool_create(runtime, settings->options.concurrency, settings->options.task_stack,
                               &runtime->pool, err);
    if (code == CELERIAC_OK)
        code = start_keeper(parts, settings, runtime, err);
    if (code == CELERIAC_OK)
        code = start_control(parts, settings, runtime, worker, err);
    return code;
}

static void save_revoked(struct cel_runtime *runtime)
{
    struct celeriac_error err = {0};

    if (cel_revoked_save(runtime->revoked, &err))
        log_error("worker", "revoked ids could not be saved", LOG_ERR(&err));
}

bool cel_parts_stop(struct cel_parts *parts, struct cel_runtime *runtime, int cold_fd)
{
    bool ended = true;

    cel_runtime_tell_tasks(runtime);
    cel_ready_queue_close(runtime->ready);
    if (runtime->pool)
        ended = cel_pool_join(runtime->pool, cold_fd);
    if (runtime->settler)
        cel_settler_stop(runtime->settler, ended ? WARM_WRITE_NS : COLD_WRITE_NS);
    if (parts->control)
        cel_control_stop(parts->control);
    save_revoked(runtime);
    if (parts->keeper)
        cel_keeper_leave(parts->keeper, ended ? WARM_LEAVE_NS : COLD_LEAVE_NS);
    return ended;
}

void cel_parts_release(struct cel_parts *parts, struct cel_runtime *runtime)
{
    struct cel_request *request;

    cel_control_destroy(parts->control);
    while ((request = cel_ready_queue_take(runtime->ready)))
        cel_request_destroy(request);
    cel_pool_destroy(runtime->pool);
    cel_settler_destroy(runtime->settler);
    cel_consumer_destroy(runtime->consumer);
    cel_keeper_destroy(parts->keeper);
    cel_live_destroy(runtime->live);
    cel_events_destroy(runtime->events);
    cel_rates_destroy(runtime->rates);
    mem_free(parts->tasks);
    *parts = (struct cel_parts){0};
    runtime->pool = NULL;
    runtime->live = NULL;
    runtime->events = NULL;
    runtime->settler = NULL;
    runtime->consumer = NULL;
    runtime->rates = NULL;
}
