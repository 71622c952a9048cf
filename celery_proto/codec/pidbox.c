#include "celery_proto/codec/pidbox.h"

#include <string.h>

#include "base/json_writer.h"
#include "celery_proto/codec/content_type.h"
#include "celery_proto/codec/json_fields.h"
#include "celery_proto/codec/node_match.h"

/* Longest reply; the list element of a requester is read whole. */
#define REPLY_MAX ((size_t)64 * 1024 * 1024)

/* Longest headers of a reply: ticket and clock. */
#define REPLY_HEADERS_MAX 8192

/* A ticket is a UUID; a longer one than this is not repeated. */
#define TICKET_MAX 1024

enum body_field { METHOD, ARGUMENTS, DESTINATION, PATTERN, MATCHER, TICKET, REPLY_TO, BODY_FIELDS };

static const struct cel_field_name body_names[] = {
    [METHOD] = CEL_FIELD("method"),           [ARGUMENTS] = CEL_FIELD("arguments"),
    [DESTINATION] = CEL_FIELD("destination"), [PATTERN] = CEL_FIELD("pattern"),
    [MATCHER] = CEL_FIELD("matcher"),         [TICKET] = CEL_FIELD("ticket"),
    [REPLY_TO] = CEL_FIELD("reply_to"),
};

void cel_pidbox_reader_init(struct cel_pidbox_reader *reader)
{
    *reader = (struct cel_pidbox_reader){.doc = {.nodes = NULL}};
    cel_envelope_reader_init(&reader->envelope);
    json_init(&reader->doc);
    strbuf_init(&reader->body, CEL_PIDBOX_MAX);
    strbuf_init(&reader->scratch, CEL_PIDBOX_MAX);
    strbuf_init(&reader->text, CEL_PIDBOX_MAX);
}

void cel_pidbox_reader_close(struct cel_pidbox_reader *reader)
{
    cel_envelope_reader_close(&reader->envelope);
    json_close(&reader->doc);
    strbuf_close(&reader->body);
    strbuf_close(&reader->scratch);
    strbuf_close(&reader->text);
    cel_pidbox_reader_init(reader);
}

/* ---- reading ------------------------------------------------------------------------------- */

/* Makes room so that texts decoded one after the other stay where they are. */
static enum celeriac_err reserve_texts(struct cel_pidbox_reader *reader, size_t len)
{
    strbuf_clear(&reader->text);
    (void)strbuf_reserve(&reader->text, len);
    return strbuf_status(&reader->text);
}

/* A text member; absent and null leave *text alone. */
static enum celeriac_err read_text(struct cel_pidbox_reader *reader, const struct json_node *node,
                                   const char *name, struct span *text, struct celeriac_error *err)
{
    size_t start = reader->text.len;
    enum celeriac_err code;

    if (json_is_null(node))
        return CELERIAC_OK;
    if (node->type != JSON_STRING)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: must be a string", name);
    if (json_peek_string(node, text))
        return CELERIAC_OK;
    code = json_decode_string(node, &reader->text);
    if (code)
        return celeriac_error_set(err, code, "%s: cannot be decoded", name);
    *text = (struct span){reader->text.ptr + start, reader->text.len - start};
    return CELERIAC_OK;
}

static enum celeriac_err read_reply_to(struct cel_pidbox_reader *reader,
                                       const struct json_node *reply_to,
                                       struct cel_pidbox_request *request,
                                       struct celeriac_error *err)
{
    enum celeriac_err code;

    if (json_is_null(reply_to))
        return CELERIAC_OK;
    if (reply_to->type != JSON_OBJECT)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "reply_to: must be an object");
    code = read_text(reader, json_get(reply_to, "exchange"), "reply_to.exchange",
                     &request->reply_exchange, err);
    if (code == CELERIAC_OK)
        code = read_text(reader, json_get(reply_to, "routing_key"), "reply_to.routing_key",
                         &request->reply_key, err);
    if (code == CELERIAC_OK && (request->reply_exchange.len == 0 || !request->reply_key.ptr))
        code = celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "reply_to: exchange or routing_key is missing");
    request->wants_reply = code == CELERIAC_OK;
    return code;
}

static enum celeriac_err read_arguments(const struct json_node *arguments,
                                        struct cel_pidbox_request *request,
                                        struct celeriac_error *err)
{
    /* What Python takes for "none": null, and every empty value. */
    if (json_is_null(arguments) || arguments->type == JSON_FALSE ||
        (arguments->type == JSON_ARRAY && arguments->count == 0))
        return CELERIAC_OK;
    if (arguments->type != JSON_OBJECT)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "arguments: must be an object");
    request->arguments = arguments;
    return CELERIAC_OK;
}

static enum celeriac_err read_body(struct cel_pidbox_reader *reader,
                                   struct cel_pidbox_request *request, struct celeriac_error *err)
{
    const struct json_node *found[BODY_FIELDS] = {NULL};
    const struct json_node *root;
    enum celeriac_err code = json_parse(&reader->doc, strbuf_span(&reader->body), NULL, err);

    if (code)
        return code;
    root = json_root(&reader->doc);
    if (root->type != JSON_OBJECT)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "the body is no object");
    cel_json_fields(root, body_names, BODY_FIELDS, found);
    code = reserve_texts(reader, reader->body.len);
    if (code == CELERIAC_OK)
        code = read_text(reader, found[METHOD], "method", &request->method, err);
    if (code == CELERIAC_OK && request->method.len == 0)
        code = celeriac_error_set(err, CELERIAC_ERR_VALUE, "method: is missing");
    if (code == CELERIAC_OK)
        code = read_arguments(found[ARGUMENTS], request, err);
    if (code == CELERIAC_OK)
        code = read_text(reader, found[PATTERN], "pattern", &request->pattern, err);
    if (code == CELERIAC_OK)
        code = read_text(reader, found[MATCHER], "matcher", &request->matcher, err);
    if (code == CELERIAC_OK)
        code = read_reply_to(reader, found[REPLY_TO], request, err);
    request->destination = found[DESTINATION];
    request->ticket = found[TICKET];
    return code;
}

static enum celeriac_err decode_body(struct cel_pidbox_reader *reader,
                                     const struct cel_envelope *envelope,
                                     struct celeriac_error *err)
{
    enum cel_compression compression;
    enum cel_refuse cause;

    if (cel_content_type_of(envelope->content_type) != CEL_CONTENT_JSON)
        return celeriac_error_set(err, CELERIAC_ERR_UNSUPPORTED,
                                  "content-type: only JSON is accepted");
    if (!cel_compression_parse(json_get(envelope->headers, "compression"), &compression))
        return celeriac_error_set(err, CELERIAC_ERR_UNSUPPORTED, "compression: is not known");
    strbuf_clear(&reader->body);
    return cel_body_decode(envelope->body, envelope->body_encoding, compression, CEL_PIDBOX_MAX,
                           &reader->scratch, &reader->body, &cause, err);
}

/* Envelope and body, of a request or a reply; the body's bytes are then in the reader. */
static enum celeriac_err open_envelope(struct cel_pidbox_reader *reader, struct span raw,
                                       struct cel_envelope *envelope, struct celeriac_error *err)
{
    enum celeriac_err code;

    if (raw.len > CEL_PIDBOX_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT, "at most %zu bytes", CEL_PIDBOX_MAX);
    code = cel_envelope_read(&reader->envelope, raw, envelope, NULL, err);
    return code ? code : decode_body(reader, envelope, err);
}

/* A clock that is none is no reason to refuse a message. */
static uint64_t clock_of(const struct cel_envelope *envelope)
{
    int64_t clock = 0;

    if (json_int(json_get(envelope->headers, "clock"), 0, INT64_MAX - 1, &clock))
        return 0;
    return (uint64_t)clock;
}

enum celeriac_err cel_pidbox_read(struct cel_pidbox_reader *reader, struct span raw,
                                  struct cel_pidbox_request *request, struct celeriac_error *err)
{
    struct cel_pidbox_request found = {.clock = 0};
    struct cel_envelope envelope = {.raw = raw};
    enum celeriac_err code = open_envelope(reader, raw, &envelope, err);

    if (code == CELERIAC_OK)
        code = read_body(reader, &found, err);
    if (code)
        return code;
    found.clock = clock_of(&envelope);
    *request = found;
    return CELERIAC_OK;
}

enum celeriac_err cel_pidbox_read_reply(struct cel_pidbox_reader *reader, struct span raw,
                                        struct cel_pidbox_reply *reply, struct celeriac_error *err)
{
    struct cel_pidbox_reply found = {.clock = 0};
    struct cel_envelope envelope = {.raw = raw};
    enum celeriac_err code = open_envelope(reader, raw, &envelope, err);

    if (code == CELERIAC_OK)
        code = json_parse(&reader->doc, strbuf_span(&reader->body), NULL, err);
    if (code)
        return code;
    found.answers = json_root(&reader->doc);
    if (found.answers->type != JSON_OBJECT)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "the reply is no object");
    code = reserve_texts(reader, raw.len);
    if (code == CELERIAC_OK)
        code =
            read_text(reader, json_get(envelope.headers, "ticket"), "ticket", &found.ticket, err);
    if (code)
        return code;
    found.clock = clock_of(&envelope);
    *reply = found;
    return CELERIAC_OK;
}

/* ---- addressing ---------------------------------------------------------------------------- */

static bool is_listed(const struct json_node *list, struct span node)
{
    for (const struct json_node *n = json_first(list); n; n = json_next(list, n)) {
        struct strbuf text;
        bool same;

        strbuf_init(&text, CEL_PIDBOX_MAX);
        same = n->type == JSON_STRING && json_decode_string(n, &text) == CELERIAC_OK &&
               span_equal(strbuf_span(&text), node);
        strbuf_close(&text);
        if (same)
            return true;
    }
    return false;
}

/* Python's `in` on a string: the name is a part of it. */
static bool is_inside(const struct json_node *string, struct span node)
{
    struct strbuf text;
    bool found;

    strbuf_init(&text, CEL_PIDBOX_MAX);
    found = json_decode_string(string, &text) == CELERIAC_OK &&
            memmem(strbuf_text(&text), text.len, node.ptr, node.len) != NULL;
    strbuf_close(&text);
    return found;
}

enum celeriac_err cel_pidbox_is_for(const struct cel_pidbox_request *request, struct span node,
                                    bool *is_for, struct celeriac_error *err)
{
    const struct json_node *list = request->destination;

    if (!json_is_null(list) && list->type != JSON_FALSE) {
        if (list->type == JSON_STRING && list->len > 2) {
            *is_for = is_inside(list, node);
            return CELERIAC_OK;
        }
        if (list->type == JSON_ARRAY && list->count > 0) {
            *is_for = is_listed(list, node);
            return CELERIAC_OK;
        }
        if (list->type != JSON_ARRAY && list->type != JSON_STRING)
            return celeriac_error_set(err, CELERIAC_ERR_VALUE, "destination: must be a list");
    }
    if (request->pattern.len > 0 && request->matcher.len > 0)
        return cel_node_match(node, request->pattern, request->matcher, is_for, err);
    *is_for = true;
    return CELERIAC_OK;
}

/* ---- replies ------------------------------------------------------------------------------- */

static void write_headers(const struct cel_pidbox_request *request, uint64_t clock,
                          struct strbuf *out)
{
    struct json_writer w;

    json_writer_init(&w, out, JSON_STYLE_PYTHON);
    json_begin_object(&w);
    json_key(&w, "ticket");
    if (request->ticket && request->ticket->len <= TICKET_MAX)
        json_value(&w, json_raw(request->ticket));
    else
        json_null(&w);
    json_key(&w, "clock");
    json_integer(&w, (int64_t)clock);
    json_end_object(&w);
}

static void write_answer(struct span node, struct span answer, struct strbuf *out)
{
    struct json_writer w;

    json_writer_init(&w, out, JSON_STYLE_PYTHON);
    json_begin_object(&w);
    json_key_span(&w, node);
    json_value(&w, answer);
    json_end_object(&w);
}

enum celeriac_err cel_pidbox_reply(const struct cel_pidbox_request *request, struct span node,
                                   struct span answer, uint64_t clock, struct span tag,
                                   struct strbuf *out)
{
    struct cel_envelope_fields fields = {
        .delivery_mode = 1,
        .exchange = request->reply_exchange,
        .routing_key = request->reply_key,
        .delivery_tag = tag,
    };
    struct strbuf headers;
    struct strbuf body;
    enum celeriac_err code;

    strbuf_init(&headers, REPLY_HEADERS_MAX);
    strbuf_init(&body, REPLY_MAX);
    write_headers(request, clock, &headers);
    write_answer(node, answer, &body);
    fields.headers = strbuf_span(&headers);
    fields.body = strbuf_span(&body);
    code = strbuf_status(&headers);
    if (code == CELERIAC_OK)
        code = strbuf_status(&body);
    if (code == CELERIAC_OK)
        code = cel_envelope_write(&fields, out, NULL);
    strbuf_close(&body);
    strbuf_close(&headers);
    return code;
}
