#include "worker/control_call.h"

#include <stdarg.h>
#include <stdio.h>

#include "celery_proto/codec/exception_doc.h"

/* Longest text of an answer that we make ourselves. */
#define TEXT_MAX 1024

static void answer_one(struct cel_control_call *call, const char *key, const char *text)
{
    json_begin_object(&call->answer);
    json_key(&call->answer, key);
    json_text(&call->answer, text);
    json_end_object(&call->answer);
}

void cel_control_ok(struct cel_control_call *call, const char *text)
{
    answer_one(call, "ok", text);
}

void cel_control_nok(struct cel_control_call *call, const char *text)
{
    answer_one(call, "error", text);
}

void cel_control_raise(struct cel_control_call *call, const char *type, const char *format, ...)
{
    struct cel_exception exception = {.type = span_of(type)};
    struct strbuf shown;
    char text[TEXT_MAX];
    va_list args;

    va_start(args, format);
    if (vsnprintf(text, sizeof text, format, args) < 0)
        text[0] = '\0';
    va_end(args);
    exception.message = span_of(text);
    strbuf_init(&shown, (size_t)TEXT_MAX * 8);
    cel_exception_repr(&exception, &shown);
    strbuf_clear(call->out);
    json_writer_init(&call->answer, call->out, JSON_STYLE_PYTHON);
    cel_control_nok(call, strbuf_text(&shown));
    strbuf_close(&shown);
}

const struct json_node *cel_control_argument(const struct cel_control_call *call, const char *name)
{
    return json_get(call->arguments, name);
}

bool cel_control_text(const struct cel_control_call *call, const char *name, struct strbuf *text)
{
    const struct json_node *node = cel_control_argument(call, name);

    strbuf_clear(text);
    if (!node || node->type != JSON_STRING)
        return false;
    return json_decode_string(node, text) == CELERIAC_OK;
}
