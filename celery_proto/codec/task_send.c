#include "celery_proto/codec/task_send.h"

#include <math.h>
#include <stddef.h>

#include "base/iso8601.h"
#include "base/json.h"
#include "celery_proto/codec/envelope.h"
#include "celery_proto/codec/task_body.h"
#include "celery_proto/codec/task_headers.h"

static enum celeriac_err bad(struct celeriac_error *err, const char *field, const char *what)
{
    return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: %s", field, what);
}

/* One raw JSON option and the type it must have. */
struct raw_option {
    const char *name;
    size_t offset;
    enum json_type type;
};

#define RAW(name, type)                                   \
    {                                                     \
#name, offsetof(struct cel_task_send, name), type \
    }

static const struct raw_option raw_options[] = {
    RAW(args, JSON_ARRAY),       RAW(kwargs, JSON_OBJECT),         RAW(callbacks, JSON_ARRAY),
    RAW(errbacks, JSON_ARRAY),   RAW(chain, JSON_ARRAY),           RAW(chord, JSON_OBJECT),
    RAW(stamps, JSON_OBJECT),    RAW(stamped_headers, JSON_ARRAY), RAW(headers, JSON_OBJECT),
    RAW(properties, JSON_OBJECT)};

/* Every raw option is parsed: what we put on the wire must be JSON for every peer. */
static enum celeriac_err check_raw(const struct cel_task_send *send, struct json_doc *doc,
                                   struct celeriac_error *err)
{
    static const struct json_options shallow = {.keep_depth = 1};

    for (size_t i = 0; i < sizeof(raw_options) / sizeof(raw_options[0]); i++) {
        const struct raw_option *o = &raw_options[i];
        const struct span *raw = (const void *)((const char *)send + o->offset);
        struct celeriac_error detail = {.code = CELERIAC_OK};
        enum celeriac_err code;

        if (raw->len == 0)
            continue;
        code = json_parse(doc, *raw, &shallow, &detail);
        if (code != CELERIAC_OK)
            return celeriac_error_set(err, code == CELERIAC_ERR_SYNTAX ? CELERIAC_ERR_VALUE : code,
                                      "%s: %s", o->name, detail.text);
        if (json_root(doc)->type != o->type)
            return bad(err, o->name, o->type == JSON_ARRAY ? "not an array" : "not an object");
    }
    return CELERIAC_OK;
}

static enum celeriac_err check_time(const struct cel_time *time, const char *field,
                                    struct celeriac_error *err)
{
    if (time->set && (time->us < ISO8601_MIN_US || time->us > ISO8601_MAX_US))
        return bad(err, field, "outside the years 1 to 9999");
    return CELERIAC_OK;
}

static enum celeriac_err check_limit(double seconds, const char *field, struct celeriac_error *err)
{
    return isfinite(seconds) && seconds >= 0 ? CELERIAC_OK
                                             : bad(err, field, "not a time in seconds");
}

static enum celeriac_err check(const struct cel_task_send *send, struct json_doc *doc,
                               struct celeriac_error *err)
{
    const struct {
        const char *name;
        struct span text;
    } required[] = {{"task", send->task},
                    {"id", send->id},
                    {"delivery_tag", send->delivery_tag},
                    {"routing_key", send->routing_key}};
    enum celeriac_err code;

    for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
        if (required[i].text.len == 0)
            return bad(err, required[i].name, "missing");
    }
    if (send->retries < 0 || send->retries > CEL_RETRIES_MAX)
        return bad(err, "retries", "out of range");
    code = check_time(&send->eta, "eta", err);
    if (code == CELERIAC_OK)
        code = check_time(&send->expires, "expires", err);
    if (code == CELERIAC_OK)
        code = check_limit(send->time_limit, "time_limit", err);
    if (code == CELERIAC_OK)
        code = check_limit(send->soft_time_limit, "soft_time_limit", err);
    return code != CELERIAC_OK ? code : check_raw(send, doc, err);
}

int64_t cel_task_expiration_ms(int64_t expires_us, int64_t now_us)
{
    int64_t left;

    if (__builtin_sub_overflow(expires_us, now_us, &left))
        return expires_us < now_us ? 0 : INT64_MAX / 1000;
    return left < 0 ? 0 : left / 1000;
}

/* Writes the body and the headers into scratch, and the envelope around them. */
static enum celeriac_err write(const struct cel_task_send *send, const struct json_node *overrides,
                               struct strbuf *scratch, struct strbuf *extra, struct strbuf *out,
                               struct celeriac_error *err)
{
    const struct cel_task_body parts = {.args = send->args,
                                        .kwargs = send->kwargs,
                                        .callbacks = send->callbacks,
                                        .errbacks = send->errbacks,
                                        .chain = send->chain,
                                        .chord = send->chord};
    struct cel_envelope_fields fields = {.correlation_id = send->id,
                                         .reply_to =
                                             send->reply_to.ptr != NULL ? send->reply_to : SPAN(""),
                                         .extra_properties = send->properties,
                                         .has_expiration = send->expires.set,
                                         .exchange = send->exchange,
                                         .routing_key = send->routing_key,
                                         .priority = send->priority,
                                         .delivery_tag = send->delivery_tag};
    const char *compression = cel_compression_header(send->compression);
    const struct cel_task_headers headers = {.send = send,
                                             .overrides = overrides,
                                             .extras = overrides,
                                             .compression = span_of(compression)};
    size_t body_len;
    enum celeriac_err code = cel_task_headers_write(&headers, scratch, extra);
    size_t headers_len = scratch->len;

    if (code != CELERIAC_OK)
        return celeriac_error_set(err, code, "%s", celeriac_err_name(code));
    cel_task_body_write(&parts, scratch);
    code = strbuf_status(scratch);
    body_len = scratch->len - headers_len;
    if (code == CELERIAC_OK && body_len > CEL_BODY_MAX)
        code = CELERIAC_ERR_LIMIT;
    if (code == CELERIAC_OK && send->compression == CEL_COMPRESSION_ZLIB) {
        strbuf_clear(extra);
        code = cel_body_compress((struct span){scratch->ptr + headers_len, body_len}, extra);
    }
    if (code != CELERIAC_OK)
        return celeriac_error_set(err, code, "body: %s", celeriac_err_name(code));
    fields.headers = (struct span){scratch->ptr, headers_len};
    fields.body = send->compression == CEL_COMPRESSION_ZLIB
                      ? strbuf_span(extra)
                      : (struct span){scratch->ptr + headers_len, body_len};
    if (send->expires.set)
        fields.expiration_ms = cel_task_expiration_ms(send->expires.us, send->now_us);
    return cel_envelope_write(&fields, out, err);
}

enum celeriac_err cel_task_send_write(const struct cel_task_send *send, struct strbuf *scratch,
                                      struct strbuf *out, struct celeriac_error *err)
{
    struct json_doc doc;
    struct json_doc overrides;
    struct strbuf extra;
    enum celeriac_err code;

    json_init(&doc);
    json_init(&overrides);
    strbuf_init(&extra, CEL_ENVELOPE_MAX);
    strbuf_clear(scratch);
    code = check(send, &doc, err);
    if (code == CELERIAC_OK && send->headers.len > 0)
        code = json_parse(&overrides, send->headers, &(struct json_options){.keep_depth = 2}, err);
    if (code == CELERIAC_OK)
        code = write(send, json_root(&overrides), scratch, &extra, out, err);
    strbuf_close(&extra);
    json_close(&overrides);
    json_close(&doc);
    return code;
}
