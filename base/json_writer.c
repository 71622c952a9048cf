#include "base/json_writer.h"

#include <math.h>
#include <string.h>

#include "base/parse_num.h"
#include "base/utf8.h"

void json_writer_init(struct json_writer *w, struct strbuf *out, enum json_style style)
{
    *w = (struct json_writer){.out = out, .style = style};
}

/* What stands between a value or key and what came before it. */
static void separate(struct json_writer *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (w->depth == 0 || w->depth > JSON_WRITER_DEPTH_MAX)
        return;
    if (w->filled[w->depth])
        strbuf_add(w->out, ", ", w->style == JSON_STYLE_PYTHON ? 2 : 1);
    w->filled[w->depth] = true;
}

static void begin(struct json_writer *w, char bracket)
{
    separate(w);
    w->depth++;
    if (w->depth <= JSON_WRITER_DEPTH_MAX) {
        w->filled[w->depth] = false;
        strbuf_add_char(w->out, bracket);
    } else if (w->out->status == CELERIAC_OK) {
        w->out->status = CELERIAC_ERR_LIMIT;
    }
}

static void end(struct json_writer *w, char bracket)
{
    w->depth--;
    strbuf_add_char(w->out, bracket);
}

void json_begin_object(struct json_writer *w)
{
    begin(w, '{');
}

void json_end_object(struct json_writer *w)
{
    end(w, '}');
}

void json_begin_array(struct json_writer *w)
{
    begin(w, '[');
}

void json_end_array(struct json_writer *w)
{
    end(w, ']');
}

void json_key(struct json_writer *w, const char *key)
{
    json_key_span(w, span_of(key));
}

void json_key_span(struct json_writer *w, struct span key)
{
    separate(w);
    json_quote(w->out, key, w->style);
    strbuf_add(w->out, ": ", w->style == JSON_STYLE_PYTHON ? 2 : 1);
    w->after_key = true;
}

void json_string(struct json_writer *w, struct span text)
{
    separate(w);
    json_quote(w->out, text, w->style);
}

void json_text(struct json_writer *w, const char *text)
{
    if (text)
        json_string(w, span_of(text));
    else
        json_null(w);
}

void json_integer(struct json_writer *w, int64_t n)
{
    separate(w);
    strbuf_add_int(w->out, n);
}

void json_number(struct json_writer *w, double n)
{
    char digits[FORMAT_DOUBLE_MAX];
    if (isfinite(n)) {
        size_t len = format_double(n, digits);
        json_value(w, (struct span){digits, len});
    } else if (isnan(n)) {
        json_value(w, SPAN("NaN"));
    } else {
        json_value(w, n > 0 ? SPAN("Infinity") : SPAN("-Infinity"));
    }
}

void json_boolean(struct json_writer *w, bool b)
{
    json_value(w, b ? SPAN("true") : SPAN("false"));
}

void json_null(struct json_writer *w)
{
    json_value(w, SPAN("null"));
}

void json_value(struct json_writer *w, struct span raw)
{
    separate(w);
    strbuf_add_span(w->out, raw);
}

/* Bytes of ASCII that json.dumps() copies as they are; DEL only without ensure_ascii. */
static bool is_plain(unsigned char c, enum json_style style)
{
    if (c < 0x20 || c == '"' || c == '\\')
        return false;
    return c < 0x7f || (c == 0x7f && style == JSON_STYLE_DRF);
}

static void put_unit(struct strbuf *out, uint32_t unit)
{
    static const char hex[] = "0123456789abcdef";
    const char escape[6] = {
        '\\', 'u', hex[unit >> 12 & 15], hex[unit >> 8 & 15], hex[unit >> 4 & 15], hex[unit & 15]};
    strbuf_add(out, escape, sizeof escape);
}

/* A character as one \uXXXX, or as two for a surrogate pair. */
static void put_escaped(struct strbuf *out, uint32_t c)
{
    if (c < 0x10000) {
        put_unit(out, c);
        return;
    }
    put_unit(out, 0xd800 + ((c - 0x10000) >> 10));
    put_unit(out, 0xdc00 + ((c - 0x10000) & 0x3ff));
}

static void put_ascii_escape(struct strbuf *out, unsigned char c)
{
    switch (c) {
    case '"':
        strbuf_add(out, "\\\"", 2);
        break;
    case '\\':
        strbuf_add(out, "\\\\", 2);
        break;
    case '\b':
        strbuf_add(out, "\\b", 2);
        break;
    case '\f':
        strbuf_add(out, "\\f", 2);
        break;
    case '\n':
        strbuf_add(out, "\\n", 2);
        break;
    case '\r':
        strbuf_add(out, "\\r", 2);
        break;
    case '\t':
        strbuf_add(out, "\\t", 2);
        break;
    default:
        put_unit(out, c);
        break;
    }
}

#define REPLACEMENT 0xfffd

/* Whether DRF's renderer writes the character itself: not the two line separators of JavaScript,
 * and no surrogate, which UTF-8 cannot hold. */
static bool is_copied(uint32_t c)
{
    return c != 0x2028 && c != 0x2029 && (c < 0xd800 || c > 0xdfff) && c != REPLACEMENT;
}

static const unsigned char *put_char(struct strbuf *out, const unsigned char *p,
                                     const unsigned char *end, enum json_style style)
{
    if (*p < 0x80) {
        put_ascii_escape(out, *p);
        return p + 1;
    }
    /* Bytes that are no character give U+FFFD one by one, so that what we write is always JSON. */
    uint32_t c = REPLACEMENT;
    size_t len = utf8_decode((struct span){(const char *)p, (size_t)(end - p)}, &c);
    if (len == 0)
        len = 1;
    if (style == JSON_STYLE_PYTHON)
        put_escaped(out, c);
    else if (is_copied(c))
        strbuf_add(out, p, len);
    else if (c == REPLACEMENT)
        strbuf_add(out, "\xef\xbf\xbd", 3);
    else
        put_unit(out, c);
    return p + len;
}

void json_quote(struct strbuf *out, struct span text, enum json_style style)
{
    const unsigned char *p = (const unsigned char *)(text.ptr ? text.ptr : "");
    const unsigned char *end = p + text.len;
    strbuf_add_char(out, '"');
    while (p < end) {
        const unsigned char *plain = p;
        while (p < end && is_plain(*p, style))
            p++;
        strbuf_add(out, plain, (size_t)(p - plain));
        while (p < end && !is_plain(*p, style))
            p = put_char(out, p, end, style);
    }
    strbuf_add_char(out, '"');
}
