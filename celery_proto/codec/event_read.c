#include "celery_proto/codec/event_read.h"

#include "celery_proto/codec/body.h"

void cel_event_reader_init(struct cel_event_reader *reader)
{
    *reader = (struct cel_event_reader){.doc = {.nodes = NULL}};
    cel_envelope_reader_init(&reader->envelope);
    json_init(&reader->doc);
    strbuf_init(&reader->body, CEL_WORKER_EVENT_MAX);
    strbuf_init(&reader->scratch, CEL_WORKER_EVENT_MAX);
    strbuf_init(&reader->text, CEL_WORKER_EVENT_MAX);
}

void cel_event_reader_close(struct cel_event_reader *reader)
{
    cel_envelope_reader_close(&reader->envelope);
    json_close(&reader->doc);
    strbuf_close(&reader->body);
    strbuf_close(&reader->scratch);
    strbuf_close(&reader->text);
    cel_event_reader_init(reader);
}

/* A text; what is none leaves *text alone. Room for all texts was made before. */
static enum celeriac_err read_text(struct cel_event_reader *reader, const struct json_node *node,
                                   struct span *text)
{
    size_t start = reader->text.len;
    enum celeriac_err code;

    if (!node || node->type != JSON_STRING || json_peek_string(node, text))
        return CELERIAC_OK;
    code = json_decode_string(node, &reader->text);
    if (code == CELERIAC_OK)
        *text = (struct span){reader->text.ptr + start, reader->text.len - start};
    return code;
}

static double number_or_zero(const struct json_node *node)
{
    double number = 0;

    return node && json_double(node, &number) == CELERIAC_OK && number > 0 ? number : 0;
}

static enum celeriac_err read_fields(struct cel_event_reader *reader, const struct json_node *root,
                                     struct cel_heard_event *event, struct celeriac_error *err)
{
    const struct json_node *clock = json_get(root, "clock");
    struct cel_heard_event heard = {.timestamp = number_or_zero(json_get(root, "timestamp")),
                                    .freq = number_or_zero(json_get(root, "freq"))};
    int64_t ticks = 0;
    enum celeriac_err code;

    strbuf_clear(&reader->text);
    (void)strbuf_reserve(&reader->text, strbuf_span(&reader->body).len);
    code = strbuf_status(&reader->text);
    if (code == CELERIAC_OK)
        code = read_text(reader, json_get(root, "type"), &heard.type);
    if (code == CELERIAC_OK)
        code = read_text(reader, json_get(root, "hostname"), &heard.hostname);
    if (code)
        return celeriac_error_set(err, code, "an event's texts cannot be decoded");
    if (heard.type.len == 0 || heard.hostname.len == 0)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: must be a text",
                                  heard.type.len == 0 ? "type" : "hostname");
    heard.has_clock = clock && json_int(clock, 0, INT64_MAX, &ticks) == CELERIAC_OK;
    heard.clock = (uint64_t)ticks;
    *event = heard;
    return CELERIAC_OK;
}

enum celeriac_err cel_event_read(struct cel_event_reader *reader, struct span raw,
                                 struct cel_heard_event *event, struct celeriac_error *err)
{
    struct cel_envelope envelope;
    enum cel_refuse cause;
    enum celeriac_err code;

    if (raw.len > CEL_WORKER_EVENT_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT, "an event of more than %zu bytes",
                                  CEL_WORKER_EVENT_MAX);
    strbuf_clear(&reader->body);
    code = cel_envelope_read(&reader->envelope, raw, &envelope, &cause, err);
    if (code == CELERIAC_OK)
        code = cel_body_decode(envelope.body, envelope.body_encoding, CEL_COMPRESSION_NONE,
                               CEL_WORKER_EVENT_MAX, &reader->scratch, &reader->body, &cause, err);
    if (code == CELERIAC_OK)
        code = json_parse(&reader->doc, strbuf_span(&reader->body), NULL, err);
    if (code)
        return code;
    if (json_root(&reader->doc)->type == JSON_ARRAY)
        return celeriac_error_set(err, CELERIAC_ERR_UNSUPPORTED, "a batch of events");
    if (json_root(&reader->doc)->type != JSON_OBJECT)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "an event is an object");
    return read_fields(reader, json_root(&reader->doc), event, err);
}
