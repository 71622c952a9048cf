#include "celery_proto/codec/signature.h"

#include <limits.h>

#include "base/json_writer.h"
#include "celery_proto/codec/json_fields.h"

enum signature_field {
    SIGNATURE_TASK,
    SIGNATURE_ARGS,
    SIGNATURE_KWARGS,
    SIGNATURE_OPTIONS,
    SIGNATURE_SUBTASK_TYPE,
    SIGNATURE_IMMUTABLE,
    SIGNATURE_CHORD_SIZE,
    SIGNATURE_FIELDS
};

static const struct cel_field_name signature_names[SIGNATURE_FIELDS] = {
    CEL_FIELD("task"),         CEL_FIELD("args"),      CEL_FIELD("kwargs"),    CEL_FIELD("options"),
    CEL_FIELD("subtask_type"), CEL_FIELD("immutable"), CEL_FIELD("chord_size")};

static const struct {
    const char *name;
    enum cel_subtask_type type;
} subtask_types[] = {
    {"chain", CEL_SUBTASK_CHAIN},       {"group", CEL_SUBTASK_GROUP},
    {"chord", CEL_SUBTASK_CHORD},       {"xmap", CEL_SUBTASK_XMAP},
    {"xstarmap", CEL_SUBTASK_XSTARMAP}, {"chunks", CEL_SUBTASK_CHUNKS},
};

static enum cel_subtask_type subtask_type_of(const struct json_node *node)
{
    if (json_is_null(node))
        return CEL_SUBTASK_TASK;
    for (size_t i = 0; i < sizeof(subtask_types) / sizeof(subtask_types[0]); i++) {
        if (json_string_is(node, subtask_types[i].name))
            return subtask_types[i].type;
    }
    return CEL_SUBTASK_OTHER;
}

/* A member that must be of one type if it is there; null counts as absent. */
static enum celeriac_err check_member(const struct json_node **fields, enum signature_field which,
                                      enum json_type type, struct celeriac_error *err)
{
    if (json_is_null(fields[which]))
        fields[which] = NULL;
    if (fields[which] != NULL && fields[which]->type != type)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "signature: %s has a wrong type",
                                  signature_names[which].name);
    return CELERIAC_OK;
}

enum celeriac_err cel_signature_read(const struct json_node *node, struct cel_signature *signature,
                                     struct celeriac_error *err)
{
    const struct json_node *fields[SIGNATURE_FIELDS] = {NULL};
    struct cel_signature s = {.type = CEL_SUBTASK_TASK};
    int64_t chord_size;
    enum celeriac_err code;

    if (node == NULL || node->type != JSON_OBJECT)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "signature: not an object");
    cel_json_fields(node, signature_names, SIGNATURE_FIELDS, fields);
    code = check_member(fields, SIGNATURE_TASK, JSON_STRING, err);
    if (code == CELERIAC_OK &&
        (fields[SIGNATURE_TASK] == NULL || json_raw(fields[SIGNATURE_TASK]).len == 2))
        code = celeriac_error_set(err, CELERIAC_ERR_VALUE, "signature: task is missing");
    if (code == CELERIAC_OK)
        code = check_member(fields, SIGNATURE_ARGS, JSON_ARRAY, err);
    if (code == CELERIAC_OK)
        code = check_member(fields, SIGNATURE_KWARGS, JSON_OBJECT, err);
    if (code == CELERIAC_OK)
        code = check_member(fields, SIGNATURE_OPTIONS, JSON_OBJECT, err);
    if (code != CELERIAC_OK)
        return code;
    s.raw = json_raw(node);
    s.task = fields[SIGNATURE_TASK];
    s.args = fields[SIGNATURE_ARGS];
    s.kwargs = fields[SIGNATURE_KWARGS];
    s.options = fields[SIGNATURE_OPTIONS];
    s.type = subtask_type_of(fields[SIGNATURE_SUBTASK_TYPE]);
    s.immutable =
        fields[SIGNATURE_IMMUTABLE] != NULL && fields[SIGNATURE_IMMUTABLE]->type == JSON_TRUE;
    s.has_chord_size =
        fields[SIGNATURE_CHORD_SIZE] != NULL &&
        json_int(fields[SIGNATURE_CHORD_SIZE], 0, INT_MAX, &chord_size) == CELERIAC_OK;
    if (s.has_chord_size)
        s.chord_size = chord_size;
    *signature = s;
    return CELERIAC_OK;
}

void cel_signature_write(struct span task, struct span args, struct span kwargs,
                         struct span options, bool immutable, struct strbuf *out)
{
    strbuf_add_text(out, "{\"task\": ");
    json_quote(out, task, JSON_STYLE_PYTHON);
    strbuf_add_text(out, ", \"args\": ");
    strbuf_add_span(out, args.len > 0 ? args : SPAN("[]"));
    strbuf_add_text(out, ", \"kwargs\": ");
    strbuf_add_span(out, kwargs.len > 0 ? kwargs : SPAN("{}"));
    strbuf_add_text(out, ", \"options\": ");
    strbuf_add_span(out, options.len > 0 ? options : SPAN("{}"));
    strbuf_add_text(out, ", \"subtask_type\": null, \"immutable\": ");
    strbuf_add_text(out, immutable ? "true}" : "false}");
}
