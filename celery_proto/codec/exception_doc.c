#include "celery_proto/codec/exception_doc.h"

#include <stdbool.h>

#include "base/json_writer.h"
#include "celery_proto/codec/pyrepr.h"

static struct span type_of(const struct cel_exception *exception)
{
    return exception->type.len > 0 ? exception->type : SPAN("Exception");
}

static struct span module_of(const struct cel_exception *exception)
{
    return exception->module.len > 0 ? exception->module : SPAN("builtins");
}

/*
 * Parses the arguments, deep enough to show. CELERIAC_ERR_NOT_FOUND when there are none,
 * CELERIAC_ERR_VALUE when they are no array, CELERIAC_ERR_MEMORY.
 */
static enum celeriac_err parse_args(const struct cel_exception *exception, struct json_doc *doc)
{
    static const struct json_options options = {.keep_depth = CEL_PYREPR_EXACT_LEVELS + 3};
    enum celeriac_err code;

    if (exception->args.len == 0)
        return CELERIAC_ERR_NOT_FOUND;
    code = json_parse(doc, exception->args, &options, NULL);
    if (code == CELERIAC_ERR_MEMORY)
        return code;
    return code == CELERIAC_OK && json_root(doc)->type == JSON_ARRAY ? CELERIAC_OK
                                                                     : CELERIAC_ERR_VALUE;
}

/* What is written next would lack the arguments: the buffer must say so. */
static void note_memory(struct strbuf *out, enum celeriac_err code)
{
    if (code == CELERIAC_ERR_MEMORY && out->status == CELERIAC_OK)
        out->status = code;
}

enum celeriac_err cel_exception_write(const struct cel_exception *exception, struct strbuf *out)
{
    struct json_doc doc;
    enum celeriac_err code;

    json_init(&doc);
    code = parse_args(exception, &doc);
    json_close(&doc);
    if (code != CELERIAC_OK && code != CELERIAC_ERR_NOT_FOUND)
        return code;
    strbuf_add_text(out, "{\"exc_type\": ");
    json_quote(out, type_of(exception), JSON_STYLE_PYTHON);
    strbuf_add_text(out, ", \"exc_message\": ");
    if (exception->args.len > 0) {
        strbuf_add_span(out, exception->args);
    } else {
        strbuf_add_char(out, '[');
        if (exception->message.ptr != NULL)
            json_quote(out, exception->message, JSON_STYLE_PYTHON);
        strbuf_add_char(out, ']');
    }
    strbuf_add_text(out, ", \"exc_module\": ");
    json_quote(out, module_of(exception), JSON_STYLE_PYTHON);
    strbuf_add_char(out, '}');
    return strbuf_status(out);
}

/* The arguments in parentheses, as repr() of an exception shows them. */
static void add_args(const struct cel_exception *exception, struct strbuf *out)
{
    struct json_doc doc;
    const char *comma = "";
    enum celeriac_err code;

    json_init(&doc);
    strbuf_add_char(out, '(');
    code = parse_args(exception, &doc);
    note_memory(out, code);
    if (code == CELERIAC_OK) {
        const struct json_node *args = json_root(&doc);

        for (const struct json_node *a = json_first(args); a != NULL; a = json_next(args, a)) {
            strbuf_add_text(out, comma);
            cel_pyrepr_exact(a, false, out);
            comma = ", ";
        }
    } else if (code == CELERIAC_ERR_NOT_FOUND && exception->message.ptr != NULL) {
        cel_pyrepr_string(exception->message, out);
    }
    strbuf_add_char(out, ')');
    json_close(&doc);
}

void cel_exception_repr(const struct cel_exception *exception, struct strbuf *out)
{
    strbuf_add_span(out, type_of(exception));
    add_args(exception, out);
}

/* One argument as str() shows it: a string as it is. KeyError shows repr() of its only one. */
static void add_str(const struct cel_exception *exception, const struct json_node *arg,
                    struct strbuf *out)
{
    bool key_error = span_is(type_of(exception), "KeyError");

    if (arg->type != JSON_STRING || key_error) {
        cel_pyrepr_exact(arg, false, out);
        return;
    }
    note_memory(out, json_decode_string(arg, out));
}

/* str() of the exception: nothing, its only argument, or the tuple of all. */
static void add_text(const struct cel_exception *exception, struct strbuf *out)
{
    struct json_doc doc;
    enum celeriac_err code;

    json_init(&doc);
    code = parse_args(exception, &doc);
    note_memory(out, code);
    if (code == CELERIAC_OK) {
        const struct json_node *args = json_root(&doc);

        if (args->count == 1)
            add_str(exception, json_first(args), out);
        else if (args->count > 1)
            add_args(exception, out);
    } else if (code == CELERIAC_ERR_NOT_FOUND && exception->message.ptr != NULL) {
        if (span_is(type_of(exception), "KeyError"))
            cel_pyrepr_string(exception->message, out);
        else
            strbuf_add_span(out, exception->message);
    }
    json_close(&doc);
}

void cel_exception_line(const struct cel_exception *exception, struct strbuf *out)
{
    struct span module = module_of(exception);
    size_t end;

    if (!span_is(module, "builtins") && !span_is(module, "__main__")) {
        strbuf_add_span(out, module);
        strbuf_add_char(out, '.');
    }
    strbuf_add_span(out, type_of(exception));
    strbuf_add_text(out, ": ");
    end = out->len;
    add_text(exception, out);
    if (out->len == end && end >= 2)
        strbuf_truncate(out, end - 2);
}

/* A string member: empty with a NULL pointer when absent or null. */
static enum celeriac_err read_text(const struct json_node *node, struct strbuf *text,
                                   struct span *value)
{
    size_t start = text->len;
    enum celeriac_err code;

    *value = (struct span){NULL, 0};
    if (json_is_null(node) || json_peek_string(node, value))
        return CELERIAC_OK;
    code = json_decode_string(node, text);
    if (code == CELERIAC_OK)
        *value = (struct span){text->ptr + start, text->len - start};
    return code;
}

enum celeriac_err cel_exception_read(const struct json_node *node, struct strbuf *text,
                                     struct cel_exception *exception)
{
    struct cel_exception e = {.type = {NULL, 0}};
    const struct json_node *message;
    enum celeriac_err code;

    if (node == NULL || node->type != JSON_OBJECT || json_get(node, "exc_type") == NULL)
        return CELERIAC_ERR_VALUE;
    /* Room for every string and for the brackets below, so that the buffer does not move. */
    if (strbuf_reserve(text, json_raw(node).len + 2) == NULL)
        return strbuf_status(text);
    code = read_text(json_get(node, "exc_type"), text, &e.type);
    if (code == CELERIAC_OK)
        code = read_text(json_get(node, "exc_module"), text, &e.module);
    if (code != CELERIAC_OK)
        return code;
    if (e.type.len == 0)
        return CELERIAC_ERR_VALUE;
    message = json_get(node, "exc_message");
    if (json_is_null(message)) {
        e.args = SPAN("[]");
    } else if (message->type == JSON_ARRAY) {
        e.args = json_raw(message);
    } else {
        size_t start = text->len;

        strbuf_add_char(text, '[');
        strbuf_add_span(text, json_raw(message));
        strbuf_add_char(text, ']');
        if (strbuf_status(text) != CELERIAC_OK)
            return strbuf_status(text);
        e.args = (struct span){text->ptr + start, text->len - start};
    }
    *exception = e;
    return CELERIAC_OK;
}
