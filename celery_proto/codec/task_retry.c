#include "celery_proto/codec/task_retry.h"

#include <limits.h>

#include "base/json.h"
#include "base/json_writer.h"
#include "celery_proto/codec/envelope.h"
#include "celery_proto/codec/task_body.h"
#include "celery_proto/codec/task_headers.h"
#include "celery_proto/codec/task_send.h"

/* The priority as the message says it, which may be beyond what is served: kombu keeps the number.
 */
static int priority_as_sent(const struct cel_task_message *m, const struct json_node *properties)
{
    int64_t priority;

    if (json_int(json_get(properties, "priority"), INT_MIN, INT_MAX, &priority) == CELERIAC_OK)
        return (int)priority;
    return m->priority;
}

/* The next attempt as a message to send, but for its body and custom headers. */
static struct cel_task_send next_attempt(const struct cel_task_message *m,
                                         const struct cel_task_retry *retry,
                                         const struct json_node *properties)
{
    enum cel_tristate ignore_result =
        retry->ignore_result != CEL_UNSET ? retry->ignore_result : m->ignore_result;
    struct cel_task_send send = {.task = m->task,
                                 .id = m->id,
                                 .delivery_tag = retry->delivery_tag,
                                 .routing_key = m->routing_key,
                                 .exchange = m->exchange,
                                 .reply_to = m->reply_to,
                                 .origin = m->origin.len > 0 ? m->origin : retry->origin,
                                 .args = m->args,
                                 .kwargs = m->kwargs,
                                 .eta = retry->eta,
                                 .expires = m->expires,
                                 .now_us = retry->now_us,
                                 .retries = m->retries + (retry->keep_retries ? 0 : 1),
                                 .time_limit = m->time_limit,
                                 .soft_time_limit = m->soft_time_limit,
                                 .priority = priority_as_sent(m, properties),
                                 .shadow = m->shadow,
                                 .ignore_result = ignore_result == CEL_TRUE,
                                 .root_id = m->root_id,
                                 .parent_id = m->parent_id.len > 0 ? m->parent_id : m->id,
                                 .group = m->group,
                                 .has_group_index = m->has_group_index,
                                 .group_index = m->group_index,
                                 .replaced_task_nesting = m->replaced_task_nesting,
                                 .stamped_headers = m->stamped_headers,
                                 .stamps = m->stamps};

    if (retry->routing_key.ptr != NULL) {
        send.routing_key = retry->routing_key;
        send.exchange = (struct span){NULL, 0};
    }
    if (retry->time_limit > 0)
        send.time_limit = retry->time_limit;
    if (retry->soft_time_limit > 0)
        send.soft_time_limit = retry->soft_time_limit;
    return send;
}

static enum celeriac_err check(const struct cel_task_message *m, const struct cel_task_retry *retry,
                               struct celeriac_error *err)
{
    if (m->refuse != CEL_REFUSE_NONE)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "message: refused, %s", m->refuse_text);
    if (retry->delivery_tag.len == 0)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "delivery_tag: missing");
    if (m->routing_key.len == 0 && retry->routing_key.len == 0)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "routing_key: missing");
    if (m->retries >= CEL_RETRIES_MAX && !retry->keep_retries)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "retries: used up");
    return CELERIAC_OK;
}

/* The body: as it came, or made for protocol 2 from one of protocol 1. */
static void add_body(const struct cel_task_message *m, struct strbuf *scratch,
                     struct cel_envelope_fields *fields)
{
    const struct cel_task_body parts = {.args = m->args,
                                        .kwargs = m->kwargs,
                                        .callbacks = m->callbacks,
                                        .errbacks = m->errbacks,
                                        .chain = m->chain,
                                        .chord = m->chord};
    size_t start = scratch->len;

    if (m->protocol == CEL_PROTOCOL_2) {
        fields->body_literal = m->body_literal;
        fields->body_encoding = m->body_encoding;
        fields->content_type = m->content_type;
        fields->content_encoding = m->content_encoding;
        return;
    }
    cel_task_body_write(&parts, scratch);
    fields->body = (struct span){scratch->ptr + start, scratch->len - start};
}

/*
 * Celery's retry repeats the origin as a property, and for a named exchange whether the message was
 * redelivered: options that leak through apply_async(). Kept, so that the bytes are the same.
 */
static void add_leaked_properties(const struct cel_task_message *m, bool named_exchange,
                                  struct strbuf *extra)
{
    strbuf_clear(extra);
    strbuf_add_text(extra, "{\"origin\": ");
    if (m->origin.ptr != NULL)
        json_quote(extra, m->origin, JSON_STYLE_PYTHON);
    else
        strbuf_add_text(extra, "null");
    if (named_exchange)
        strbuf_add_text(extra,
                        m->redelivered ? ", \"redelivered\": true" : ", \"redelivered\": false");
    strbuf_add_char(extra, '}');
}

static enum celeriac_err write(const struct cel_task_message *m, const struct cel_task_retry *retry,
                               const struct json_node *properties, const struct json_node *extras,
                               struct strbuf *scratch, struct strbuf *extra, struct strbuf *out,
                               struct celeriac_error *err)
{
    const struct cel_task_send send = next_attempt(m, retry, properties);
    const struct cel_task_headers headers = {
        .send = &send,
        .extras = extras,
        .expires_text = m->expires_text,
        .timelimit = retry->time_limit > 0 || retry->soft_time_limit > 0 ? (struct span){NULL, 0}
                                                                         : m->timelimit,
        .compression = m->protocol == CEL_PROTOCOL_2 ? m->compression : (struct span){NULL, 0}};
    struct cel_envelope_fields fields = {
        .correlation_id = m->id,
        .reply_to = m->reply_to.ptr != NULL ? m->reply_to : SPAN(""),
        .has_expiration = m->expires.set,
        .expiration_ms = cel_task_expiration_ms(m->expires.us, retry->now_us),
        .exchange = send.exchange,
        .routing_key = send.routing_key,
        .priority = send.priority,
        .delivery_tag = retry->delivery_tag};
    size_t headers_len;
    enum celeriac_err code = cel_task_headers_write(&headers, scratch, extra);

    if (code != CELERIAC_OK)
        return celeriac_error_set(err, code, "%s", celeriac_err_name(code));
    headers_len = scratch->len;
    add_body(m, scratch, &fields);
    add_leaked_properties(m, send.exchange.len > 0, extra);
    code = strbuf_status(scratch);
    if (code == CELERIAC_OK)
        code = strbuf_status(extra);
    if (code != CELERIAC_OK)
        return celeriac_error_set(err, code, "%s", celeriac_err_name(code));
    fields.headers = (struct span){scratch->ptr, headers_len};
    fields.extra_properties = strbuf_span(extra);
    return cel_envelope_write(&fields, out, err);
}

enum celeriac_err cel_task_retry_write(const struct cel_task_message *message,
                                       const struct cel_task_retry *retry, struct strbuf *scratch,
                                       struct strbuf *out, struct celeriac_error *err)
{
    static const struct json_options members = {.keep_depth = 2};
    struct json_doc headers, properties;
    struct strbuf extra;
    enum celeriac_err code;

    json_init(&headers);
    json_init(&properties);
    strbuf_init(&extra, CEL_ENVELOPE_MAX);
    strbuf_clear(scratch);
    code = check(message, retry, err);
    if (code == CELERIAC_OK)
        code = json_parse(&headers, message->headers, &members, err);
    if (code == CELERIAC_OK)
        code = json_parse(&properties, message->properties, &members, err);
    if (code == CELERIAC_OK)
        code = write(message, retry, json_root(&properties), json_root(&headers), scratch, &extra,
                     out, err);
    strbuf_close(&extra);
    json_close(&properties);
    json_close(&headers);
    return code;
}
