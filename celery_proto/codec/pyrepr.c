#include "celery_proto/codec/pyrepr.h"

#include <string.h>

#include "base/parse_num.h"
#include "celery_proto/codec/celery_value.h"
#include "celery_proto/codec/pyrepr_value.h"

/*
 * Levels that have nodes of their own when text is parsed for saferepr(): those shown, and the two
 * within a typed value that stands on the last of them.
 */
#define KEEP_DEPTH (CEL_PYREPR_LEVELS + 3)

/* One run of saferepr(). */
struct repr {
    struct strbuf *out;
    struct strbuf text; /* a string that had escapes, or a typed value */
    bool exact;         /* repr() of strings, instead of saferepr()'s simpler quoting */
    bool limited;
    bool cut;       /* the limit was reached: only closing brackets follow */
    long long left; /* characters that may still be written */
    unsigned levels;
};

/* Characters of UTF-8 text, a surrogate of three bytes counted as one. */
static size_t count_characters(struct span text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return count;
}

/* The first `count` characters of text. */
static struct span first_characters(struct span text, size_t count)
{
    size_t i = 0;

    while (i < text.len && (count > 0 || ((unsigned char)text.ptr[i] & 0xc0) == 0x80)) {
        count -= ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
        i++;
    }
    return (struct span){text.ptr, i};
}

/* Whether a token may still be written; the first one that may not is replaced by an ellipsis. */
static bool may_write(struct repr *r)
{
    if (r->limited && !r->cut && r->left <= 0) {
        strbuf_add_text(r->out, ", ...");
        r->cut = true;
    }
    return !r->cut;
}

static void spend(struct repr *r, size_t characters)
{
    r->left -= (long long)characters;
}

/* Brackets and separators: written whole. */
static void add_literal(struct repr *r, const char *text)
{
    if (!may_write(r))
        return;
    strbuf_add_text(r->out, text);
    spend(r, strlen(text));
}

/*
 * celery/utils/text.py truncate(): text of at least as many characters as are left loses what is
 * beyond them, and its last word, and *cut tells that "..." must follow.
 */
static struct span truncate_text(const struct repr *r, struct span text, bool *cut)
{
    *cut = false;
    if (!r->limited || count_characters(text) < (size_t)r->left)
        return text;
    *cut = true;
    text = first_characters(text, (size_t)r->left);
    for (size_t i = text.len; i > 0; i--) {
        if (text.ptr[i - 1] == ' ')
            return (struct span){text.ptr, i - 1};
    }
    return text;
}

/* A token without quotes: a number, None, or a container beyond the last level. */
static void add_plain(struct repr *r, struct span text)
{
    bool cut;

    if (!may_write(r))
        return;
    text = truncate_text(r, text, &cut);
    strbuf_add_span(r->out, text);
    if (cut)
        strbuf_add_text(r->out, "...");
    spend(r, count_characters(text) + (cut ? 3 : 0));
}

/* A string in single quotes, only those escaped (saferepr.py _format_chars). */
static void add_quoted(struct repr *r, struct span text)
{
    bool cut;

    if (!may_write(r))
        return;
    text = truncate_text(r, text, &cut);
    strbuf_add_char(r->out, '\'');
    spend(r, 2 + count_characters(text) + (cut ? 3 : 0));
    while (text.len > 0) {
        const char *quote = memchr(text.ptr, '\'', text.len);
        size_t plain = quote != NULL ? (size_t)(quote - text.ptr) : text.len;

        strbuf_add(r->out, text.ptr, plain);
        text = (struct span){text.ptr + plain, text.len - plain};
        if (quote == NULL)
            break;
        strbuf_add_text(r->out, "\\'");
        spend(r, 1);
        text = (struct span){text.ptr + 1, text.len - 1};
    }
    strbuf_add_text(r->out, cut ? "...'" : "'");
}

static void add_string(struct repr *r, const struct json_node *node)
{
    struct span text;

    if (!json_peek_string(node, &text)) {
        strbuf_clear(&r->text);
        if (json_decode_string(node, &r->text) != CELERIAC_OK) {
            /* Only memory can be short here; the output must not pretend to be whole. */
            r->out->status = CELERIAC_ERR_MEMORY;
            return;
        }
        text = strbuf_span(&r->text);
    }
    if (r->exact)
        cel_pyrepr_string(text, r->out);
    else
        add_quoted(r, text);
}

static void add_float(struct repr *r, const struct json_node *node)
{
    char text[FORMAT_DOUBLE_MAX];
    double value;

    if (json_double(node, &value) == CELERIAC_OK)
        add_plain(r, (struct span){text, format_double(value, text)});
    else /* beyond the range of a double, as float() reads it */
        add_plain(r, json_raw(node).ptr[0] == '-' ? SPAN("-inf") : SPAN("inf"));
}

static void add_constant(struct repr *r, const struct json_node *node)
{
    struct span raw = json_raw(node);

    if (span_is(raw, "NaN"))
        add_plain(r, SPAN("nan"));
    else
        add_plain(r, raw.ptr[0] == '-' ? SPAN("-inf") : SPAN("inf"));
}

/* Bytes as saferepr() shows them: as text if they are UTF-8, else in hexadecimal. */
static void add_bytes(struct repr *r, struct span bytes)
{
    bool cut = r->limited && bytes.len > (size_t)r->left;
    size_t start = r->out->len;

    if (!may_write(r))
        return;
    if (cut)
        bytes.len = (size_t)r->left;
    strbuf_add_text(r->out, "b'");
    if (span_is_utf8(bytes)) {
        strbuf_add_span(r->out, bytes);
    } else {
        for (size_t i = 0; i < bytes.len; i++)
            strbuf_printf(r->out, "%02x", (unsigned char)bytes.ptr[i]);
    }
    strbuf_add_text(r->out, cut ? "...'" : "'");
    if (r->out->len > start)
        spend(r, count_characters((struct span){r->out->ptr + start, r->out->len - start}));
}

/* What a typed value could not be decoded for want of memory must not look like an object. */
static bool note_memory(struct repr *r, enum celeriac_err code)
{
    if (code == CELERIAC_ERR_MEMORY && r->out->status == CELERIAC_OK)
        r->out->status = code;
    return code == CELERIAC_ERR_MEMORY;
}

/* Bytes in either form; false when they cannot be decoded, and stand for themselves. */
static bool add_typed_bytes(struct repr *r, const struct json_node *node)
{
    enum celeriac_err code = cel_value_bytes(node, &r->text);

    if (code != CELERIAC_OK)
        return note_memory(r, code);
    if (r->exact)
        cel_pyrepr_bytes(strbuf_span(&r->text), r->out);
    else
        add_bytes(r, strbuf_span(&r->text));
    return true;
}

/* A value that JSON holds as an object of two keys; false when node is an ordinary object. */
static bool add_typed(struct repr *r, const struct json_node *node)
{
    enum cel_value_type type = cel_value_type_of(node, NULL);
    bool typed;

    if (type == CEL_VALUE_PLAIN || type == CEL_VALUE_UNKNOWN)
        return false;
    strbuf_clear(&r->text);
    if (type == CEL_VALUE_BYTES || type == CEL_VALUE_BASE64)
        return add_typed_bytes(r, node);
    typed = cel_pyrepr_value(node, &r->text);
    if (note_memory(r, strbuf_status(&r->text)))
        return true;
    if (typed)
        add_plain(r, strbuf_span(&r->text));
    return typed;
}

static void add_value(struct repr *r, const struct json_node *node, unsigned level, bool as_tuple);

static void add_elements(struct repr *r, const struct json_node *array, unsigned level)
{
    for (const struct json_node *e = json_first(array); e != NULL && !r->cut;) {
        add_value(r, e, level, false);
        e = json_next(array, e);
        if (e != NULL)
            add_literal(r, ", ");
    }
}

static void add_members(struct repr *r, const struct json_node *object, unsigned level)
{
    for (const struct json_node *key = json_first(object); key != NULL && !r->cut;) {
        const struct json_node *value = json_next(object, key);

        add_string(r, key);
        add_literal(r, ": ");
        add_value(r, value, level, false);
        key = json_next(object, value);
        if (key != NULL)
            add_literal(r, ", ");
    }
}

static void add_container(struct repr *r, const struct json_node *node, unsigned level,
                          bool as_tuple)
{
    bool object = node->type == JSON_OBJECT;
    const char *open = object ? "{" : as_tuple ? "(" : "[";
    const char *close = object ? "}" : !as_tuple ? "]" : node->count == 1 ? ",)" : ")";

    if (object && add_typed(r, node))
        return;
    if (level >= r->levels || node->pruned) {
        add_plain(r, object ? SPAN("{...}") : SPAN("[...]"));
        return;
    }
    add_literal(r, open);
    if (object)
        add_members(r, node, level + 1);
    else
        add_elements(r, node, level + 1);
    /* What was opened is closed even beyond the limit, unless the limit fell on the bracket itself.
     */
    if (r->cut)
        strbuf_add_text(r->out, close);
    else
        add_literal(r, close);
}

static void add_value(struct repr *r, const struct json_node *node, unsigned level, bool as_tuple)
{
    if (r->cut)
        return;
    switch (node->type) {
    case JSON_NULL:
        add_plain(r, SPAN("None"));
        break;
    case JSON_FALSE:
        add_plain(r, SPAN("False"));
        break;
    case JSON_TRUE:
        add_plain(r, SPAN("True"));
        break;
    case JSON_INT:
        add_plain(r, span_is(json_raw(node), "-0") ? SPAN("0") : json_raw(node));
        break;
    case JSON_FLOAT:
        add_float(r, node);
        break;
    case JSON_CONSTANT:
        add_constant(r, node);
        break;
    case JSON_STRING:
        add_string(r, node);
        break;
    default:
        add_container(r, node, level, as_tuple);
        break;
    }
}

enum celeriac_err cel_pyrepr_node(const struct json_node *value, bool as_tuple, size_t max,
                                  struct strbuf *out)
{
    struct repr r = {
        .out = out, .limited = max > 0, .left = (long long)max, .levels = CEL_PYREPR_LEVELS};

    strbuf_init(&r.text, JSON_TEXT_MAX);
    add_value(&r, value, 0, as_tuple);
    strbuf_close(&r.text);
    return strbuf_status(out);
}

enum celeriac_err cel_pyrepr(struct span json, bool as_tuple, size_t max, struct strbuf *out)
{
    static const struct json_options options = {.keep_depth = KEEP_DEPTH};
    struct json_doc doc;
    enum celeriac_err code;

    json_init(&doc);
    code = json_parse(&doc, json, &options, NULL);
    if (code == CELERIAC_OK)
        code = cel_pyrepr_node(json_root(&doc), as_tuple, max, out);
    json_close(&doc);
    return code;
}

void cel_pyrepr_exact(const struct json_node *value, bool as_tuple, struct strbuf *out)
{
    struct repr r = {.out = out, .exact = true, .levels = CEL_PYREPR_EXACT_LEVELS};

    strbuf_init(&r.text, JSON_TEXT_MAX);
    add_value(&r, value, 0, as_tuple);
    strbuf_close(&r.text);
}

enum celeriac_err cel_pyrepr_exact_text(struct span json, bool as_tuple, struct strbuf *out)
{
    static const struct json_options options = {.keep_depth = CEL_PYREPR_EXACT_LEVELS + 3};
    struct json_doc doc;
    enum celeriac_err code;

    json_init(&doc);
    code = json_parse(&doc, json, &options, NULL);
    if (code == CELERIAC_OK) {
        cel_pyrepr_exact(json_root(&doc), as_tuple, out);
        code = strbuf_status(out);
    }
    json_close(&doc);
    return code;
}
