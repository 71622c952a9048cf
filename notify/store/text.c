#include "notify/store/text.h"

#include <stdint.h>
#include <string.h>

/* U+FFFD, the replacement character. */
#define REPLACEMENT "\xef\xbf\xbd"

/* More than the exponent of any number that the server takes. */
#define EXPONENT_MAX ((size_t)1000000)

bool store_text_is_storable(struct span text)
{
    if (text.len == 0)
        return true;
    return !memchr(text.ptr, '\0', text.len) && span_is_utf8(text);
}

/* Characters of valid UTF-8: all bytes but continuation bytes. */
static size_t count_characters(struct span text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += ((uint8_t)text.ptr[i] & 0xc0) != 0x80;
    return count;
}

static enum celeriac_err check_size(size_t size, const char *unit, const char *field, size_t min,
                                    size_t max, struct celeriac_error *err)
{
    if (size < min)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: fewer than %zu %s", field, min,
                                  unit);
    if (size > max)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: more than %zu %s", field, max,
                                  unit);
    return CELERIAC_OK;
}

static enum celeriac_err check_storable(struct span text, const char *field,
                                        struct celeriac_error *err)
{
    if (text.len > 0 && memchr(text.ptr, '\0', text.len))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: has a NUL character", field);
    if (!span_is_utf8(text))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: is not valid UTF-8", field);
    return CELERIAC_OK;
}

enum celeriac_err store_text_check(struct span text, const char *field, size_t min, size_t max,
                                   struct celeriac_error *err)
{
    enum celeriac_err rc = check_storable(text, field, err);
    if (rc != CELERIAC_OK)
        return rc;
    return check_size(count_characters(text), "characters", field, min, max, err);
}

enum celeriac_err store_text_check_bytes(struct span text, const char *field, size_t min,
                                         size_t max, struct celeriac_error *err)
{
    enum celeriac_err rc = check_size(text.len, "bytes", field, min, max, err);
    if (rc != CELERIAC_OK)
        return rc;
    return check_storable(text, field, err);
}

/* The code unit of \uXXXX at the start of text, or -1 when there is none. */
static int32_t escaped_unit(struct span text)
{
    int32_t unit = 0;
    if (text.len < 6 || text.ptr[0] != '\\' || text.ptr[1] != 'u')
        return -1;
    for (size_t i = 2; i < 6; i++) {
        char c = text.ptr[i];
        int32_t digit = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
        if (digit < 0 || digit > 15 || (digit < 10 && c > '9'))
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

/* Bytes of the escape at the start of text, 0 when it is one that jsonb cannot hold. */
static size_t escape_length(struct span text)
{
    int32_t unit = escaped_unit(text);
    if (unit < 0)
        return text.len < 2 ? text.len : 2;
    if (unit == 0 || (unit >= 0xdc00 && unit <= 0xdfff))
        return 0;
    if (unit < 0xd800 || unit > 0xdbff)
        return 6;
    int32_t low = escaped_unit((struct span){text.ptr + 6, text.len - 6});
    return low >= 0xdc00 && low <= 0xdfff ? 12 : 0;
}

enum celeriac_err store_text_check_json(struct span text, const char *field, size_t min, size_t max,
                                        struct celeriac_error *err)
{
    enum celeriac_err rc = store_text_check_bytes(text, field, min, max, err);
    const char *escape;
    while (rc == CELERIAC_OK && text.len > 0 && (escape = memchr(text.ptr, '\\', text.len))) {
        text.len -= (size_t)(escape - text.ptr);
        text.ptr = escape;
        size_t len = escape_length(text);
        if (len == 0)
            rc = celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                    "%s: has \\u0000 or half of a surrogate pair", field);
        text.ptr += len;
        text.len -= len;
    }
    return rc;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The exponent at the start of text, without its sign; more than a number can have is cut. */
static size_t exponent(struct span text)
{
    size_t value = 0;
    size_t at = text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+') ? 1 : 0;
    for (; at < text.len && is_digit(text.ptr[at]) && value < EXPONENT_MAX; at++)
        value = value * 10 + (size_t)(text.ptr[at] - '0');
    return value < EXPONENT_MAX ? value : EXPONENT_MAX;
}

size_t store_text_json_size(struct span text)
{
    size_t size = text.len;
    bool in_string = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == 'e' || c == 'E') && i > 0 && is_digit(text.ptr[i - 1]))
            size += exponent((struct span){text.ptr + i + 1, text.len - i - 1});
    }
    return size;
}

/* Bytes of the storable character at the start of text, 0 when there is none. */
static size_t character_length(struct span text)
{
    uint8_t first = (uint8_t)text.ptr[0];
    if (first == 0)
        return 0;
    if (first < 0x80)
        return 1;
    size_t len = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (len > text.len || !span_is_utf8((struct span){text.ptr, len}))
        return 0;
    return len;
}

void store_text_clean(struct strbuf *out, struct span text, size_t max_bytes)
{
    size_t left = max_bytes;
    while (text.len > 0) {
        size_t len = character_length(text);
        size_t used = len > 0 ? len : 1;
        struct span add = len > 0 ? (struct span){text.ptr, len} : SPAN(REPLACEMENT);
        if (add.len > left)
            return;
        strbuf_add_span(out, add);
        left -= add.len;
        text.ptr += used;
        text.len -= used;
    }
}
