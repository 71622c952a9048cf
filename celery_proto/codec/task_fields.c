#include "celery_proto/codec/task_fields.h"

#include <math.h>
#include <stddef.h>

#include "base/iso8601.h"
#include "celery_proto/codec/json_fields.h"

/* How a member is read. */
enum field_kind {
    KIND_ID,      /* a string that is not empty */
    KIND_TEXT,    /* a string; anything else is refused */
    KIND_LABEL,   /* a string for logs only; anything else is ignored */
    KIND_TIME,    /* ISO 8601 text into a struct cel_time */
    KIND_COUNT,   /* an integer from 0 to CEL_RETRIES_MAX */
    KIND_NESTING, /* an integer for passing on; anything else is ignored */
    KIND_INDEX,   /* any 64-bit integer, with its has_ flag */
    KIND_LIMITS,  /* [hard, soft] */
    KIND_TRUTH,   /* Python's truth of any value */
    KIND_RAW      /* JSON text of an array or object; anything else is ignored */
};

struct field {
    struct cel_field_name name;
    enum field_kind kind;
    enum cel_refuse cause; /* when the value is impossible */
    size_t offset;         /* of the field in struct cel_task_message */
};

#define FIELD(literal, kind, cause, member)                                        \
    {                                                                              \
        CEL_FIELD(literal), kind, cause, offsetof(struct cel_task_message, member) \
    }

/*
 * In the order in which Celery 5.6 writes them. "taskset" is protocol 1's older name for "group"
 * and stands before it, so that a group wins (celery/worker/strategy.py proto1_to_proto2).
 */
static const struct field fields[] = {
    FIELD("task", KIND_ID, CEL_REFUSE_TASK, task),
    FIELD("id", KIND_ID, CEL_REFUSE_ID, id),
    FIELD("shadow", KIND_LABEL, CEL_REFUSE_NONE, shadow),
    FIELD("eta", KIND_TIME, CEL_REFUSE_ETA, eta),
    FIELD("expires", KIND_TIME, CEL_REFUSE_EXPIRES, expires),
    FIELD("taskset", KIND_TEXT, CEL_REFUSE_HEADER, group),
    FIELD("group", KIND_TEXT, CEL_REFUSE_HEADER, group),
    FIELD("group_index", KIND_INDEX, CEL_REFUSE_HEADER, group_index),
    FIELD("retries", KIND_COUNT, CEL_REFUSE_HEADER, retries),
    FIELD("timelimit", KIND_LIMITS, CEL_REFUSE_HEADER, timelimit),
    FIELD("root_id", KIND_TEXT, CEL_REFUSE_HEADER, root_id),
    FIELD("parent_id", KIND_TEXT, CEL_REFUSE_HEADER, parent_id),
    FIELD("argsrepr", KIND_LABEL, CEL_REFUSE_NONE, argsrepr),
    FIELD("kwargsrepr", KIND_LABEL, CEL_REFUSE_NONE, kwargsrepr),
    FIELD("origin", KIND_LABEL, CEL_REFUSE_NONE, origin),
    FIELD("ignore_result", KIND_TRUTH, CEL_REFUSE_NONE, ignore_result),
    FIELD("replaced_task_nesting", KIND_NESTING, CEL_REFUSE_NONE, replaced_task_nesting),
    FIELD("stamped_headers", KIND_RAW, CEL_REFUSE_NONE, stamped_headers),
    FIELD("stamps", KIND_RAW, CEL_REFUSE_NONE, stamps),
};

#define FIELDS (sizeof(fields) / sizeof(fields[0]))

/* A string's decoded bytes; CELERIAC_ERR_VALUE when node is none. */
static enum celeriac_err read_text(const struct json_node *node, struct strbuf *text,
                                   struct span *value)
{
    size_t start = text->len;
    enum celeriac_err code;

    if (json_peek_string(node, value))
        return CELERIAC_OK;
    code = json_decode_string(node, text);
    if (code == CELERIAC_OK)
        *value = (struct span){text->ptr + start, text->len - start};
    return code;
}

static enum celeriac_err read_time(const struct json_node *node, struct strbuf *text,
                                   struct cel_time *time, struct span *as_sent)
{
    struct span value = {NULL, 0};
    int64_t us;
    enum celeriac_err code = read_text(node, text, &value);

    if (code != CELERIAC_OK || value.len == 0)
        return code;
    if (iso8601_parse(value, &us) != CELERIAC_OK)
        return CELERIAC_ERR_VALUE;
    *time = (struct cel_time){.set = true, .us = us};
    *as_sent = value;
    return CELERIAC_OK;
}

/* One time limit: null and 0 are none, as Celery only asks whether it is true. */
static enum celeriac_err read_limit(const struct json_node *node, double *seconds)
{
    double value = 0;

    if (!json_is_null(node) && (json_double(node, &value) != CELERIAC_OK || !(value >= 0)))
        return CELERIAC_ERR_VALUE;
    *seconds = value;
    return CELERIAC_OK;
}

/* The two limits of an array whose elements were recorded. */
static enum celeriac_err read_pair(const struct json_node *node, struct cel_task_message *m)
{
    const struct json_node *hard, *soft;
    enum celeriac_err code;

    if (node->type != JSON_ARRAY || (node->count != 2 && node->count != 0))
        return CELERIAC_ERR_VALUE;
    hard = json_first(node);
    soft = hard != NULL ? json_next(node, hard) : NULL;
    code = read_limit(hard, &m->time_limit);
    if (code == CELERIAC_OK)
        code = read_limit(soft, &m->soft_time_limit);
    return code;
}

/* [hard, soft]; a body of protocol 1 is parsed too shallow to hold them, so they are parsed here.
 */
static enum celeriac_err read_limits(const struct json_node *node, struct cel_task_message *m)
{
    enum celeriac_err code = CELERIAC_OK;
    struct json_doc doc;

    json_init(&doc);
    if (node->pruned)
        code = json_parse(&doc, json_raw(node), NULL, NULL);
    if (code == CELERIAC_OK)
        code = read_pair(node->pruned ? json_root(&doc) : node, m);
    if (code == CELERIAC_OK)
        m->timelimit = json_raw(node);
    json_close(&doc);
    return code;
}

static enum cel_tristate truth_of(const struct json_node *node)
{
    double number;

    switch (node->type) {
    case JSON_FALSE:
        return CEL_FALSE;
    case JSON_INT:
    case JSON_FLOAT:
        return json_double(node, &number) == CELERIAC_OK && fpclassify(number) == FP_ZERO
                   ? CEL_FALSE
                   : CEL_TRUE;
    case JSON_STRING:
        return json_raw(node).len > 2 ? CEL_TRUE : CEL_FALSE;
    case JSON_ARRAY:
    case JSON_OBJECT:
        return node->count > 0 ? CEL_TRUE : CEL_FALSE;
    default:
        return CEL_TRUE;
    }
}

/* Where a time's text as sent is kept. */
static struct span *text_of_time(const struct field *field, struct cel_task_message *m)
{
    return field->cause == CEL_REFUSE_ETA ? &m->eta_text : &m->expires_text;
}

/* The value of a member that is null: as if the message had none. */
static void reset(const struct field *field, struct cel_task_message *m)
{
    char *at = (char *)m + field->offset;

    switch (field->kind) {
    case KIND_TIME:
        *(struct cel_time *)(void *)at = (struct cel_time){.set = false};
        *text_of_time(field, m) = (struct span){NULL, 0};
        break;
    case KIND_COUNT:
    case KIND_NESTING:
        *(int64_t *)(void *)at = 0;
        break;
    case KIND_INDEX:
        m->has_group_index = false;
        break;
    case KIND_LIMITS:
        m->time_limit = m->soft_time_limit = 0;
        m->timelimit = (struct span){NULL, 0};
        break;
    case KIND_TRUTH:
        m->ignore_result = CEL_UNSET;
        break;
    default:
        *(struct span *)(void *)at = (struct span){NULL, 0};
        break;
    }
}

/* Reads one member; CELERIAC_ERR_VALUE when its value is impossible. */
static enum celeriac_err read_field(const struct field *field, const struct json_node *node,
                                    struct strbuf *text, struct cel_task_message *m)
{
    void *at = (char *)m + field->offset;
    struct span *span = at;
    enum celeriac_err code;

    switch (field->kind) {
    case KIND_ID:
        code = read_text(node, text, span);
        return code == CELERIAC_OK && span->len == 0 ? CELERIAC_ERR_VALUE : code;
    case KIND_TEXT:
        return read_text(node, text, span);
    case KIND_LABEL:
        code = read_text(node, text, span);
        return code == CELERIAC_ERR_VALUE ? CELERIAC_OK : code;
    case KIND_TIME:
        return read_time(node, text, at, text_of_time(field, m));
    case KIND_COUNT:
        return json_int(node, 0, CEL_RETRIES_MAX, at);
    case KIND_NESTING:
        if (json_int(node, 0, INT64_MAX, at) != CELERIAC_OK)
            m->replaced_task_nesting = 0;
        return CELERIAC_OK;
    case KIND_INDEX:
        code = json_int(node, INT64_MIN, INT64_MAX, at);
        m->has_group_index = code == CELERIAC_OK;
        return code;
    case KIND_LIMITS:
        return read_limits(node, m);
    case KIND_TRUTH:
        m->ignore_result = truth_of(node);
        return CELERIAC_OK;
    default:
        if (node->type == JSON_ARRAY || node->type == JSON_OBJECT)
            *span = json_raw(node);
        return CELERIAC_OK;
    }
}

enum celeriac_err cel_task_fields_read(const struct json_node *object, struct strbuf *text,
                                       struct cel_task_message *message, struct celeriac_error *err)
{
    struct cel_field_name names[FIELDS];
    const struct json_node *values[FIELDS] = {NULL};
    enum celeriac_err first = CELERIAC_OK;

    for (size_t i = 0; i < FIELDS; i++)
        names[i] = fields[i].name;
    cel_json_fields(object, names, FIELDS, values);
    for (size_t i = 0; i < FIELDS; i++) {
        enum celeriac_err code;

        if (values[i] == NULL)
            continue;
        if (json_is_null(values[i])) {
            reset(&fields[i], message);
            continue;
        }
        code = read_field(&fields[i], values[i], text, message);
        if (code == CELERIAC_ERR_MEMORY)
            return code;
        if (code != CELERIAC_OK && first == CELERIAC_OK) {
            message->refuse = fields[i].cause;
            first = celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: impossible value",
                                       fields[i].name.name);
        }
    }
    return first;
}
