/*
 * Tasks: how a C function becomes a Celery task, and what it sees while it runs.
 *
 * A task is plain blocking C. It reads its arguments, does its work, and says how it ended by one
 * of the outcome calls below; a task that calls none of them succeeded with null, like a Python
 * function without a return statement. If several are called the last one counts.
 *
 *     static void add(struct celeriac_task *task, void *user)
 *     {
 *         int64_t x, y;
 *         if (celeriac_task_arg_int(task, 0, "x", &x) || celeriac_task_arg_int(task, 1, "y", &y))
 *             return;
 *         celeriac_task_return_int(task, x + y);
 *     }
 *
 * Threads: a task function runs on one of the worker's task threads (256 KiB of stack if worker.h's
 * task_stack says nothing else, 8 MiB in celeriac-worker -A), or in the only thread of a child
 * process, and may block as long as it likes.
 * Several executions of the same function run at the same time, so `user` must be safe for that. A
 * struct celeriac_task belongs to the thread that was called with it and is gone when the function
 * returns.
 */
#ifndef CELERIAC_TASK_H
#define CELERIAC_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "celeriac/bytes.h"
#include "celeriac/client.h"
#include "celeriac/error.h"
#include "celeriac/signature.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One execution of a task. */
struct celeriac_task;

/* A task's code. user is what celeriac_task_options held. */
typedef void celeriac_task_fn(struct celeriac_task *task, void *user);

/* Values of max_retries besides positive numbers. */
#define CELERIAC_RETRIES_DEFAULT 0      /* 3, celery/app/task.py: Task.max_retries */
#define CELERIAC_RETRIES_UNLIMITED (-1) /* Python's max_retries=None */
#define CELERIAC_RETRIES_NONE (-2)      /* Python's max_retries=0 */

/*
 * Value of an option of the type signed char: no, whatever the worker's task_defaults say
 * (celeriac/worker.h). 1 or true is yes, 0 is what they say, which is no when nobody has set them.
 */
#define CELERIAC_NO (-1)

/*
 * How a task behaves; all zero means Celery's defaults (celery/app/task.py). Strings are copied
 * when the task is registered.
 */
struct celeriac_task_options {
    const char *name; /* as producers call it, e.g. "shop.tasks.add"; required, 1 to 255 bytes */
    celeriac_task_fn *run; /* required */
    void *user;            /* handed to run; must outlive the worker */

    int max_retries;              /* executions beyond the first, or a constant above */
    bool autoretry;               /* every failure is retried: autoretry_for=(Exception,) */
    unsigned retry_backoff;       /* seconds of the first backoff step; 0 = no backoff */
    unsigned retry_backoff_max;   /* seconds; 0 = 600 */
    bool retry_without_jitter;    /* Python's retry_jitter=False */
    unsigned default_retry_delay; /* seconds between retries without backoff; 0 = 180 */

    signed char acks_late;     /* acknowledge after the outcome is recorded, not when it starts */
    signed char ignore_result; /* store no result unless the message asks for it */
    signed char track_started; /* store STARTED when execution begins */

    /*
     * Limits, in seconds; 0 means none. What the message says counts before them. At the soft limit
     * celeriac_task_soft_limit_exceeded() becomes true. At the hard limit the task is in state
     * FAILURE with TimeLimitExceeded, whatever it does later; its thread is replaced. A child
     * process gets SIGUSR1 at the soft limit, which by default only interrupts what it waits in
     * (EINTR), and at the hard limit SIGTERM and 0.1 s later SIGKILL.
     */
    double time_limit;
    double soft_time_limit;
    signed char requeue_on_timeout; /* with acks_late: at the hard limit the message goes back to
                                       its queue instead (Python's acks_on_timeout=False) */
    const char *rate_limit; /* starts by one worker: "10/s", "100/m", "2/h"; "": no limit; NULL: as
                               task_defaults say */
    /*
     * With acks_late, when tasks run in child processes and this one's has died: the message goes
     * back to its queue, and no failure with WorkerLostError is recorded. A task that kills its
     * process each time is then never done with.
     */
    signed char reject_on_worker_lost;
    signed char store_errors_even_if_ignored; /* failures are stored also without results */
};

/* An exception as Python will see it. Borrowed for the call. */
struct celeriac_exception {
    const char *type; /* class name, e.g. "ValueError"; NULL means "Exception" */
    const char
        *module; /* e.g. "builtins", NULL means that; never the name of something else there */
    const char *message; /* its only argument, UTF-8; NULL means none */
};

/* What the message says. Bytes live as long as the task and are NUL-terminated. */
CELERIAC_PUBLIC struct celeriac_bytes celeriac_task_id(const struct celeriac_task *task);
CELERIAC_PUBLIC struct celeriac_bytes celeriac_task_name(const struct celeriac_task *task);

/* Attempts made before this one: 0 in the first execution (request.retries). */
CELERIAC_PUBLIC unsigned celeriac_task_retries(const struct celeriac_task *task);

/* The message was delivered before and came back (delivery_info.redelivered). */
CELERIAC_PUBLIC bool celeriac_task_redelivered(const struct celeriac_task *task);

/* The arguments as JSON text: an array and an object. They live as long as the task. */
CELERIAC_PUBLIC struct celeriac_bytes celeriac_task_args(const struct celeriac_task *task);
CELERIAC_PUBLIC struct celeriac_bytes celeriac_task_kwargs(const struct celeriac_task *task);

/*
 * One argument, by position or else by keyword, as Python binds `def task(x, y)`. name may be NULL
 * (positional only) and position may be negative (keyword only). Positions count from 0.
 *
 * CELERIAC_ERR_NOT_FOUND when it was not given, CELERIAC_ERR_VALUE when it has another type or was
 * given twice, CELERIAC_ERR_LIMIT for an integer beyond 64 bits; the value is then untouched, and
 * the task's outcome already the exception that a Python function would have raised, such as
 * TypeError("add() missing 1 required positional argument: 'y'"), so that a task can simply return.
 * An optional argument is left at its default, and the next outcome call counts instead. Text is
 * decoded UTF-8 without its quotes, NUL-terminated, and lives as long as the task; text with a NUL
 * inside or a lone surrogate is CELERIAC_ERR_VALUE.
 */
CELERIAC_PUBLIC enum celeriac_err celeriac_task_arg_text(
    struct celeriac_task *task, int position, const char *name,
    struct celeriac_bytes *text) CELERIAC_MUST_CHECK;
CELERIAC_PUBLIC enum celeriac_err celeriac_task_arg_int(struct celeriac_task *task, int position,
                                                        const char *name,
                                                        int64_t *value) CELERIAC_MUST_CHECK;
CELERIAC_PUBLIC enum celeriac_err celeriac_task_arg_double(struct celeriac_task *task, int position,
                                                           const char *name,
                                                           double *value) CELERIAC_MUST_CHECK;
CELERIAC_PUBLIC enum celeriac_err celeriac_task_arg_bool(struct celeriac_task *task, int position,
                                                         const char *name,
                                                         bool *value) CELERIAC_MUST_CHECK;
/* Any type, as JSON text; never sets the outcome. */
CELERIAC_PUBLIC enum celeriac_err celeriac_task_arg_json(
    struct celeriac_task *task, int position, const char *name,
    struct celeriac_bytes *json) CELERIAC_MUST_CHECK;

/*
 * Outcome: success. The JSON text must be one valid JSON value; anything else makes the task fail
 * with kombu.exceptions.EncodeError, as an unserialisable Python value would. Copied.
 */
CELERIAC_PUBLIC void celeriac_task_return_json(struct celeriac_task *task, const char *json,
                                               size_t len);
CELERIAC_PUBLIC void celeriac_task_return_text(struct celeriac_task *task, const char *text);
CELERIAC_PUBLIC void celeriac_task_return_int(struct celeriac_task *task, int64_t value);
CELERIAC_PUBLIC void celeriac_task_return_double(struct celeriac_task *task, double value);
CELERIAC_PUBLIC void celeriac_task_return_bool(struct celeriac_task *task, bool value);
CELERIAC_PUBLIC void celeriac_task_return_null(struct celeriac_task *task);

/*
 * Outcome: an exception left the task. With autoretry it is retried while retries are left, else
 * the task is in state FAILURE with this exception.
 */
CELERIAC_PUBLIC void celeriac_task_fail(struct celeriac_task *task,
                                        const struct celeriac_exception *exception);

/*
 * Outcome: Task.retry(): run again after countdown seconds (negative: the backoff or default delay
 * of the task), because of exception (may be NULL). When no retries are left the task fails with
 * it, or with MaxRetriesExceededError when it is NULL.
 */
CELERIAC_PUBLIC void celeriac_task_retry(struct celeriac_task *task, int64_t countdown,
                                         const struct celeriac_exception *exception);

/* Outcome: celery.exceptions.Ignore: no result is stored. */
CELERIAC_PUBLIC void celeriac_task_ignore(struct celeriac_task *task);

/* Outcome: celery.exceptions.Reject: no result; the message is dropped, or put back if it is
 * unacked. */
CELERIAC_PUBLIC void celeriac_task_reject(struct celeriac_task *task, bool requeue);

/*
 * Outcome: not now. What the task needs (a database, a lock) is away. The message stays with this
 * worker and runs again after `seconds`, with the same retry count and without any trace in the
 * result backend; when the worker stops before, it goes back to the front of its queue. That needs
 * a message that is still held: without acks_late it is a retry after `seconds` instead.
 */
CELERIAC_PUBLIC void celeriac_task_postpone(struct celeriac_task *task, double seconds);

/*
 * Task.update_state(): stores a state of the task's own, such as "PROGRESS", with meta, for those
 * who look at its result meanwhile: in Python AsyncResult.state and .info. Takes no time; a state
 * that could not be written yet gives way to the next. meta_json is one JSON value, NULL null.
 * Stored also when the task's result is not. CELERIAC_ERR_VALUE for what is no JSON and for the
 * states that only the end of a task has (SUCCESS, FAILURE, REVOKED, RETRY); _LIMIT above 12 MiB;
 * _MEMORY.
 */
CELERIAC_PUBLIC enum celeriac_err celeriac_task_update_state(
    struct celeriac_task *task, const char *state, const char *meta_json,
    struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Sends other tasks from within this one: celeriac_client_send() (celeriac/client.h) over the
 * worker's connection, with this task as parent, its root, the worker's default queue, and ids in
 * `children` of this task's result. Threads take turns. To wait for a result inside of a task is
 * asking for a deadlock; give the sub-task a link, or send a canvas.
 */
CELERIAC_PUBLIC enum celeriac_err celeriac_task_send(
    struct celeriac_task *task, const struct celeriac_send *sends, size_t count,
    char (*ids)[CELERIAC_TASK_ID_SIZE], struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* The same for a canvas: celeriac_client_apply() (celeriac/signature.h). */
CELERIAC_PUBLIC enum celeriac_err celeriac_task_apply(
    struct celeriac_task *task, const struct celeriac_signature *signature, char *id,
    struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Whether the worker is stopping: long tasks may end early, with celeriac_task_postpone(). Any
 * thread. */
CELERIAC_PUBLIC bool celeriac_task_stopping(const struct celeriac_task *task);

/*
 * Whether the task has run into its soft time limit: where Python raises SoftTimeLimitExceeded in
 * the middle of the task, a C task asks now and then, cleans up, and ends; by failing with type
 * "SoftTimeLimitExceeded" of module "billiard.exceptions" if it has nothing better to say. Any
 * thread, while the task runs.
 */
CELERIAC_PUBLIC bool celeriac_task_soft_limit_exceeded(const struct celeriac_task *task);

#ifdef __cplusplus
}
#endif
#endif
