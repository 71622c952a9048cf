/* Typed access to a task's arguments: the argument functions of celeriac/task.h. */
#include "base/alloc.h"
#include "worker/task_context.h"

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

static enum celeriac_err find(struct celeriac_task *task, int position, const char *name,
                              const struct json_node **node)
{
    enum celeriac_err code = parse_arguments(task);
    const struct json_node *found = NULL;

    if (code)
        return code;
    if (position >= 0)
        found = json_at(json_root(&task->args), (uint32_t)position);
    if (!found && name)
        found = json_get(json_root(&task->kwargs), name);
    if (!found)
        return CELERIAC_ERR_NOT_FOUND;
    *node = found;
    return CELERIAC_OK;
}

/* Makes the outcome the TypeError that Python's call or the task's own check would have raised. */
static enum celeriac_err refuse(struct celeriac_task *task, int position, const char *name,
                                enum celeriac_err code, const char *expected)
{
    struct celeriac_error text = {0};

    if (code == CELERIAC_ERR_NOT_FOUND)
        celeriac_error_set(&text, code, "missing required argument: %s (position %d)",
                           name ? name : "unnamed", position + 1);
    else
        celeriac_error_set(&text, code, "argument %s (position %d) must be %s",
                           name ? name : "unnamed", position + 1, expected);
    cel_outcome_fail(&task->outcome, SPAN("TypeError"), SPAN("builtins"), span_of(text.text), true);
    return code;
}

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
    const struct json_node *node = NULL;
    enum celeriac_err code = find(task, position, name, &node);

    if (code == CELERIAC_OK)
        code = decode_text(task, node, text);
    return code ? refuse(task, position, name, code, "a string") : CELERIAC_OK;
}

enum celeriac_err celeriac_task_arg_int(struct celeriac_task *task, int position, const char *name,
                                        int64_t *value)
{
    const struct json_node *node = NULL;
    enum celeriac_err code = find(task, position, name, &node);

    if (code == CELERIAC_OK)
        code = json_int(node, INT64_MIN, INT64_MAX, value);
    return code ? refuse(task, position, name, code, "an integer of 64 bits") : CELERIAC_OK;
}

enum celeriac_err celeriac_task_arg_double(struct celeriac_task *task, int position,
                                           const char *name, double *value)
{
    const struct json_node *node = NULL;
    enum celeriac_err code = find(task, position, name, &node);

    if (code == CELERIAC_OK)
        code = json_double(node, value);
    return code ? refuse(task, position, name, code, "a finite number") : CELERIAC_OK;
}

enum celeriac_err celeriac_task_arg_bool(struct celeriac_task *task, int position, const char *name,
                                         bool *value)
{
    const struct json_node *node = NULL;
    enum celeriac_err code = find(task, position, name, &node);

    if (code == CELERIAC_OK && node->type != JSON_TRUE && node->type != JSON_FALSE)
        code = CELERIAC_ERR_VALUE;
    if (code)
        return refuse(task, position, name, code, "true or false");
    *value = node->type == JSON_TRUE;
    return CELERIAC_OK;
}

enum celeriac_err celeriac_task_arg_json(struct celeriac_task *task, int position, const char *name,
                                         struct celeriac_bytes *json)
{
    const struct json_node *node = NULL;
    enum celeriac_err code = find(task, position, name, &node);
    struct span raw;

    if (code)
        return code;
    raw = json_raw(node);
    *json = (struct celeriac_bytes){.ptr = raw.ptr, .len = raw.len};
    return CELERIAC_OK;
}
