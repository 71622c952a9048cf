#include "worker/settle.h"

#include "base/clock.h"
#include "base/json_writer.h"
#include "base/parse_num.h"
#include "celery_proto/codec/envelope.h"
#include "celery_proto/codec/exception_doc.h"
#include "celery_proto/codec/pyrepr.h"
#include "celery_proto/codec/task_retry.h"

/* Longest postponement, so that no due time overflows: longer than any worker lives. */
#define POSTPONE_MAX_S (10.0 * 365 * 86400)

void cel_settlement_init(struct cel_settlement *settlement)
{
    *settlement = (struct cel_settlement){.fate = CEL_FATE_ACK};
    strbuf_init(&settlement->record, CEL_ENVELOPE_MAX);
    strbuf_init(&settlement->retry, CEL_ENVELOPE_MAX);
    cel_aftermath_init(&settlement->aftermath);
}

void cel_settlement_close(struct cel_settlement *settlement)
{
    strbuf_close(&settlement->record);
    strbuf_close(&settlement->retry);
    cel_aftermath_close(&settlement->aftermath);
}

bool cel_result_ignored(const struct cel_task_message *message,
                        const struct cel_task_definition *definition)
{
    if (message->ignore_result != CEL_UNSET)
        return message->ignore_result == CEL_TRUE;
    return definition && definition->ignore_result;
}

bool cel_errors_ignored(const struct cel_task_message *message,
                        const struct cel_task_definition *definition)
{
    return cel_result_ignored(message, definition) && !(definition && definition->store_errors);
}

/* What all records of a message have in common. */
static struct cel_result record_of(const struct cel_task_message *message, enum cel_state state,
                                   int64_t now_us)
{
    return (struct cel_result){
        .state = state,
        .task_id = message->id,
        .group_id = message->group,
        .parent_id = message->parent_id,
        .date_done = {.set = cel_state_is_ready(state), .us = now_us},
    };
}

/* What result_extended adds (celery/backends/base.py _get_result_meta); extra outlives the record.
 */
static void extend(struct cel_result *record, const struct cel_task_message *message,
                   const struct cel_settle_context *context, struct cel_result_extended *extra)
{
    if (!context->result_extended)
        return;
    *extra = (struct cel_result_extended){
        .name = message->task,
        .args = message->args,
        .kwargs = message->kwargs,
        .worker = context->worker,
        .retries = message->retries,
        .queue = message->routing_key,
        .stamped_headers = message->stamped_headers,
        .stamps = message->stamps,
    };
    record->extended = extra;
}

/* Puts what the task has sent in front of the record's children; text outlives the record. */
static enum celeriac_err add_children(struct cel_result *record, struct span sent,
                                      struct strbuf *text)
{
    struct span others = record->children;

    if (sent.len == 0)
        return CELERIAC_OK;
    strbuf_add_char(text, '[');
    strbuf_add_span(text, sent);
    if (others.len > 2) {
        strbuf_add_text(text, ", ");
        strbuf_add_span(text, (struct span){others.ptr + 1, others.len - 2});
    }
    strbuf_add_char(text, ']');
    record->children = strbuf_span(text);
    return strbuf_status(text);
}

static struct cel_exception exception_of(const struct cel_outcome *outcome)
{
    struct cel_exception exception = {.type = cel_outcome_type(outcome),
                                      .module = cel_outcome_module(outcome)};

    if (outcome->has_message) {
        exception.message = cel_outcome_message(outcome);
        if (!exception.message.ptr)
            exception.message = SPAN("");
    }
    return exception;
}

/* The traceback of a C task: there are no frames to show, but its last line is Python's. */
static void add_traceback(struct strbuf *out, const struct cel_task_message *message,
                          const struct cel_exception *exception)
{
    strbuf_add_text(out, "Traceback (most recent call last):\n  Celeriac task ");
    strbuf_add_span(out, message->task);
    strbuf_add_text(out, "\n");
    cel_exception_line(exception, out);
    strbuf_add_text(out, "\n");
}

/* Writes a record whose result is an exception (or null); context->scratch takes its JSON form. */
static enum celeriac_err write_exception(struct cel_result *record,
                                         const struct cel_exception *exception,
                                         struct strbuf *traceback,
                                         const struct cel_settle_context *context,
                                         struct strbuf *out)
{
    enum celeriac_err code = CELERIAC_OK;

    strbuf_clear(context->scratch);
    if (exception)
        code = cel_exception_write(exception, context->scratch);
    if (code == CELERIAC_OK)
        code = strbuf_status(context->scratch);
    if (code == CELERIAC_OK && traceback)
        code = strbuf_status(traceback);
    if (code)
        return code;
    record->result = strbuf_span(context->scratch);
    if (traceback)
        record->traceback = strbuf_span(traceback);
    return cel_result_write(record, out);
}

static struct cel_aftermath_context aftermath_context(const struct cel_task_message *message,
                                                      const struct cel_settle_context *context)
{
    return cel_aftermath_context_of(message, context->world, context->inherit_priority,
                                    context->now_us);
}

/* The record goes into the scratch buffer first: what follows a failure needs its exception. */
static enum celeriac_err settle_failure(const struct cel_task_message *message, bool ignored,
                                        const struct cel_exception *exception, struct span sent,
                                        const struct cel_settle_context *context,
                                        struct cel_settlement *settlement)
{
    struct cel_result record = record_of(message, CEL_STATE_FAILURE, context->now_us);
    struct cel_result_extended extra;
    struct cel_aftermath_context after = aftermath_context(message, context);
    struct strbuf traceback;
    struct strbuf children;
    enum celeriac_err code;

    settlement->state = CEL_STATE_FAILURE;
    extend(&record, message, context, &extra);
    if (ignored && message->errbacks.len == 0 && !cel_aftermath_follows(message))
        return CELERIAC_OK;
    strbuf_init(&traceback, CEL_RETURN_MAX);
    strbuf_init(&children, CEL_RETURN_MAX);
    add_traceback(&traceback, message, exception);
    code = add_children(&record, sent, &children);
    if (code == CELERIAC_OK)
        code = write_exception(&record, exception, &traceback, context, &settlement->record);
    if (code == CELERIAC_OK)
        code = cel_aftermath_fail(&settlement->aftermath, message, record.result, record.traceback,
                                  !ignored, &after);
    if (ignored)
        strbuf_clear(&settlement->record);
    strbuf_close(&children);
    strbuf_close(&traceback);
    return code;
}

/* celery/app/task.py Task.retry: what it raises when retries are used up and no exception was
 * given. */
static enum celeriac_err settle_exhausted(const struct cel_task_message *message, bool ignored,
                                          struct span sent,
                                          const struct cel_settle_context *context,
                                          struct cel_settlement *settlement)
{
    struct cel_exception exception = {.type = SPAN("MaxRetriesExceededError"),
                                      .module = SPAN("celery.exceptions")};
    struct strbuf text;
    enum celeriac_err code;

    strbuf_init(&text, CEL_RETURN_MAX);
    strbuf_add_text(&text, "Can't retry ");
    strbuf_add_span(&text, message->task);
    strbuf_add_char(&text, '[');
    strbuf_add_span(&text, message->id);
    strbuf_add_text(&text, "] args:");
    code = cel_pyrepr_exact_text(message->args, true, &text);
    strbuf_add_text(&text, " kwargs:");
    if (code == CELERIAC_OK)
        code = cel_pyrepr_exact_text(message->kwargs, false, &text);
    if (code == CELERIAC_OK)
        code = strbuf_status(&text);
    exception.message = strbuf_span(&text);
    if (code == CELERIAC_OK)
        code = settle_failure(message, ignored, &exception, sent, context, settlement);
    strbuf_close(&text);
    return code;
}

static void add_retry_traceback(struct strbuf *out, const struct cel_task_message *message,
                                const struct cel_exception *exception, int64_t delay)
{
    if (exception) {
        add_traceback(out, message, exception);
        strbuf_add_text(out, "\nDuring handling of the above exception, another exception "
                             "occurred:\n\n");
    }
    strbuf_add_text(out, "Traceback (most recent call last):\n  Celeriac task ");
    strbuf_add_span(out, message->task);
    strbuf_printf(out, "\ncelery.exceptions.Retry: Retry in %llds", (long long)delay);
    if (exception) {
        strbuf_add_text(out, ": ");
        cel_exception_repr(exception, out);
    }
    strbuf_add_char(out, '\n');
}

/* celery/app/trace.py TraceInfo.handle_retry: the record names the task itself as its last child.
 */
static enum celeriac_err write_retry_record(const struct cel_task_message *message,
                                            const struct cel_exception *exception, struct span sent,
                                            const struct cel_settle_context *context,
                                            struct cel_settlement *settlement)
{
    struct cel_result record = record_of(message, CEL_STATE_RETRY, context->now_us);
    struct cel_result_extended extra;
    struct strbuf traceback;
    struct strbuf children;
    enum celeriac_err code;

    extend(&record, message, context, &extra);
    strbuf_init(&traceback, CEL_RETURN_MAX);
    strbuf_init(&children, CEL_RETURN_MAX);
    add_retry_traceback(&traceback, message, exception, settlement->retry_delay);
    strbuf_add_char(&children, '[');
    strbuf_add_span(&children, sent);
    strbuf_add_text(&children, sent.len > 0 ? ", " : "");
    cel_result_tuple_write(message->id, &children);
    strbuf_add_char(&children, ']');
    code = strbuf_status(&children);
    record.children = strbuf_span(&children);
    if (code == CELERIAC_OK)
        code = write_exception(&record, exception, &traceback, context, &settlement->record);
    strbuf_close(&children);
    strbuf_close(&traceback);
    return code;
}

static enum celeriac_err settle_retry(const struct cel_task_message *message,
                                      const struct cel_task_definition *definition,
                                      const struct cel_exception *exception, int64_t delay,
                                      struct span sent, const struct cel_settle_context *context,
                                      struct cel_settlement *settlement)
{
    struct cel_task_retry retry = {
        .delivery_tag = context->delivery_tag,
        .eta = {.set = delay > 0, .us = context->now_us + delay * US_PER_SEC},
        .now_us = context->now_us,
    };
    enum celeriac_err code;

    settlement->state = CEL_STATE_RETRY;
    settlement->retry_delay = delay;
    code = cel_task_retry_write(message, &retry, context->scratch, &settlement->retry, NULL);
    if (code || cel_errors_ignored(message, definition))
        return code;
    return write_retry_record(message, exception, sent, context, settlement);
}

/*
 * Not now. A message that was acknowledged when it started is sent again as it was, but for its
 * eta; one that is still held just waits.
 */
static enum celeriac_err settle_postpone(const struct cel_task_message *message,
                                         const struct cel_task_definition *definition,
                                         double seconds, const struct cel_settle_context *context,
                                         struct cel_settlement *settlement)
{
    struct cel_task_retry again = {
        .delivery_tag = context->delivery_tag,
        .keep_retries = true,
        .now_us = context->now_us,
    };

    if (seconds > POSTPONE_MAX_S)
        seconds = POSTPONE_MAX_S;
    settlement->postponed = true;
    settlement->postpone = seconds;
    if (definition->acks_late) {
        settlement->fate = CEL_FATE_POSTPONE;
        return CELERIAC_OK;
    }
    again.eta = (struct cel_time){.set = seconds > 0,
                                  .us = context->now_us + (int64_t)(seconds * (double)US_PER_SEC)};
    return cel_task_retry_write(message, &again, context->scratch, &settlement->retry, NULL);
}

/*
 * Reject(requeue=True): the message goes back marked as redelivered, as kombu's basic_reject does.
 * Without acks_late it was acknowledged when it started and there is nothing left to requeue.
 */
static enum celeriac_err settle_requeue(const struct cel_task_message *message,
                                        const struct cel_task_definition *definition,
                                        struct cel_settlement *settlement)
{
    struct cel_envelope_reader reader;
    enum celeriac_err code;

    if (!definition->acks_late)
        return CELERIAC_OK;
    settlement->fate = CEL_FATE_REQUEUE;
    cel_envelope_reader_init(&reader);
    code = cel_envelope_mark_redelivered(&reader, message->raw, &settlement->retry, NULL);
    cel_envelope_reader_close(&reader);
    return code;
}

/* Celery raises out of the dispatch, and the task has failed after all. */
static enum celeriac_err settle_undispatched(const struct cel_task_message *message, bool ignored,
                                             const struct celeriac_error *why, struct span sent,
                                             const struct cel_settle_context *context,
                                             struct cel_settlement *settlement)
{
    const struct cel_exception exception = {.type = SPAN("ValueError"),
                                            .message = span_of(why->text)};

    cel_aftermath_close(&settlement->aftermath);
    return settle_failure(message, ignored, &exception, sent, context, settlement);
}

static enum celeriac_err settle_success(const struct cel_task_message *message,
                                        const struct cel_task_definition *definition,
                                        const struct cel_outcome *outcome,
                                        const struct cel_settle_context *context,
                                        struct cel_settlement *settlement)
{
    struct cel_result record = record_of(message, CEL_STATE_SUCCESS, context->now_us);
    struct cel_result_extended extra;
    struct cel_aftermath_context after = aftermath_context(message, context);
    struct span sent = strbuf_span(&outcome->children);
    struct celeriac_error err = {0};
    struct strbuf children;
    enum celeriac_err code = CELERIAC_OK;

    settlement->state = CEL_STATE_SUCCESS;
    extend(&record, message, context, &extra);
    record.result = strbuf_span(&outcome->result);
    if (cel_aftermath_follows(message))
        code = cel_aftermath_succeed(&settlement->aftermath, message, record.result, &after,
                                     &record.children, &err);
    if (code == CELERIAC_ERR_VALUE || code == CELERIAC_ERR_LIMIT)
        return settle_undispatched(message, cel_errors_ignored(message, definition), &err, sent,
                                   context, settlement);
    if (code || cel_result_ignored(message, definition))
        return code;
    strbuf_init(&children, CEL_RETURN_MAX);
    code = add_children(&record, sent, &children);
    if (code == CELERIAC_OK)
        code = cel_result_write(&record, &settlement->record);
    strbuf_close(&children);
    return code;
}

/* A failure or a wish to retry: which of the three ends does it come to? */
static enum celeriac_err settle_trouble(const struct cel_task_message *message,
                                        const struct cel_task_definition *definition,
                                        const struct cel_outcome *outcome,
                                        const struct cel_settle_context *context,
                                        struct cel_settlement *settlement)
{
    const struct cel_retry_policy *policy = &definition->retry;
    uint64_t retries = (uint64_t)message->retries;
    bool ignored = cel_errors_ignored(message, definition);
    bool wants_retry = outcome->kind == CEL_OUTCOME_RETRY || policy->autoretry;
    struct cel_exception exception = exception_of(outcome);
    const struct cel_exception *given = outcome->has_exception ? &exception : NULL;
    int64_t delay = outcome->kind == CEL_OUTCOME_RETRY ? outcome->countdown : -1;
    struct span sent = strbuf_span(&outcome->children);

    if (wants_retry && cel_retry_allowed(policy, retries)) {
        if (delay < 0)
            delay = cel_retry_delay(policy, retries, context->random, context->random_context);
        return settle_retry(message, definition, given, delay, sent, context, settlement);
    }
    if (given)
        return settle_failure(message, ignored, given, sent, context, settlement);
    return settle_exhausted(message, ignored, sent, context, settlement);
}

static void start(struct cel_settlement *settlement)
{
    strbuf_clear(&settlement->record);
    strbuf_clear(&settlement->retry);
    cel_aftermath_close(&settlement->aftermath);
    settlement->fate = CEL_FATE_ACK;
    settlement->state = CEL_STATE_PENDING;
    settlement->retry_delay = 0;
    settlement->postponed = false;
    settlement->postpone = 0;
}

enum celeriac_err cel_settle(const struct cel_task_message *message,
                             const struct cel_task_definition *definition,
                             const struct cel_outcome *outcome,
                             const struct cel_settle_context *context,
                             struct cel_settlement *settlement)
{
    start(settlement);
    switch (outcome->kind) {
    case CEL_OUTCOME_SUCCESS:
        return settle_success(message, definition, outcome, context, settlement);
    case CEL_OUTCOME_FAILURE:
    case CEL_OUTCOME_RETRY:
        return settle_trouble(message, definition, outcome, context, settlement);
    case CEL_OUTCOME_POSTPONE:
        return settle_postpone(message, definition, outcome->seconds, context, settlement);
    case CEL_OUTCOME_REJECT:
        return outcome->requeue ? settle_requeue(message, definition, settlement) : CELERIAC_OK;
    case CEL_OUTCOME_IGNORE:
        break;
    }
    return CELERIAC_OK;
}

static enum celeriac_err settle_unstarted(const struct cel_task_message *message,
                                          enum cel_state state,
                                          const struct cel_exception *exception, bool ignored,
                                          const struct cel_settle_context *context,
                                          struct cel_settlement *settlement)
{
    struct cel_result record = record_of(message, state, context->now_us);
    struct cel_result_extended extra;
    struct cel_aftermath_context after = aftermath_context(message, context);
    enum celeriac_err code;

    start(settlement);
    settlement->state = state;
    extend(&record, message, context, &extra);
    code = write_exception(&record, exception, NULL, context, &settlement->record);
    if (code == CELERIAC_OK && state == CEL_STATE_REVOKED)
        code = cel_aftermath_revoke(&settlement->aftermath, message, record.result);
    else if (code == CELERIAC_OK)
        code = cel_aftermath_fail(&settlement->aftermath, message, record.result, (struct span){0},
                                  !ignored, &after);
    if (ignored)
        strbuf_clear(&settlement->record);
    return code;
}

enum celeriac_err cel_settle_timed_out(const struct cel_task_message *message,
                                       const struct cel_task_definition *definition, double seconds,
                                       const struct cel_settle_context *context,
                                       struct cel_settlement *settlement)
{
    struct cel_exception exception = {.type = SPAN("TimeLimitExceeded"),
                                      .module = SPAN("billiard.exceptions")};
    bool ignored = cel_errors_ignored(message, definition);
    char number[FORMAT_DOUBLE_MAX];
    struct strbuf args;
    enum celeriac_err code;

    strbuf_init(&args, 2 * sizeof number);
    if (seconds == (double)(int64_t)seconds)
        strbuf_printf(&args, "[%lld]", (long long)seconds);
    else
        strbuf_printf(&args, "[%.*s]", (int)format_double(seconds, number), number);
    exception.args = strbuf_span(&args);
    code = strbuf_status(&args);
    if (code == CELERIAC_OK)
        code =
            settle_unstarted(message, CEL_STATE_FAILURE, &exception, ignored, context, settlement);
    if (code == CELERIAC_OK && definition->requeue_on_timeout)
        code = settle_requeue(message, definition, settlement);
    strbuf_close(&args);
    return code;
}

enum celeriac_err cel_settle_worker_lost(const struct cel_task_message *message,
                                         const struct cel_task_definition *definition,
                                         struct span text, const struct cel_settle_context *context,
                                         struct cel_settlement *settlement)
{
    struct cel_exception exception = {
        .type = SPAN("WorkerLostError"), .module = SPAN("billiard.exceptions"), .message = text};

    if (definition->reject_on_worker_lost && definition->acks_late) {
        start(settlement);
        return settle_requeue(message, definition, settlement);
    }
    return settle_unstarted(message, CEL_STATE_FAILURE, &exception,
                            cel_errors_ignored(message, definition), context, settlement);
}

enum celeriac_err cel_settle_revoked(const struct cel_task_message *message,
                                     const struct cel_task_definition *definition,
                                     struct span reason, const struct cel_settle_context *context,
                                     struct cel_settlement *settlement)
{
    struct cel_exception exception = {
        .type = SPAN("TaskRevokedError"), .module = SPAN("celery.exceptions"), .message = reason};

    return settle_unstarted(message, CEL_STATE_REVOKED, &exception,
                            cel_errors_ignored(message, definition), context, settlement);
}

enum celeriac_err cel_settle_unregistered(const struct cel_task_message *message,
                                          const struct cel_settle_context *context,
                                          struct cel_settlement *settlement)
{
    struct cel_exception exception = {.type = SPAN("NotRegistered"),
                                      .module = SPAN("celery.exceptions"),
                                      .message = message->task};

    return settle_unstarted(message, CEL_STATE_FAILURE, &exception,
                            cel_result_ignored(message, NULL), context, settlement);
}

enum celeriac_err cel_state_record(const struct cel_task_message *message, struct span state,
                                   struct span meta, struct span children,
                                   const struct cel_settle_context *context, struct strbuf *record)
{
    struct cel_result result = record_of(message, cel_state_of(state), 0);
    struct cel_result_extended extra;
    struct strbuf text;
    enum celeriac_err code;

    result.status = state;
    result.result = meta;
    extend(&result, message, context, &extra);
    strbuf_init(&text, CEL_RETURN_MAX);
    code = add_children(&result, children, &text);
    if (code == CELERIAC_OK)
        code = cel_result_write(&result, record);
    strbuf_close(&text);
    return code;
}

enum celeriac_err cel_started_record(const struct cel_task_message *message, int64_t pid,
                                     const struct cel_settle_context *context,
                                     struct strbuf *record)
{
    struct strbuf *scratch = context->scratch;
    struct json_writer writer;
    enum celeriac_err code;

    strbuf_clear(scratch);
    json_writer_init(&writer, scratch, JSON_STYLE_PYTHON);
    json_begin_object(&writer);
    json_key(&writer, "pid");
    json_integer(&writer, pid);
    json_key(&writer, "hostname");
    json_string(&writer, context->worker);
    json_end_object(&writer);
    code = strbuf_status(scratch);
    if (code)
        return code;
    return cel_state_record(message, SPAN("STARTED"), strbuf_span(scratch), (struct span){0},
                            context, record);
}
