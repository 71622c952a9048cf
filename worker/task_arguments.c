/* Typed access to a task's arguments: the argument functions of celeriac/task.h. */
#include "base/alloc.h"
#include "worker/task_context.h"

/* Longest "must be X, not Y". */
#define PROBLEM_MAX 100

static enum celeriac_err parse_arguments(struct celeriac_task *task)
{
    enum celeriac_err code;

    if (task->args_parsed)
        return CELERIAC_OK;
    code = json_parse(&task->args, task->message->args, NULL, NULL);
    if (!code)
        code = json_parse(&task->kwargs, task->message->kwargs, NULL, NULL);
    task->args_parsed = code == CELERIAC_OK;
    return code;
}

/* An argument that a task asks for. */
struct wanted {
    int position;                 /* negative: keyword only */
    const char *name;             /* NULL: positional only */
    const struct json_node *node; /* what was given; NULL: nothing */
    bool twice;                   /* by position and by keyword */
};

static enum celeriac_err find(struct celeriac_task *task, struct wanted *wanted)
{
    enum celeriac_err code = parse_arguments(task);
    const struct json_node *by_name = NULL;

    if (code)
        return code;
    if (wanted->position >= 0)
        wanted->node = json_at(json_root(&task->args), (uint32_t)wanted->position);
    if (wanted->name)
        by_name = json_get(json_root(&task->kwargs), wanted->name);
    wanted->twice = wanted->node && by_name;
    if (!wanted->node)
        wanted->node = by_name;
    if (wanted->twice)
        return CELERIAC_ERR_VALUE;
    return wanted->node ? CELERIAC_OK : CELERIAC_ERR_NOT_FOUND;
}

/* ---- errors -------------------------------------------------------------------------------- */

/* The name that the function would have in Python: what follows the module in the task's. */
static struct span function_of(const struct celeriac_task *task)
{
    struct span name = task->message->task;
    struct span head;
    struct span rest;

    while (span_cut(name, '.', &head, &rest))
        name = rest;
    return name;
}

static const char *type_name(const struct json_node *node)
{
    static const char *const names[] = {
        [JSON_NULL] = "NoneType", [JSON_FALSE] = "bool",  [JSON_TRUE] = "bool",
        [JSON_INT] = "int",       [JSON_FLOAT] = "float", [JSON_CONSTANT] = "float",
        [JSON_STRING] = "str",    [JSON_ARRAY] = "list",  [JSON_OBJECT] = "dict",
    };

    return names[node->type];
}

static void write_missing(const struct celeriac_task *task, const struct wanted *wanted,
                          struct strbuf *text)
{
    strbuf_add_span(text, function_of(task));
    if (!wanted->name)
        strbuf_printf(text, " expected at least %d argument%s, got %u", wanted->position + 1,
                      wanted->position > 0 ? "s" : "", json_root(&task->args)->count);
    else
        strbuf_printf(text, "() missing 1 required %s argument: '%s'",
                      wanted->position < 0 ? "keyword-only" : "positional", wanted->name);
}

static void write_wrong(const struct celeriac_task *task, const struct wanted *wanted,
                        const char *problem, struct strbuf *text)
{
    strbuf_add_span(text, function_of(task));
    if (wanted->twice)
        strbuf_printf(text, "() got multiple values for argument '%s'", wanted->name);
    else if (wanted->name)
        strbuf_printf(text, "() argument '%s' %s", wanted->name, problem);
    else
        strbuf_printf(text, "() argument %d %s", wanted->position + 1, problem);
}

/* Sets the outcome to the exception that a Python function with these arguments would raise. */
static enum celeriac_err fail(struct celeriac_task *task, const char *type, struct strbuf *text,
                              enum celeriac_err code)
{
    bool whole = strbuf_status(text) == CELERIAC_OK;

    cel_outcome_fail(&task->outcome, span_of(type), SPAN("builtins"),
                     whole ? strbuf_span(text) : (struct span){0}, whole);
    strbuf_close(text);
    return code;
}

/* expected is the Python type that was asked for. */
static enum celeriac_err refuse(struct celeriac_task *task, const struct wanted *wanted,
                                enum celeriac_err code, const char *expected)
{
    struct strbuf problem;
    struct strbuf text;

    strbuf_init(&problem, PROBLEM_MAX);
    strbuf_init(&text, CEL_RETURN_MAX);
    if (code == CELERIAC_ERR_MEMORY)
        return fail(task, "MemoryError", &text, code);
    if (code == CELERIAC_ERR_LIMIT) {
        strbuf_add_text(&text, "Python int too large to convert to C long");
        return fail(task, "OverflowError", &text, code);
    }
    if (!wanted->node) {
        write_missing(task, wanted, &text);
        return fail(task, "TypeError", &text, code);
    }
    if (!wanted->twice)
        strbuf_printf(&problem, "must be %s, not %s", expected, type_name(wanted->node));
    write_wrong(task, wanted, strbuf_text(&problem), &text);
    strbuf_close(&problem);
    return fail(task, "TypeError", &text, code);
}

/* The type is right and the value is not. */
static enum celeriac_err refuse_value(struct celeriac_task *task, const struct wanted *wanted,
                                      const char *problem)
{
    struct strbuf text;

    strbuf_init(&text, CEL_RETURN_MAX);
    write_wrong(task, wanted, problem, &text);
    return fail(task, "ValueError", &text, CELERIAC_ERR_VALUE);
}

/* Whether the one value that was given is of this type, whatever is wrong with it. */
static bool is_given_as(const struct wanted *wanted, enum json_type type)
{
    return wanted->node && !wanted->twice && wanted->node->type == type;
}

/* ---- reading ------------------------------------------------------------------------------- */

/* Decodes a string into a block of its own; NUL and lone surrogates cannot be C text. */
static enum celeriac_err decode_text(struct celeriac_task *task, const struct json_node *node,
                                     struct celeriac_bytes *text)
{
    struct strbuf decoded;
    struct cel_argument_text *block = NULL;
    enum celeriac_err code;
    size_t len;

    if (node->type != JSON_STRING || json_has_lone_surrogate(node))
        return CELERIAC_ERR_VALUE;
    strbuf_init(&decoded, CEL_ARGUMENT_TEXT_MAX);
    code = json_decode_string(node, &decoded);
    len = strbuf_span(&decoded).len;
    for (size_t i = 0; code == CELERIAC_OK && i < len; i++)
        if (decoded.ptr[i] == '\0')
            code = CELERIAC_ERR_VALUE;
    if (code == CELERIAC_OK && !(block = mem_alloc(sizeof *block + len + 1)))
        code = CELERIAC_ERR_MEMORY;
    if (code == CELERIAC_OK) {
        for (size_t i = 0; i < len; i++)
            block->text[i] = decoded.ptr[i];
        block->text[len] = '\0';
        block->next = task->texts;
        task->texts = block;
        *text = (struct celeriac_bytes){.ptr = block->text, .len = len};
    }
    strbuf_close(&decoded);
    return code;
}

enum celeriac_err celeriac_task_arg_text(struct celeriac_task *task, int position, const char *name,
                                         struct celeriac_bytes *text)
{
    struct wanted wanted = {.position = position, .name = name};
    enum celeriac_err code = find(task, &wanted);

    if (code == CELERIAC_OK)
        code = decode_text(task, wanted.node, text);
    if (code == CELERIAC_ERR_VALUE && is_given_as(&wanted, JSON_STRING))
        return refuse_value(task, &wanted, "must not hold a null character or a lone surrogate");
    return code ? refuse(task, &wanted, code, "str") : CELERIAC_OK;
}

enum celeriac_err celeriac_task_arg_int(struct celeriac_task *task, int position, const char *name,
                                        int64_t *value)
{
    struct wanted wanted = {.position = position, .name = name};
    enum celeriac_err code = find(task, &wanted);

    if (code == CELERIAC_OK)
        code = json_int(wanted.node, INT64_MIN, INT64_MAX, value);
    return code ? refuse(task, &wanted, code, "int") : CELERIAC_OK;
}

enum celeriac_err celeriac_task_arg_double(struct celeriac_task *task, int position,
                                           const char *name, double *value)
{
    struct wanted wanted = {.position = position, .name = name};
    enum celeriac_err code = find(task, &wanted);

    if (code == CELERIAC_OK)
        code = json_double(wanted.node, value);
    if (code == CELERIAC_ERR_VALUE &&
        (is_given_as(&wanted, JSON_CONSTANT) || is_given_as(&wanted, JSON_INT) ||
         is_given_as(&wanted, JSON_FLOAT)))
        return refuse_value(task, &wanted, "must be finite");
    return code ? refuse(task, &wanted, code, "float") : CELERIAC_OK;
}

enum celeriac_err celeriac_task_arg_bool(struct celeriac_task *task, int position, const char *name,
                                         bool *value)
{
    struct wanted wanted = {.position = position, .name = name};
    enum celeriac_err code = find(task, &wanted);

    if (code == CELERIAC_OK && !is_given_as(&wanted, JSON_TRUE) &&
        !is_given_as(&wanted, JSON_FALSE))
        code = CELERIAC_ERR_VALUE;
    if (code)
        return refuse(task, &wanted, code, "bool");
    *value = is_given_as(&wanted, JSON_TRUE);
    return CELERIAC_OK;
}

enum celeriac_err celeriac_task_arg_json(struct celeriac_task *task, int position, const char *name,
                                         struct celeriac_bytes *json)
{
    struct wanted wanted = {.position = position, .name = name};
    enum celeriac_err code = find(task, &wanted);
    struct span raw;

    if (code)
        return code;
    raw = json_raw(wanted.node);
    *json = (struct celeriac_bytes){.ptr = raw.ptr, .len = raw.len};
    return CELERIAC_OK;
}
