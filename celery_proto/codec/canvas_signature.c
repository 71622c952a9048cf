/* Reading and changing signatures, see canvas_state.h. */
#include "celery_proto/codec/canvas_state.h"

/* An object member that is always there. */
static struct cel_value *object_member(struct cel_canvas *c, struct cel_value *sig,
                                       const char *name)
{
    struct cel_value *object = cel_value_get(c->tree, sig, name);

    if (cel_value_is_object(object))
        return object;
    object = cel_tree_object(c->tree);
    cel_value_set(c->tree, sig, name, object);
    return object;
}

struct cel_value *sig_options(struct cel_canvas *c, struct cel_value *sig)
{
    return object_member(c, sig, "options");
}

struct cel_value *sig_kwargs(struct cel_canvas *c, struct cel_value *sig)
{
    return object_member(c, sig, "kwargs");
}

struct cel_value *sig_option(struct cel_canvas *c, struct cel_value *sig, const char *name)
{
    struct cel_value *value = cel_value_get(c->tree, sig_options(c, sig), name);

    return cel_value_is_null(value) ? NULL : value;
}

enum cel_subtask_type sig_type(struct cel_canvas *c, struct cel_value *sig)
{
    static const struct {
        const char *name;
        enum cel_subtask_type type;
    } types[] = {{"chain", CEL_SUBTASK_CHAIN},       {"group", CEL_SUBTASK_GROUP},
                 {"chord", CEL_SUBTASK_CHORD},       {"xmap", CEL_SUBTASK_XMAP},
                 {"xstarmap", CEL_SUBTASK_XSTARMAP}, {"chunks", CEL_SUBTASK_CHUNKS}};
    struct span name = cel_value_text(c->tree, cel_value_get(c->tree, sig, "subtask_type"));

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (span_is(name, types[i].name))
            return types[i].type;
    return CEL_SUBTASK_TASK;
}

static bool sig_is_immutable(struct cel_canvas *c, struct cel_value *sig)
{
    return cel_value_is_true(c->tree, cel_value_get(c->tree, sig, "immutable"));
}

/* Whatever is given as tasks, as an array of signatures (celery/canvas.py _maybe_group). */
static struct cel_value *as_tasks(struct cel_canvas *c, struct cel_value *tasks)
{
    struct cel_value *one;

    if (cel_value_is_array(tasks))
        return tasks;
    if (cel_value_is_object(tasks) &&
        (sig_type(c, tasks) == CEL_SUBTASK_GROUP || sig_type(c, tasks) == CEL_SUBTASK_CHAIN))
        return sig_tasks(c, tasks);
    one = cel_tree_array(c->tree);
    if (cel_value_is_object(tasks))
        cel_value_append(c->tree, one, tasks);
    return one;
}

struct cel_value *sig_tasks(struct cel_canvas *c, struct cel_value *sig)
{
    const char *name = sig_type(c, sig) == CEL_SUBTASK_CHORD ? "header" : "tasks";
    struct cel_value *kwargs = sig_kwargs(c, sig);
    struct cel_value *tasks = cel_value_get(c->tree, kwargs, name);

    if (cel_value_is_array(tasks) || cel_value_is_object(tasks))
        return as_tasks(c, tasks);
    tasks = cel_tree_array(c->tree);
    cel_value_set(c->tree, kwargs, name, tasks);
    return tasks;
}

void sig_set_tasks(struct cel_canvas *c, struct cel_value *sig, struct cel_value *tasks)
{
    cel_value_set(c->tree, sig_kwargs(c, sig), "tasks", tasks);
}

struct cel_value *sig_body(struct cel_canvas *c, struct cel_value *chord)
{
    struct cel_value *body = cel_value_get(c->tree, sig_kwargs(c, chord), "body");

    return cel_value_is_object(body) ? body : NULL;
}

static void sig_set_body(struct cel_canvas *c, struct cel_value *chord, struct cel_value *body)
{
    cel_value_set(c->tree, sig_kwargs(c, chord), "body", body);
}

static struct cel_value *new_signature(struct cel_canvas *c, const char *task, const char *type,
                                       struct cel_value *kwargs)
{
    struct cel_tree *tree = c->tree;
    struct cel_value *sig = cel_tree_object(tree);

    cel_value_set(tree, sig, "task", cel_tree_text(tree, span_of(task)));
    cel_value_set(tree, sig, "args", cel_tree_array(tree));
    cel_value_set(tree, sig, "kwargs", kwargs);
    cel_value_set(tree, sig, "options", cel_tree_object(tree));
    cel_value_set(tree, sig, "subtask_type", cel_tree_text(tree, span_of(type)));
    cel_value_set(tree, sig, "immutable", cel_tree_raw(tree, SPAN("false")));
    return sig;
}

struct cel_value *sig_new_group(struct cel_canvas *c, struct cel_value *tasks)
{
    struct cel_value *kwargs = cel_tree_object(c->tree);

    cel_value_set(c->tree, kwargs, "tasks", tasks);
    return new_signature(c, "celery.group", "group", kwargs);
}

struct cel_value *sig_new_chord(struct cel_canvas *c, struct cel_value *header,
                                struct cel_value *body)
{
    struct cel_value *kwargs = cel_tree_object(c->tree);

    cel_value_set(c->tree, kwargs, "kwargs", cel_tree_object(c->tree));
    cel_value_set(c->tree, kwargs, "header", as_tasks(c, header));
    cel_value_set(c->tree, kwargs, "body", body);
    return new_signature(c, "celery.chord", "chord", kwargs);
}

struct cel_value *sig_header(struct cel_canvas *c, struct cel_value *chord)
{
    struct cel_value *header = cel_value_get(c->tree, sig_kwargs(c, chord), "header");

    if (cel_value_is_object(header) && sig_type(c, header) == CEL_SUBTASK_GROUP)
        return header;
    header = sig_new_group(c, sig_tasks(c, chord));
    cel_value_set(c->tree, sig_kwargs(c, chord), "header", header);
    return header;
}

/* ---- merging ------------------------------------------------------------------------------- */

struct cel_value *canvas_merge(struct cel_canvas *c, struct cel_value *object,
                               struct cel_value *more, bool skip_null)
{
    struct cel_value *merged = cel_tree_object(c->tree);

    for (size_t i = 0; i < cel_value_count(c->tree, object); i++)
        cel_value_set_span(c->tree, merged, cel_value_key_at(c->tree, object, i),
                           cel_value_at(c->tree, object, i));
    for (size_t i = 0; i < cel_value_count(c->tree, more); i++) {
        struct cel_value *value = cel_value_at(c->tree, more, i);

        if (!skip_null || !cel_value_is_null(value))
            cel_value_set_span(c->tree, merged, cel_value_key_at(c->tree, more, i), value);
    }
    return merged;
}

/* Options that a later call may not change: changing them would stall tasks. */
static bool is_fixed(struct cel_canvas *c, struct cel_value *stamped, struct span key)
{
    if (span_is(key, "group_id") || span_is(key, "stamped_headers"))
        return true;
    for (size_t i = 0; i < cel_value_count(c->tree, stamped); i++)
        if (span_equal(cel_value_text(c->tree, cel_value_at(c->tree, stamped, i)), key))
            return true;
    return false;
}

struct cel_value *sig_merge_options(struct cel_canvas *c, struct cel_value *sig,
                                    struct cel_value *more)
{
    struct cel_value *own = sig_options(c, sig);
    struct cel_value *stamped = sig_option(c, sig, "stamped_headers");
    struct cel_value *merged = canvas_merge(c, own, NULL, false);

    for (size_t i = 0; i < cel_value_count(c->tree, more); i++) {
        struct cel_value *value = cel_value_at(c->tree, more, i);
        struct span key = cel_value_key_at(c->tree, more, i);
        bool has = !cel_value_is_null(cel_value_get(c->tree, own, key.ptr));

        if (!cel_value_is_null(value) && (!has || !is_fixed(c, stamped, key)))
            cel_value_set_span(c->tree, merged, key, value);
    }
    return merged;
}

struct cel_value *sig_merge_args(struct cel_canvas *c, struct cel_value *sig,
                                 struct cel_value *more)
{
    struct cel_value *own = cel_value_get(c->tree, sig, "args");
    struct cel_value *merged;

    if (!cel_value_is_array(own))
        own = cel_tree_array(c->tree);
    if (sig_is_immutable(c, sig) || cel_value_count(c->tree, more) == 0)
        return own;
    merged = cel_tree_array(c->tree);
    for (size_t i = 0; i < cel_value_count(c->tree, more); i++)
        cel_value_append(c->tree, merged, cel_value_at(c->tree, more, i));
    for (size_t i = 0; i < cel_value_count(c->tree, own); i++)
        cel_value_append(c->tree, merged, cel_value_at(c->tree, own, i));
    return merged;
}

struct cel_value *sig_merge_kwargs(struct cel_canvas *c, struct cel_value *sig,
                                   struct cel_value *more)
{
    if (sig_is_immutable(c, sig) || cel_value_count(c->tree, more) == 0)
        return sig_kwargs(c, sig);
    return canvas_merge(c, sig_kwargs(c, sig), more, false);
}

struct cel_value *sig_clone(struct cel_canvas *c, struct cel_value *sig, struct cel_value *args,
                            struct cel_value *kwargs, struct cel_value *options)
{
    struct cel_value *copy = cel_value_clone(c->tree, sig);

    if (cel_value_count(c->tree, args) > 0)
        cel_value_set(c->tree, copy, "args", sig_merge_args(c, copy, args));
    if (cel_value_count(c->tree, kwargs) > 0)
        cel_value_set(c->tree, copy, "kwargs", sig_merge_kwargs(c, copy, kwargs));
    if (cel_value_count(c->tree, options) > 0)
        cel_value_set(c->tree, copy, "options", sig_merge_options(c, copy, options));
    return copy;
}

/* ---- links --------------------------------------------------------------------------------- */

struct cel_value *canvas_list(struct cel_canvas *c, struct cel_value *value)
{
    struct cel_value *list;

    if (cel_value_is_array(value))
        return value;
    list = cel_tree_array(c->tree);
    if (!cel_value_is_null(value))
        cel_value_append(c->tree, list, value);
    return list;
}

void sig_append_option(struct cel_canvas *c, struct cel_value *sig, const char *name,
                       struct cel_value *value)
{
    struct cel_value *list = canvas_list(c, sig_option(c, sig, name));

    cel_value_set(c->tree, sig_options(c, sig), name, list);
    for (size_t i = 0; i < cel_value_count(c->tree, list); i++)
        if (cel_value_equal(c->tree, cel_value_at(c->tree, list, i), value))
            return;
    cel_value_append(c->tree, list, value);
}

void sig_link(struct cel_canvas *c, struct cel_value *sig, struct cel_value *callback)
{
    struct cel_value *copy;

    if (!canvas_enter(c))
        return;
    if (sig_type(c, sig) == CEL_SUBTASK_CHORD && sig_body(c, sig)) {
        sig_link(c, sig_body(c, sig), callback);
    } else if (sig_type(c, sig) == CEL_SUBTASK_GROUP &&
               cel_value_count(c->tree, sig_tasks(c, sig)) > 0) {
        copy = cel_value_clone(c->tree, callback);
        cel_value_set(c->tree, copy, "immutable", cel_tree_raw(c->tree, SPAN("true")));
        sig_link(c, cel_value_at(c->tree, sig_tasks(c, sig), 0), copy);
    } else {
        sig_append_option(c, sig, "link", callback);
    }
    canvas_leave(c);
}

void sig_link_error(struct cel_canvas *c, struct cel_value *sig, struct cel_value *errback)
{
    enum cel_subtask_type type = sig_type(c, sig);
    struct cel_value *tasks;

    if (type != CEL_SUBTASK_CHORD && type != CEL_SUBTASK_GROUP) {
        sig_append_option(c, sig, "link_error", errback);
        return;
    }
    if (!canvas_enter(c))
        return;
    tasks = sig_tasks(c, sig);
    for (size_t i = 0; i < cel_value_count(c->tree, tasks); i++) {
        struct cel_value *task = cel_value_at(c->tree, tasks, i);

        if (type == CEL_SUBTASK_GROUP)
            sig_link_error(c, task, cel_value_clone(c->tree, errback));
        else if (sig_type(c, task) == CEL_SUBTASK_CHORD)
            sig_link_error(c, task, errback);
    }
    if (type == CEL_SUBTASK_CHORD && sig_body(c, sig))
        sig_link_error(c, sig_body(c, sig), errback);
    canvas_leave(c);
}

/* ---- shapes -------------------------------------------------------------------------------- */

struct cel_value *sig_unroll_group(struct cel_canvas *c, struct cel_value *sig)
{
    if (sig_type(c, sig) == CEL_SUBTASK_GROUP && cel_value_count(c->tree, sig_tasks(c, sig)) == 1)
        return cel_value_at(c->tree, sig_tasks(c, sig), 0);
    return sig;
}

bool sig_is_empty_group(struct cel_canvas *c, struct cel_value *sig)
{
    return sig_type(c, sig) == CEL_SUBTASK_GROUP &&
           cel_value_count(c->tree, sig_tasks(c, sig)) == 0;
}

bool sig_is_led_by_task(struct cel_canvas *c, struct cel_value *body)
{
    return body && sig_type(c, body) == CEL_SUBTASK_CHAIN &&
           cel_value_count(c->tree, sig_tasks(c, body)) > 0 &&
           sig_type(c, cel_value_at(c->tree, sig_tasks(c, body), 0)) != CEL_SUBTASK_GROUP;
}

int64_t sig_descend(struct cel_canvas *c, struct cel_value *sig)
{
    enum cel_subtask_type type = sig_type(c, sig);
    struct cel_value *tasks;
    int64_t size = 0;

    if (type == CEL_SUBTASK_CHORD) {
        if (!sig_body(c, sig) || !canvas_enter(c))
            return 0;
        size = sig_descend(c, sig_body(c, sig));
        canvas_leave(c);
        return size;
    }
    if (type != CEL_SUBTASK_GROUP && type != CEL_SUBTASK_CHAIN)
        return 1;
    if (!canvas_enter(c))
        return 0;
    tasks = sig_tasks(c, sig);
    for (size_t i = cel_value_count(c->tree, tasks); i > 0; i--) {
        size += sig_descend(c, cel_value_at(c->tree, tasks, i - 1));
        /* The last step that counts stands for a chain. */
        if (type == CEL_SUBTASK_CHAIN && size > 0)
            break;
    }
    canvas_leave(c);
    return size;
}

/* chain.unchain_tasks(): copies of the steps with the chain's own links. */
static struct cel_value *unchain(struct cel_canvas *c, struct cel_value *chain)
{
    struct cel_value *steps = cel_value_clone(c->tree, sig_tasks(c, chain));
    struct cel_value *links = canvas_list(c, sig_option(c, chain, "link"));
    struct cel_value *errors = canvas_list(c, sig_option(c, chain, "link_error"));
    size_t count = cel_value_count(c->tree, steps);

    for (size_t i = 0; count > 0 && i < cel_value_count(c->tree, links); i++)
        sig_link(c, cel_value_at(c->tree, steps, count - 1), cel_value_at(c->tree, links, i));
    for (size_t i = 0; i < cel_value_count(c->tree, errors); i++)
        for (size_t k = 0; k < count; k++)
            sig_link_error(c, cel_value_at(c->tree, steps, k), cel_value_at(c->tree, errors, i));
    return steps;
}

/* Options that a chain does not pass on to its first task (_CHAIN_RUN_OPTIONS). */
static void remove_run_options(struct cel_canvas *c, struct cel_value *options)
{
    static const char *const names[] = {"chord",      "group_id",  "group_index", "link",
                                        "link_error", "parent_id", "root_id",     "task_id"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        cel_value_remove(c->tree, options, names[i]);
}

struct cel_value *sig_unroll_body(struct cel_canvas *c, struct cel_value *chord)
{
    struct cel_value *copy = cel_value_clone(c->tree, chord);
    struct cel_value *body = sig_body(c, copy);
    struct cel_value *steps = unchain(c, body);
    struct cel_value *first_options = canvas_merge(c, sig_options(c, body), NULL, false);
    struct cel_value *first = cel_value_take_first(c->tree, steps);

    remove_run_options(c, first_options);
    sig_set_body(c, copy, sig_clone(c, first, NULL, NULL, first_options));
    cel_value_prepend(c->tree, steps, copy);
    return steps;
}

void sig_unroll_chords(struct cel_canvas *c, struct cel_value *chain)
{
    struct cel_value *pending = canvas_list(c, cel_value_clone(c->tree, sig_tasks(c, chain)));
    struct cel_value *steps = cel_tree_array(c->tree);
    struct cel_value *task;

    if (!canvas_enter(c))
        return;
    while ((task = cel_value_take_first(c->tree, pending))) {
        if (sig_type(c, task) == CEL_SUBTASK_CHAIN)
            sig_unroll_chords(c, task);
        if (sig_type(c, task) == CEL_SUBTASK_CHORD && sig_is_led_by_task(c, sig_body(c, task))) {
            struct cel_value *split = sig_unroll_body(c, task);

            for (size_t i = cel_value_count(c->tree, split); i > 0; i--)
                cel_value_prepend(c->tree, pending, cel_value_at(c->tree, split, i - 1));
        } else {
            cel_value_append(c->tree, steps, task);
        }
    }
    sig_set_tasks(c, chain, steps);
    canvas_leave(c);
}

/* _clear_chord_option() */
static void clear_chord(struct cel_canvas *c, struct cel_value *sig)
{
    struct cel_value *tasks;
    size_t count;

    cel_value_remove(c->tree, sig_options(c, sig), "chord");
    if (!canvas_enter(c))
        return;
    switch (sig_type(c, sig)) {
    case CEL_SUBTASK_GROUP:
        tasks = sig_tasks(c, sig);
        for (size_t i = 0; i < cel_value_count(c->tree, tasks); i++)
            clear_chord(c, cel_value_at(c->tree, tasks, i));
        break;
    case CEL_SUBTASK_CHAIN:
        tasks = sig_tasks(c, sig);
        count = cel_value_count(c->tree, tasks);
        if (count > 0)
            clear_chord(c, cel_value_at(c->tree, tasks, count - 1));
        break;
    case CEL_SUBTASK_CHORD:
        if (sig_body(c, sig))
            clear_chord(c, sig_body(c, sig));
        break;
    default:
        break;
    }
    canvas_leave(c);
}

void sig_strip_header_links(struct cel_canvas *c, struct cel_value *sig)
{
    enum cel_subtask_type type = sig_type(c, sig);
    struct cel_value *tasks;

    if (!canvas_enter(c))
        return;
    if (type == CEL_SUBTASK_CHORD) {
        clear_chord(c, sig_header(c, sig));
        sig_strip_header_links(c, sig_header(c, sig));
        if (sig_body(c, sig))
            sig_strip_header_links(c, sig_body(c, sig));
    } else if (type == CEL_SUBTASK_GROUP || type == CEL_SUBTASK_CHAIN) {
        tasks = sig_tasks(c, sig);
        for (size_t i = 0; i < cel_value_count(c->tree, tasks); i++)
            sig_strip_header_links(c, cel_value_at(c->tree, tasks, i));
    }
    canvas_leave(c);
}
