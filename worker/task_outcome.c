/* How a task says how it ended: the outcome functions of celeriac/task.h. */
#include "base/json_writer.h"
#include "worker/task_context.h"

void cel_outcome_fail(struct cel_outcome *outcome, struct span type, struct span module,
                      struct span message, bool has_message)
{
    strbuf_clear(&outcome->exception);
    strbuf_add_span(&outcome->exception, type);
    strbuf_add_span(&outcome->exception, module);
    strbuf_add_span(&outcome->exception, message);
    if (strbuf_status(&outcome->exception)) {
        /* A failure must never turn into a success because its text found no room. */
        strbuf_clear(&outcome->exception);
        type = module = message = (struct span){0};
        has_message = false;
    }
    outcome->type_len = type.len;
    outcome->module_len = module.len;
    outcome->message_len = message.len;
    outcome->has_message = has_message;
    outcome->has_exception = true;
    outcome->kind = CEL_OUTCOME_FAILURE;
}

static struct span part(const struct cel_outcome *outcome, size_t start, size_t len)
{
    if (!outcome->has_exception || len == 0)
        return (struct span){0};
    return (struct span){.ptr = outcome->exception.ptr + start, .len = len};
}

struct span cel_outcome_type(const struct cel_outcome *outcome)
{
    return part(outcome, 0, outcome->type_len);
}

struct span cel_outcome_module(const struct cel_outcome *outcome)
{
    return part(outcome, outcome->type_len, outcome->module_len);
}

struct span cel_outcome_message(const struct cel_outcome *outcome)
{
    return part(outcome, outcome->type_len + outcome->module_len, outcome->message_len);
}

/* A record is JSON in UTF-8; text in anything else has no place in it. */
static struct span utf8_or_note(struct span text)
{
    return span_is_utf8(text) ? text : SPAN("(not UTF-8)");
}

static void fail_with(struct cel_outcome *outcome, const struct celeriac_exception *exception)
{
    cel_outcome_fail(outcome, exception->type ? span_of(exception->type) : SPAN("Exception"),
                     exception->module ? span_of(exception->module) : SPAN("builtins"),
                     utf8_or_note(span_of(exception->message)), exception->message != NULL);
}

/* Everything that was said before is forgotten: the last outcome counts. */
static struct cel_outcome *start(struct celeriac_task *task, enum cel_outcome_kind kind)
{
    struct cel_outcome *outcome = &task->outcome;

    strbuf_clear(&outcome->result);
    strbuf_clear(&outcome->exception);
    outcome->has_exception = false;
    outcome->kind = kind;
    return outcome;
}

static void fail_encoding(struct cel_outcome *outcome, const char *why)
{
    cel_outcome_fail(outcome, SPAN("EncodeError"), SPAN("kombu.exceptions"), span_of(why), true);
}

void celeriac_task_return_json(struct celeriac_task *task, const char *json, size_t len)
{
    static const struct json_options top_only = {.keep_depth = 1};
    struct cel_outcome *outcome = start(task, CEL_OUTCOME_SUCCESS);
    struct span text = {.ptr = json, .len = len};
    struct celeriac_error why = {0};
    struct json_doc doc;

    json_init(&doc);
    if (json_parse(&doc, text, &top_only, &why)) {
        fail_encoding(outcome, why.text);
    } else {
        strbuf_add_span(&outcome->result, json_raw(json_root(&doc)));
        if (strbuf_status(&outcome->result))
            fail_encoding(outcome, "the return value is too large");
    }
    json_close(&doc);
}

void celeriac_task_return_text(struct celeriac_task *task, const char *text)
{
    struct cel_outcome *outcome = start(task, CEL_OUTCOME_SUCCESS);

    if (!text)
        return;
    if (!span_is_utf8(span_of(text))) {
        fail_encoding(outcome, "the return value is not UTF-8");
        return;
    }
    json_quote(&outcome->result, span_of(text), JSON_STYLE_PYTHON);
    if (strbuf_status(&outcome->result))
        fail_encoding(outcome, "the return value is too large");
}

void celeriac_task_return_int(struct celeriac_task *task, int64_t value)
{
    struct cel_outcome *outcome = start(task, CEL_OUTCOME_SUCCESS);

    strbuf_add_int(&outcome->result, value);
    if (strbuf_status(&outcome->result))
        fail_encoding(outcome, "out of memory");
}

void celeriac_task_return_double(struct celeriac_task *task, double value)
{
    struct cel_outcome *outcome = start(task, CEL_OUTCOME_SUCCESS);
    struct json_writer writer;

    json_writer_init(&writer, &outcome->result, JSON_STYLE_PYTHON);
    json_number(&writer, value);
    if (strbuf_status(&outcome->result))
        fail_encoding(outcome, "out of memory");
}

void celeriac_task_return_bool(struct celeriac_task *task, bool value)
{
    struct cel_outcome *outcome = start(task, CEL_OUTCOME_SUCCESS);

    strbuf_add_text(&outcome->result, value ? "true" : "false");
    if (strbuf_status(&outcome->result))
        fail_encoding(outcome, "out of memory");
}

void celeriac_task_return_null(struct celeriac_task *task)
{
    start(task, CEL_OUTCOME_SUCCESS);
}

void celeriac_task_fail(struct celeriac_task *task, const struct celeriac_exception *exception)
{
    fail_with(start(task, CEL_OUTCOME_FAILURE), exception);
}

void celeriac_task_retry(struct celeriac_task *task, int64_t countdown,
                         const struct celeriac_exception *exception)
{
    struct cel_outcome *outcome = start(task, CEL_OUTCOME_RETRY);

    if (exception)
        fail_with(outcome, exception);
    outcome->kind = CEL_OUTCOME_RETRY;
    outcome->countdown = countdown;
}

void celeriac_task_ignore(struct celeriac_task *task)
{
    start(task, CEL_OUTCOME_IGNORE);
}

void celeriac_task_reject(struct celeriac_task *task, bool requeue)
{
    start(task, CEL_OUTCOME_REJECT)->requeue = requeue;
}

void celeriac_task_postpone(struct celeriac_task *task, double seconds)
{
    start(task, CEL_OUTCOME_POSTPONE)->seconds = seconds > 0 ? seconds : 0;
}
