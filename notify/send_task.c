#include "notify/send_task.h"

#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/random.h"
#include "base/strbuf.h"
#include "base/uuid.h"
#include "notify/store/sends.h"

/* Shortest pause before a task that met trouble of ours is tried again: nothing here spins. */
#define TROUBLE_PAUSE_S 1.0

/* Between two attempts to record, while memory is short, that a mail was sent. */
#define MEMORY_PAUSE_NS (100 * NS_PER_MS)

/* Why a notification could not be sent: kept for error_message, never logged. */
struct failure {
    const char *type;   /* exception class as Python programs see it */
    const char *reason; /* constant words for the log */
    struct strbuf text;
    bool is_ours;         /* memory is short: no fault of the notification's, and no retry of its */
    bool refused;         /* for good, by the provider */
    uint32_t retry_after; /* seconds that the provider asks for; 0: none */
};

/* What is stored of a success whose full response the database does not take. */
#define PLAIN_RESPONSE SPAN("{\"status\": \"sent\"}")

/* Longest text kept of one failure. */
#define FAILURE_TEXT_MAX STORE_ERROR_TEXT_MAX

/* Longest decoded template or subject: the row's columns are text without a limit of their own. */
#define SOURCE_MAX ((size_t)16 * 1024 * 1024)

static void fail_because(struct failure *failure, const char *type, const char *reason,
                         struct span text)
{
    failure->type = type;
    failure->reason = reason;
    strbuf_clear(&failure->text);
    strbuf_add_span(&failure->text, text.len > FAILURE_TEXT_MAX
                                        ? (struct span){.ptr = text.ptr, .len = FAILURE_TEXT_MAX}
                                        : text);
    if (strbuf_status(&failure->text) != CELERIAC_OK)
        failure->is_ours = true;
}

static void fail_for_memory(struct failure *failure)
{
    failure->is_ours = true;
    failure->reason = "out of memory";
}

/* ---- rendering ----------------------------------------------------------------------------- */

/* The two sources and their data, decoded from the row. */
struct content {
    struct span subject; /* template source; empty when there is none */
    struct span body;
    struct span data; /* JSON object for the templates */
    bool is_inline;   /* the sources came with this notification alone */
    struct json_doc doc;
    struct strbuf inline_subject;
    struct strbuf inline_body;
};

static enum celeriac_err decode_inline(const struct json_node *object, const char *key,
                                       struct strbuf *out)
{
    const struct json_node *value = json_get(object, key);

    return json_is_null(value) ? CELERIAC_OK : json_decode_string(value, out);
}

/* The subject and body that came with the notification itself. */
static bool read_inline(const struct json_node *data, struct content *content,
                        struct failure *failure)
{
    enum celeriac_err code = decode_inline(data, "inline_subject", &content->inline_subject);

    if (code == CELERIAC_OK)
        code = decode_inline(data, "inline_body", &content->inline_body);
    if (code == CELERIAC_ERR_MEMORY)
        fail_for_memory(failure);
    else if (code)
        fail_because(failure, "TypeError", "inline content is no text",
                     SPAN("inline_subject and inline_body must be strings"));
    if (code)
        return false;
    content->is_inline = true;
    content->subject = strbuf_span(&content->inline_subject);
    content->body = strbuf_span(&content->inline_body);
    return true;
}

/* What Python says when template_data is no dict: Template.render(**template_data). */
static const char *python_type(const struct json_node *value)
{
    static const char *const names[] = {
        [JSON_NULL] = "NoneType", [JSON_FALSE] = "bool",  [JSON_TRUE] = "bool",
        [JSON_INT] = "int",       [JSON_FLOAT] = "float", [JSON_CONSTANT] = "float",
        [JSON_STRING] = "str",    [JSON_ARRAY] = "list",  [JSON_OBJECT] = "dict",
    };

    return names[value->type];
}

static bool read_content(const struct store_send *send, struct content *content,
                         struct failure *failure)
{
    const struct json_node *data;
    const struct json_node *variables;
    struct celeriac_error err = {0};
    enum celeriac_err code = json_parse(&content->doc, send->data, NULL, &err);

    if (code == CELERIAC_ERR_MEMORY) {
        fail_for_memory(failure);
        return false;
    }
    if (code) {
        fail_because(failure, "ValueError", "data of the row is no JSON", span_of(err.text));
        return false;
    }
    data = json_root(&content->doc);
    variables = json_get(data, "template_data");
    content->data = variables ? json_raw(variables) : SPAN("{}");
    if (variables && variables->type != JSON_OBJECT) {
        celeriac_error_set(&err, CELERIAC_ERR_VALUE,
                           "jinja2.environment.Template.render() argument after ** must be a "
                           "mapping, not %s",
                           python_type(variables));
        fail_because(failure, "TypeError", "template data is no object", span_of(err.text));
        return false;
    }
    if (!send->template)
        return read_inline(data, content, failure);
    content->subject = send->template->subject;
    content->body = send->template->body;
    return true;
}

static bool render(struct notify_render *engine, const struct content *content, struct span source,
                   struct strbuf *out, struct failure *failure)
{
    struct celeriac_error err = {0};
    enum celeriac_err code;

    if (source.len == 0)
        return true;
    if (content->is_inline)
        code = notify_render_once(engine, source, content->data, out, &err);
    else
        code = notify_render_text(engine, source, content->data, out, &err);
    if (code == CELERIAC_ERR_MEMORY)
        fail_for_memory(failure);
    else if (code == CELERIAC_ERR_SYNTAX)
        fail_because(failure, "TemplateSyntaxError", "template does not compile",
                     span_of(err.text));
    else if (code)
        fail_because(failure, "TemplateRuntimeError", "template does not render",
                     span_of(err.text));
    return code == CELERIAC_OK;
}

/* ---- sending ------------------------------------------------------------------------------- */

/* Asked by what waits for its turn at a provider. */
static bool is_stopping(void *task)
{
    return celeriac_task_stopping(task);
}

/* One execution. */
struct sending {
    struct notify_send_task *self;
    struct celeriac_task *task;
    const struct uuid *id;
    const char *id_text;
};

static bool deliver(const struct sending *sending, const struct store_send *send,
                    struct span subject, struct span body, struct notify_outcome *outcome,
                    struct failure *failure)
{
    struct notify_send_task *self = sending->self;
    struct notify_message message = {
        .id = {.ptr = sending->id_text, .len = UUID_LEN},
        .to = send->to,
        .subject = subject,
        .body = body,
        .date_us = clock_wall_us(),
        .stopping = is_stopping,
        .user = sending->task,
    };
    int64_t began_ns;

    began_ns = clock_monotonic_ns();
    notify_providers_send(self->providers, send->channel, &message, outcome);
    if (self->times)
        histogram_add(&self->times->provider, clock_monotonic_ns() - began_ns);
    if (outcome->kind == NOTIFY_OUTCOME_SENT)
        return true;
    fail_because(failure, "SendError", outcome->reason, span_of(outcome->error));
    failure->refused = outcome->kind == NOTIFY_OUTCOME_NEVER;
    failure->retry_after = outcome->retry_after;
    if (outcome->kind == NOTIFY_OUTCOME_HOLD)
        failure->is_ours = true;
    return false;
}

static bool render_and_deliver(const struct sending *sending, const struct store_send *send,
                               struct notify_outcome *outcome, struct failure *failure)
{
    struct notify_render *engine = sending->self->render;
    struct content content = {0};
    struct strbuf subject;
    struct strbuf body;
    bool sent;

    json_init(&content.doc);
    strbuf_init(&content.inline_subject, SOURCE_MAX);
    strbuf_init(&content.inline_body, SOURCE_MAX);
    strbuf_init(&subject, SOURCE_MAX);
    strbuf_init(&body, SOURCE_MAX);
    sent = read_content(send, &content, failure) &&
           render(engine, &content, content.subject, &subject, failure) &&
           render(engine, &content, content.body, &body, failure) &&
           deliver(sending, send, strbuf_span(&subject), strbuf_span(&body), outcome, failure);
    strbuf_close(&body);
    strbuf_close(&subject);
    strbuf_close(&content.inline_body);
    strbuf_close(&content.inline_subject);
    json_close(&content.doc);
    return sent;
}

/* ---- recording ----------------------------------------------------------------------------- */

/* Trouble of the infrastructure: neither a result nor a retry, just later. A claim stays. */
static void hold(struct celeriac_task *task, const char *id, const struct celeriac_error *err)
{
    if (err->code != CELERIAC_ERR_SHUTDOWN)
        log_error("notify", "cannot record a notification, holding it", LOG_STR("notification", id),
                  LOG_ERR(err));
    celeriac_task_postpone(task, err->code == CELERIAC_ERR_SHUTDOWN ? 0 : TROUBLE_PAUSE_S);
}

/* The same before anything was sent: the claim goes, so that the next attempt can have it. */
static void give_back(const struct sending *sending, const char *reason)
{
    bool stopping = celeriac_task_stopping(sending->task);
    struct celeriac_error err = {0};

    if (store_release_claim(sending->self->store, sending->id, &err)) {
        hold(sending->task, sending->id_text, &err);
        return;
    }
    if (!stopping)
        log_error("notify", "cannot send a notification now",
                  LOG_STR("notification", sending->id_text), LOG_STR("reason", reason));
    celeriac_task_postpone(sending->task, stopping ? 0 : TROUBLE_PAUSE_S);
}

/* Records an end, and passes on that webhooks have news. */
static enum celeriac_err end_send(struct notify_send_task *self, struct store_end_send *end,
                                  struct celeriac_error *err)
{
    enum celeriac_err code = store_end_send(self->store, end, err);

    if (code == CELERIAC_OK && end->told && self->told)
        self->told(self->told_user);
    return code;
}

/* Stores the provider's response, or a plainer one when that is what the store does not take. */
static enum celeriac_err mark_sent(struct notify_send_task *self, const struct uuid *id,
                                   const struct notify_outcome *outcome, struct celeriac_error *err)
{
    struct store_end_send end;
    struct strbuf response;
    enum celeriac_err code;
    int64_t now_us = clock_wall_us();

    strbuf_init(&response, STORE_PROVIDER_RESPONSE_MAX);
    notify_outcome_response(outcome, &response);
    code = strbuf_status(&response);
    if (code == CELERIAC_OK) {
        store_mark_sent_init(&end, id, now_us, strbuf_span(&response));
        code = end_send(self, &end, err);
    }
    strbuf_close(&response);
    if (code == CELERIAC_OK || code == CELERIAC_ERR_SHUTDOWN)
        return code;
    celeriac_error_clear(err);
    store_mark_sent_init(&end, id, now_us, PLAIN_RESPONSE);
    return end_send(self, &end, err);
}

static void record_sent(const struct sending *sending, const struct notify_outcome *outcome)
{
    const struct timespec pause = {.tv_nsec = MEMORY_PAUSE_NS};
    struct celeriac_error err = {0};
    enum celeriac_err code = mark_sent(sending->self, sending->id, outcome, &err);

    /* The mail is out. Whoever tried again later would send it twice, so this thread stays. */
    while (code == CELERIAC_ERR_MEMORY) {
        (void)nanosleep(&pause, NULL);
        celeriac_error_clear(&err);
        code = mark_sent(sending->self, sending->id, outcome, &err);
    }
    if (code) {
        hold(sending->task, sending->id_text, &err);
        return;
    }
    log_info("notify", "notification sent", LOG_STR("notification", sending->id_text),
             LOG_INT("retries", celeriac_task_retries(sending->task)));
    celeriac_task_return_null(sending->task);
}

/* Ends the task as the plan has it, once the failure is recorded. */
static void end_failed(struct celeriac_task *task, struct notify_retry_step step,
                       const struct failure *failure)
{
    const struct celeriac_exception exception = {.type = failure->type,
                                                 .module = "celeriac.notifications",
                                                 .message = strbuf_text(&failure->text)};

    switch (step.kind) {
    case NOTIFY_RETRY_NONE:
        celeriac_task_return_null(task);
        break;
    case NOTIFY_RETRY_AFTER:
        celeriac_task_retry(task, step.seconds, &exception);
        break;
    case NOTIFY_RETRY_CELERY:
        celeriac_task_fail(task, &exception);
        break;
    }
}

static void record_failure(const struct sending *sending, const struct failure *failure)
{
    struct celeriac_error err = {0};
    struct store_end_send end;
    unsigned retries = celeriac_task_retries(sending->task);
    struct span text = strbuf_span(&failure->text);
    const struct notify_retry_case what = {
        .retries = retries, .refused = failure->refused, .retry_after = failure->retry_after};
    struct notify_retry_step step =
        notify_retry_plan_next(&sending->self->retries, &what, random_os, NULL);
    enum celeriac_err code;

    if (step.kind == NOTIFY_RETRY_NONE)
        store_dead_letter_init(&end, sending->id, text, (int32_t)retries);
    else
        store_record_failure_init(&end, sending->id, text);
    code = end_send(sending->self, &end, &err);
    if (code == CELERIAC_ERR_SHUTDOWN) {
        hold(sending->task, sending->id_text, &err);
        return;
    }
    if (code) {
        give_back(sending, err.text);
        return;
    }
    log_warning("notify",
                step.kind == NOTIFY_RETRY_NONE ? "notification failed for good"
                                               : "notification failed",
                LOG_STR("notification", sending->id_text), LOG_STR("reason", failure->reason),
                LOG_INT("retries", retries));
    end_failed(sending->task, step, failure);
}

/* ---- the task ------------------------------------------------------------------------------ */

static void send_claimed(const struct sending *sending, const struct store_send *send)
{
    struct failure failure = {.type = "Exception", .reason = "unknown"};
    struct notify_outcome outcome;

    strbuf_init(&failure.text, FAILURE_TEXT_MAX);
    if (render_and_deliver(sending, send, &outcome, &failure))
        record_sent(sending, &outcome);
    else if (failure.is_ours)
        give_back(sending, failure.reason);
    else
        record_failure(sending, &failure);
    strbuf_close(&failure.text);
}

static void send_one(struct notify_send_task *self, struct celeriac_task *task,
                     const struct uuid *id)
{
    int64_t began_ns = clock_monotonic_ns();
    struct store_begin_send begin;
    char id_text[UUID_SIZE];
    const struct sending sending = {self, task, id, id_text};
    enum celeriac_err code;

    uuid_format(id, id_text);
    code = store_begin_send(self->store, id, &begin);
    if (self->times)
        histogram_add(&self->times->database, clock_monotonic_ns() - began_ns);
    if (code) {
        hold(task, id_text, &begin.call.error);
    } else {
        switch (begin.state) {
        case STORE_SEND_MISSING:
            log_error("notify", "notification not found", LOG_STR("notification", id_text));
            celeriac_task_return_null(task);
            break;
        case STORE_SEND_DONE:
            log_info("notify", "notification was sent or cancelled before",
                     LOG_STR("notification", id_text));
            celeriac_task_return_null(task);
            break;
        case STORE_SEND_BUSY:
            celeriac_task_postpone(task, (double)begin.look_again_ns / (double)NS_PER_SEC);
            break;
        case STORE_SEND_READY:
            send_claimed(&sending, &begin.send);
            break;
        }
    }
    store_call_release(&begin.call);
}

static void run(struct celeriac_task *task, void *user)
{
    struct celeriac_bytes text;
    struct uuid id;

    if (celeriac_task_arg_text(task, 0, "notification_id", &text))
        return;
    if (uuid_parse((struct span){.ptr = text.ptr, .len = text.len}, &id)) {
        celeriac_task_fail(task,
                           &(struct celeriac_exception){.type = "ValidationError",
                                                        .module = "django.core.exceptions",
                                                        .message = "notification_id is no UUID"});
        return;
    }
    send_one(user, task, &id);
}

struct celeriac_task_options notify_send_task_options(struct notify_send_task *task)
{
    return (struct celeriac_task_options){
        .name = NOTIFY_SEND_TASK_NAME,
        .run = run,
        .user = task,
        .max_retries = (int)notify_retry_plan_max(&task->retries),
        .autoretry = true,
        .retry_backoff = 1,
        .retry_backoff_max = NOTIFY_SEND_BACKOFF_MAX,
        /* Acknowledged when the outcome is recorded, never before: a killed worker loses nothing,
         * nor does one whose child process is killed. */
        .acks_late = true,
        .reject_on_worker_lost = true,
    };
}
