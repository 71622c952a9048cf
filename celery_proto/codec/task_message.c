#include "celery_proto/codec/task_message.h"

#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "celery_proto/codec/body.h"
#include "celery_proto/codec/envelope.h"
#include "celery_proto/codec/json_fields.h"
#include "celery_proto/codec/task_body.h"
#include "celery_proto/codec/task_fields.h"

/*
 * Levels of a body that have nodes of their own: the top value and what it holds. In protocol 2 the
 * third element is parsed again by itself, so that long argument lists cost no memory.
 */
#define BODY_KEEP_DEPTH 2

struct cel_task_decoder {
    struct cel_accept accept;
    size_t body_max;
    struct cel_envelope_reader envelope;
    struct strbuf header_text; /* the headers' strings that had escapes */
    struct strbuf body;        /* the body's bytes */
    struct strbuf scratch;     /* between base64 and decompression */
    struct strbuf body_text;   /* strings of a protocol 1 body that had escapes */
    struct json_doc body_doc;
    struct json_doc embed_doc;
};

enum celeriac_err cel_task_decoder_create(const struct cel_task_decoder_options *options,
                                          struct cel_task_decoder **decoder)
{
    struct cel_task_decoder *d = mem_calloc(1, sizeof(*d));

    if (d == NULL)
        return CELERIAC_ERR_MEMORY;
    d->body_max = CEL_BODY_MAX;
    if (options != NULL) {
        d->accept = options->accept;
        if (options->body_max > 0 && options->body_max < CEL_BODY_MAX)
            d->body_max = options->body_max;
    }
    cel_envelope_reader_init(&d->envelope);
    strbuf_init(&d->header_text, CEL_ENVELOPE_MAX);
    strbuf_init(&d->body, CEL_ENVELOPE_MAX);
    strbuf_init(&d->scratch, CEL_ENVELOPE_MAX);
    strbuf_init(&d->body_text, CEL_ENVELOPE_MAX);
    json_init(&d->body_doc);
    json_init(&d->embed_doc);
    *decoder = d;
    return CELERIAC_OK;
}

void cel_task_decoder_destroy(struct cel_task_decoder *decoder)
{
    if (decoder == NULL)
        return;
    cel_envelope_reader_close(&decoder->envelope);
    strbuf_close(&decoder->header_text);
    strbuf_close(&decoder->body);
    strbuf_close(&decoder->scratch);
    strbuf_close(&decoder->body_text);
    json_close(&decoder->body_doc);
    json_close(&decoder->embed_doc);
    mem_free(decoder);
}

static enum celeriac_err refuse(struct cel_task_message *m, enum cel_refuse cause,
                                struct celeriac_error *err, const char *text)
{
    m->refuse = cause;
    return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s", text);
}

/* Room for every string of an object, so that the buffer does not move while spans point into it.
 */
static enum celeriac_err make_room(struct strbuf *text, struct span source)
{
    if (memchr(source.ptr, '\\', source.len) == NULL)
        return CELERIAC_OK;
    return strbuf_reserve(text, source.len) != NULL ? CELERIAC_OK : strbuf_status(text);
}

static enum celeriac_err read_fields(const struct json_node *object, struct strbuf *text,
                                     struct cel_task_message *m, struct celeriac_error *err)
{
    enum celeriac_err code = make_room(text, json_raw(object));

    return code != CELERIAC_OK ? code : cel_task_fields_read(object, text, m, err);
}

static void take_envelope(const struct cel_envelope *e, struct cel_task_message *m)
{
    m->delivery_tag = e->delivery_tag;
    m->exchange = e->exchange;
    m->routing_key = e->routing_key;
    m->correlation_id = e->correlation_id;
    m->reply_to = e->reply_to;
    m->content_type = e->content_type;
    m->content_encoding = e->content_encoding;
    m->body_encoding = e->body_encoding;
    m->priority = e->priority;
    m->redelivered = e->redelivered;
    m->properties = json_raw(e->properties);
    m->headers = e->headers != NULL ? json_raw(e->headers) : SPAN("{}");
    if (!json_is_null(e->body))
        m->body_literal = json_raw(e->body);
}

static void take_body(const struct cel_task_body *body, struct cel_task_message *m)
{
    m->args = body->args;
    m->kwargs = body->kwargs;
    m->callbacks = body->callbacks;
    m->errbacks = body->errbacks;
    m->chain = body->chain;
    m->chord = body->chord;
}

/* Turns the envelope's body into bytes. */
static enum celeriac_err decode_body(struct cel_task_decoder *d, const struct cel_envelope *e,
                                     const struct json_node *compression,
                                     struct cel_task_message *m, struct celeriac_error *err)
{
    enum cel_compression codec = CEL_COMPRESSION_NONE;
    struct span name = {NULL, 0};
    enum celeriac_err code;

    if (!json_is_null(compression))
        m->compression = json_peek_string(compression, &name) ? name : json_raw(compression);
    if (!cel_compression_parse(compression, &codec)) {
        m->refuse = CEL_REFUSE_COMPRESSION;
        return celeriac_error_set(err, CELERIAC_ERR_UNSUPPORTED,
                                  "compression: %.*s cannot be undone here",
                                  SPAN_PRINTF(m->compression));
    }
    code = cel_body_decode(e->body, e->body_encoding, codec, d->body_max, &d->scratch, &d->body,
                           &m->refuse, err);
    if (code == CELERIAC_OK)
        m->body = strbuf_span(&d->body);
    return code;
}

static enum celeriac_err check_content_type(const struct cel_task_decoder *d,
                                            struct cel_task_message *m, struct celeriac_error *err)
{
    struct span name = m->content_type.len > 0 ? m->content_type : SPAN("application/data");

    if (cel_accept_has(&d->accept, cel_content_type_of(name)))
        return CELERIAC_OK;
    m->refuse = CEL_REFUSE_CONTENT_TYPE;
    return celeriac_error_set(err, CELERIAC_ERR_VALUE, "content-type: %.*s is not accepted",
                              SPAN_PRINTF(name));
}

static enum celeriac_err parse_body(struct cel_task_decoder *d, struct cel_task_message *m,
                                    struct celeriac_error *err)
{
    static const struct json_options options = {.keep_depth = BODY_KEEP_DEPTH};
    struct celeriac_error detail = {.code = CELERIAC_OK};
    enum celeriac_err code = json_parse(&d->body_doc, m->body, &options, &detail);

    if (code == CELERIAC_OK || code == CELERIAC_ERR_MEMORY)
        return code;
    m->refuse = code == CELERIAC_ERR_LIMIT ? CEL_REFUSE_TOO_LARGE : CEL_REFUSE_BODY_JSON;
    return celeriac_error_set(err, code, "body: %s", detail.text);
}

/* [args, kwargs, embed] */
static enum celeriac_err read_array_body(struct cel_task_decoder *d, const struct json_node *body,
                                         struct cel_task_message *m, struct celeriac_error *err)
{
    static const struct json_options options = {.keep_depth = BODY_KEEP_DEPTH};
    const struct json_node *args, *kwargs, *embed;
    struct cel_task_body parts;
    enum celeriac_err code;

    if (body->type != JSON_ARRAY || body->count != 3)
        return refuse(m, CEL_REFUSE_BODY_SHAPE, err, "body: not an array of three elements");
    args = json_first(body);
    kwargs = json_next(body, args);
    embed = json_next(body, kwargs);
    code = json_parse(&d->embed_doc, json_raw(embed), &options, err);
    if (code != CELERIAC_OK)
        return code;
    code = cel_task_body_take(args, kwargs, json_root(&d->embed_doc), &parts, &m->refuse, err);
    if (code == CELERIAC_OK)
        take_body(&parts, m);
    return code;
}

/* The object of protocol 1, for its arguments and signatures. */
static enum celeriac_err read_object_body(const struct json_node *body, struct cel_task_message *m,
                                          struct celeriac_error *err)
{
    struct cel_task_body parts;
    enum celeriac_err code = cel_task_body_take(json_get(body, "args"), json_get(body, "kwargs"),
                                                body, &parts, &m->refuse, err);

    if (code == CELERIAC_OK) {
        /* Protocol 1 has no chain: later steps are nested in the callbacks. */
        parts.chain = (struct span){NULL, 0};
        take_body(&parts, m);
    }
    return code;
}

/* Protocol 2, or the hybrid with a body of protocol 1. */
static enum celeriac_err read_v2(struct cel_task_decoder *d, const struct cel_envelope *e,
                                 struct cel_task_message *m, struct celeriac_error *err)
{
    const struct json_node *body = json_root(&d->body_doc);
    enum celeriac_err code;

    m->protocol = CEL_PROTOCOL_2;
    if (body->type == JSON_OBJECT && json_get(body, "args") != NULL) {
        m->protocol = CEL_PROTOCOL_HYBRID;
        code = read_fields(body, &d->body_text, m, err);
        if (code != CELERIAC_OK)
            return code;
        code = read_fields(e->headers, &d->header_text, m, err);
        return code != CELERIAC_OK ? code : read_object_body(body, m, err);
    }
    code = read_fields(e->headers, &d->header_text, m, err);
    if (code != CELERIAC_OK)
        return code;
    return read_array_body(d, body, m, err);
}

/* Protocol 1; should there be headers, they win over the body, as in hybrid_to_proto2(). */
static enum celeriac_err read_v1(struct cel_task_decoder *d, const struct cel_envelope *e,
                                 struct cel_task_message *m, struct celeriac_error *err)
{
    const struct json_node *body = json_root(&d->body_doc);
    enum celeriac_err code;

    if (body->type != JSON_OBJECT || json_get(body, "task") == NULL)
        return refuse(m, CEL_REFUSE_UNKNOWN_MESSAGE, err, "task: in neither headers nor body");
    m->protocol = CEL_PROTOCOL_1;
    code = read_fields(body, &d->body_text, m, err);
    if (code == CELERIAC_OK && e->headers != NULL)
        code = read_fields(e->headers, &d->header_text, m, err);
    return code != CELERIAC_OK ? code : read_object_body(body, m, err);
}

/* What no field reader could notice: a name or id that is not there at all. */
static enum celeriac_err check_complete(struct cel_task_message *m, struct celeriac_error *err)
{
    if (m->task.len == 0)
        return refuse(m, CEL_REFUSE_TASK, err, "task: missing");
    if (m->id.len == 0)
        return refuse(m, CEL_REFUSE_ID, err, "id: missing");
    return CELERIAC_OK;
}

/*
 * The body is beyond us, but logs and the quarantine list should name the task all the same.
 * Returns the code that the body was refused with, or CELERIAC_ERR_MEMORY.
 */
static enum celeriac_err name_refused(struct cel_task_decoder *d, const struct cel_envelope *e,
                                      struct cel_task_message *m, enum celeriac_err code)
{
    enum cel_refuse cause = m->refuse;
    enum celeriac_err headers = CELERIAC_OK;

    if (e->headers != NULL)
        headers = read_fields(e->headers, &d->header_text, m, NULL);
    m->refuse = cause;
    return headers == CELERIAC_ERR_MEMORY ? headers : code;
}

/*
 * Reads everything into m, whose spans then point into raw and the decoder. What is wrong with the
 * message is in m->refuse; CELERIAC_ERR_MEMORY is the only code a caller must act on.
 */
static enum celeriac_err decode(struct cel_task_decoder *d, struct span raw,
                                struct cel_task_message *m, struct celeriac_error *err)
{
    static const struct cel_field_name wanted[] = {CEL_FIELD("task"), CEL_FIELD("compression")};
    const struct json_node *found[] = {NULL, NULL};
    struct cel_envelope e;
    enum celeriac_err code;

    strbuf_clear(&d->header_text);
    strbuf_clear(&d->body);
    strbuf_clear(&d->body_text);
    code = cel_envelope_read(&d->envelope, raw, &e, &m->refuse, err);
    if (code != CELERIAC_OK)
        return code;
    take_envelope(&e, m);
    cel_json_fields(e.headers, wanted, 2, found);
    code = decode_body(d, &e, found[1], m, err);
    if (code == CELERIAC_OK)
        code = check_content_type(d, m, err);
    if (code == CELERIAC_OK)
        code = parse_body(d, m, err);
    if (code == CELERIAC_OK)
        code = found[0] != NULL ? read_v2(d, &e, m, err) : read_v1(d, &e, m, err);
    else if (code != CELERIAC_ERR_MEMORY)
        code = name_refused(d, &e, m, code);
    return code == CELERIAC_OK ? check_complete(m, err) : code;
}

/* Every span of a message, for moving them to the copies of what they point into. */
static const size_t span_offsets[] = {
#define AT(member) offsetof(struct cel_task_message, member)
    AT(delivery_tag),
    AT(exchange),
    AT(routing_key),
    AT(correlation_id),
    AT(reply_to),
    AT(content_type),
    AT(content_encoding),
    AT(headers),
    AT(properties),
    AT(body_literal),
    AT(body),
    AT(compression),
    AT(task),
    AT(id),
    AT(args),
    AT(kwargs),
    AT(shadow),
    AT(eta_text),
    AT(expires_text),
    AT(timelimit),
    AT(root_id),
    AT(parent_id),
    AT(group),
    AT(callbacks),
    AT(errbacks),
    AT(chain),
    AT(chord),
    AT(argsrepr),
    AT(kwargsrepr),
    AT(origin),
    AT(stamped_headers),
    AT(stamps),
    AT(raw),
#undef AT
};

#define SPANS (sizeof(span_offsets) / sizeof(span_offsets[0]))

/* The buffers that a decoded message's spans point into, and where their copies are. */
#define SOURCES 5

struct move {
    struct span from[SOURCES];
    char *to[SOURCES];
};

/* The span's place in the copies; constants such as "[]" stay where they are. */
static void move_span(const struct move *move, struct span *s)
{
    if (s->ptr == NULL)
        return;
    for (size_t i = 0; i < SOURCES; i++) {
        const struct span *from = &move->from[i];
        uintptr_t distance = (uintptr_t)s->ptr - (uintptr_t)from->ptr;

        if (from->len > 0 && distance <= from->len && s->len <= from->len - distance) {
            s->ptr = move->to[i] + distance;
            return;
        }
    }
}

/* Copies m and all that it points to into one block. */
static enum celeriac_err pack(const struct cel_task_decoder *d, const struct cel_task_message *m,
                              struct span raw, const char *text, struct cel_task_message **packed)
{
    struct move move = {.from = {raw, strbuf_span(&d->body), strbuf_span(&d->envelope.text),
                                 strbuf_span(&d->header_text), strbuf_span(&d->body_text)}};
    size_t text_size = strlen(text) + 1;
    size_t size = sizeof(struct cel_task_message);
    struct cel_task_message *copy;
    char *next;

    for (size_t i = 0; i < SOURCES; i++) {
        if (!size_add(size, move.from[i].len, &size))
            return CELERIAC_ERR_MEMORY;
    }
    if (!size_add(size, text_size, &size))
        return CELERIAC_ERR_MEMORY;
    copy = mem_alloc(size);
    if (copy == NULL)
        return CELERIAC_ERR_MEMORY;
    *copy = *m;
    next = (char *)(copy + 1);
    for (size_t i = 0; i < SOURCES; i++) {
        move.to[i] = next;
        if (move.from[i].len > 0)
            memcpy(next, move.from[i].ptr, move.from[i].len);
        next += move.from[i].len;
    }
    memcpy(next, text, text_size);
    copy->refuse_text = next;
    copy->raw = raw.len > 0 ? raw : (struct span){NULL, 0};
    for (size_t i = 0; i < SPANS; i++)
        move_span(&move, (struct span *)(void *)((char *)copy + span_offsets[i]));
    *packed = copy;
    return CELERIAC_OK;
}

enum celeriac_err cel_task_message_create(struct cel_task_decoder *decoder, struct span raw,
                                          struct cel_task_message **message)
{
    struct cel_task_message m = {.refuse = CEL_REFUSE_NONE};
    struct celeriac_error err = {.code = CELERIAC_OK};
    enum celeriac_err code = decode(decoder, raw, &m, &err);

    if (code == CELERIAC_ERR_MEMORY)
        return code;
    return pack(decoder, &m, raw, code == CELERIAC_OK ? "" : err.text, message);
}

void cel_task_message_destroy(struct cel_task_message *message)
{
    mem_free(message);
}
