#include "worker/task_context.h"

#include "base/alloc.h"
#include "base/clock.h"

void cel_task_context_init(struct celeriac_task *task, const atomic_bool *stopping)
{
    *task = (struct celeriac_task){.stopping = stopping};
    json_init(&task->args);
    json_init(&task->kwargs);
    strbuf_init(&task->outcome.result, CEL_RETURN_MAX);
    strbuf_init(&task->outcome.exception, CEL_RETURN_MAX);
    strbuf_init(&task->outcome.children, CEL_CHILDREN_MAX);
}

static void forget_texts(struct celeriac_task *task)
{
    while (task->texts) {
        struct cel_argument_text *next = task->texts->next;

        mem_free(task->texts);
        task->texts = next;
    }
}

void cel_task_context_close(struct celeriac_task *task)
{
    forget_texts(task);
    json_close(&task->args);
    json_close(&task->kwargs);
    strbuf_close(&task->outcome.result);
    strbuf_close(&task->outcome.exception);
    strbuf_close(&task->outcome.children);
}

void cel_task_context_begin(struct celeriac_task *task, const struct cel_task_message *message,
                            int64_t soft_deadline_ns)
{
    struct cel_outcome *outcome = &task->outcome;

    forget_texts(task);
    task->message = message;
    task->soft_deadline_ns = soft_deadline_ns;
    task->args_parsed = false;
    strbuf_clear(&outcome->result);
    strbuf_clear(&outcome->exception);
    strbuf_clear(&outcome->children);
    outcome->kind = CEL_OUTCOME_SUCCESS;
    outcome->has_exception = false;
}

static struct celeriac_bytes bytes_of(struct span s)
{
    return (struct celeriac_bytes){.ptr = s.ptr, .len = s.len};
}

struct celeriac_bytes celeriac_task_id(const struct celeriac_task *task)
{
    return bytes_of(task->message->id);
}

struct celeriac_bytes celeriac_task_name(const struct celeriac_task *task)
{
    return bytes_of(task->message->task);
}

unsigned celeriac_task_retries(const struct celeriac_task *task)
{
    return (unsigned)task->message->retries;
}

bool celeriac_task_redelivered(const struct celeriac_task *task)
{
    return task->message->redelivered;
}

struct celeriac_bytes celeriac_task_args(const struct celeriac_task *task)
{
    return bytes_of(task->message->args);
}

struct celeriac_bytes celeriac_task_kwargs(const struct celeriac_task *task)
{
    return bytes_of(task->message->kwargs);
}

bool celeriac_task_stopping(const struct celeriac_task *task)
{
    return atomic_load(task->stopping);
}

bool celeriac_task_soft_limit_exceeded(const struct celeriac_task *task)
{
    return task->soft_deadline_ns > 0 && clock_monotonic_ns() >= task->soft_deadline_ns;
}
