#include "worker/aftermath.h"

#include <string.h>

#include "base/alloc.h"
#include "base/json_writer.h"
#include "celery_proto/codec/exception_doc.h"
#include "celery_proto/codec/json_tree.h"
#include "celery_proto/codec/result_doc.h"

/* Longest text made here: a record, with the exception and traceback of the task that failed. */
#define TEXT_MAX ((size_t)32 * 1024 * 1024)

/* Bodies within bodies of chords in a chain that failed. */
#define BODY_DEPTH_MAX 40

/* A text that spans of an aftermath point to. */
struct cel_aftermath_text {
    struct cel_aftermath_text *next;
    char text[];
};

struct cel_aftermath_context cel_aftermath_context_of(const struct cel_task_message *message,
                                                      const struct cel_canvas_context *world,
                                                      bool inherit_priority, int64_t now_us)
{
    return (struct cel_aftermath_context){
        .task_id = message->id,
        .root_id = message->root_id.len > 0 ? message->root_id : message->id,
        .priority = message->priority,
        .inherit_priority = inherit_priority,
        .now_us = now_us,
        .world = world,
    };
}

void cel_aftermath_init(struct cel_aftermath *aftermath)
{
    *aftermath = (struct cel_aftermath){0};
}

void cel_aftermath_close(struct cel_aftermath *aftermath)
{
    while (aftermath->texts) {
        struct cel_aftermath_text *next = aftermath->texts->next;

        mem_free(aftermath->texts);
        aftermath->texts = next;
    }
    mem_free(aftermath->records);
    mem_free(aftermath->parts);
    cel_canvas_destroy(aftermath->canvas);
    cel_aftermath_init(aftermath);
}

bool cel_aftermath_is_empty(const struct cel_aftermath *aftermath)
{
    return !aftermath->canvas && aftermath->record_count == 0 && aftermath->part_count == 0;
}

bool cel_aftermath_follows(const struct cel_task_message *message)
{
    return message->callbacks.len > 0 || message->chain.len > 0 || message->chord.len > 0;
}

/* ---- parts and records --------------------------------------------------------------------- */

/* Copies a text; a NULL pointer when memory is short. */
static struct span keep(struct cel_aftermath *a, struct span text)
{
    struct cel_aftermath_text *block = mem_alloc(sizeof *block + text.len + 1);

    if (!block)
        return (struct span){0};
    if (text.len > 0)
        memcpy(block->text, text.ptr, text.len);
    block->text[text.len] = '\0';
    block->next = a->texts;
    a->texts = block;
    return (struct span){block->text, text.len};
}

static enum celeriac_err keep_all(struct cel_aftermath *a, struct span *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        *texts[i] = keep(a, *texts[i]);
        if (!texts[i]->ptr)
            return CELERIAC_ERR_MEMORY;
    }
    return CELERIAC_OK;
}

static enum celeriac_err add_part(struct cel_aftermath *a, struct cel_chord_part part,
                                  enum cel_state state, struct span result)
{
    struct cel_chord_part *larger;
    struct strbuf document;
    enum celeriac_err code;

    if (part.task_id.len == 0 || part.group_id.len == 0)
        return CELERIAC_OK;
    if (a->part_count >= CEL_AFTERMATH_MAX)
        return CELERIAC_ERR_LIMIT;
    strbuf_init(&document, TEXT_MAX);
    strbuf_add_text(&document, "[1, ");
    json_quote(&document, part.task_id, JSON_STYLE_PYTHON);
    strbuf_printf(&document, ", \"%s\", ", cel_state_name(state));
    strbuf_add_span(&document, result.len > 0 ? result : SPAN("null"));
    strbuf_add_char(&document, ']');
    part.document = strbuf_span(&document);
    code = strbuf_status(&document);
    if (code == CELERIAC_OK)
        code = keep_all(
            a, (struct span *[]){&part.task_id, &part.group_id, &part.document, &part.body}, 4);
    strbuf_close(&document);
    larger = code ? NULL : mem_resize(a->parts, a->part_count + 1, sizeof *larger);
    if (!larger)
        return code ? code : CELERIAC_ERR_MEMORY;
    a->parts = larger;
    a->parts[a->part_count++] = part;
    return CELERIAC_OK;
}

static enum celeriac_err add_own_part(struct cel_aftermath *a,
                                      const struct cel_task_message *message, enum cel_state state,
                                      struct span result)
{
    struct cel_chord_part part = {.task_id = message->id,
                                  .group_id = message->group,
                                  .has_index = message->has_group_index,
                                  .index = message->group_index,
                                  .body = message->chord};

    return message->chord.len > 0 ? add_part(a, part, state, result) : CELERIAC_OK;
}

/* The failure that another task's record shows. */
struct failure {
    struct span exception; /* raw */
    struct span traceback; /* NULL pointer: null */
    int64_t now_us;
    bool store;
};

static enum celeriac_err add_record(struct cel_aftermath *a, struct span task_id,
                                    struct span group_id, const struct failure *failure)
{
    struct cel_result result = {.state = CEL_STATE_FAILURE,
                                .task_id = task_id,
                                .group_id = group_id,
                                .result = failure->exception,
                                .traceback = failure->traceback,
                                .date_done = {.set = true, .us = failure->now_us}};
    struct cel_other_record record = {.task_id = task_id};
    struct cel_other_record *larger;
    struct strbuf document;
    enum celeriac_err code;

    if (!failure->store || task_id.len == 0)
        return CELERIAC_OK;
    if (a->record_count >= CEL_AFTERMATH_MAX)
        return CELERIAC_ERR_LIMIT;
    strbuf_init(&document, TEXT_MAX);
    code = cel_result_write(&result, &document);
    record.document = strbuf_span(&document);
    if (code == CELERIAC_OK)
        code = keep_all(a, (struct span *[]){&record.task_id, &record.document}, 2);
    strbuf_close(&document);
    larger = code ? NULL : mem_resize(a->records, a->record_count + 1, sizeof *larger);
    if (!larger)
        return code ? code : CELERIAC_ERR_MEMORY;
    a->records = larger;
    a->records[a->record_count++] = record;
    return CELERIAC_OK;
}

/* ---- the rest of a chain ------------------------------------------------------------------- */

static struct span option_text(struct cel_tree *tree, struct cel_value *options, const char *name)
{
    return cel_value_text(tree, cel_value_get(tree, options, name));
}

/* Nonsense in a signature is passed over; only memory counts. */
static enum celeriac_err memory_status(const struct cel_tree *tree)
{
    enum celeriac_err code = cel_tree_status(tree);

    return code == CELERIAC_ERR_SYNTAX ? CELERIAC_OK : code;
}

/* One signature that will never run; of a chord also the body, on whose result others wait. */
static enum celeriac_err fail_step(struct cel_aftermath *a, struct cel_tree *tree,
                                   struct cel_value *step, const struct failure *failure)
{
    enum celeriac_err code = CELERIAC_OK;

    for (int depth = 0; code == CELERIAC_OK && depth < BODY_DEPTH_MAX; depth++) {
        struct cel_value *options = cel_value_get(tree, step, "options");
        struct cel_value *chord = cel_value_get(tree, options, "chord");
        struct cel_chord_part part = {.task_id = option_text(tree, options, "task_id"),
                                      .group_id = option_text(tree, options, "group_id")};

        code = add_record(a, part.task_id, part.group_id, failure);
        part.has_index = cel_value_int(cel_value_get(tree, options, "group_index"), &part.index);
        part.body = cel_value_json(tree, chord);
        if (code == CELERIAC_OK && cel_value_is_object(chord))
            code = add_part(a, part, CEL_STATE_FAILURE, failure->exception);
        if (!span_is(option_text(tree, step, "subtask_type"), "chord"))
            break;
        step = cel_value_get(tree, cel_value_get(tree, step, "kwargs"), "body");
        if (!cel_value_is_object(step))
            break;
    }
    return code ? code : memory_status(tree);
}

static enum celeriac_err fail_chain(struct cel_aftermath *a, struct span chain,
                                    const struct failure *failure)
{
    struct cel_tree *tree = NULL;
    struct cel_value *steps;
    enum celeriac_err code;

    if (chain.len == 0)
        return CELERIAC_OK;
    code = cel_tree_create(&tree);
    if (code)
        return code;
    steps = cel_tree_raw(tree, chain);
    for (size_t i = 0; code == CELERIAC_OK && i < cel_value_count(tree, steps); i++)
        code = fail_step(a, tree, cel_value_at(tree, steps, i), failure);
    code = code ? code : memory_status(tree);
    cel_tree_destroy(tree);
    return code;
}

/* ---- messages ------------------------------------------------------------------------------ */

static enum celeriac_err need_canvas(struct cel_aftermath *a,
                                     const struct cel_aftermath_context *context,
                                     struct span parent_id, struct span root_id)
{
    struct cel_canvas_context world = *context->world;

    if (a->canvas)
        return CELERIAC_OK;
    world.now_us = context->now_us;
    world.parent_id = keep(a, parent_id);
    world.root_id = keep(a, root_id.len > 0 ? root_id : parent_id);
    world.has_priority = context->inherit_priority;
    world.priority = context->priority;
    if (!world.parent_id.ptr || !world.root_id.ptr)
        return CELERIAC_ERR_MEMORY;
    return cel_canvas_create(&world, &a->canvas);
}

/* Errbacks that make no sense are nobody's loss: what has failed must stay failed. */
static enum celeriac_err send_errbacks(struct cel_aftermath *a, struct span errbacks,
                                       struct span task_id, struct span root_id,
                                       const struct cel_aftermath_context *context)
{
    struct span kept;
    enum celeriac_err code;

    if (errbacks.len == 0)
        return CELERIAC_OK;
    kept = keep(a, errbacks);
    code = kept.ptr ? need_canvas(a, context, task_id, root_id) : CELERIAC_ERR_MEMORY;
    if (code == CELERIAC_OK)
        code = cel_canvas_fail(a->canvas, kept, task_id, NULL);
    return code == CELERIAC_ERR_MEMORY ? code : CELERIAC_OK;
}

enum celeriac_err cel_aftermath_succeed(struct cel_aftermath *aftermath,
                                        const struct cel_task_message *message, struct span result,
                                        const struct cel_aftermath_context *context,
                                        struct span *children, struct celeriac_error *err)
{
    enum celeriac_err code = CELERIAC_OK;

    if (message->callbacks.len > 0 || message->chain.len > 0) {
        code = need_canvas(aftermath, context, context->task_id, context->root_id);
        if (code == CELERIAC_OK)
            code = cel_canvas_succeed(aftermath->canvas, message->callbacks, message->chain, result,
                                      err);
        if (code == CELERIAC_OK && children)
            code = cel_canvas_children(aftermath->canvas, children);
    }
    if (code == CELERIAC_OK)
        code = add_own_part(aftermath, message, CEL_STATE_SUCCESS, result);
    return code;
}

enum celeriac_err cel_aftermath_fail(struct cel_aftermath *aftermath,
                                     const struct cel_task_message *message, struct span exception,
                                     struct span traceback, bool store,
                                     const struct cel_aftermath_context *context)
{
    const struct failure failure = {
        .exception = exception, .traceback = traceback, .now_us = context->now_us, .store = store};
    enum celeriac_err code = add_own_part(aftermath, message, CEL_STATE_FAILURE, exception);

    if (code == CELERIAC_OK)
        code = fail_chain(aftermath, message->chain, &failure);
    if (code == CELERIAC_OK)
        code = send_errbacks(aftermath, message->errbacks, context->task_id, context->root_id,
                             context);
    return code;
}

enum celeriac_err cel_aftermath_revoke(struct cel_aftermath *aftermath,
                                       const struct cel_task_message *message,
                                       struct span exception)
{
    return add_own_part(aftermath, message, CEL_STATE_REVOKED, exception);
}

/* ---- chords -------------------------------------------------------------------------------- */

enum celeriac_err cel_aftermath_join(struct cel_aftermath *aftermath, struct span body,
                                     struct span results,
                                     const struct cel_aftermath_context *context,
                                     struct celeriac_error *err)
{
    struct strbuf args;
    struct span kept_args = {0};
    struct span kept_body = keep(aftermath, body);
    enum celeriac_err code;

    strbuf_init(&args, CEL_TREE_MAX);
    strbuf_add_char(&args, '[');
    strbuf_add_span(&args, results);
    strbuf_add_char(&args, ']');
    code = strbuf_status(&args);
    if (code == CELERIAC_OK)
        kept_args = keep(aftermath, strbuf_span(&args));
    strbuf_close(&args);
    if (code == CELERIAC_OK && (!kept_args.ptr || !kept_body.ptr))
        code = CELERIAC_ERR_MEMORY;
    if (code == CELERIAC_OK)
        code = need_canvas(aftermath, context, context->task_id, context->root_id);
    if (code == CELERIAC_OK)
        code = cel_canvas_apply(aftermath->canvas, kept_body, kept_args, NULL, err);
    return code;
}

/* One task whose chord has failed: its record and its errbacks. */
static enum celeriac_err break_task(struct cel_aftermath *a, struct cel_tree *tree,
                                    struct cel_value *sig, const struct failure *failure,
                                    const struct cel_aftermath_context *context)
{
    struct cel_value *options = cel_value_get(tree, sig, "options");
    struct span id = option_text(tree, options, "task_id");
    struct cel_value *errbacks = cel_value_get(tree, options, "link_error");
    enum celeriac_err code = add_record(a, id, (struct span){0}, failure);

    if (code == CELERIAC_OK && cel_value_is_true(tree, errbacks) && id.len > 0)
        code = send_errbacks(a, cel_value_json(tree, errbacks), id, id, context);
    return code;
}

static enum celeriac_err break_body(struct cel_aftermath *a, struct cel_tree *tree,
                                    struct cel_value *body, const struct failure *failure,
                                    const struct cel_aftermath_context *context)
{
    struct cel_value *options = cel_value_get(tree, body, "options");
    struct cel_value *chain = cel_value_get(tree, options, "chain");
    struct cel_value *tasks = NULL;
    enum celeriac_err code = break_task(a, tree, body, failure, context);

    if (span_is(option_text(tree, body, "subtask_type"), "group"))
        tasks = cel_value_get(tree, cel_value_get(tree, body, "kwargs"), "tasks");
    for (size_t i = 0; code == CELERIAC_OK && i < cel_value_count(tree, tasks); i++)
        code = break_task(a, tree, cel_value_at(tree, tasks, i), failure, context);
    if (code == CELERIAC_OK && cel_value_is_array(chain))
        code = fail_chain(a, cel_value_json(tree, chain), failure);
    return code ? code : memory_status(tree);
}

enum celeriac_err cel_aftermath_break(struct cel_aftermath *aftermath, struct span body,
                                      struct span text, const struct cel_aftermath_context *context)
{
    const struct cel_exception exception = {
        .type = SPAN("ChordError"), .module = SPAN("celery.exceptions"), .message = text};
    struct failure failure = {.now_us = context->now_us, .store = true};
    struct cel_tree *tree = NULL;
    struct strbuf json;
    struct strbuf traceback;
    enum celeriac_err code;

    strbuf_init(&json, TEXT_MAX);
    strbuf_init(&traceback, TEXT_MAX);
    code = cel_exception_write(&exception, &json);
    cel_exception_line(&exception, &traceback);
    strbuf_add_char(&traceback, '\n');
    if (code == CELERIAC_OK)
        code = strbuf_status(&json);
    if (code == CELERIAC_OK)
        code = strbuf_status(&traceback);
    if (code == CELERIAC_OK)
        code = cel_tree_create(&tree);
    failure.exception = strbuf_span(&json);
    failure.traceback = strbuf_span(&traceback);
    if (code == CELERIAC_OK)
        code = break_body(aftermath, tree, cel_tree_raw(tree, body), &failure, context);
    cel_tree_destroy(tree);
    strbuf_close(&traceback);
    strbuf_close(&json);
    return code;
}
