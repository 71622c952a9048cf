/* What a task asks of its worker while it runs: update_state, send and apply of celeriac/task.h. */
#include "base/json.h"
#include "celery_proto/codec/result_doc.h"
#include "worker/task_context.h"

/* A state's name is a word; monitors and dashboards show it in a column. */
#define STATE_NAME_MAX 255

static enum celeriac_err check_state(struct span state, struct celeriac_error *err)
{
    enum cel_state known = cel_state_of(state);

    if (state.len == 0 || state.len > STATE_NAME_MAX || !span_is_utf8(state))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "state: must be 1 to %d bytes of UTF-8",
                                  STATE_NAME_MAX);
    if (cel_state_is_ready(known) || known == CEL_STATE_RETRY)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "state: %.*s is for the worker to store, when the task has ended",
                                  SPAN_PRINTF(state));
    return CELERIAC_OK;
}

static enum celeriac_err check_meta(struct span meta, struct celeriac_error *err)
{
    static const struct json_options top_only = {.keep_depth = 1};
    struct celeriac_error why = {0};
    struct json_doc doc;
    enum celeriac_err code;

    if (meta.len > CEL_RETURN_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT, "meta: longer than %zu bytes",
                                  CEL_RETURN_MAX);
    json_init(&doc);
    code = json_parse(&doc, meta, &top_only, &why);
    json_close(&doc);
    if (code)
        return celeriac_error_set(err, code == CELERIAC_ERR_MEMORY ? code : CELERIAC_ERR_VALUE,
                                  "meta: %s", why.text);
    return CELERIAC_OK;
}

static enum celeriac_err no_host(struct celeriac_error *err)
{
    return celeriac_error_set(err, CELERIAC_ERR_UNSUPPORTED,
                              "the pool that runs this task cannot do that");
}

enum celeriac_err celeriac_task_update_state(struct celeriac_task *task, const char *state,
                                             const char *meta_json, struct celeriac_error *err)
{
    struct span meta = meta_json ? span_of(meta_json) : SPAN("null");
    enum celeriac_err code = check_state(span_of(state), err);
    struct span children;

    if (code == CELERIAC_OK)
        code = check_meta(meta, err);
    if (code)
        return code;
    if (!task->host)
        return no_host(err);
    children = strbuf_span(&task->outcome.children);
    code = task->host->tell_state(task->host->context, span_of(state), meta, children);
    return code ? celeriac_error_set(err, code, "state: %s", celeriac_err_name(code)) : code;
}

enum celeriac_err celeriac_task_send(struct celeriac_task *task, const struct celeriac_send *sends,
                                     size_t count, char (*ids)[CELERIAC_TASK_ID_SIZE],
                                     struct celeriac_error *err)
{
    if (!task->host)
        return no_host(err);
    return task->host->send(task->host->context, sends, count, ids, &task->outcome.children, err);
}

enum celeriac_err celeriac_task_apply(struct celeriac_task *task,
                                      const struct celeriac_signature *signature, char *id,
                                      struct celeriac_error *err)
{
    if (!task->host)
        return no_host(err);
    return task->host->apply(task->host->context, signature, id, &task->outcome.children, err);
}
