#include "api/python_value.h"

#include "base/parse_num.h"
#include "notify/rules/python_text.h"

struct raw raw_of_json(const struct json_node *node)
{
    struct raw raw = {RAW_MISSING, node, {NULL, 0}};

    if (!node)
        return raw;
    switch ((enum json_type)node->type) {
    case JSON_NULL:
        raw.kind = RAW_NULL;
        break;
    case JSON_FALSE:
        raw.kind = RAW_FALSE;
        break;
    case JSON_TRUE:
        raw.kind = RAW_TRUE;
        break;
    case JSON_INT:
        raw.kind = RAW_INT;
        break;
    case JSON_FLOAT:
    case JSON_CONSTANT:
        raw.kind = RAW_FLOAT;
        break;
    case JSON_STRING:
        raw.kind = RAW_TEXT;
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        raw.kind = RAW_CONTAINER;
        break;
    }
    return raw;
}

const char *raw_type_name(const struct json_node *node)
{
    switch ((enum json_type)node->type) {
    case JSON_NULL:
        return "NoneType";
    case JSON_FALSE:
    case JSON_TRUE:
        return "bool";
    case JSON_INT:
        return "int";
    case JSON_FLOAT:
    case JSON_CONSTANT:
        return "float";
    case JSON_STRING:
        return "str";
    case JSON_ARRAY:
        return "list";
    case JSON_OBJECT:
        break;
    }
    return "dict";
}

/* repr(float(number)); beyond the range of a double Python has inf. */
static void add_float(struct span number, struct strbuf *out)
{
    char text[FORMAT_DOUBLE_MAX];
    double value;

    if (parse_double(number, &value) != CELERIAC_OK) {
        strbuf_add_text(out, number.ptr[0] == '-' ? "-inf" : "inf");
        return;
    }
    strbuf_add(out, text, format_double(value, text));
}

enum celeriac_err raw_to_text(const struct raw *raw, struct strbuf *out)
{
    switch (raw->kind) {
    case RAW_MISSING:
        break;
    case RAW_NULL:
        strbuf_add_text(out, "None");
        break;
    case RAW_FALSE:
        strbuf_add_text(out, "False");
        break;
    case RAW_TRUE:
        strbuf_add_text(out, "True");
        break;
    case RAW_INT:
        strbuf_add_span(out, span_is(json_raw(raw->node), "-0") ? SPAN("0") : json_raw(raw->node));
        break;
    case RAW_FLOAT:
        add_float(json_raw(raw->node), out);
        break;
    case RAW_TEXT:
        if (raw->node)
            return json_decode_string(raw->node, out);
        strbuf_add_span(out, raw->text);
        break;
    case RAW_CONTAINER:
        strbuf_add_span(out, json_raw(raw->node));
        break;
    case RAW_FILE:
        strbuf_add_span(out, raw->text);
        break;
    }
    return strbuf_status(out);
}

/* Without a match of \.0*\s*$ : "7.00 " is 7. */
static struct span drop_zero_fraction(struct span text)
{
    struct span cut = text;

    while (cut.len > 0) {
        struct span stripped = python_text_strip(cut);
        size_t tail = (size_t)(cut.ptr + cut.len - (stripped.ptr + stripped.len));

        if (stripped.len == 0 || tail == 0)
            break;
        cut.len -= tail;
    }
    while (cut.len > 0 && cut.ptr[cut.len - 1] == '0')
        cut.len--;
    if (cut.len > 0 && cut.ptr[cut.len - 1] == '.')
        return (struct span){cut.ptr, cut.len - 1};
    return text;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

enum celeriac_err python_int(struct span text, struct strbuf *out)
{
    struct span rest = python_text_strip(text);
    size_t start = out->len;
    bool negative = false;
    bool after_digit = false;

    if (rest.len > 0 && (rest.ptr[0] == '-' || rest.ptr[0] == '+')) {
        negative = rest.ptr[0] == '-';
        rest = (struct span){rest.ptr + 1, rest.len - 1};
    }
    if (negative)
        strbuf_add_char(out, '-');
    while (rest.len > 0) {
        bool leading = out->len == start + negative;
        size_t len;
        uint32_t c = python_text_next(rest, &len);
        int digit = python_text_digit(c);

        if (digit < 0 && !(c == '_' && after_digit))
            return CELERIAC_ERR_VALUE;
        if (digit > 0 || (digit == 0 && !leading))
            strbuf_add_char(out, (char)('0' + digit));
        after_digit = digit >= 0;
        rest = (struct span){rest.ptr + len, rest.len - len};
    }
    if (!after_digit)
        return CELERIAC_ERR_VALUE;
    if (out->len == start + negative) {
        strbuf_truncate(out, start);
        strbuf_add_char(out, '0');
    }
    return strbuf_status(out);
}

enum celeriac_err python_integer(struct span text, struct strbuf *out)
{
    return python_int(drop_zero_fraction(text), out);
}

/* Four hexadecimal digits; they are known to be there. */
static uint32_t hex4(const char *at)
{
    uint32_t value = 0;

    for (int i = 0; i < 4; i++) {
        char c = at[i];

        value = value << 4 | (uint32_t)(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

/* The length of the string literal at the start of json, checked for what cannot be stored. */
static enum celeriac_err skip_string(struct span json, size_t *len, uint32_t *code)
{
    size_t i = 1;

    while (i < json.len && json.ptr[i] != '"') {
        uint32_t c;

        if (json.ptr[i] != '\\') {
            i++;
            continue;
        }
        if (json.len - i < 6 || json.ptr[i + 1] != 'u') {
            i += 2;
            continue;
        }
        c = hex4(json.ptr + i + 2);
        i += 6;
        if (c >= 0xd800 && c <= 0xdbff && json.len - i >= 6 && json.ptr[i] == '\\' &&
            json.ptr[i + 1] == 'u' && (hex4(json.ptr + i + 2) & 0xfc00) == 0xdc00) {
            i += 6;
        } else if (c == 0 || (c & 0xf800) == 0xd800) {
            *code = c;
            return CELERIAC_ERR_UNSUPPORTED;
        }
    }
    *len = i < json.len ? i + 1 : json.len;
    return CELERIAC_OK;
}

static bool is_number_char(char c)
{
    return is_digit(c) || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* The length of the number at the start of json; a float is appended as repr(), an int as it is. */
static enum celeriac_err add_number(struct span json, struct strbuf *out, size_t *len)
{
    bool is_float = false;
    size_t n = 0;
    double value;

    while (n < json.len && is_number_char(json.ptr[n])) {
        is_float = is_float || json.ptr[n] == '.' || (json.ptr[n] | 0x20) == 'e';
        n++;
    }
    json.len = n;
    *len = n;
    if (!is_float) {
        strbuf_add_span(out, span_is(json, "-0") ? SPAN("0") : json);
        return CELERIAC_OK;
    }
    if (parse_double(json, &value) != CELERIAC_OK)
        return CELERIAC_ERR_VALUE;
    add_float(json, out);
    return CELERIAC_OK;
}

enum celeriac_err python_json(struct span json, struct strbuf *out, uint32_t *code)
{
    size_t at = 0;

    while (at < json.len) {
        struct span rest = {json.ptr + at, json.len - at};
        enum celeriac_err rc = CELERIAC_OK;
        size_t step = 1;

        if (rest.ptr[0] == '"') {
            rc = skip_string(rest, &step, code);
            strbuf_add(out, rest.ptr, step);
        } else if (is_digit(rest.ptr[0]) || rest.ptr[0] == '-') {
            rc = add_number(rest, out, &step);
        } else {
            strbuf_add_char(out, rest.ptr[0]);
        }
        if (rc != CELERIAC_OK)
            return rc;
        at += step;
    }
    return strbuf_status(out);
}
