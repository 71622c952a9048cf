#include "worker/builtin_canvas.h"

#include "base/strbuf.h"
#include "celery_proto/codec/json_tree.h"
#include "celery_proto/codec/signature.h"
#include "worker/builtins.h"
#include "worker/task_context.h"

/* An optional argument as JSON text; otherwise when it was not given, or is null. */
static struct span optional(struct celeriac_task *task, int position, const char *name,
                            struct span otherwise)
{
    struct celeriac_bytes json;

    if (celeriac_task_arg_json(task, position, name, &json))
        return otherwise;
    return span_is((struct span){json.ptr, json.len}, "null") ? otherwise
                                                              : (struct span){json.ptr, json.len};
}

static void fail(struct celeriac_task *task, enum celeriac_err code,
                 const struct celeriac_error *err)
{
    struct celeriac_exception exception = {.type = "ValueError", .message = err->text};

    if (code == CELERIAC_ERR_UNAVAILABLE) {
        exception.type = "OperationalError";
        exception.module = "kombu.exceptions";
    } else if (code == CELERIAC_ERR_MEMORY) {
        exception.type = "MemoryError";
    }
    celeriac_task_fail(task, &exception);
}

/*
 * Applies a canvas. *sent gets the result tuple of what went out, empty when it is not known. False
 * when the task has failed.
 */
static bool apply(struct celeriac_task *task, struct cel_tree *tree, const struct cel_value *canvas,
                  char id[CELERIAC_TASK_ID_SIZE], struct span *sent)
{
    struct celeriac_signature *signature = NULL;
    struct celeriac_error err = {0};
    struct strbuf *children = &task->outcome.children;
    size_t before = strbuf_span(children).len;
    struct span all;
    struct strbuf json;
    enum celeriac_err code;

    strbuf_init(&json, CEL_TREE_MAX);
    cel_value_write(canvas, &json);
    code = cel_tree_status(tree);
    if (code == CELERIAC_OK)
        code = strbuf_status(&json);
    if (code)
        (void)celeriac_error_set(&err, code, "the canvas: %s", celeriac_err_name(code));
    else
        code = celeriac_signature_from_json(strbuf_text(&json), &signature, &err);
    if (code == CELERIAC_OK)
        code = celeriac_task_apply(task, signature, id, &err);
    celeriac_signature_destroy(signature);
    strbuf_close(&json);
    if (code) {
        fail(task, code, &err);
        return false;
    }
    all = strbuf_span(children);
    before += before > 0 && all.len > before ? 2 : 0; /* ", " */
    *sent = (struct span){all.ptr + before, all.len - before};
    return true;
}

static struct cel_value *new_canvas(struct cel_tree *tree, const char *task, const char *type,
                                    struct cel_value *kwargs)
{
    struct cel_value *canvas = cel_tree_object(tree);

    cel_value_set(tree, canvas, "task", cel_tree_text(tree, span_of(task)));
    cel_value_set(tree, canvas, "args", cel_tree_array(tree));
    cel_value_set(tree, canvas, "kwargs", kwargs);
    cel_value_set(tree, canvas, "options", cel_tree_object(tree));
    cel_value_set(tree, canvas, "subtask_type", cel_tree_text(tree, span_of(type)));
    cel_value_set(tree, canvas, "immutable", cel_tree_raw(tree, SPAN("false")));
    return canvas;
}

/* Signatures with further arguments in front of their own, but for those that take none. */
static struct cel_value *with_arguments(struct cel_tree *tree, struct span tasks,
                                        struct span partial)
{
    struct cel_value *list = cel_value_clone(tree, cel_tree_raw(tree, tasks));
    struct cel_value *more = cel_tree_raw(tree, partial);

    for (size_t i = 0; i < cel_value_count(tree, list); i++) {
        struct cel_value *task = cel_value_at(tree, list, i);
        struct cel_value *own = cel_value_get(tree, task, "args");
        struct cel_value *args = cel_tree_array(tree);

        if (cel_value_is_true(tree, cel_value_get(tree, task, "immutable")))
            continue;
        for (size_t k = 0; k < cel_value_count(tree, more); k++)
            cel_value_append(tree, args, cel_value_at(tree, more, k));
        for (size_t k = 0; k < cel_value_count(tree, own); k++)
            cel_value_append(tree, args, cel_value_at(tree, own, k));
        cel_value_set(tree, task, "args", args);
    }
    return list;
}

static void return_span(struct celeriac_task *task, struct span json)
{
    celeriac_task_return_json(task, json.len > 0 ? json.ptr : "null", json.len > 0 ? json.len : 4);
}

static void chunks(struct celeriac_task *task, struct cel_tree *tree)
{
    static const char *const names[] = {"task", "it", "n"};
    struct cel_value *kwargs = cel_tree_object(tree);
    char id[CELERIAC_TASK_ID_SIZE];
    struct span sent;

    for (int i = 0; i < 3; i++) {
        struct span json;

        if (!cel_builtin_argument(task, i, names[i], &json))
            return;
        cel_value_set(tree, kwargs, names[i], cel_tree_raw(tree, json));
    }
    if (apply(task, tree, new_canvas(tree, "celery.chunks", "chunks", kwargs), id, &sent))
        return_span(task, sent);
}

static void group(struct celeriac_task *task, struct cel_tree *tree)
{
    struct cel_value *kwargs = cel_tree_object(tree);
    struct cel_value *canvas;
    char id[CELERIAC_TASK_ID_SIZE];
    struct span tasks, result, group_id, sent;

    if (!cel_builtin_argument(task, 0, "tasks", &tasks) ||
        !cel_builtin_argument(task, 1, "result", &result) ||
        !cel_builtin_argument(task, 2, "group_id", &group_id))
        return;
    cel_value_set(tree, kwargs, "tasks",
                  with_arguments(tree, tasks, optional(task, 3, "partial_args", SPAN("[]"))));
    canvas = new_canvas(tree, "celery.group", "group", kwargs);
    cel_value_set(tree, cel_value_get(tree, canvas, "options"), "task_id",
                  cel_tree_raw(tree, group_id));
    if (apply(task, tree, canvas, id, &sent))
        return_span(task, result);
}

/* The body's result, whose parent is the header's. */
static void return_chord(struct celeriac_task *task, const char *id, struct span header)
{
    struct strbuf tuple;

    strbuf_init(&tuple, CEL_RETURN_MAX);
    strbuf_printf(&tuple, "[[\"%s\", ", id);
    strbuf_add_span(&tuple, header.len > 0 ? header : SPAN("null"));
    strbuf_add_text(&tuple, "], null]");
    return_span(task, strbuf_status(&tuple) ? (struct span){0} : strbuf_span(&tuple));
    strbuf_close(&tuple);
}

/* The header is a list of signatures, or a group. */
static void chord(struct celeriac_task *task, struct cel_tree *tree)
{
    struct cel_value *kwargs = cel_tree_object(tree);
    struct cel_value *inside;
    char id[CELERIAC_TASK_ID_SIZE];
    struct span header, body, sent;

    if (!cel_builtin_argument(task, 0, "header", &header) ||
        !cel_builtin_argument(task, 1, "body", &body))
        return;
    inside =
        cel_value_get(tree, cel_value_get(tree, cel_tree_raw(tree, header), "kwargs"), "tasks");
    if (inside)
        header = cel_value_json(tree, inside);
    cel_value_set(tree, kwargs, "header",
                  with_arguments(tree, header, optional(task, 2, "partial_args", SPAN("[]"))));
    cel_value_set(tree, kwargs, "body", cel_tree_raw(tree, body));
    if (apply(task, tree, new_canvas(tree, "celery.chord", "chord", kwargs), id, &sent))
        return_chord(task, id, sent);
}

static void with_tree(struct celeriac_task *task,
                      void (*run)(struct celeriac_task *task, struct cel_tree *tree))
{
    struct cel_tree *tree = NULL;

    if (cel_tree_create(&tree))
        celeriac_task_fail(task, &(struct celeriac_exception){.type = "MemoryError"});
    else
        run(task, tree);
    cel_tree_destroy(tree);
}

void cel_builtin_chunks(struct celeriac_task *task, void *user)
{
    (void)user;
    with_tree(task, chunks);
}

void cel_builtin_group(struct celeriac_task *task, void *user)
{
    (void)user;
    with_tree(task, group);
}

void cel_builtin_chord(struct celeriac_task *task, void *user)
{
    (void)user;
    with_tree(task, chord);
}
