#include "celery_proto/codec/task_body.h"

#include <stddef.h>

#include "celery_proto/codec/json_fields.h"

enum embed_field { EMBED_CALLBACKS, EMBED_ERRBACKS, EMBED_CHAIN, EMBED_CHORD, EMBED_FIELDS };

static const struct cel_field_name embed_names[EMBED_FIELDS] = {
    CEL_FIELD("callbacks"), CEL_FIELD("errbacks"), CEL_FIELD("chain"), CEL_FIELD("chord")};

static const char *const embed_errors[EMBED_FIELDS] = {
    "callbacks: not an array", "errbacks: not an array", "chain: not an array",
    "chord: not an object"};

/*
 * One member of embed. What is empty counts as null, as it does for Celery, which only asks
 * whether the value is true. False when it has another type than `type`.
 */
static bool take_embed(const struct json_node *node, enum json_type type, struct span *raw)
{
    *raw = (struct span){NULL, 0};
    if (json_is_null(node))
        return true;
    if (node->type != JSON_ARRAY && node->type != JSON_OBJECT)
        return false;
    if (node->count == 0)
        return true;
    *raw = json_raw(node);
    return node->type == type;
}

enum celeriac_err cel_task_body_take(const struct json_node *args, const struct json_node *kwargs,
                                     const struct json_node *embed, struct cel_task_body *body,
                                     enum cel_refuse *cause, struct celeriac_error *err)
{
    const struct json_node *fields[EMBED_FIELDS] = {NULL};
    struct cel_task_body b = {.args = SPAN("[]"), .kwargs = SPAN("{}")};
    struct span *const raws[EMBED_FIELDS] = {&b.callbacks, &b.errbacks, &b.chain, &b.chord};

    if (args != NULL && args->type != JSON_ARRAY) {
        *cause = CEL_REFUSE_ARGS;
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "args: not an array");
    }
    if (kwargs != NULL && kwargs->type != JSON_OBJECT) {
        *cause = CEL_REFUSE_KWARGS;
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "kwargs: not an object");
    }
    if (args != NULL)
        b.args = json_raw(args);
    if (kwargs != NULL)
        b.kwargs = json_raw(kwargs);
    if (!json_is_null(embed) && embed->type != JSON_OBJECT) {
        *cause = CEL_REFUSE_EMBED;
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "body: third element is no object");
    }
    cel_json_fields(embed, embed_names, EMBED_FIELDS, fields);
    for (size_t i = 0; i < EMBED_FIELDS; i++) {
        if (!take_embed(fields[i], i == EMBED_CHORD ? JSON_OBJECT : JSON_ARRAY, raws[i])) {
            *cause = CEL_REFUSE_EMBED;
            return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s", embed_errors[i]);
        }
    }
    *body = b;
    return CELERIAC_OK;
}

/* A raw value after some text; null when it is empty. */
static void add_member(struct strbuf *out, const char *before, struct span raw)
{
    strbuf_add_text(out, before);
    strbuf_add_span(out, raw.len > 0 ? raw : SPAN("null"));
}

void cel_task_body_write(const struct cel_task_body *body, struct strbuf *out)
{
    strbuf_add_char(out, '[');
    strbuf_add_span(out, body->args.len > 0 ? body->args : SPAN("[]"));
    strbuf_add_text(out, ", ");
    strbuf_add_span(out, body->kwargs.len > 0 ? body->kwargs : SPAN("{}"));
    add_member(out, ", {\"callbacks\": ", body->callbacks);
    add_member(out, ", \"errbacks\": ", body->errbacks);
    add_member(out, ", \"chain\": ", body->chain);
    add_member(out, ", \"chord\": ", body->chord);
    strbuf_add_text(out, "}]");
}
