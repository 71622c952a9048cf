#include "celery_proto/codec/canvas.h"

#include <string.h>

#include "base/alloc.h"
#include "celery_proto/codec/canvas_state.h"
#include "celery_proto/codec/envelope.h"

enum celeriac_err cel_canvas_create(const struct cel_canvas_context *context,
                                    struct cel_canvas **canvas)
{
    struct cel_canvas *c = mem_calloc(1, sizeof *c);

    if (!c)
        return CELERIAC_ERR_MEMORY;
    c->context = *context;
    strbuf_init(&c->scratch, CEL_ENVELOPE_MAX);
    strbuf_init(&c->message, CEL_ENVELOPE_MAX);
    if (cel_tree_create(&c->tree)) {
        cel_canvas_destroy(c);
        return CELERIAC_ERR_MEMORY;
    }
    c->children = cel_tree_array(c->tree);
    *canvas = c;
    return CELERIAC_OK;
}

void cel_canvas_destroy(struct cel_canvas *canvas)
{
    if (!canvas)
        return;
    for (size_t i = 0; i < canvas->count; i++)
        mem_free((char *)(uintptr_t)canvas->ops[i].message.ptr);
    mem_free(canvas->ops);
    strbuf_close(&canvas->scratch);
    strbuf_close(&canvas->message);
    cel_tree_destroy(canvas->tree);
    mem_free(canvas);
}

/* ---- for the other files ------------------------------------------------------------------- */

bool canvas_refuse(struct cel_canvas *c, enum celeriac_err code, const char *text)
{
    /* What looks wrong may only be missing, for want of memory. */
    if (cel_tree_status(c->tree))
        code = cel_tree_status(c->tree) == CELERIAC_ERR_SYNTAX ? CELERIAC_ERR_VALUE
                                                               : cel_tree_status(c->tree);
    if (c->status == CELERIAC_OK) {
        c->status = code;
        celeriac_error_set(&c->error, code, "%s", text);
    }
    return false;
}

bool canvas_enter(struct cel_canvas *c)
{
    if (c->depth >= CEL_CANVAS_DEPTH_MAX)
        return canvas_refuse(c, CELERIAC_ERR_LIMIT, "signature: nested too deeply");
    c->depth++;
    return true;
}

void canvas_leave(struct cel_canvas *c)
{
    c->depth--;
}

struct cel_value *canvas_new_id(struct cel_canvas *c)
{
    char id[UUID_SIZE];

    c->context.new_id(c->context.id_context, id);
    return cel_tree_text(c->tree, (struct span){id, UUID_LEN});
}

void canvas_add_op(struct cel_canvas *c, struct cel_canvas_op op)
{
    char *message = NULL;

    if (c->status || cel_tree_status(c->tree))
        return;
    if (c->count == CEL_CANVAS_OPS_MAX) {
        canvas_refuse(c, CELERIAC_ERR_LIMIT, "a task's end sets off too many messages");
        return;
    }
    if (c->count == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 4;
        struct cel_canvas_op *larger = mem_resize(c->ops, cap, sizeof *larger);

        if (!larger) {
            canvas_refuse(c, CELERIAC_ERR_MEMORY, "out of memory");
            return;
        }
        c->ops = larger;
        c->cap = cap;
    }
    message = mem_dup_span(op.message);
    if (!message) {
        canvas_refuse(c, CELERIAC_ERR_MEMORY, "out of memory");
        return;
    }
    op.message.ptr = message;
    c->ops[c->count++] = op;
}

/* ---- the occasions ------------------------------------------------------------------------- */

static enum celeriac_err finish(struct cel_canvas *c, struct celeriac_error *err)
{
    enum celeriac_err code = cel_tree_status(c->tree);

    if (c->status)
        return celeriac_error_set(err, c->status, "%s", c->error.text);
    if (code)
        return celeriac_error_set(err, code == CELERIAC_ERR_SYNTAX ? CELERIAC_ERR_VALUE : code,
                                  "signature: %s", celeriac_err_name(code));
    return CELERIAC_OK;
}

/* parent_id and root_id as the tracer passes them to everything that it applies. */
static struct cel_value *family(struct cel_canvas *c)
{
    struct cel_value *options = cel_tree_object(c->tree);
    struct span root = c->context.root_id.len > 0 ? c->context.root_id : c->context.parent_id;

    if (c->context.parent_id.len > 0)
        cel_value_set(c->tree, options, "parent_id", cel_tree_text(c->tree, c->context.parent_id));
    if (root.len > 0)
        cel_value_set(c->tree, options, "root_id", cel_tree_text(c->tree, root));
    if (c->context.has_priority)
        cel_value_set(c->tree, options, "priority", cel_tree_int(c->tree, c->context.priority));
    return options;
}

static struct cel_value *one_argument(struct cel_canvas *c, struct cel_value *argument)
{
    struct cel_value *args = cel_tree_array(c->tree);

    cel_value_append(c->tree, args, argument);
    return args;
}

/* Several callbacks: groups each by themselves, the others as one group that nobody named. */
static void apply_callbacks(struct cel_canvas *c, struct cel_value *callbacks,
                            struct cel_value *args)
{
    struct cel_value *others = cel_tree_array(c->tree);
    size_t count = cel_value_count(c->tree, callbacks);

    for (size_t i = 0; i < count && c->status == CELERIAC_OK; i++) {
        struct cel_value *sig = cel_value_at(c->tree, callbacks, i);

        if (count == 1 || sig_type(c, sig) == CEL_SUBTASK_GROUP)
            canvas_apply_async(c, sig, args, NULL, family(c), true);
        else
            cel_value_append(c->tree, others, sig);
    }
    if (cel_value_count(c->tree, others) > 0)
        canvas_apply_async(c, sig_new_group(c, others), args, NULL, family(c), true);
}

enum celeriac_err cel_canvas_succeed(struct cel_canvas *canvas, struct span callbacks,
                                     struct span chain, struct span result,
                                     struct celeriac_error *err)
{
    struct cel_canvas *c = canvas;
    struct cel_value *args =
        one_argument(c, cel_tree_raw(c->tree, result.len > 0 ? result : SPAN("null")));

    if (callbacks.len > 0)
        apply_callbacks(c, cel_tree_raw(c->tree, callbacks), args);
    if (chain.len > 0) {
        struct cel_value *steps = cel_tree_raw(c->tree, chain);
        struct cel_value *next = cel_value_take_last(c->tree, steps);
        struct cel_value *options = family(c);

        cel_value_set(c->tree, options, "chain", steps);
        if (next)
            canvas_apply_async(c, next, args, NULL, options, true);
    }
    return finish(c, err);
}

enum celeriac_err cel_canvas_fail(struct cel_canvas *canvas, struct span errbacks,
                                  struct span task_id, struct celeriac_error *err)
{
    struct cel_canvas *c = canvas;
    struct cel_value *list = canvas_list(c, cel_tree_raw(c->tree, errbacks));

    if (cel_value_count(c->tree, list) > 0)
        canvas_apply_async(c, sig_new_group(c, list),
                           one_argument(c, cel_tree_text(c->tree, task_id)), NULL, family(c),
                           false);
    return finish(c, err);
}

enum celeriac_err cel_canvas_apply(struct cel_canvas *canvas, struct span signature,
                                   struct span args, struct span *result_id,
                                   struct celeriac_error *err)
{
    struct cel_canvas *c = canvas;
    struct cel_value *given = args.len > 0 ? cel_tree_raw(c->tree, args) : NULL;
    struct frozen result =
        canvas_apply_async(c, cel_tree_raw(c->tree, signature), given, NULL, NULL, true);
    enum celeriac_err code = finish(c, err);

    if (code == CELERIAC_OK && result_id)
        *result_id = cel_value_text(c->tree, result.id);
    return code;
}

const struct cel_canvas_op *cel_canvas_ops(const struct cel_canvas *canvas, size_t *count)
{
    *count = canvas->count;
    return canvas->ops;
}

enum celeriac_err cel_canvas_children(struct cel_canvas *canvas, struct span *children)
{
    struct span json = cel_value_json(canvas->tree, canvas->children);

    if (cel_tree_status(canvas->tree))
        return cel_tree_status(canvas->tree);
    *children = json;
    return CELERIAC_OK;
}
