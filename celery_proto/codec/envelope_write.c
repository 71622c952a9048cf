#include "celery_proto/codec/envelope.h"

#include "base/base64.h"
#include "base/json_writer.h"

/* Delivery mode of a message that a broker should keep on disk, and kombu's default. */
#define DELIVERY_MODE_PERSISTENT 2

/* Whether raw looks like an object; what is inside is the caller's. */
static bool is_object(struct span raw)
{
    return raw.len >= 2 && raw.ptr[0] == '{' && raw.ptr[raw.len - 1] == '}';
}

/* The members of an object without its braces; empty when it has none. */
static struct span members_of(struct span object)
{
    return object.len < 2 ? (struct span){NULL, 0}
                          : span_trim((struct span){object.ptr + 1, object.len - 2});
}

static void add_quoted(struct strbuf *out, const char *before, struct span text)
{
    strbuf_add_text(out, before);
    json_quote(out, text, JSON_STYLE_PYTHON);
}

static void add_body(struct strbuf *out, const struct cel_envelope_fields *f)
{
    if (f->body_literal.len > 0) {
        strbuf_add_text(out, "{\"body\": ");
        strbuf_add_span(out, f->body_literal);
        return;
    }
    if (f->body_encoding == CEL_BODY_LITERAL) {
        add_quoted(out, "{\"body\": ", f->body);
        return;
    }
    strbuf_add_text(out, "{\"body\": \"");
    base64_encode(out, f->body);
    strbuf_add_char(out, '"');
}

/* Properties that the application gives come first, those of the transport last. */
static void add_properties(struct strbuf *out, const struct cel_envelope_fields *f)
{
    struct span extra = members_of(f->extra_properties);
    const char *comma = "";

    strbuf_add_text(out, ", \"properties\": {");
    if (f->correlation_id.ptr != NULL) {
        add_quoted(out, "\"correlation_id\": ", f->correlation_id);
        comma = ", ";
    }
    if (f->reply_to.ptr != NULL) {
        strbuf_add_text(out, comma);
        add_quoted(out, "\"reply_to\": ", f->reply_to);
        comma = ", ";
    }
    if (extra.len > 0) {
        strbuf_add_text(out, comma);
        strbuf_add_span(out, extra);
        comma = ", ";
    }
    strbuf_add_text(out, comma);
    strbuf_add_text(out, "\"delivery_mode\": ");
    strbuf_add_int(out, f->delivery_mode != 0 ? f->delivery_mode : DELIVERY_MODE_PERSISTENT);
    if (f->has_expiration) {
        strbuf_add_text(out, ", \"expiration\": \"");
        strbuf_add_int(out, f->expiration_ms);
        strbuf_add_char(out, '"');
    }
    add_quoted(out, ", \"delivery_info\": {\"exchange\": ", f->exchange);
    add_quoted(out, ", \"routing_key\": ", f->routing_key);
    strbuf_add_text(out, "}, \"priority\": ");
    strbuf_add_int(out, f->priority);
    strbuf_add_text(out, f->body_encoding == CEL_BODY_LITERAL ? ", \"body_encoding\": \"utf-8\""
                                                              : ", \"body_encoding\": \"base64\"");
    add_quoted(out, ", \"delivery_tag\": ", f->delivery_tag);
    strbuf_add_text(out, "}}");
}

enum celeriac_err cel_envelope_write(const struct cel_envelope_fields *fields, struct strbuf *out,
                                     struct celeriac_error *err)
{
    size_t start = out->len;
    enum celeriac_err code;

    if (fields->delivery_tag.len == 0)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "delivery_tag: missing");
    if (fields->headers.len > 0 && !is_object(fields->headers))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "headers: not a JSON object");
    if (fields->extra_properties.len > 0 && !is_object(fields->extra_properties))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "properties: not a JSON object");
    add_body(out, fields);
    add_quoted(out, ", \"content-encoding\": ",
               fields->content_encoding.len > 0 ? fields->content_encoding : SPAN("utf-8"));
    add_quoted(out, ", \"content-type\": ",
               fields->content_type.len > 0 ? fields->content_type : SPAN("application/json"));
    strbuf_add_text(out, ", \"headers\": ");
    strbuf_add_span(out, fields->headers.len > 0 ? fields->headers : SPAN("{}"));
    add_properties(out, fields);
    code = strbuf_status(out);
    if (code != CELERIAC_OK) {
        strbuf_truncate(out, start);
        return celeriac_error_set(err, code, "%s", celeriac_err_name(code));
    }
    return CELERIAC_OK;
}
