#include "celery_proto/codec/send_options.h"

#include "base/json.h"

static enum celeriac_err bad(struct celeriac_error *err, const char *option, const char *what)
{
    return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: %s", option, what);
}

static bool is_given(const char *text)
{
    return text && *text;
}

static bool is_json(struct span name)
{
    return span_is(name, "json") || span_is(name, "application/json");
}

/* Python needs both for another exchange than the anonymous one; with one of them missing it sends
 * to a queue without saying so (celery/app/amqp.py send_task_message). */
static enum celeriac_err read_route(const struct celeriac_send *send, struct cel_task_send *fields,
                                    struct cel_send_route *route, struct celeriac_error *err)
{
    struct span type = span_of(send->exchange_type);

    *route = (struct cel_send_route){.is_topic = span_is(type, "topic")};
    if (type.len > 0 && !route->is_topic && !span_is(type, "direct"))
        return bad(err, "exchange_type", "must be direct or topic");
    if (!is_given(send->exchange)) {
        if (is_given(send->routing_key) || route->is_topic)
            return bad(err, "exchange", "is missing");
        return CELERIAC_OK;
    }
    if (!is_given(send->routing_key))
        return bad(err, "routing_key", "is missing");
    if (is_given(send->queue))
        return bad(err, "queue", "not with an exchange");
    if (send->unique_key)
        return bad(err, "unique_key", "only with a queue");
    route->by_exchange = true;
    fields->exchange = span_of(send->exchange);
    fields->routing_key = span_of(send->routing_key);
    return CELERIAC_OK;
}

/* Calls add for each member of the object; value is raw JSON, name a JSON string as it stands. */
static enum celeriac_err each_stamp(const char *stamps_json,
                                    void (*add)(struct strbuf *out, struct span name,
                                                struct span value),
                                    struct strbuf *out, struct celeriac_error *err)
{
    static const struct json_options options = {.keep_depth = 2};
    struct celeriac_error why = {0};
    const struct json_node *root;
    const struct json_node *name;
    struct json_doc doc;
    enum celeriac_err code;

    json_init(&doc);
    code = json_parse(&doc, span_of(stamps_json), &options, &why);
    root = json_root(&doc);
    if (code == CELERIAC_ERR_SYNTAX)
        code = bad(err, "stamps_json", why.text);
    else if (code == CELERIAC_OK && root->type != JSON_OBJECT)
        code = bad(err, "stamps_json", "not an object");
    name = code ? NULL : json_first(root);
    while (name) {
        const struct json_node *value = json_next(root, name);

        add(out, json_raw(name), json_raw(value));
        name = json_next(root, value);
    }
    json_close(&doc);
    return code ? code : strbuf_status(out);
}

static void add_name(struct strbuf *out, struct span name, struct span value)
{
    (void)value;
    strbuf_add_text(out, out->len > 1 ? ", " : "");
    strbuf_add_span(out, name);
}

static void add_member(struct strbuf *out, struct span name, struct span value)
{
    strbuf_add_text(out, out->len > 0 ? ", " : "");
    strbuf_add_span(out, name);
    strbuf_add_text(out, ": ");
    strbuf_add_span(out, value);
}

static enum celeriac_err write_names(const char *stamps_json, struct strbuf *names,
                                     struct celeriac_error *err)
{
    enum celeriac_err code;

    strbuf_add_char(names, '[');
    code = each_stamp(stamps_json, add_name, names, err);
    strbuf_add_char(names, ']');
    return code ? code : strbuf_status(names);
}

enum celeriac_err cel_send_options_stamp(const char *stamps_json, struct strbuf *raw,
                                         struct celeriac_error *err)
{
    struct strbuf names;
    enum celeriac_err code;

    if (!is_given(stamps_json))
        return CELERIAC_OK;
    strbuf_init(&names, raw->max);
    code = write_names(stamps_json, &names, err);
    if (code == CELERIAC_OK)
        code = each_stamp(stamps_json, add_member, raw, err);
    add_member(raw, SPAN("\"stamped_headers\""), strbuf_span(&names));
    strbuf_close(&names);
    return code ? code : strbuf_status(raw);
}

enum celeriac_err cel_send_options_read(const struct celeriac_send *send,
                                        struct cel_task_send *fields, struct cel_send_route *route,
                                        struct strbuf *stamped, struct celeriac_error *err)
{
    enum celeriac_err code = read_route(send, fields, route, err);

    if (code)
        return code;
    if (is_given(send->serializer) && !is_json(span_of(send->serializer)))
        return bad(err, "serializer", "must be json: nothing else is written");
    if (is_given(send->compression) && !cel_compression_is_zlib(span_of(send->compression)))
        return bad(err, "compression", "must be gzip or zlib, which are the same");
    if (is_given(send->compression))
        fields->compression = CEL_COMPRESSION_ZLIB;
    fields->argsrepr = span_of(send->argsrepr);
    fields->kwargsrepr = span_of(send->kwargsrepr);
    if (!is_given(send->stamps_json))
        return CELERIAC_OK;
    code = write_names(send->stamps_json, stamped, err);
    fields->stamps = span_of(send->stamps_json);
    fields->stamped_headers = strbuf_span(stamped);
    return code;
}
