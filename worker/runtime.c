#include "worker/runtime.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "celery_proto/redis/claim.h"
#include "worker/fork_server.h"
#include "worker/pool.h"
#include "worker/settings.h"
#include "worker/subtasks.h"
#include "worker/task_stats.h"

static enum celeriac_err open_fds(struct cel_runtime *runtime, struct celeriac_error *err)
{
    runtime->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    runtime->control_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (runtime->wake_fd < 0 || runtime->control_fd < 0)
        return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "cannot make an eventfd");
    return CELERIAC_OK;
}

static void copy_numbers(struct cel_runtime *runtime, const struct celeriac_worker_options *options)
{
    runtime->time_limit_us = (int64_t)(options->time_limit * (double)US_PER_SEC);
    runtime->soft_limit_us = (int64_t)(options->soft_time_limit * (double)US_PER_SEC);
    runtime->max_tasks_per_child = options->max_tasks_per_child;
    runtime->max_memory_per_child = options->max_memory_per_child;
    runtime->child_start_ns = (int64_t)(options->child_start_timeout * (double)NS_PER_SEC);
    runtime->unknown_task = options->unknown_task;
    runtime->inherit_priority = options->inherit_parent_priority;
    runtime->result_extended = options->result_extended;
    runtime->progress = options->progress;
    runtime->progress_user = options->progress_user;
}

static enum celeriac_err set_scale(struct cel_scale *scale,
                                   const struct celeriac_worker_options *options,
                                   struct celeriac_error *err)
{
    scale->keepalive_ns = (int64_t)(options->autoscale_keepalive * (double)NS_PER_SEC);
    if (options->autoscale_max == 0)
        return CELERIAC_OK;
    return cel_scale_set(scale, options->autoscale_max, options->autoscale_min, err);
}

static enum celeriac_err make_parts(struct cel_runtime *runtime,
                                    const struct cel_settings *settings)
{
    const struct celeriac_worker_options *options = &settings->options;
    size_t threads = options->autoscale_max ? options->autoscale_max : options->concurrency;
    size_t ready_max = cel_settings_window(settings, CEL_POOL_THREADS_MAX) + CEL_CLAIM_ROOM_MAX;
    enum celeriac_err code =
        cel_world_open(&runtime->texts, runtime->hostname, runtime->pid, options->default_queue,
                       (struct span){.ptr = runtime->id, .len = UUID_LEN}, &runtime->world);

    runtime->world.routes = settings->addresses.routes;
    if (code == CELERIAC_OK)
        code = cel_revoked_create(options->state_db, &runtime->revoked);
    if (code == CELERIAC_OK)
        code = cel_control_queues_init(&runtime->queues, settings->queues, settings->queue_count);
    if (code == CELERIAC_OK)
        code = cel_registry_create(&runtime->registry);
    if (code == CELERIAC_OK)
        code = cel_task_table_create(&runtime->task_table);
    if (code == CELERIAC_OK)
        code = cel_held_create(&runtime->held);
    if (code == CELERIAC_OK)
        code = cel_window_create(cel_settings_window(settings, threads), runtime->wake_fd,
                                 &runtime->window);
    if (code == CELERIAC_OK)
        code = cel_ready_queue_create(ready_max, &runtime->ready);
    if (code == CELERIAC_OK)
        code =
            cel_subtasks_create(&settings->addresses, options->result_expires, &runtime->subtasks);
    return code;
}

enum celeriac_err cel_runtime_open(struct cel_runtime *runtime, const struct cel_settings *settings,
                                   struct celeriac_error *err)
{
    enum celeriac_err code;

    *runtime = (struct cel_runtime){.pid = getpid(), .wake_fd = -1, .control_fd = -1};
    uuid_new(runtime->id);
    runtime->hostname = span_of(settings->options.hostname);
    copy_numbers(runtime, &settings->options);
    code = open_fds(runtime, err);
    if (code == CELERIAC_OK)
        code = set_scale(&runtime->scale, &settings->options, err);
    if (code)
        return code;
    code = make_parts(runtime, settings);
    if (code)
        return celeriac_error_set(err, code, "out of memory");
    return cel_registry_set_defaults(runtime->registry, &settings->options.task_defaults, err);
}

void cel_runtime_close(struct cel_runtime *runtime)
{
    cel_fork_server_destroy(runtime->fork_server);
    cel_subtasks_destroy(runtime->subtasks);
    cel_ready_queue_destroy(runtime->ready);
    cel_window_destroy(runtime->window);
    cel_held_destroy(runtime->held);
    cel_task_table_destroy(runtime->task_table);
    cel_control_queues_close(&runtime->queues);
    cel_registry_destroy(runtime->registry);
    cel_revoked_destroy(runtime->revoked);
    cel_world_close(&runtime->texts);
    if (runtime->control_fd >= 0)
        close(runtime->control_fd);
    if (runtime->wake_fd >= 0)
        close(runtime->wake_fd);
}

void cel_runtime_tell_tasks(struct cel_runtime *runtime)
{
    atomic_store(&runtime->stopping, true);
    if (runtime->fork_server)
        cel_fork_server_stopping(runtime->fork_server);
}

void cel_runtime_wake(const struct cel_runtime *runtime)
{
    const uint64_t one = 1;

    /* Fails only when the counter is full, and then the reader is awake already. */
    if (write(runtime->wake_fd, &one, sizeof one) < 0)
        return;
}
