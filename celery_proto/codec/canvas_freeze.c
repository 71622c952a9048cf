/* Giving signatures their ids before they are sent: freeze() and prepare_steps(). */
#include "celery_proto/codec/canvas_state.h"

struct cel_value *canvas_tuple(struct cel_canvas *c, struct cel_value *id,
                               struct cel_value *children)
{
    struct cel_value *pair = cel_tree_array(c->tree);
    struct cel_value *tuple = cel_tree_array(c->tree);

    cel_value_append(c->tree, pair, id);
    cel_value_append(c->tree, pair, cel_tree_null(c->tree));
    cel_value_append(c->tree, tuple, pair);
    cel_value_append(c->tree, tuple, children ? children : cel_tree_null(c->tree));
    return tuple;
}

static void set_if(struct cel_canvas *c, struct cel_value *options, const char *name,
                   struct cel_value *value)
{
    if (!cel_value_is_null(value))
        cel_value_set(c->tree, options, name, value);
}

/* The id among the options; a new one, or `id`, when there is none. */
static struct cel_value *ensure_id(struct cel_canvas *c, struct cel_value *options,
                                   struct cel_value *id)
{
    struct cel_value *own = cel_value_get(c->tree, options, "task_id");

    if (!cel_value_is_null(own))
        return own;
    own = cel_value_is_null(id) ? canvas_new_id(c) : id;
    cel_value_set(c->tree, options, "task_id", own);
    return own;
}

static struct frozen freeze_task(struct cel_canvas *c, struct cel_value *sig,
                                 const struct freeze_options *o)
{
    struct cel_value *options = sig_options(c, sig);
    struct cel_value *id = ensure_id(c, options, o->id);

    set_if(c, options, "root_id", o->root_id);
    set_if(c, options, "parent_id", o->parent_id);
    if (!sig_option(c, sig, "reply_to"))
        cel_value_set(c->tree, options, "reply_to", cel_tree_text(c->tree, c->context.reply_to));
    if (!sig_option(c, sig, "group_id"))
        set_if(c, options, "group_id", o->group_id);
    set_if(c, options, "chord", o->chord);
    set_if(c, options, "group_index", o->group_index);
    return (struct frozen){.tuple = canvas_tuple(c, id, NULL), .id = id};
}

/* Freezes the members of a group, flattened, into tasks; their results into results. */
static void freeze_members(struct cel_canvas *c, struct cel_value *group,
                           const struct freeze_options *o, struct cel_value *results,
                           bool *is_complex)
{
    struct cel_value *stack = cel_value_clone(c->tree, sig_tasks(c, group));
    struct cel_value *tasks = cel_tree_array(c->tree);
    struct cel_value *task;
    int64_t index = 0;

    while ((task = cel_value_take_first(c->tree, stack)) && c->status == CELERIAC_OK) {
        struct freeze_options member = *o;
        struct frozen result;

        if (sig_type(c, task) == CEL_SUBTASK_GROUP) {
            struct cel_value *inner = sig_tasks(c, task);

            for (size_t i = 0; i < cel_value_count(c->tree, inner); i++)
                cel_value_prepend(c->tree, stack, cel_value_at(c->tree, inner, i));
            continue;
        }
        if (sig_type(c, task) == CEL_SUBTASK_CHAIN &&
            cel_value_count(c->tree, sig_tasks(c, task)) == 0)
            continue;
        member.id = NULL;
        member.group_index = cel_tree_int(c->tree, index++);
        cel_value_append(c->tree, tasks, task);
        result = canvas_freeze(c, task, &member);
        cel_value_append(c->tree, results, result.tuple);
        *is_complex = *is_complex || result.is_group;
    }
    sig_set_tasks(c, group, tasks);
}

struct frozen canvas_freeze_group(struct cel_canvas *c, struct cel_value *group,
                                  const struct freeze_options *o, bool *is_complex)
{
    struct cel_value *options = sig_options(c, group);
    struct cel_value *id = ensure_id(c, options, NULL);
    struct cel_value *results = cel_tree_array(c->tree);
    struct freeze_options member = *o;

    *is_complex = false;
    set_if(c, options, "group_id", o->group_id);
    set_if(c, options, "chord", o->chord);
    set_if(c, options, "group_index", o->group_index);
    if (!sig_option(c, group, "root_id"))
        set_if(c, options, "root_id", o->root_id);
    if (!sig_option(c, group, "parent_id"))
        set_if(c, options, "parent_id", o->parent_id);
    member.root_id = sig_option(c, group, "root_id");
    member.parent_id = sig_option(c, group, "parent_id");
    freeze_members(c, group, &member, results, is_complex);
    return (struct frozen){.tuple = canvas_tuple(c, id, results), .id = id, .is_group = true};
}

static struct frozen freeze_chord(struct cel_canvas *c, struct cel_value *chord,
                                  const struct freeze_options *o)
{
    struct cel_value *header = sig_header(c, chord);
    struct cel_value *body = sig_body(c, chord);
    const struct freeze_options of_header = {
        .parent_id = o->parent_id, .root_id = o->root_id, .chord = body};
    const struct freeze_options of_body = {.id = o->id,
                                           .root_id = o->root_id,
                                           .chord = o->chord,
                                           .group_id = o->group_id,
                                           .group_index = o->group_index};
    struct frozen result;
    bool is_complex;

    result = canvas_freeze_group(c, header, &of_header, &is_complex);
    cel_value_set(c->tree, sig_options(c, chord), "task_id", result.id);
    return body ? canvas_freeze(c, body, &of_body) : result;
}

static struct frozen freeze_chain(struct cel_canvas *c, struct cel_value *chain,
                                  const struct freeze_options *o)
{
    struct cel_value *args = cel_value_get(c->tree, chain, "args");
    struct frozen result = {0};

    canvas_prepare_steps(c, sig_tasks(c, chain), args, NULL, NULL, o, false, &result);
    set_if(c, sig_options(c, chain), "task_id", result.id);
    return result;
}

struct frozen canvas_freeze(struct cel_canvas *c, struct cel_value *sig,
                            const struct freeze_options *o)
{
    struct frozen result = {0};
    bool is_complex;

    if (!cel_value_is_object(sig)) {
        canvas_refuse(c, CELERIAC_ERR_VALUE, "signature: not an object");
        return result;
    }
    if (!canvas_enter(c))
        return result;
    switch (sig_type(c, sig)) {
    case CEL_SUBTASK_GROUP:
        result = canvas_freeze_group(c, sig, o, &is_complex);
        break;
    case CEL_SUBTASK_CHORD:
        result = freeze_chord(c, sig, o);
        break;
    case CEL_SUBTASK_CHAIN:
        result = freeze_chain(c, sig, o);
        break;
    default:
        result = freeze_task(c, sig, o);
        break;
    }
    canvas_leave(c);
    return result;
}

/* ---- chains -------------------------------------------------------------------------------- */

/* Brings the first real task to the head, so that it gets the chain's arguments. */
static void normalise_head(struct cel_canvas *c, struct cel_value *steps, bool clone)
{
    struct cel_value *stripped = NULL;

    while (cel_value_count(c->tree, steps) > 0) {
        struct cel_value *head = cel_value_at(c->tree, steps, 0);

        if (sig_type(c, head) == CEL_SUBTASK_CHAIN) {
            struct cel_value *inner;

            cel_value_take_first(c->tree, steps);
            inner = sig_tasks(c, clone ? cel_value_clone(c->tree, head) : head);
            for (size_t i = cel_value_count(c->tree, inner); i > 0; i--)
                cel_value_prepend(c->tree, steps, cel_value_at(c->tree, inner, i - 1));
            continue;
        }
        if (sig_type(c, head) != CEL_SUBTASK_GROUP)
            break;
        head = sig_unroll_group(c, head);
        cel_value_replace(c->tree, steps, 0, head);
        if (cel_value_count(c->tree, steps) < 2 || !sig_is_empty_group(c, head))
            break;
        stripped = cel_value_take_first(c->tree, steps);
    }
    if (stripped && cel_value_count(c->tree, steps) == 0)
        cel_value_append(c->tree, steps, stripped);
}

/* Walking a chain from its end. */
struct walk {
    struct cel_value *steps; /* still to do */
    struct cel_value *tasks; /* done, last step first */
    struct cel_value *previous;
    struct frozen previous_result;
    struct frozen first_result;
    const struct freeze_options *o;
    struct cel_value *args, *kwargs, *link_error;
    bool clone;
};

static void extend(struct cel_canvas *c, struct cel_value *array, struct cel_value *more)
{
    for (size_t i = 0; i < cel_value_count(c->tree, more); i++)
        cel_value_append(c->tree, array, cel_value_at(c->tree, more, i));
}

/* group | step becomes a chord with that step for its body. */
static struct cel_value *upgrade(struct cel_canvas *c, struct walk *w, struct cel_value *group)
{
    struct cel_value *chord = sig_new_chord(c, group, w->previous);
    size_t count;

    cel_value_take_last(c->tree, w->tasks);
    if (!w->previous_result.is_group)
        set_if(c, sig_options(c, chord), "task_id", w->previous_result.id);
    set_if(c, sig_options(c, chord), "root_id", w->o->root_id);
    count = cel_value_count(c->tree, w->tasks);
    w->previous = count > 0 ? cel_value_at(c->tree, w->tasks, count - 1) : NULL;
    return chord;
}

static void link_errors(struct cel_canvas *c, struct cel_value *task, struct cel_value *link_error)
{
    struct cel_value *errors = canvas_list(c, link_error);

    for (size_t i = 0; i < cel_value_count(c->tree, errors); i++) {
        struct cel_value *errback = cel_value_at(c->tree, errors, i);

        sig_link_error(c, task, errback);
        if (sig_type(c, task) == CEL_SUBTASK_CHORD && sig_body(c, task))
            sig_link_error(c, sig_body(c, task), errback);
    }
}

/* Puts a prepared step behind the others and gives it its ids. */
static void add_step(struct cel_canvas *c, struct walk *w, struct cel_value *task, bool is_last)
{
    const struct freeze_options inner = {.root_id = w->o->root_id};
    struct freeze_options last = *w->o;
    struct frozen result;

    last.parent_id = NULL;
    result = canvas_freeze(c, task, is_last ? &last : &inner);
    link_errors(c, task, w->link_error);
    cel_value_append(c->tree, w->tasks, task);
    if (is_last)
        w->first_result = result;
    w->previous = task;
    w->previous_result = result;
    /* The step before a chord is linked to the chord's header, which is a group. */
    if (sig_type(c, task) == CEL_SUBTASK_CHORD)
        w->previous_result.is_group = true;
}

/* The task with the chain's arguments, if it is the first. */
static struct cel_value *with_arguments(struct cel_canvas *c, struct walk *w,
                                        struct cel_value *task, bool is_first)
{
    if (w->clone)
        return sig_clone(c, task, is_first ? w->args : NULL, is_first ? w->kwargs : NULL, NULL);
    if (is_first && cel_value_count(c->tree, w->args) > 0)
        cel_value_set(c->tree, task, "args", sig_merge_args(c, task, w->args));
    return task;
}

/* One step, taken from the end of what is left. */
static void walk_step(struct cel_canvas *c, struct walk *w, struct cel_value *task)
{
    bool is_first = cel_value_count(c->tree, w->steps) == 0;
    bool is_last = cel_value_count(c->tree, w->tasks) == 0;

    task = sig_unroll_group(c, task);
    if (sig_is_empty_group(c, task) && (!is_first || w->previous))
        return;
    if (w->clone && sig_type(c, task) == CEL_SUBTASK_CHORD &&
        sig_is_led_by_task(c, sig_body(c, task))) {
        extend(c, w->steps, sig_unroll_body(c, task));
        return;
    }
    task = with_arguments(c, w, task, is_first);
    if (sig_type(c, task) == CEL_SUBTASK_CHAIN) {
        extend(c, w->steps, sig_tasks(c, task));
        return;
    }
    if (sig_type(c, task) == CEL_SUBTASK_GROUP && w->previous)
        task = upgrade(c, w, task);
    add_step(c, w, task, is_last);
}

struct cel_value *canvas_prepare_steps(struct cel_canvas *c, struct cel_value *tasks,
                                       struct cel_value *args, struct cel_value *kwargs,
                                       struct cel_value *link_error, const struct freeze_options *o,
                                       bool clone, struct frozen *first_result)
{
    struct walk w = {.steps = cel_tree_array(c->tree),
                     .tasks = cel_tree_array(c->tree),
                     .o = o,
                     .args = args,
                     .kwargs = kwargs,
                     .link_error = link_error,
                     .clone = clone};
    struct cel_value *task;

    extend(c, w.steps, tasks);
    normalise_head(c, w.steps, clone);
    while (c->status == CELERIAC_OK && (task = cel_value_take_last(c->tree, w.steps)))
        walk_step(c, &w, task);
    if (clone)
        for (size_t i = 0; i < cel_value_count(c->tree, w.tasks); i++)
            sig_strip_header_links(c, cel_value_at(c->tree, w.tasks, i));
    *first_result = w.first_result;
    return w.tasks;
}
