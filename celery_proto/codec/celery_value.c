#include "celery_proto/codec/celery_value.h"

#include <string.h>

#include "base/base64.h"
#include "base/iso8601.h"

/* Longest text of a typed value other than bytes and decimals: "urn:uuid:{...}" and times are
 * shorter. */
#define VALUE_TEXT_MAX 64

/* Longest text of a decimal: more digits than any real amount, few enough to copy without thought.
 */
#define DECIMAL_TEXT_MAX 1024

#define DAY_US (INT64_C(86400) * 1000000)

static const struct {
    const char *name;
    enum cel_value_type type;
} value_types[] = {
    {"datetime", CEL_VALUE_DATETIME}, {"date", CEL_VALUE_DATE}, {"time", CEL_VALUE_TIME},
    {"decimal", CEL_VALUE_DECIMAL},   {"uuid", CEL_VALUE_UUID}, {"bytes", CEL_VALUE_BYTES},
    {"base64", CEL_VALUE_BASE64},
};

enum cel_value_type cel_value_type_of(const struct json_node *node, const struct json_node **value)
{
    const struct json_node *type, *held;
    enum cel_value_type found = CEL_VALUE_UNKNOWN;

    if (value != NULL)
        *value = node;
    if (node == NULL || node->type != JSON_OBJECT || node->count != 2)
        return CEL_VALUE_PLAIN;
    type = json_get(node, "__type__");
    held = json_get(node, "__value__");
    if (type == NULL || held == NULL)
        return CEL_VALUE_PLAIN;
    for (size_t i = 0; i < sizeof(value_types) / sizeof(value_types[0]); i++) {
        if (json_string_is(type, value_types[i].name))
            found = value_types[i].type;
    }
    if (value != NULL)
        *value = held;
    return found;
}

/* The text of a value of one type, or of a plain string, as a short NUL-terminated copy. */
static enum celeriac_err short_text(const struct json_node *node, enum cel_value_type wanted,
                                    char text[VALUE_TEXT_MAX + 1], size_t *len)
{
    const struct json_node *value;
    struct span span;
    enum cel_value_type type = cel_value_type_of(node, &value);

    if ((type != wanted && type != CEL_VALUE_PLAIN) || value == NULL || value->type != JSON_STRING)
        return CELERIAC_ERR_VALUE;
    /* None of these texts needs an escape; one that has some is not of the type. */
    if (!json_peek_string(value, &span) || span.len > VALUE_TEXT_MAX)
        return CELERIAC_ERR_SYNTAX;
    memcpy(text, span.ptr, span.len);
    text[span.len] = '\0';
    *len = span.len;
    return CELERIAC_OK;
}

enum celeriac_err cel_value_datetime(const struct json_node *node, int64_t *us)
{
    char text[VALUE_TEXT_MAX + 1];
    size_t len;
    enum celeriac_err code = short_text(node, CEL_VALUE_DATETIME, text, &len);

    return code != CELERIAC_OK ? code : iso8601_parse((struct span){text, len}, us);
}

enum celeriac_err cel_value_date(const struct json_node *node, int64_t *us)
{
    char text[VALUE_TEXT_MAX + 1];
    size_t len;
    int64_t instant;
    int64_t since_midnight;
    enum celeriac_err code = short_text(node, CEL_VALUE_DATE, text, &len);

    if (code == CELERIAC_OK)
        code = iso8601_parse((struct span){text, len}, &instant);
    if (code != CELERIAC_OK)
        return code;
    since_midnight = instant % DAY_US;
    *us = instant - since_midnight - (since_midnight < 0 ? DAY_US : 0);
    return CELERIAC_OK;
}

enum celeriac_err cel_value_time(const struct json_node *node, int64_t *us)
{
    static const char day[] = "1970-01-01T";
    char text[VALUE_TEXT_MAX + 1];
    char whole[sizeof(day) + VALUE_TEXT_MAX];
    size_t len;
    enum celeriac_err code = short_text(node, CEL_VALUE_TIME, text, &len);

    if (code != CELERIAC_OK)
        return code;
    /* A time of day keeps its numbers whatever its offset. */
    len = strcspn(text, "+-Z");
    if (len == 0)
        return CELERIAC_ERR_SYNTAX;
    memcpy(whole, day, sizeof(day) - 1);
    memcpy(whole + sizeof(day) - 1, text, len);
    return iso8601_parse((struct span){whole, sizeof(day) - 1 + len}, us);
}

/* The canonical text of 32 hexadecimal digits, with or without hyphens, braces or "urn:uuid:". */
static enum celeriac_err canonical_uuid(struct span hex, struct uuid *uuid)
{
    char text[UUID_SIZE];
    size_t len = 0;

    if (span_starts(hex, SPAN("urn:uuid:")))
        hex = (struct span){hex.ptr + 9, hex.len - 9};
    if (hex.len > 2 && hex.ptr[0] == '{' && hex.ptr[hex.len - 1] == '}')
        hex = (struct span){hex.ptr + 1, hex.len - 2};
    for (size_t i = 0; i < hex.len; i++) {
        if (hex.ptr[i] == '-')
            continue;
        if (len == 8 || len == 13 || len == 18 || len == 23)
            text[len++] = '-';
        if (len >= UUID_LEN)
            return CELERIAC_ERR_SYNTAX;
        text[len++] = hex.ptr[i];
    }
    return uuid_parse((struct span){text, len}, uuid);
}

enum celeriac_err cel_value_uuid(const struct json_node *node, struct uuid *uuid)
{
    const struct json_node *value;
    struct span text;
    enum cel_value_type type = cel_value_type_of(node, &value);

    if (type == CEL_VALUE_UUID && value->type == JSON_OBJECT)
        value = json_get(value, "hex");
    else if (type != CEL_VALUE_UUID && type != CEL_VALUE_PLAIN)
        return CELERIAC_ERR_VALUE;
    if (value == NULL || value->type != JSON_STRING)
        return CELERIAC_ERR_VALUE;
    return json_peek_string(value, &text) ? canonical_uuid(text, uuid) : CELERIAC_ERR_SYNTAX;
}

/* How many digits text begins with. */
static size_t digits(struct span text)
{
    size_t n = 0;

    while (n < text.len && text.ptr[n] >= '0' && text.ptr[n] <= '9')
        n++;
    return n;
}

static struct span skip(struct span text, size_t n)
{
    return (struct span){text.ptr + n, text.len - n};
}

static struct span skip_sign(struct span text)
{
    return text.len > 0 && (text.ptr[0] == '+' || text.ptr[0] == '-') ? skip(text, 1) : text;
}

/* Whether text names an infinity or a NaN, a signalling one or one with digits included. */
static bool is_special(struct span text)
{
    if (span_is_nocase(text, "inf") || span_is_nocase(text, "infinity"))
        return true;
    if (text.len >= 4 && (text.ptr[0] == 's' || text.ptr[0] == 'S'))
        text = skip(text, 1);
    return text.len >= 3 && span_is_nocase((struct span){text.ptr, 3}, "nan") &&
           digits(skip(text, 3)) == text.len - 3;
}

/* The grammar of Python's Decimal(), without white space and underscores. */
static bool is_decimal(struct span text)
{
    size_t whole, fraction = 0;

    text = skip_sign(text);
    if (is_special(text))
        return true;
    whole = digits(text);
    text = skip(text, whole);
    if (text.len > 0 && text.ptr[0] == '.') {
        fraction = digits(skip(text, 1));
        text = skip(text, 1 + fraction);
    }
    if (whole + fraction == 0)
        return false;
    if (text.len == 0)
        return true;
    if (text.ptr[0] != 'e' && text.ptr[0] != 'E')
        return false;
    text = skip_sign(skip(text, 1));
    return text.len > 0 && digits(text) == text.len;
}

enum celeriac_err cel_value_decimal(const struct json_node *node, struct strbuf *out)
{
    const struct json_node *value;
    struct span text;
    enum cel_value_type type = cel_value_type_of(node, &value);

    if ((type != CEL_VALUE_DECIMAL && type != CEL_VALUE_PLAIN) || value == NULL ||
        value->type != JSON_STRING)
        return CELERIAC_ERR_VALUE;
    if (!json_peek_string(value, &text) || text.len > DECIMAL_TEXT_MAX || !is_decimal(text))
        return CELERIAC_ERR_SYNTAX;
    strbuf_add_span(out, text);
    return strbuf_status(out);
}

enum celeriac_err cel_value_bytes(const struct json_node *node, struct strbuf *out)
{
    const struct json_node *value;
    struct strbuf text;
    enum celeriac_err code;
    enum cel_value_type type = cel_value_type_of(node, &value);

    if ((type != CEL_VALUE_BYTES && type != CEL_VALUE_BASE64 && type != CEL_VALUE_PLAIN) ||
        value == NULL || value->type != JSON_STRING)
        return CELERIAC_ERR_VALUE;
    if (type != CEL_VALUE_BASE64)
        return json_decode_string(value, out);
    strbuf_init(&text, json_raw(value).len);
    code = json_decode_string(value, &text);
    if (code == CELERIAC_OK)
        code = base64_decode(out, strbuf_span(&text));
    strbuf_close(&text);
    return code;
}
