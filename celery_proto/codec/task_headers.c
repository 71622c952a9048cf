#include "celery_proto/codec/task_headers.h"

#include <math.h>
#include <stddef.h>

#include "base/iso8601.h"
#include "base/json_writer.h"
#include "base/parse_num.h"
#include "celery_proto/codec/json_fields.h"
#include "celery_proto/codec/pyrepr.h"

/* Whole seconds up to here are written without a fraction, as Python writes an int. */
#define WHOLE_SECONDS_MAX 9007199254740992.0

/* Writes one header after another, leaving out what the caller's own headers replace. */
struct header_writer {
    struct strbuf *out;
    const struct json_node *overrides; /* the caller's headers or NULL */
    bool started;
};

/* Begins a header; false when the caller's value was written in its place. */
static bool begin_header(struct header_writer *w, const char *name)
{
    const struct json_node *override = json_get(w->overrides, name);

    strbuf_add_text(w->out, w->started ? ", \"" : "{\"");
    w->started = true;
    strbuf_add_text(w->out, name);
    strbuf_add_text(w->out, "\": ");
    if (override == NULL)
        return true;
    strbuf_add_span(w->out, json_raw(override));
    return false;
}

/* A string, or null when it is empty. */
static void header_text(struct header_writer *w, const char *name, struct span text)
{
    if (!begin_header(w, name))
        return;
    if (text.len == 0)
        strbuf_add_text(w->out, "null");
    else
        json_quote(w->out, text, JSON_STYLE_PYTHON);
}

static void header_raw(struct header_writer *w, const char *name, struct span raw,
                       const char *fallback)
{
    if (!begin_header(w, name))
        return;
    if (raw.len > 0)
        strbuf_add_span(w->out, raw);
    else
        strbuf_add_text(w->out, fallback);
}

static void header_int(struct header_writer *w, const char *name, int64_t n)
{
    if (begin_header(w, name))
        strbuf_add_int(w->out, n);
}

static void header_time(struct header_writer *w, const char *name, const struct cel_time *time)
{
    char text[ISO8601_MAX];

    header_text(w, name,
                time->set ? (struct span){text, iso8601_python(time->us, text)}
                          : (struct span){NULL, 0});
}

/* A JSON string with the repr of a JSON value, or the text given for it. */
static enum celeriac_err header_repr(struct header_writer *w, const char *name, struct span given,
                                     struct span json, bool as_tuple, struct strbuf *repr)
{
    enum celeriac_err code = CELERIAC_OK;

    if (!begin_header(w, name))
        return CELERIAC_OK;
    if (given.ptr == NULL) {
        strbuf_clear(repr);
        code = cel_pyrepr(json, as_tuple, CEL_PYREPR_MAX, repr);
        given = strbuf_span(repr);
    }
    if (code == CELERIAC_OK)
        json_quote(w->out, given, JSON_STYLE_PYTHON);
    return code;
}

/* Seconds as Python writes an int or a float; 0 is null. */
static void add_limit(struct strbuf *out, double seconds)
{
    char text[FORMAT_DOUBLE_MAX];

    if (fpclassify(seconds) == FP_ZERO)
        strbuf_add_text(out, "null");
    else if (seconds < WHOLE_SECONDS_MAX && seconds - floor(seconds) <= 0)
        strbuf_add_int(out, (int64_t)seconds);
    else
        strbuf_add(out, text, format_double(seconds, text));
}

static void header_limits(struct header_writer *w, double hard, double soft)
{
    if (!begin_header(w, "timelimit"))
        return;
    strbuf_add_char(w->out, '[');
    add_limit(w->out, hard);
    strbuf_add_text(w->out, ", ");
    add_limit(w->out, soft);
    strbuf_add_char(w->out, ']');
}

/* Headers that are written from fields, never copied. */
static const struct cel_field_name standard_headers[] = {CEL_FIELD("lang"),
                                                         CEL_FIELD("task"),
                                                         CEL_FIELD("id"),
                                                         CEL_FIELD("shadow"),
                                                         CEL_FIELD("eta"),
                                                         CEL_FIELD("expires"),
                                                         CEL_FIELD("group"),
                                                         CEL_FIELD("group_index"),
                                                         CEL_FIELD("retries"),
                                                         CEL_FIELD("timelimit"),
                                                         CEL_FIELD("root_id"),
                                                         CEL_FIELD("parent_id"),
                                                         CEL_FIELD("argsrepr"),
                                                         CEL_FIELD("kwargsrepr"),
                                                         CEL_FIELD("origin"),
                                                         CEL_FIELD("ignore_result"),
                                                         CEL_FIELD("replaced_task_nesting"),
                                                         CEL_FIELD("stamped_headers"),
                                                         CEL_FIELD("stamps"),
                                                         CEL_FIELD("compression")};

#define STANDARD_HEADERS (sizeof(standard_headers) / sizeof(standard_headers[0]))

/* Whether a key names one; *hint is where to look first, and moves on with each key found. */
static bool is_standard(const struct json_node *key, size_t *hint)
{
    struct span text;
    bool plain = json_peek_string(key, &text);

    for (size_t i = 0; i < STANDARD_HEADERS; i++) {
        size_t at = (*hint + i) % STANDARD_HEADERS;
        const struct cel_field_name *standard = &standard_headers[at];

        if (plain ? span_equal(text, (struct span){standard->name, standard->len})
                  : json_string_is(key, standard->name)) {
            *hint = at + 1;
            return true;
        }
    }
    return false;
}

/* The members of an object that are no standard headers, in their order, byte for byte. */
static void add_extras(struct header_writer *w, const struct json_node *object)
{
    size_t hint = 0;

    for (const struct json_node *key = object != NULL ? json_first(object) : NULL; key != NULL;) {
        const struct json_node *value = json_next(object, key);

        if (!is_standard(key, &hint)) {
            strbuf_add_text(w->out, ", ");
            strbuf_add_span(w->out, json_raw(key));
            strbuf_add_text(w->out, ": ");
            strbuf_add_span(w->out, json_raw(value));
        }
        key = json_next(object, value);
    }
}

enum celeriac_err cel_task_headers_write(const struct cel_task_headers *headers, struct strbuf *out,
                                         struct strbuf *repr)
{
    const struct cel_task_send *send = headers->send;
    struct header_writer w = {.out = out, .overrides = headers->overrides};
    struct span args = send->args.len > 0 ? send->args : SPAN("[]");
    struct span kwargs = send->kwargs.len > 0 ? send->kwargs : SPAN("{}");
    enum celeriac_err code;

    header_text(&w, "lang", SPAN("py"));
    header_text(&w, "task", send->task);
    header_text(&w, "id", send->id);
    header_text(&w, "shadow", send->shadow);
    header_time(&w, "eta", &send->eta);
    if (headers->expires_text.len > 0)
        header_text(&w, "expires", headers->expires_text);
    else
        header_time(&w, "expires", &send->expires);
    header_text(&w, "group", send->group);
    if (send->has_group_index)
        header_int(&w, "group_index", send->group_index);
    else
        header_raw(&w, "group_index", (struct span){NULL, 0}, "null");
    header_int(&w, "retries", send->retries);
    if (headers->timelimit.len > 0)
        header_raw(&w, "timelimit", headers->timelimit, "null");
    else
        header_limits(&w, send->time_limit, send->soft_time_limit);
    header_text(&w, "root_id", send->root_id.len > 0 ? send->root_id : send->id);
    header_text(&w, "parent_id", send->parent_id);
    code = header_repr(&w, "argsrepr", send->argsrepr, args, true, repr);
    if (code == CELERIAC_OK)
        code = header_repr(&w, "kwargsrepr", send->kwargsrepr, kwargs, false, repr);
    if (code != CELERIAC_OK)
        return code;
    header_text(&w, "origin", send->origin);
    header_raw(&w, "ignore_result", (struct span){NULL, 0}, send->ignore_result ? "true" : "false");
    header_int(&w, "replaced_task_nesting", send->replaced_task_nesting);
    header_raw(&w, "stamped_headers", send->stamped_headers, "null");
    header_raw(&w, "stamps", send->stamps, "{}");
    add_extras(&w, headers->extras);
    if (headers->compression.len > 0) {
        strbuf_add_text(out, ", \"compression\": ");
        json_quote(out, headers->compression, JSON_STYLE_PYTHON);
    }
    strbuf_add_char(out, '}');
    return strbuf_status(out);
}
