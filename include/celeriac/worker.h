/*
 * A Celery worker inside your program: register tasks, run, stop.
 *
 *     struct celeriac_worker *worker = NULL;
 *     struct celeriac_worker_options options = {.broker_url = "redis://127.0.0.1:6379/0"};
 *     if (celeriac_worker_create(&options, &worker, &err) == CELERIAC_OK &&
 *         celeriac_worker_register(worker, &add_options, &err) == CELERIAC_OK)
 *         code = celeriac_worker_run(worker, &err);
 *     celeriac_worker_destroy(worker);
 *
 * The worker shares its queues with Python workers: messages wait in kombu's own `unacked`
 * structures while they are held, so either side restores the other's.
 *
 * Threads: one thread makes a worker, registers, runs and destroys it. While it runs any thread may
 * stop it, read its counters and ask for its metrics. Tasks run on threads of the worker's own.
 */
#ifndef CELERIAC_WORKER_H
#define CELERIAC_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "celeriac/error.h"
#include "celeriac/task.h"

#ifdef __cplusplus
extern "C" {
#endif

struct celeriac_worker;

/* What happens to a message of a task that is not registered here. */
enum celeriac_unknown_task {
    CELERIAC_UNKNOWN_LEAVE = 0, /* it stays in the queue for somebody else (our default) */
    CELERIAC_UNKNOWN_FAIL = 1   /* as Celery: NotRegistered is stored and the message deleted */
};

/* Where tasks run: -P of `celery worker`. */
enum celeriac_pool {
    CELERIAC_POOL_THREADS = 0, /* in threads of this process: fast and small (our default) */
    CELERIAC_POOL_PREFORK = 1  /* each in a child process, for code that may hang or crash: see
                                  celeriac_worker_prefork() */
};

/*
 * Celery's settings task_acks_late and the like: what tasks do that do not say it themselves (see
 * CELERIAC_NO in celeriac/task.h). All zero means Celery's defaults.
 */
struct celeriac_task_defaults {
    bool acks_late;
    bool ignore_result;
    bool track_started;
    bool store_errors_even_if_ignored;
    bool requeue_on_timeout; /* task_acks_on_timeout=False */
    bool reject_on_worker_lost;
    const char *rate_limit; /* "10/s", "100/m", "2/h"; NULL: none */
};

/* All zero means defaults. Strings are copied by celeriac_worker_create(). */
struct celeriac_worker_options {
    const char *broker_url;     /* redis://... as kombu spells it; NULL: redis://127.0.0.1:6379/0 */
    const char *result_backend; /* redis://...; NULL: the broker; "disabled://": no results */
    /*
     * kombu's and Celery's settings of these names, as JSON text; what each key does is in
     * docs/transport.md. NULL: none. global_keyprefix below wins over the one in the options.
     */
    const char *broker_transport_options;
    const char *result_backend_transport_options; /* NULL: none */
    const char *broker_use_ssl;                   /* ssl_* keys; makes redis:// URLs speak TLS */
    const char *redis_backend_use_ssl;            /* the same for the result backend */
    const char *broker_failover_strategy;         /* "round-robin" (the default) or "shuffle" */
    const char *hostname; /* node name; %h host, %n name, %d domain; NULL: celery@%h */
    const char *queues;   /* comma-separated; NULL: "celery" */
    unsigned concurrency; /* task threads or processes, 1 to 4096; 0: number of CPUs */
    /*
     * --autoscale: with a maximum (up to 4096) the number of task threads follows the load between
     * the two, and concurrency does not count. 0: it stays as it is.
     */
    unsigned autoscale_max, autoscale_min;
    double autoscale_keepalive;   /* seconds without a new task, then surplus threads go; 0: 30 */
    unsigned prefetch_multiplier; /* messages held per task thread; 0: 4 */
    bool prefetch_unlimited;      /* hold as many as there are (up to 65,536) */
    size_t task_stack;            /* bytes of a task thread's stack; 0: 256 KiB */
    unsigned visibility_timeout;  /* seconds after which peers restore what we hold; 0: 3600 */
    unsigned result_expires;      /* seconds; 0: 86400 */
    bool result_keep;             /* results never expire (result_expires=None) */
    enum celeriac_unknown_task unknown_task;
    const char *global_keyprefix; /* kombu's transport option of that name; NULL: none */
    unsigned eta_task_limit;   /* worker_eta_task_limit: with so many messages waiting for their eta
                                  nothing more is taken; 0: 1,000,000 */
    const char *default_queue; /* task_default_queue: where callbacks, chain steps and chord bodies
                                  go that name no queue; NULL: "celery" */
    const char *task_routes;   /* task_routes as JSON text: where they go by their names, as well as
                                  what tasks send (docs/settings.md); NULL: none */
    bool inherit_parent_priority; /* task_inherit_parent_priority: they take the task's priority */
    bool result_extended; /* result_extended: records say name, arguments, worker, queue, stamps */
    double time_limit;    /* --time-limit: hard limit of tasks that have none, seconds; 0: none */
    double soft_time_limit; /* --soft-time-limit: likewise */
    bool chord_unordered;   /* result_chord_ordered false, as all who share chords must have it */
    const char *state_db;   /* --statedb: file that keeps revoked ids over a restart; NULL: none */
    /*
     * Called by the consumer's own thread after each turn of its loop: about every two seconds
     * when there is nothing to do, and after at most a few seconds when the broker does not answer.
     * While the calls come the worker is alive; `consuming` says whether it can take messages,
     * which it cannot while the broker is away. The call ends with celeriac_worker_stop(). It must
     * not block. NULL: nobody wants to know.
     */
    void (*progress)(void *user, bool consuming);
    void *progress_user;
    bool task_events;          /* send task events to monitors: -E of `celery worker` */
    bool without_mingle;       /* do not ask peers for revoked ids at the start */
    bool without_gossip;       /* do not listen to other workers' events */
    bool without_heartbeat;    /* send no worker-online, -heartbeat and -offline events */
    double heartbeat_interval; /* seconds between heartbeats, 0.1 to 3600; 0: 2 */
    enum celeriac_pool pool;   /* concurrency counts its threads or its child processes */
    /*
     * For child processes. A child is replaced after so many tasks, or when it has had more memory
     * resident than that (KiB); 0: never.
     */
    unsigned max_tasks_per_child;
    unsigned max_memory_per_child;
    bool
        pool_restarts; /* worker_pool_restarts: the remote command pool_restart replaces children */
    /*
     * Called in each child process before its first task, and when it is sent home; what needs
     * threads or connections of its own is opened here. A start that fails is logged, and repeated
     * in a new child after a second, then after pauses that grow to ten; requests wait for it.
     * NULL: nothing.
     */
    enum celeriac_err (*child_start)(void *user, struct celeriac_error *err);
    void (*child_stop)(void *user);
    void *child_user; /* handed to both; as it was when the process was forked */
    struct celeriac_task_defaults task_defaults;
    bool disable_rate_limits;    /* worker_disable_rate_limits: no task has one */
    bool without_remote_control; /* worker_enable_remote_control=False: no command is taken */
    bool purge; /* --purge: messages that wait in the queues at the start are deleted */
    /*
     * worker_proc_alive_timeout: a child whose start takes longer than so many seconds is killed,
     * and counts as one whose start failed; 0: 60, at most 86,400.
     */
    double child_start_timeout;
};

/* How a worker stops. */
enum celeriac_stop {
    CELERIAC_STOP_WARM = 1, /* finish what runs, return the rest to the front of its queue */
    CELERIAC_STOP_COLD = 2  /* return everything at once; running late-acked tasks too */
};

/*
 * Makes a worker; nothing is connected or started yet. CELERIAC_ERR_VALUE, _SYNTAX, _LIMIT and
 * _UNSUPPORTED begin with the bad option's name ("task_routes: ..."). The caller destroys it.
 */
CELERIAC_PUBLIC enum celeriac_err celeriac_worker_create(
    const struct celeriac_worker_options *options, struct celeriac_worker **worker,
    struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Bytes of the longest node name with its NUL. */
#define CELERIAC_NODENAME_SIZE 201

/*
 * The node name that a worker with this `hostname` option has, into name. CELERIAC_ERR_VALUE or
 * _LIMIT for a bad pattern, CELERIAC_ERR_SYSTEM, CELERIAC_ERR_MEMORY.
 */
CELERIAC_PUBLIC enum celeriac_err celeriac_worker_nodename(
    const char *hostname, char name[CELERIAC_NODENAME_SIZE],
    struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Releases a worker that is not running; worker may be NULL. */
CELERIAC_PUBLIC void celeriac_worker_destroy(struct celeriac_worker *worker);

/* Adds a task; before celeriac_worker_run(). CELERIAC_ERR_EXISTS when the name is taken. */
CELERIAC_PUBLIC enum celeriac_err celeriac_worker_register(
    struct celeriac_worker *worker, const struct celeriac_task_options *options,
    struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * For CELERIAC_POOL_PREFORK: forks the process from which all child processes will be forked. Call
 * it after the last celeriac_worker_register() and before the program starts its first thread,
 * since a process with threads cannot be forked safely; from a thread that lives as long as the
 * worker, as its children die with it. Children have what was there at that time: memory,
 * descriptors, no threads. celeriac_worker_run() does it when it was not done before.
 * CELERIAC_ERR_VALUE when there are threads already, or another pool was chosen, or it was called
 * before; CELERIAC_ERR_SYSTEM, CELERIAC_ERR_MEMORY.
 */
CELERIAC_PUBLIC enum celeriac_err celeriac_worker_prefork(
    struct celeriac_worker *worker, struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Runs until celeriac_worker_stop(); the calling thread becomes the consumer. An unreachable broker
 * is waited for, not an error. Returns CELERIAC_OK after a warm stop, CELERIAC_ERR_SHUTDOWN after a
 * cold one: task threads may then still be inside task code and the process should exit at once,
 * without celeriac_worker_destroy(). Other codes: the worker could not start, or has lost the
 * process that forks its children (CELERIAC_ERR_SYSTEM).
 */
CELERIAC_PUBLIC enum celeriac_err celeriac_worker_run(
    struct celeriac_worker *worker, struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Asks the worker to stop; a cold stop overrides a warm one in progress. Returns at once; no
 * further execution begins from then on. Any thread; not from a signal handler.
 */
CELERIAC_PUBLIC void celeriac_worker_stop(struct celeriac_worker *worker, enum celeriac_stop mode);

/* Counters since start; a consistent snapshot is not promised between fields. */
struct celeriac_worker_stats {
    uint64_t received;        /* messages claimed */
    uint64_t started;         /* executions begun */
    uint64_t succeeded;       /* SUCCESS */
    uint64_t failed;          /* FAILURE */
    uint64_t retried;         /* RETRY */
    uint64_t postponed;       /* celeriac_task_postpone() */
    uint64_t revoked;         /* expired before execution */
    uint64_t restored;        /* messages of dead peers put back into their queues */
    uint64_t quarantined;     /* messages that could not be understood */
    uint64_t results_dropped; /* results that could not be written for too long */
    unsigned active;          /* executions right now */
    unsigned waiting;         /* messages waiting for their eta */
    unsigned threads;         /* task threads */
};

/* Reads the counters. Any thread. */
CELERIAC_PUBLIC void celeriac_worker_get_stats(const struct celeriac_worker *worker,
                                               struct celeriac_worker_stats *stats);

/*
 * Gives `write` one text with metrics in Prometheus' exposition format 0.0.4: those of the tasks
 * and the worker, under the names that celery-exporter uses, and with ask_broker the lengths of the
 * queues, for which the broker is asked (for up to about two seconds when it does not answer;
 * without its answer they are left out). CELERIAC_ERR_MEMORY or _LIMIT, and nothing was written.
 * Any thread, from celeriac_worker_create() to celeriac_worker_destroy().
 */
CELERIAC_PUBLIC enum celeriac_err celeriac_worker_metrics(
    struct celeriac_worker *worker, bool ask_broker,
    void (*write)(void *user, const char *text, size_t len), void *user) CELERIAC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
