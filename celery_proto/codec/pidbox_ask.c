/* Requests of remote control, written as a client does. See pidbox.h. */
#include "base/json_writer.h"
#include "celery_proto/codec/pidbox.h"

/* Longest headers of a request: two numbers. */
#define HEADERS_MAX 256

static void write_text(struct json_writer *w, const char *key, struct span text)
{
    json_key(w, key);
    if (text.ptr)
        json_string(w, text);
    else
        json_null(w);
}

static void write_destination(struct json_writer *w, const struct cel_pidbox_ask *ask)
{
    json_key(w, "destination");
    if (!ask->destination) {
        json_null(w);
        return;
    }
    json_begin_array(w);
    for (size_t i = 0; i < ask->destination_count; i++)
        json_string(w, ask->destination[i]);
    json_end_array(w);
}

static void write_body(const struct cel_pidbox_ask *ask, struct strbuf *out)
{
    struct json_writer w;

    json_writer_init(&w, out, JSON_STYLE_PYTHON);
    json_begin_object(&w);
    write_text(&w, "method", ask->method);
    json_key(&w, "arguments");
    json_value(&w, ask->arguments.len > 0 ? ask->arguments : SPAN("{}"));
    write_destination(&w, ask);
    write_text(&w, "pattern", ask->pattern);
    write_text(&w, "matcher", ask->matcher);
    if (ask->reply_key.len > 0) {
        write_text(&w, "ticket", ask->ticket);
        json_key(&w, "reply_to");
        json_begin_object(&w);
        write_text(&w, "exchange", SPAN(CEL_PIDBOX_REPLY_EXCHANGE));
        write_text(&w, "routing_key", ask->reply_key);
        json_end_object(&w);
    }
    json_end_object(&w);
}

static void write_headers(const struct cel_pidbox_ask *ask, struct strbuf *out)
{
    struct json_writer w;

    json_writer_init(&w, out, JSON_STYLE_PYTHON);
    json_begin_object(&w);
    json_key(&w, "clock");
    json_integer(&w, (int64_t)ask->clock);
    json_key(&w, "expires");
    if (ask->expires > 0)
        json_number(&w, ask->expires);
    else
        json_integer(&w, 0);
    json_end_object(&w);
}

enum celeriac_err cel_pidbox_ask(const struct cel_pidbox_ask *ask, struct span tag,
                                 struct strbuf *out)
{
    struct cel_envelope_fields fields = {.exchange = SPAN(CEL_PIDBOX_EXCHANGE),
                                         .delivery_tag = tag};
    struct strbuf headers;
    struct strbuf body;
    enum celeriac_err code;

    strbuf_init(&headers, HEADERS_MAX);
    strbuf_init(&body, CEL_PIDBOX_MAX);
    write_headers(ask, &headers);
    write_body(ask, &body);
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

void cel_pidbox_reply_queue(struct span reply_key, struct strbuf *out)
{
    strbuf_add_span(out, reply_key);
    strbuf_add_text(out, "." CEL_PIDBOX_REPLY_EXCHANGE);
}
