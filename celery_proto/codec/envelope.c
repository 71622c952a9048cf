#include "celery_proto/codec/envelope.h"

#include <stddef.h>

#include "celery_proto/codec/json_fields.h"
#include "celery_proto/codec/priority.h"

/*
 * Levels that have nodes of their own: the envelope, its fields, the headers' values, and the
 * elements of short ones (timelimit). Deeper values are only passed on.
 */
#define ENVELOPE_KEEP_DEPTH 4

enum envelope_field {
    ENVELOPE_BODY,
    ENVELOPE_CONTENT_ENCODING,
    ENVELOPE_CONTENT_TYPE,
    ENVELOPE_HEADERS,
    ENVELOPE_PROPERTIES,
    ENVELOPE_FIELDS
};

static const struct cel_field_name envelope_names[ENVELOPE_FIELDS] = {
    CEL_FIELD("body"),    CEL_FIELD("content-encoding"), CEL_FIELD("content-type"),
    CEL_FIELD("headers"), CEL_FIELD("properties"),
};

enum property_field {
    PROPERTY_CORRELATION_ID,
    PROPERTY_REPLY_TO,
    PROPERTY_DELIVERY_INFO,
    PROPERTY_PRIORITY,
    PROPERTY_BODY_ENCODING,
    PROPERTY_DELIVERY_TAG,
    PROPERTY_FIELDS
};

static const struct cel_field_name property_names[PROPERTY_FIELDS] = {
    CEL_FIELD("correlation_id"), CEL_FIELD("reply_to"),      CEL_FIELD("delivery_info"),
    CEL_FIELD("priority"),       CEL_FIELD("body_encoding"), CEL_FIELD("delivery_tag"),
};

enum delivery_field {
    DELIVERY_EXCHANGE,
    DELIVERY_ROUTING_KEY,
    DELIVERY_REDELIVERED,
    DELIVERY_FIELDS
};

static const struct cel_field_name delivery_names[DELIVERY_FIELDS] = {
    CEL_FIELD("exchange"), CEL_FIELD("routing_key"), CEL_FIELD("redelivered")};

void cel_envelope_reader_init(struct cel_envelope_reader *reader)
{
    json_init(&reader->doc);
    strbuf_init(&reader->text, CEL_ENVELOPE_MAX);
}

void cel_envelope_reader_close(struct cel_envelope_reader *reader)
{
    json_close(&reader->doc);
    strbuf_close(&reader->text);
}

/* A field that is no string, or memory that is short. */
static enum celeriac_err bad_field(enum cel_refuse *cause, enum cel_refuse why, const char *what,
                                   struct celeriac_error *err)
{
    *cause = why;
    return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s", what);
}

/* Parses the text and finds the top object. */
static enum celeriac_err parse(struct cel_envelope_reader *reader, struct span raw,
                               enum cel_refuse *cause, struct celeriac_error *err)
{
    static const struct json_options options = {.keep_depth = ENVELOPE_KEEP_DEPTH};
    enum celeriac_err code;

    if (raw.len > CEL_ENVELOPE_MAX) {
        *cause = CEL_REFUSE_TOO_LARGE;
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT, "envelope: larger than allowed");
    }
    strbuf_clear(&reader->text);
    code = json_parse(&reader->doc, raw, &options, err);
    if (code == CELERIAC_ERR_LIMIT)
        *cause = CEL_REFUSE_TOO_LARGE;
    else if (code != CELERIAC_OK && code != CELERIAC_ERR_MEMORY)
        *cause = CEL_REFUSE_NOT_JSON;
    if (code != CELERIAC_OK)
        return code;
    if (json_root(&reader->doc)->type != JSON_OBJECT)
        return bad_field(cause, CEL_REFUSE_NOT_OBJECT, "envelope: not a JSON object", err);
    return CELERIAC_OK;
}

/*
 * A string field: missing and null give an empty span with a NULL pointer. Escaped strings are
 * decoded into the reader's text, which is reserved once for all of them so that it never moves.
 */
static enum celeriac_err text_of(struct cel_envelope_reader *reader, const struct json_node *node,
                                 struct span *text)
{
    size_t start = reader->text.len;
    enum celeriac_err code;

    *text = (struct span){NULL, 0};
    if (json_is_null(node) || json_peek_string(node, text))
        return CELERIAC_OK;
    if (node->type != JSON_STRING)
        return CELERIAC_ERR_VALUE;
    if (start == 0 && strbuf_reserve(&reader->text, json_raw(json_root(&reader->doc)).len) == NULL)
        return strbuf_status(&reader->text);
    code = json_decode_string(node, &reader->text);
    if (code == CELERIAC_OK)
        *text = (struct span){reader->text.ptr + start, reader->text.len - start};
    return code;
}

/* The same for a field that Python takes as anything: what is no string counts as missing. */
static enum celeriac_err lenient_text_of(struct cel_envelope_reader *reader,
                                         const struct json_node *node, struct span *text)
{
    enum celeriac_err code = text_of(reader, node, text);

    return code == CELERIAC_ERR_VALUE ? CELERIAC_OK : code;
}

static bool is_true(const struct json_node *node)
{
    return node != NULL && node->type == JSON_TRUE;
}

/* kombu takes what is false in Python (null, {}, [], "", 0, false) for "no headers". */
static bool is_empty(const struct json_node *node)
{
    if (json_is_null(node))
        return true;
    switch (node->type) {
    case JSON_FALSE:
        return true;
    case JSON_ARRAY:
    case JSON_OBJECT:
        return node->count == 0;
    case JSON_STRING:
        return json_raw(node).len == 2;
    default:
        return false;
    }
}

static enum celeriac_err read_delivery_info(struct cel_envelope_reader *reader,
                                            struct cel_envelope *e, const struct json_node *info,
                                            enum cel_refuse *cause, struct celeriac_error *err)
{
    const struct json_node *fields[DELIVERY_FIELDS] = {NULL};
    enum celeriac_err code;

    if (is_empty(info))
        return CELERIAC_OK;
    if (info->type != JSON_OBJECT)
        return bad_field(cause, CEL_REFUSE_FIELD, "properties.delivery_info: not an object", err);
    e->delivery_info = info;
    cel_json_fields(info, delivery_names, DELIVERY_FIELDS, fields);
    e->redelivered = e->redelivered || is_true(fields[DELIVERY_REDELIVERED]);
    code = text_of(reader, fields[DELIVERY_EXCHANGE], &e->exchange);
    if (code == CELERIAC_ERR_VALUE)
        return bad_field(cause, CEL_REFUSE_FIELD, "properties.delivery_info.exchange: not a string",
                         err);
    if (code != CELERIAC_OK)
        return code;
    code = text_of(reader, fields[DELIVERY_ROUTING_KEY], &e->routing_key);
    if (code == CELERIAC_ERR_VALUE)
        return bad_field(cause, CEL_REFUSE_FIELD,
                         "properties.delivery_info.routing_key: not a string", err);
    return code;
}

static enum celeriac_err read_properties(struct cel_envelope_reader *reader, struct cel_envelope *e,
                                         enum cel_refuse *cause, struct celeriac_error *err)
{
    const struct json_node *fields[PROPERTY_FIELDS] = {NULL};
    enum celeriac_err code;

    cel_json_fields(e->properties, property_names, PROPERTY_FIELDS, fields);
    code = text_of(reader, fields[PROPERTY_DELIVERY_TAG], &e->delivery_tag);
    if (code == CELERIAC_ERR_VALUE || (code == CELERIAC_OK && e->delivery_tag.len == 0))
        return bad_field(cause, CEL_REFUSE_DELIVERY_TAG,
                         "properties.delivery_tag: missing or not a string", err);
    if (code == CELERIAC_OK)
        code = lenient_text_of(reader, fields[PROPERTY_CORRELATION_ID], &e->correlation_id);
    if (code == CELERIAC_OK)
        code = lenient_text_of(reader, fields[PROPERTY_REPLY_TO], &e->reply_to);
    if (code != CELERIAC_OK)
        return code;
    e->priority = cel_priority_of(fields[PROPERTY_PRIORITY]);
    if (!cel_body_encoding_parse(fields[PROPERTY_BODY_ENCODING], &e->body_encoding))
        return bad_field(cause, CEL_REFUSE_BODY_ENCODING,
                         "properties.body_encoding: neither base64 nor utf-8", err);
    return read_delivery_info(reader, e, fields[PROPERTY_DELIVERY_INFO], cause, err);
}

/* Reads everything below the top object. */
static enum celeriac_err read_fields(struct cel_envelope_reader *reader, struct cel_envelope *e,
                                     enum cel_refuse *cause, struct celeriac_error *err)
{
    static const struct cel_field_name redelivered = CEL_FIELD("redelivered");
    const struct json_node *fields[ENVELOPE_FIELDS] = {NULL};
    const struct json_node *flag = NULL;
    enum celeriac_err code;

    cel_json_fields(json_root(&reader->doc), envelope_names, ENVELOPE_FIELDS, fields);
    e->properties = fields[ENVELOPE_PROPERTIES];
    if (e->properties == NULL || e->properties->type != JSON_OBJECT)
        return bad_field(cause, CEL_REFUSE_PROPERTIES, "properties: missing or not an object", err);
    e->headers = is_empty(fields[ENVELOPE_HEADERS]) ? NULL : fields[ENVELOPE_HEADERS];
    if (e->headers != NULL && e->headers->type == JSON_OBJECT)
        cel_json_fields(e->headers, &redelivered, 1, &flag);
    e->redelivered = is_true(flag);
    e->body = fields[ENVELOPE_BODY];
    code = read_properties(reader, e, cause, err);
    if (code != CELERIAC_OK)
        return code;
    if (e->headers != NULL && e->headers->type != JSON_OBJECT)
        return bad_field(cause, CEL_REFUSE_HEADERS, "headers: not an object", err);
    code = text_of(reader, fields[ENVELOPE_CONTENT_TYPE], &e->content_type);
    if (code == CELERIAC_ERR_VALUE)
        return bad_field(cause, CEL_REFUSE_FIELD, "content-type: not a string", err);
    if (code == CELERIAC_OK)
        code = lenient_text_of(reader, fields[ENVELOPE_CONTENT_ENCODING], &e->content_encoding);
    return code;
}

enum celeriac_err cel_envelope_read(struct cel_envelope_reader *reader, struct span raw,
                                    struct cel_envelope *envelope, enum cel_refuse *cause,
                                    struct celeriac_error *err)
{
    struct cel_envelope e = {.raw = raw};
    enum cel_refuse ignored = CEL_REFUSE_NONE;
    enum cel_refuse *why = cause != NULL ? cause : &ignored;
    enum celeriac_err code;

    *why = CEL_REFUSE_NONE;
    code = parse(reader, raw, why, err);
    if (code == CELERIAC_OK)
        code = read_fields(reader, &e, why, err);
    if (code != CELERIAC_OK) {
        celeriac_error_set(err, code, "%s", celeriac_err_name(code));
        return code;
    }
    *envelope = e;
    return CELERIAC_OK;
}

/* One change of the bytes: `removed` bytes at `at` become up to three pieces. */
struct splice {
    size_t at;
    size_t removed;
    const char *piece[3];
};

/* The change that makes object[key] true; key is quoted, before it goes `open`, after it `close`.
 */
static struct splice set_flag(struct span raw, const struct json_node *object,
                              const struct json_node *flag)
{
    struct splice s = {.piece = {NULL, NULL, NULL}};

    if (flag != NULL) {
        s.at = (size_t)(json_raw(flag).ptr - raw.ptr);
        s.removed = json_raw(flag).len;
        s.piece[0] = "true";
        return s;
    }
    s.at = (size_t)(json_raw(object).ptr - raw.ptr) + json_raw(object).len - 1;
    s.piece[0] = object->count > 0 ? ", " : "";
    s.piece[1] = "\"redelivered\": true";
    return s;
}

/* The change that gives parent a member `name` (with its quotes and colon) holding only the flag.
 */
static struct splice set_object(struct span raw, const struct json_node *parent,
                                const struct json_node *old, const char *name)
{
    struct splice s = {.piece = {NULL, NULL, NULL}};

    if (old != NULL) {
        s.at = (size_t)(json_raw(old).ptr - raw.ptr);
        s.removed = json_raw(old).len;
        s.piece[2] = "{\"redelivered\": true}";
        return s;
    }
    s.at = (size_t)(json_raw(parent).ptr - raw.ptr) + json_raw(parent).len - 1;
    s.piece[0] = parent->count > 0 ? ", " : "";
    s.piece[1] = name;
    s.piece[2] = "{\"redelivered\": true}";
    return s;
}

/* The change for the object called `key` inside parent. */
static struct splice mark(struct span raw, const struct json_node *parent, const char *key,
                          const char *name)
{
    const struct json_node *object = json_get(parent, key);

    if (object != NULL && object->type == JSON_OBJECT)
        return set_flag(raw, object, json_get(object, "redelivered"));
    return set_object(raw, parent, object, name);
}

static void add_splice(struct strbuf *out, struct span raw, size_t *done, const struct splice *s)
{
    strbuf_add(out, raw.ptr + *done, s->at - *done);
    for (size_t i = 0; i < 3; i++) {
        if (s->piece[i] != NULL)
            strbuf_add_text(out, s->piece[i]);
    }
    *done = s->at + s->removed;
}

enum celeriac_err cel_envelope_mark_redelivered(struct cel_envelope_reader *reader, struct span raw,
                                                struct strbuf *out, struct celeriac_error *err)
{
    struct cel_envelope e;
    struct splice headers, delivery;
    size_t start = out->len;
    size_t done = 0;
    enum celeriac_err code = cel_envelope_read(reader, raw, &e, NULL, err);

    if (code != CELERIAC_OK)
        return code;
    headers = mark(raw, json_root(&reader->doc), "headers", "\"headers\": ");
    delivery = mark(raw, e.properties, "delivery_info", "\"delivery_info\": ");
    if (headers.at < delivery.at) {
        add_splice(out, raw, &done, &headers);
        add_splice(out, raw, &done, &delivery);
    } else {
        add_splice(out, raw, &done, &delivery);
        add_splice(out, raw, &done, &headers);
    }
    strbuf_add(out, raw.ptr + done, raw.len - done);
    code = strbuf_status(out);
    if (code != CELERIAC_OK) {
        strbuf_truncate(out, start);
        return celeriac_error_set(err, code, "%s", celeriac_err_name(code));
    }
    return CELERIAC_OK;
}
