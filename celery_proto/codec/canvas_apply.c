/* What becomes of each kind of signature when it is applied: apply_async(). */
#include "celery_proto/codec/canvas_state.h"

static struct cel_value *take_option(struct cel_canvas *c, struct cel_value *options,
                                     const char *name)
{
    struct cel_value *value = cel_value_get(c->tree, options, name);

    cel_value_remove(c->tree, options, name);
    return cel_value_is_null(value) ? NULL : value;
}

static void add_trail(struct cel_canvas *c, const struct frozen *result, bool trail)
{
    if (trail && result->tuple)
        cel_value_append(c->tree, c->children, result->tuple);
}

/* ---- one task ------------------------------------------------------------------------------ */

static struct frozen apply_task(struct cel_canvas *c, struct cel_value *sig, struct cel_value *args,
                                struct cel_value *kwargs, struct cel_value *options, bool trail)
{
    struct cel_value *merged = sig_merge_options(c, sig, options);
    struct cel_value *id = cel_value_get(c->tree, merged, "task_id");
    struct frozen result;

    if (cel_value_is_null(id))
        id = canvas_new_id(c);
    canvas_send_task(c, cel_value_get(c->tree, sig, "task"), sig_merge_args(c, sig, args),
                     sig_merge_kwargs(c, sig, kwargs), merged, id);
    result = (struct frozen){.tuple = canvas_tuple(c, id, NULL), .id = id};
    add_trail(c, &result, trail);
    return result;
}

/* ---- a group ------------------------------------------------------------------------------- */

/* group._prepared(): the members, groups among them unrolled, frozen; tasks and their results. */
static void prepare_members(struct cel_canvas *c, struct cel_value *tasks,
                            const struct freeze_options *o, struct cel_value *prepared,
                            struct cel_value *results, struct frozen *only)
{
    for (size_t i = 0; i < cel_value_count(c->tree, tasks) && c->status == CELERIAC_OK; i++) {
        struct cel_value *task = cel_value_clone(c->tree, cel_value_at(c->tree, tasks, i));
        struct freeze_options member = *o;
        enum cel_subtask_type type = sig_type(c, task);

        if (type == CEL_SUBTASK_GROUP) {
            if (canvas_enter(c)) {
                prepare_members(c, sig_tasks(c, task), o, prepared, results, only);
                canvas_leave(c);
            }
        } else if (type != CEL_SUBTASK_CHAIN || cel_value_count(c->tree, sig_tasks(c, task)) > 0) {
            member.group_index = cel_tree_int(c->tree, (int64_t)i);
            *only = canvas_freeze(c, task, &member);
            cel_value_append(c->tree, prepared, task);
            cel_value_append(c->tree, results, only->tuple);
        }
    }
}

/* group._apply_tasks(): sends them; the size of a chord is known before the last one goes. */
static void apply_members(struct cel_canvas *c, struct cel_value *prepared, struct cel_value *args,
                          struct cel_value *kwargs, struct cel_value *options,
                          struct cel_value *group_id)
{
    struct cel_value *chord = take_option(c, options, "chord");
    size_t count = cel_value_count(c->tree, prepared);
    int64_t size = 0;

    cel_value_remove(c->tree, options, "group_index");
    for (size_t i = 0; i < count && c->status == CELERIAC_OK; i++) {
        struct cel_value *task = cel_value_at(c->tree, prepared, i);
        struct cel_value *own = chord ? chord : sig_option(c, task, "chord");
        struct cel_value *with = canvas_merge(c, options, NULL, false);

        size += sig_descend(c, task);
        if (own) {
            cel_value_set(c->tree, with, "chord", own);
            if (i + 1 == count)
                canvas_add_op(c,
                              (struct cel_canvas_op){.kind = CEL_CANVAS_CHORD_SIZE,
                                                     .group_id = cel_value_text(c->tree, group_id),
                                                     .size = size});
        }
        canvas_apply_async(c, task, args, kwargs, with, false);
    }
}

static struct frozen apply_group(struct cel_canvas *c, struct cel_value *group,
                                 struct cel_value *args, struct cel_value *kwargs,
                                 struct cel_value *options, bool trail)
{
    struct cel_value *merged = sig_merge_options(c, group, options);
    struct cel_value *id = take_option(c, merged, "task_id");
    struct cel_value *prepared = cel_tree_array(c->tree);
    struct cel_value *results = cel_tree_array(c->tree);
    struct freeze_options member = {0};
    struct frozen only = {0};
    struct frozen result;

    if (!id)
        id = canvas_new_id(c);
    if (cel_value_count(c->tree, sig_tasks(c, group)) == 0)
        return (struct frozen){.tuple = canvas_tuple(c, id, results), .id = id, .is_group = true};
    cel_value_set(c->tree, merged, "group_id", id);
    member.group_id = id;
    member.root_id = cel_value_get(c->tree, merged, "root_id");
    prepare_members(c, sig_tasks(c, group), &member, prepared, results, &only);
    apply_members(c, prepared, args, kwargs, merged, id);
    result = (struct frozen){.tuple = canvas_tuple(c, id, results), .id = id, .is_group = true};
    if (cel_value_count(c->tree, results) == 1 && only.is_group)
        result = only;
    add_trail(c, &result, trail);
    return result;
}

/* ---- a chord ------------------------------------------------------------------------------- */

/* _link_error_to_body_tasks() */
static void link_error_to_tasks(struct cel_canvas *c, struct cel_value *sig,
                                struct cel_value *errback, bool runs_as_group)
{
    struct cel_value *tasks;

    if (!canvas_enter(c))
        return;
    if (sig_type(c, sig) == CEL_SUBTASK_CHORD && sig_body(c, sig)) {
        link_error_to_tasks(c, sig_body(c, sig), errback, true);
    } else if (sig_type(c, sig) != CEL_SUBTASK_GROUP) {
        sig_link_error(c, sig, cel_value_clone(c->tree, errback));
    } else if (runs_as_group && sig_option(c, sig, "link_error")) {
        sig_append_option(c, sig, "link_error", cel_value_clone(c->tree, errback));
    } else {
        tasks = sig_tasks(c, sig);
        for (size_t i = 0; i < cel_value_count(c->tree, tasks); i++)
            link_error_to_tasks(c, cel_value_at(c->tree, tasks, i), errback, false);
    }
    canvas_leave(c);
}

/* chord._add_body_callbacks(): link and link_error leave the options for the body. */
static void add_body_callbacks(struct cel_canvas *c, struct cel_value *body,
                               struct cel_value *options)
{
    struct cel_value *callbacks = canvas_list(c, take_option(c, options, "link"));
    struct cel_value *errbacks = canvas_list(c, take_option(c, options, "link_error"));

    for (size_t i = 0; i < cel_value_count(c->tree, callbacks); i++) {
        struct cel_value *callback = cel_value_clone(c->tree, cel_value_at(c->tree, callbacks, i));

        if (sig_is_empty_group(c, body))
            sig_append_option(c, body, "link", callback);
        else
            sig_link(c, body, callback);
    }
    for (size_t i = 0; i < cel_value_count(c->tree, errbacks); i++) {
        struct cel_value *errback = cel_value_at(c->tree, errbacks, i);

        if (sig_type(c, body) == CEL_SUBTASK_GROUP)
            link_error_to_tasks(c, body, errback, true);
        else
            sig_append_option(c, body, "link_error", errback);
    }
}

/* chord.run(), header being a group of the caller's own. */
static struct frozen run_chord(struct cel_canvas *c, struct cel_value *header,
                               struct cel_value *body, struct cel_value *args,
                               struct cel_value *kwargs, struct cel_value *id,
                               struct cel_value *options, struct cel_value *delay, bool trail)
{
    struct cel_value *group_id = sig_option(c, header, "task_id");
    struct cel_value *of_body = canvas_merge(c, options, NULL, false);
    struct freeze_options o = {0};
    struct frozen header_result, result;
    bool is_complex = false;

    if (!group_id)
        group_id = canvas_new_id(c);
    o.root_id = sig_option(c, body, "root_id");
    cel_value_remove(c->tree, of_body, "parent_id");
    cel_value_set(c->tree, body, "options", canvas_merge(c, sig_options(c, body), of_body, true));
    if (sig_type(c, body) == CEL_SUBTASK_CHAIN)
        sig_unroll_chords(c, body);
    o.id = id ? id : canvas_new_id(c);
    o.group_id = group_id;
    result = canvas_freeze(c, body, &o);
    sig_strip_header_links(c, body);

    cel_value_remove(c->tree, options, "chain");
    cel_value_remove(c->tree, options, "chord");
    cel_value_remove(c->tree, options, "task_id");
    cel_value_set(c->tree, sig_options(c, header), "task_id", group_id);
    o.id = NULL;
    o.chord = body;
    header_result = canvas_freeze_group(c, header, &o, &is_complex);
    if (cel_value_count(c->tree, sig_tasks(c, header)) == 0) {
        struct cel_value *nothing = cel_tree_array(c->tree);

        cel_value_append(c->tree, nothing, cel_tree_array(c->tree));
        canvas_apply_async(c, body, nothing, NULL, NULL, trail);
        return result;
    }
    if (is_complex) {
        struct cel_value *record = cel_tree_object(c->tree);

        cel_value_set(c->tree, record, "result", header_result.tuple);
        canvas_add_op(c, (struct cel_canvas_op){.kind = CEL_CANVAS_SAVE_GROUP,
                                                .group_id = cel_value_text(c->tree, group_id),
                                                .message = cel_value_json(c->tree, record)});
    }
    options = canvas_merge(c, options, delay, true);
    cel_value_set(c->tree, options, "task_id", group_id);
    canvas_apply_async(c, header, args, kwargs, options, trail);
    return result;
}

static struct frozen apply_chord(struct cel_canvas *c, struct cel_value *chord,
                                 struct cel_value *args, struct cel_value *kwargs,
                                 struct cel_value *options, bool trail)
{
    struct cel_value *given = canvas_merge(c, options, NULL, false);
    struct cel_value *task_id = take_option(c, given, "task_id");
    struct cel_value *delay = cel_tree_object(c->tree);
    struct cel_value *of_body, *body, *header, *merged, *own_id;

    if (!sig_body(c, chord)) {
        canvas_refuse(c, CELERIAC_ERR_VALUE, "chord: body is missing");
        return (struct frozen){0};
    }
    kwargs = canvas_merge(c, cel_value_get(c->tree, sig_kwargs(c, chord), "kwargs"), kwargs, false);
    args = sig_merge_args(c, chord, args);
    merged = canvas_merge(c, sig_options(c, chord), given, true);
    cel_value_set(c->tree, delay, "countdown", cel_value_get(c->tree, merged, "countdown"));
    cel_value_set(c->tree, delay, "eta", cel_value_get(c->tree, merged, "eta"));
    of_body = canvas_merge(c, given, NULL, false);
    cel_value_remove(c->tree, of_body, "countdown");
    cel_value_remove(c->tree, of_body, "eta");
    /* Callbacks are added to the body's own, below. */
    cel_value_remove(c->tree, of_body, "link");
    cel_value_remove(c->tree, of_body, "link_error");
    cel_value_remove(c->tree, of_body, "parent_id");
    body = sig_clone(c, sig_body(c, chord), NULL, NULL, of_body);
    header = sig_new_group(c, cel_value_clone(c->tree, sig_tasks(c, chord)));
    own_id = sig_option(c, chord, "task_id");
    cel_value_set(c->tree, sig_options(c, header), "task_id", own_id ? own_id : canvas_new_id(c));
    cel_value_remove(c->tree, merged, "countdown");
    cel_value_remove(c->tree, merged, "eta");
    cel_value_remove(c->tree, merged, "task_id");
    add_body_callbacks(c, body, merged);
    return run_chord(c, header, body, args, kwargs, task_id ? task_id : own_id, merged, delay,
                     trail);
}

/* ---- a chain ------------------------------------------------------------------------------- */

static struct frozen apply_chain(struct cel_canvas *c, struct cel_value *chain,
                                 struct cel_value *args, struct cel_value *kwargs,
                                 struct cel_value *options, bool trail)
{
    struct cel_value *merged = canvas_merge(c, sig_options(c, chain), options, true);
    struct freeze_options o = {.id = take_option(c, merged, "task_id"),
                               .group_id = take_option(c, merged, "group_id"),
                               .chord = take_option(c, merged, "chord"),
                               .root_id = take_option(c, merged, "root_id"),
                               .parent_id = take_option(c, merged, "parent_id"),
                               .group_index = take_option(c, merged, "group_index")};
    struct cel_value *link = canvas_list(c, take_option(c, merged, "link"));
    struct cel_value *link_error = take_option(c, merged, "link_error");
    struct cel_value *rest = cel_value_get(c->tree, merged, "chain");
    struct frozen result = {0};
    struct frozen applied;
    struct cel_value *steps, *first, *chained;

    steps = canvas_prepare_steps(c, sig_tasks(c, chain), sig_merge_args(c, chain, args), kwargs,
                                 link_error, &o, true, &result);
    if (cel_value_count(c->tree, steps) == 0)
        return result;
    for (size_t i = 0; i < cel_value_count(c->tree, link); i++) {
        struct cel_value *last = cel_value_at(c->tree, steps, 0);
        struct cel_value *links = canvas_list(c, sig_option(c, last, "link"));

        cel_value_append(c->tree, links, cel_value_at(c->tree, link, i));
        cel_value_set(c->tree, sig_options(c, last), "link", links);
    }
    first = cel_value_take_last(c->tree, steps);
    /* What follows this chain comes before its own steps, because the last element runs next. */
    chained = cel_tree_array(c->tree);
    for (size_t i = 0; i < cel_value_count(c->tree, rest); i++)
        cel_value_append(c->tree, chained, cel_value_at(c->tree, rest, i));
    for (size_t i = 0; i < cel_value_count(c->tree, steps); i++)
        cel_value_append(c->tree, chained, cel_value_at(c->tree, steps, i));
    cel_value_set(c->tree, merged, "chain", chained);
    applied = canvas_apply_async(c, first, NULL, NULL, merged, trail);
    return cel_value_count(c->tree, steps) == 0 ? applied : result;
}

/* ---- chunks -------------------------------------------------------------------------------- */

/* chunks(task, it, n) is a group of starmaps over n items each. */
static struct frozen apply_chunks(struct cel_canvas *c, struct cel_value *chunks,
                                  struct cel_value *options, bool trail)
{
    struct cel_value *kwargs = sig_kwargs(c, chunks);
    struct cel_value *it = cel_value_get(c->tree, kwargs, "it");
    struct cel_value *tasks = cel_tree_array(c->tree);
    struct cel_value *group;
    size_t count = cel_value_count(c->tree, it);
    int64_t n = 0;

    if (!cel_value_int(cel_value_get(c->tree, kwargs, "n"), &n) || n < 1) {
        canvas_refuse(c, CELERIAC_ERR_VALUE, "chunks: n is not a positive number");
        return (struct frozen){0};
    }
    for (size_t i = 0; i < count && c->status == CELERIAC_OK; i += (size_t)n) {
        struct cel_value *part = cel_tree_array(c->tree);
        struct cel_value *starmap = cel_tree_object(c->tree);
        struct cel_value *inner = cel_tree_object(c->tree);

        for (size_t k = i; k < count && k - i < (size_t)n; k++)
            cel_value_append(c->tree, part, cel_value_at(c->tree, it, k));
        cel_value_set(c->tree, inner, "task", cel_value_get(c->tree, kwargs, "task"));
        cel_value_set(c->tree, inner, "it", part);
        cel_value_set(c->tree, starmap, "task", cel_tree_text(c->tree, SPAN("celery.starmap")));
        cel_value_set(c->tree, starmap, "args", cel_tree_array(c->tree));
        cel_value_set(c->tree, starmap, "kwargs", inner);
        cel_value_set(c->tree, starmap, "options", cel_tree_object(c->tree));
        cel_value_set(c->tree, starmap, "subtask_type", cel_tree_text(c->tree, SPAN("xstarmap")));
        cel_value_set(c->tree, starmap, "immutable", cel_tree_raw(c->tree, SPAN("true")));
        cel_value_append(c->tree, tasks, starmap);
    }
    group = sig_new_group(c, tasks);
    return apply_group(c, group, NULL, NULL, sig_merge_options(c, chunks, options), trail);
}

struct frozen canvas_apply_async(struct cel_canvas *c, struct cel_value *sig,
                                 struct cel_value *args, struct cel_value *kwargs,
                                 struct cel_value *options, bool trail)
{
    struct frozen result = {0};

    if (!cel_value_is_object(sig)) {
        canvas_refuse(c, CELERIAC_ERR_VALUE, "signature: not an object");
        return result;
    }
    if (!canvas_enter(c))
        return result;
    switch (sig_type(c, sig)) {
    case CEL_SUBTASK_GROUP:
        result = apply_group(c, sig, args, kwargs, options, trail);
        break;
    case CEL_SUBTASK_CHORD:
        result = apply_chord(c, sig, args, kwargs, options, trail);
        break;
    case CEL_SUBTASK_CHAIN:
        result = apply_chain(c, sig, args, kwargs, options, trail);
        break;
    case CEL_SUBTASK_CHUNKS:
        result = apply_chunks(c, sig, options, trail);
        break;
    default:
        result = apply_task(c, sig, args, kwargs, options, trail);
        break;
    }
    canvas_leave(c);
    return result;
}
