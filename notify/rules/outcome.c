#include "notify/rules/outcome.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json_writer.h"
#include "notify/rules/python_text.h"

static const char *const kinds[] = {
    [NOTIFY_OUTCOME_SENT] = "sent",   [NOTIFY_OUTCOME_LATER] = "later",
    [NOTIFY_OUTCOME_NEVER] = "never", [NOTIFY_OUTCOME_UNCONFIGURED] = "unconfigured",
    [NOTIFY_OUTCOME_HOLD] = "hold",
};

void notify_outcome_sent(struct notify_outcome *o, const char *provider, const char *backend,
                         struct span message_id)
{
    size_t len = message_id.len < sizeof o->message_id ? message_id.len : sizeof o->message_id - 1;

    memset(o, 0, sizeof *o);
    o->kind = NOTIFY_OUTCOME_SENT;
    o->provider = provider;
    o->backend = backend;
    o->reason = "sent";
    if (len > 0)
        memcpy(o->message_id, message_id.ptr, len);
}

/* The start of a character whose other bytes are missing. */
static bool is_cut_off(struct span s)
{
    unsigned char lead = (unsigned char)s.ptr[0];
    size_t want = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;

    if (lead < 0xC2 || lead > 0xF4 || s.len >= want)
        return false;
    for (size_t i = 1; i < s.len; i++) {
        if (((unsigned char)s.ptr[i] & 0xC0) != 0x80)
            return false;
    }
    return true;
}

/* Makes text valid UTF-8 in place; a character that was cut off at the end is left out. */
static void make_utf8(char *text)
{
    struct span s = span_of(text);

    while (s.len > 0) {
        char *at = text + (s.ptr - text);
        size_t len;

        if (python_text_next(s, &len) == 0xFFFD && len == 1) {
            if (is_cut_off(s)) {
                *at = '\0';
                return;
            }
            *at = '?';
        }
        s.ptr += len;
        s.len -= len;
    }
}

void notify_outcome_fail(struct notify_outcome *o, enum notify_outcome_kind kind, int code,
                         const char *reason, const char *format, ...)
{
    va_list args;
    size_t len;

    memset(o, 0, sizeof *o);
    o->kind = kind;
    o->code = code;
    o->reason = reason;
    va_start(args, format);
    if (vsnprintf(o->error, sizeof o->error, format, args) < 0)
        o->error[0] = '\0';
    va_end(args);
    make_utf8(o->error);
    len = strlen(o->error);
    while (len > 0 && (o->error[len - 1] == '\n' || o->error[len - 1] == '\r'))
        o->error[--len] = '\0';
}

void notify_outcome_hold_for_memory(struct notify_outcome *o)
{
    notify_outcome_fail(o, NOTIFY_OUTCOME_HOLD, 0, "out of memory", "out of memory");
}

const char *notify_outcome_name(enum notify_outcome_kind kind)
{
    return kinds[kind];
}

void notify_outcome_response(const struct notify_outcome *o, struct strbuf *out)
{
    struct json_writer w;

    json_writer_init(&w, out, JSON_STYLE_PYTHON);
    json_begin_object(&w);
    json_key(&w, "provider");
    json_text(&w, o->provider);
    json_key(&w, "status");
    json_text(&w, "sent");
    json_key(&w, "message_id");
    json_text(&w, o->message_id[0] != '\0' ? o->message_id : NULL);
    json_key(&w, "detail");
    json_text(&w, "Sent to 1 recipient");
    json_key(&w, "raw");
    json_begin_object(&w);
    json_key(&w, "sent_count");
    json_integer(&w, 1);
    json_key(&w, "backend");
    json_text(&w, o->backend);
    if (o->status[0] != '\0') {
        json_key(&w, "sid");
        json_text(&w, o->message_id);
        json_key(&w, "status");
        json_text(&w, o->status);
    }
    json_end_object(&w);
    json_end_object(&w);
}
