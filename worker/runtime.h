/*
 * What the threads of one worker share. Everything but the counters and the flags is set before the
 * first thread starts and constant afterwards, or is safe for any thread by itself.
 */
#ifndef WORKER_RUNTIME_H
#define WORKER_RUNTIME_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/uuid.h"
#include "celeriac/worker.h"
#include "celery_proto/codec/canvas.h"
#include "worker/control_queues.h"
#include "worker/held.h"
#include "worker/rate.h"
#include "worker/ready_queue.h"
#include "worker/registry.h"
#include "worker/revoked.h"
#include "worker/scale.h"
#include "worker/window.h"
#include "worker/world.h"

struct cel_settler;
struct cel_consumer;
struct cel_events;
struct cel_fork_server;
struct cel_live;
struct cel_pool;
struct cel_settings;
struct cel_subtasks;
struct cel_task_table;

/* Counters, see struct celeriac_worker_stats. */
struct cel_counters {
    atomic_uint_fast64_t received, started, succeeded, failed, retried, postponed, revoked,
        restored, quarantined, results_dropped;
    atomic_uint active, waiting;
};

struct cel_runtime {
    char id[UUID_SIZE];   /* of this worker process, for its lease */
    struct span hostname; /* node name; NUL-terminated; the settings' */
    int64_t pid;
    struct cel_canvas_context world;  /* what messages that follow tasks have in common */
    struct cel_world texts;           /* that it points to */
    int64_t time_limit_us;            /* of tasks that have none; 0: none */
    int64_t soft_limit_us;            /* likewise */
    bool result_extended;             /* records say more about their tasks */
    bool inherit_priority;            /* task_inherit_parent_priority */
    struct cel_control_queues queues; /* consumed now; the control thread changes them */
    struct cel_registry *registry;
    struct cel_rates *rates;     /* while running */
    struct cel_revoked *revoked; /* ids and stamps that shall not be started */
    struct cel_ready_queue *ready;
    struct cel_window *window;
    struct cel_held *held; /* the requests that exist */
    struct cel_settler *settler;
    struct cel_consumer *consumer;
    struct cel_pool *pool;
    struct cel_fork_server *fork_server; /* -P prefork; NULL: tasks run in threads */
    unsigned max_tasks_per_child;        /* 0: any number */
    int64_t max_memory_per_child;        /* KiB; 0: any amount */
    int64_t child_start_ns;              /* how long the start of a child may take */
    atomic_uint pool_generation;         /* children of earlier ones are replaced */
    atomic_uint_fast64_t jobs;           /* executions in children, which WorkerLostError counts */
    atomic_bool pool_lost;               /* the fork server is gone */
    struct cel_task_table *task_table;   /* for metrics */
    struct cel_scale scale;              /* --autoscale */
    atomic_size_t threads;               /* task threads that there are to be */
    atomic_uint turns; /* of the consumer's loop: it moves as long as the consumer lives */
    struct cel_subtasks *subtasks; /* for tasks that send others */
    struct cel_events *events;     /* for monitors; sent by the control thread */
    struct cel_live *live;         /* what remote control shows */
    int wake_fd;                   /* eventfd that wakes the consumer */
    int control_fd;                /* eventfd that wakes the control thread */
    enum celeriac_unknown_task unknown_task;
    void (*progress)(void *user, bool consuming); /* see struct celeriac_worker_options; or NULL */
    void *progress_user;
    atomic_bool stopping;          /* what celeriac_task_stopping() shows */
    atomic_bool evicted;           /* we were declared dead: nothing claimed before now is ours */
    atomic_uint_fast64_t answered; /* see struct cel_maintainer_options */
    struct cel_counters counters;
};

/* Adds one to a counter; relaxed, because nothing is ordered by counters. */
#define CEL_COUNT(runtime, name) \
    atomic_fetch_add_explicit(&(runtime)->counters.name, 1, memory_order_relaxed)

/*
 * Makes what exists also while the worker does not run, from settings, which must outlive it. The
 * pointers to what is made at the start stay NULL. CELERIAC_ERR_MEMORY, CELERIAC_ERR_SYSTEM,
 * CELERIAC_ERR_VALUE for a bad default of tasks; on failure close it all the same.
 */
enum celeriac_err cel_runtime_open(struct cel_runtime *runtime, const struct cel_settings *settings,
                                   struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Releases that. Of one that was never opened only the descriptors count: -1 each. */
void cel_runtime_close(struct cel_runtime *runtime);

/* Shows the tasks that the worker stops, also those in child processes. Any thread. */
void cel_runtime_tell_tasks(struct cel_runtime *runtime);

/* Wakes the consumer out of its wait. Any thread. */
void cel_runtime_wake(const struct cel_runtime *runtime);

#endif
