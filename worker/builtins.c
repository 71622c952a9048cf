#include "worker/builtins.h"

#include "base/json.h"
#include "base/strbuf.h"
#include "worker/builtin_canvas.h"
#include "worker/builtin_map.h"
#include "worker/task_context.h"

/* Longest text of a missing argument. */
#define TEXT_MAX ((size_t)512)

/* ---- the short ones -------------------------------------------------------------------------- */

/* Records expire by themselves in Redis: its backend's cleanup() does nothing. */
static void backend_cleanup(struct celeriac_task *task, void *user)
{
    (void)user;
    celeriac_task_return_null(task);
}

static void chain(struct celeriac_task *task, void *user)
{
    (void)user;
    celeriac_task_fail(task, &(struct celeriac_exception){.type = "NotImplementedError",
                                                          .message = "chain is not a real task"});
}

/* One of the arguments, counted as Python does, from the end if negative. */
static void return_one(struct celeriac_task *task, const struct json_node *args, int64_t index)
{
    const struct json_node *one = NULL;
    struct span raw;

    if (index < 0)
        index += args->count;
    if (index >= 0 && index < args->count)
        one = json_at(args, (uint32_t)index);
    if (!one) {
        celeriac_task_fail(task, &(struct celeriac_exception){
                                     .type = "IndexError", .message = "tuple index out of range"});
        return;
    }
    raw = json_raw(one);
    celeriac_task_return_json(task, raw.ptr, raw.len);
}

/* The body of what Task.replace() makes of a group: its arguments, or the one at `index`. */
static void accumulate(struct celeriac_task *task, void *user)
{
    static const struct json_options members = {.keep_depth = 2};
    struct celeriac_bytes args = celeriac_task_args(task);
    int64_t index = 0;
    enum celeriac_err code = celeriac_task_arg_int(task, -1, "index", &index);
    struct celeriac_bytes given = {0};
    struct json_doc doc;

    (void)user;
    if (code && celeriac_task_arg_json(task, -1, "index", &given) == CELERIAC_OK &&
        !span_is((struct span){given.ptr, given.len}, "null"))
        return;
    if (code) {
        celeriac_task_return_json(task, args.ptr, args.len);
        return;
    }
    json_init(&doc);
    if (json_parse(&doc, (struct span){args.ptr, args.len}, &members, NULL))
        celeriac_task_fail(task, &(struct celeriac_exception){.type = "MemoryError"});
    else
        return_one(task, json_root(&doc), index);
    json_close(&doc);
}

/* ---- registering ----------------------------------------------------------------------------- */

static const struct {
    const char *name;
    celeriac_task_fn *run;
} builtins[] = {
    {"celery.accumulate", accumulate},
    {"celery.backend_cleanup", backend_cleanup},
    {"celery.chain", chain},
    {"celery.chord", cel_builtin_chord},
    {"celery.chunks", cel_builtin_chunks},
    {"celery.group", cel_builtin_group},
    {"celery.map", cel_builtin_map},
    {"celery.starmap", cel_builtin_starmap},
};

enum celeriac_err cel_builtins_add(struct cel_registry *registry, bool with_results,
                                   struct celeriac_error *err)
{
    enum celeriac_err code = CELERIAC_OK;

    if (cel_registry_count(registry) == 0)
        return CELERIAC_OK;
    for (size_t i = 0; code == CELERIAC_OK && i < sizeof builtins / sizeof builtins[0]; i++) {
        const struct celeriac_task_options options = {
            .name = builtins[i].name, .run = builtins[i].run, .user = registry};

        if (builtins[i].run == backend_cleanup && !with_results)
            continue;
        if (!cel_registry_find(registry, span_of(builtins[i].name)))
            code = cel_registry_add(registry, &options, err);
    }
    return code;
}

/* ---- for the others -------------------------------------------------------------------------- */

/* The first positional argument or the keyword argument `task`; NULL when there is neither. */
static enum celeriac_err mapped(const struct cel_task_message *message, struct json_doc *doc,
                                const struct json_node **signature)
{
    static const struct json_options members = {.keep_depth = 2};
    enum celeriac_err code = json_parse(doc, message->args, &members, NULL);

    if (code)
        return code;
    *signature = json_first(json_root(doc));
    if (*signature)
        return CELERIAC_OK;
    code = json_parse(doc, message->kwargs, &members, NULL);
    if (code == CELERIAC_OK)
        *signature = json_get(json_root(doc), "task");
    return code;
}

bool cel_builtins_serve(const struct cel_registry *registry,
                        const struct cel_task_definition *definition,
                        const struct cel_task_message *message)
{
    const struct json_node *signature = NULL;
    struct json_doc doc;
    struct strbuf name;
    enum celeriac_err code;
    bool serve = true;

    if (definition->run != cel_builtin_map && definition->run != cel_builtin_starmap)
        return true;
    json_init(&doc);
    strbuf_init(&name, CEL_BODY_MAX);
    code = mapped(message, &doc, &signature);
    if (code == CELERIAC_OK && signature)
        code = cel_builtin_map_target(json_raw(signature), &name);
    /* Without memory it is left to somebody else rather than failed. */
    if (code == CELERIAC_ERR_MEMORY)
        serve = false;
    else if (code == CELERIAC_OK && signature)
        serve = cel_registry_find(registry, strbuf_span(&name)) != NULL;
    strbuf_close(&name);
    json_close(&doc);
    return serve;
}

bool cel_builtin_argument(struct celeriac_task *task, int position, const char *name,
                          struct span *json)
{
    struct celeriac_bytes found;
    struct strbuf text;

    if (celeriac_task_arg_json(task, position, name, &found) == CELERIAC_OK) {
        *json = (struct span){found.ptr, found.len};
        return true;
    }
    strbuf_init(&text, TEXT_MAX);
    strbuf_printf(&text, "%.*s() missing 1 required positional argument: '%s'",
                  SPAN_PRINTF(task->message->task), name);
    cel_outcome_fail(&task->outcome, SPAN("TypeError"), SPAN("builtins"), strbuf_span(&text), true);
    strbuf_close(&text);
    return false;
}
