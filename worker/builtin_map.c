#include "worker/builtin_map.h"

#include "base/alloc.h"
#include "base/json.h"
#include "worker/builtins.h"
#include "worker/task_context.h"

/* One map on its way through its items. */
struct mapping {
    struct celeriac_task *outer;
    const struct cel_task_definition *definition; /* of the task that is called */
    bool spread;                                  /* an item is a list of arguments */
    struct celeriac_task inner;                   /* one call after the other */
    struct cel_task_message message; /* what it sees: the map's, but for what is called */
    struct strbuf args;
    struct strbuf results;
};

enum celeriac_err cel_builtin_map_target(struct span signature, struct strbuf *name)
{
    static const struct json_options members = {.keep_depth = 2};
    const struct json_node *node;
    struct json_doc doc;
    enum celeriac_err code;

    json_init(&doc);
    code = json_parse(&doc, signature, &members, NULL);
    if (code == CELERIAC_OK) {
        node = json_root(&doc);
        if (node->type == JSON_OBJECT)
            node = json_get(node, "task");
        code =
            node && node->type == JSON_STRING ? json_decode_string(node, name) : CELERIAC_ERR_VALUE;
    }
    json_close(&doc);
    return code;
}

static void raise(struct celeriac_task *task, const char *type, const char *module,
                  struct span message)
{
    cel_outcome_fail(&task->outcome, span_of(type), span_of(module), message, true);
}

static void raise_out_of_memory(struct celeriac_task *task)
{
    cel_outcome_fail(&task->outcome, SPAN("MemoryError"), SPAN("builtins"), (struct span){0},
                     false);
}

/* ---- one item ------------------------------------------------------------------------------ */

/* What the called task has sent is this one's child. */
static void take_children(struct mapping *m)
{
    struct span sent = strbuf_span(&m->inner.outcome.children);
    struct strbuf *children = &m->outer->outcome.children;

    if (sent.len == 0 || sent.len + 2 > CEL_CHILDREN_MAX - strbuf_span(children).len)
        return;
    strbuf_add_text(children, strbuf_span(children).len > 0 ? ", " : "");
    strbuf_add_span(children, sent);
}

/* The exception that left a task which was called directly, where Python retries nothing. */
static void pass_on(struct celeriac_task *task, const struct cel_outcome *from)
{
    if (from->has_exception)
        cel_outcome_fail(&task->outcome, cel_outcome_type(from), cel_outcome_module(from),
                         cel_outcome_message(from), from->has_message);
    else
        raise(task, "Retry", "celery.exceptions", SPAN("Task can be retried"));
}

/* How one call ended; false when the map ends with it. */
static bool take_outcome(struct mapping *m)
{
    const struct cel_outcome *outcome = &m->inner.outcome;
    struct span result = strbuf_span(&outcome->result);

    take_children(m);
    switch (outcome->kind) {
    case CEL_OUTCOME_SUCCESS:
        strbuf_add_text(&m->results, strbuf_span(&m->results).len > 1 ? ", " : "");
        strbuf_add_span(&m->results, result.len > 0 ? result : SPAN("null"));
        return true;
    case CEL_OUTCOME_FAILURE:
    case CEL_OUTCOME_RETRY:
        pass_on(m->outer, outcome);
        break;
    case CEL_OUTCOME_IGNORE:
        celeriac_task_ignore(m->outer);
        break;
    case CEL_OUTCOME_REJECT:
        celeriac_task_reject(m->outer, outcome->requeue);
        break;
    case CEL_OUTCOME_POSTPONE:
        celeriac_task_postpone(m->outer, outcome->seconds);
        break;
    }
    return false;
}

static bool call(struct mapping *m, const struct json_node *item)
{
    if (m->spread && item->type != JSON_ARRAY) {
        raise(m->outer, "TypeError", "builtins", SPAN("argument after * must be an iterable"));
        return false;
    }
    strbuf_clear(&m->args);
    strbuf_add_text(&m->args, m->spread ? "" : "[");
    strbuf_add_span(&m->args, json_raw(item));
    strbuf_add_text(&m->args, m->spread ? "" : "]");
    if (strbuf_status(&m->args)) {
        raise_out_of_memory(m->outer);
        return false;
    }
    m->message.args = (struct span){strbuf_text(&m->args), strbuf_span(&m->args).len};
    cel_task_context_begin(&m->inner, &m->message, m->outer->soft_deadline_ns);
    m->definition->run(&m->inner, m->definition->user);
    return take_outcome(m);
}

/* ---- all items ----------------------------------------------------------------------------- */

static void call_each(struct mapping *m, const struct json_node *items)
{
    const struct json_node *item;

    if (items->type != JSON_ARRAY) {
        raise(m->outer, "TypeError", "builtins", SPAN("'it' is not a list"));
        return;
    }
    strbuf_add_char(&m->results, '[');
    for (item = json_first(items); item; item = json_next(items, item))
        if (!call(m, item))
            return;
    strbuf_add_char(&m->results, ']');
    if (strbuf_status(&m->results))
        raise_out_of_memory(m->outer);
    else
        celeriac_task_return_json(m->outer, m->results.ptr, strbuf_span(&m->results).len);
}

static void run_mapping(struct celeriac_task *task, const struct cel_task_definition *definition,
                        struct span it, bool spread)
{
    static const struct json_options members = {.keep_depth = 2};
    struct mapping *m = mem_calloc(1, sizeof *m);
    struct json_doc doc;

    if (!m) {
        raise_out_of_memory(task);
        return;
    }
    m->outer = task;
    m->definition = definition;
    m->spread = spread;
    m->message = *task->message;
    m->message.task = definition->name;
    m->message.kwargs = SPAN("{}");
    m->message.retries = 0;
    cel_task_context_init(&m->inner, task->stopping);
    m->inner.host = task->host;
    m->inner.depth = task->depth + 1;
    strbuf_init(&m->args, CEL_BODY_MAX);
    strbuf_init(&m->results, CEL_RETURN_MAX);
    json_init(&doc);
    if (json_parse(&doc, it, &members, NULL) == CELERIAC_OK)
        call_each(m, json_root(&doc));
    else
        raise_out_of_memory(task);
    json_close(&doc);
    strbuf_close(&m->results);
    strbuf_close(&m->args);
    cel_task_context_close(&m->inner);
    mem_free(m);
}

static void map(struct celeriac_task *task, const struct cel_registry *registry, bool spread)
{
    const struct cel_task_definition *definition;
    struct span signature;
    struct span it;
    struct strbuf name;

    if (!cel_builtin_argument(task, 0, "task", &signature) ||
        !cel_builtin_argument(task, 1, "it", &it))
        return;
    if (task->depth >= CEL_MAP_DEPTH_MAX) {
        raise(task, "RecursionError", "builtins", SPAN("maps of maps are nested too deeply"));
        return;
    }
    strbuf_init(&name, CEL_BODY_MAX);
    switch (cel_builtin_map_target(signature, &name)) {
    case CELERIAC_OK:
        definition = cel_registry_find(registry, strbuf_span(&name));
        if (definition)
            run_mapping(task, definition, it, spread);
        else
            raise(task, "NotRegistered", "celery.exceptions", strbuf_span(&name));
        break;
    case CELERIAC_ERR_MEMORY:
        raise_out_of_memory(task);
        break;
    default:
        raise(task, "KeyError", "builtins", SPAN("task"));
    }
    strbuf_close(&name);
}

void cel_builtin_map(struct celeriac_task *task, void *user)
{
    map(task, user, false);
}

void cel_builtin_starmap(struct celeriac_task *task, void *user)
{
    map(task, user, true);
}
