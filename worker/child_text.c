#include "worker/child_text.h"

#include "base/json.h"

/* Nothing is JSON as well: null, or no children. */
static enum celeriac_err check_json(struct span text)
{
    static const struct json_options top_only = {.keep_depth = 1};
    enum celeriac_err code;
    struct json_doc doc;

    if (text.len == 0)
        return CELERIAC_OK;
    json_init(&doc);
    code = json_parse(&doc, text, &top_only, NULL);
    json_close(&doc);
    return code && code != CELERIAC_ERR_MEMORY ? CELERIAC_ERR_PROTOCOL : code;
}

/* Result tuples stand one after the other, without the brackets of an array. */
static enum celeriac_err check_children(struct span children)
{
    struct strbuf array;
    enum celeriac_err code;

    if (children.len == 0)
        return CELERIAC_OK;
    strbuf_init(&array, CEL_CHILDREN_MAX + 2);
    strbuf_add_char(&array, '[');
    strbuf_add_span(&array, children);
    strbuf_add_char(&array, ']');
    code = strbuf_status(&array);
    if (code == CELERIAC_OK)
        code = check_json(strbuf_span(&array));
    strbuf_close(&array);
    return code;
}

enum celeriac_err cel_child_check_outcome(const struct cel_outcome *outcome)
{
    enum celeriac_err code = check_json(strbuf_span(&outcome->result));

    return code ? code : check_children(strbuf_span(&outcome->children));
}

enum celeriac_err cel_child_check_state(const struct cel_frame_state *state)
{
    enum celeriac_err code =
        span_is_utf8(state->name) ? check_json(state->meta) : CELERIAC_ERR_PROTOCOL;

    return code ? code : check_children(state->children);
}
