/*
 * One execution as the task sees it: the inside of struct celeriac_task.
 *
 * A task thread owns one context and uses it for one message after the other, so that buffers are
 * allocated once. One thread at a time.
 */
#ifndef WORKER_TASK_CONTEXT_H
#define WORKER_TASK_CONTEXT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/strbuf.h"
#include "celeriac/task.h"
#include "celery_proto/codec/task_message.h"
#include "worker/task_host.h"

/*
 * Most bytes that a task may return or put into an exception. A result is read whole by every
 * client; with the rest of its record it must fit into what the result store takes (16 MiB).
 */
#define CEL_RETURN_MAX ((size_t)12 * 1024 * 1024)

/* Most decoded argument text one execution may ask for: no more than a body can hold. */
#define CEL_ARGUMENT_TEXT_MAX ((size_t)64 * 1024 * 1024)

/* Most result tuples of sub-tasks, as text: some 20,000. What is sent beyond is not listed. */
#define CEL_CHILDREN_MAX ((size_t)1024 * 1024)

/* How an execution ended, as told by the outcome calls of celeriac/task.h. */
enum cel_outcome_kind {
    CEL_OUTCOME_SUCCESS, /* result holds JSON, or is empty for null */
    CEL_OUTCOME_FAILURE, /* an exception left the task */
    CEL_OUTCOME_RETRY,   /* the task asked for another attempt */
    CEL_OUTCOME_IGNORE,
    CEL_OUTCOME_REJECT,
    CEL_OUTCOME_POSTPONE
};

/* An outcome with its texts; they live until the context is used again. */
struct cel_outcome {
    enum cel_outcome_kind kind;
    struct strbuf result;    /* SUCCESS: JSON text */
    struct strbuf children;  /* raw result tuples of what the task has sent, separated by commas */
    bool has_exception;      /* FAILURE always, RETRY perhaps */
    struct strbuf exception; /* type, module and message one after the other; see the lengths */
    size_t type_len;
    size_t module_len;
    size_t message_len;
    bool has_message;
    int64_t countdown; /* RETRY: seconds, negative for the task's own delay */
    double seconds;    /* POSTPONE */
    bool requeue;      /* REJECT */
};

/* Text of a decoded argument; a list, because earlier ones stay valid. */
struct cel_argument_text {
    struct cel_argument_text *next;
    char text[];
};

struct celeriac_task {
    const struct cel_task_message *message;
    const atomic_bool *stopping;
    int64_t soft_deadline_ns; /* monotonic; 0: no soft limit */
    struct json_doc args;     /* parsed when first asked for */
    struct json_doc kwargs;   /* likewise */
    bool args_parsed;
    unsigned depth; /* maps within which it is called (builtin_map.h) */
    struct cel_argument_text *texts;
    const struct cel_task_host *host; /* NULL: it can ask its worker for nothing */
    struct cel_outcome outcome;
};

/* Starts a context; stopping is the worker's flag and outlives it. Allocates nothing yet. */
void cel_task_context_init(struct celeriac_task *task, const atomic_bool *stopping);

/* Releases what the context holds. */
void cel_task_context_close(struct celeriac_task *task);

/*
 * Prepares for one message, borrowed until the next begin or close; the outcome is success, null.
 * soft_deadline_ns is monotonic, 0: none.
 */
void cel_task_context_begin(struct celeriac_task *task, const struct cel_task_message *message,
                            int64_t soft_deadline_ns);

/* The exception's parts; empty spans when there is none. */
struct span cel_outcome_type(const struct cel_outcome *outcome);
struct span cel_outcome_module(const struct cel_outcome *outcome);
struct span cel_outcome_message(const struct cel_outcome *outcome);

/* Sets a failure; used by the outcome calls and where the worker itself finds a fault. */
void cel_outcome_fail(struct cel_outcome *outcome, struct span type, struct span module,
                      struct span message, bool has_message);

#endif
