#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/parse_num.h"
#include "base/utf8.h"

void json_init(struct json_doc *doc)
{
    *doc = (struct json_doc){0};
}

void json_close(struct json_doc *doc)
{
    mem_free(doc->nodes);
    json_init(doc);
}

const struct json_node *json_root(const struct json_doc *doc)
{
    return doc->count > 0 ? doc->nodes : NULL;
}

struct span json_raw(const struct json_node *node)
{
    return (struct span){node->ptr, node->len};
}

const struct json_node *json_first(const struct json_node *parent)
{
    return parent && parent->skip > 1 ? parent + 1 : NULL;
}

const struct json_node *json_next(const struct json_node *parent, const struct json_node *node)
{
    const struct json_node *next = node + node->skip;
    return next < parent + parent->skip ? next : NULL;
}

const struct json_node *json_at(const struct json_node *array, uint32_t index)
{
    if (!array || array->type != JSON_ARRAY || index >= array->count)
        return NULL;
    const struct json_node *node = json_first(array);
    while (node && index-- > 0)
        node = json_next(array, node);
    return node;
}

/* Value of four hexadecimal digits that the parser has checked. */
static uint32_t hex4(const char *digits)
{
    uint32_t n = 0;
    for (int i = 0; i < 4; i++) {
        char c = digits[i];
        uint32_t value = c <= '9' ? (uint32_t)(c - '0') : (uint32_t)((c | 0x20) - 'a') + 10;
        n = n << 4 | value;
    }
    return n;
}

static bool is_high_surrogate(uint32_t c)
{
    return c >= 0xd800 && c <= 0xdbff;
}

static bool is_low_surrogate(uint32_t c)
{
    return c >= 0xdc00 && c <= 0xdfff;
}

/*
 * Decodes the escape at *at, moving on behind it; two escapes that form a surrogate pair are one
 * character. The closing quote bounds every look-ahead.
 */
static uint32_t read_escape(const char **at)
{
    const char *s = *at;
    if (s[1] == 'u') {
        uint32_t c = hex4(s + 2);
        *at = s + 6;
        if (is_high_surrogate(c) && s[6] == '\\' && s[7] == 'u') {
            uint32_t low = hex4(s + 8);
            if (is_low_surrogate(low)) {
                *at = s + 12;
                return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
            }
        }
        return c;
    }
    *at = s + 2;
    switch (s[1]) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return (unsigned char)s[1]; /* quote, backslash, slash */
    }
}

/* The bytes between a string's quotes. */
static struct span inside(const struct json_node *node)
{
    return (struct span){node->ptr + 1, node->len - 2};
}

/* Whether the decoded string equals text; walks both, decoding one escape at a time. */
static bool escaped_equal(const struct json_node *node, struct span text)
{
    const char *s = inside(node).ptr;
    const char *end = s + inside(node).len;
    while (s < end) {
        char piece[UTF8_MAX];
        size_t len = 1;
        if (*s == '\\')
            len = utf8_encode(read_escape(&s), piece);
        else
            piece[0] = *s++;
        if (len > text.len || memcmp(piece, text.ptr, len) != 0)
            return false;
        text.ptr += len;
        text.len -= len;
    }
    return text.len == 0;
}

static bool string_equal(const struct json_node *node, struct span text)
{
    if (node->escaped)
        return escaped_equal(node, text);
    return node->len == text.len + 2 && memcmp(node->ptr + 1, text.ptr, text.len) == 0;
}

const struct json_node *json_get(const struct json_node *object, const char *key)
{
    if (!object || object->type != JSON_OBJECT)
        return NULL;
    struct span wanted = span_of(key);
    const struct json_node *found = NULL;
    const struct json_node *end = object + object->skip;
    for (const struct json_node *member = object + 1; member < end;) {
        const struct json_node *value = member + 1;
        if (string_equal(member, wanted))
            found = value;
        member = value + value->skip;
    }
    return found;
}

bool json_is_null(const struct json_node *node)
{
    return !node || node->type == JSON_NULL;
}

bool json_string_is(const struct json_node *node, const char *text)
{
    return node && node->type == JSON_STRING && string_equal(node, span_of(text));
}

bool json_peek_string(const struct json_node *node, struct span *text)
{
    if (!node || node->type != JSON_STRING || node->escaped)
        return false;
    *text = inside(node);
    return true;
}

enum celeriac_err json_decode_string(const struct json_node *node, struct strbuf *out)
{
    if (!node || node->type != JSON_STRING)
        return CELERIAC_ERR_VALUE;
    struct span raw = inside(node);
    const char *s = raw.ptr;
    const char *end = s + raw.len;
    while (node->escaped && s < end) {
        const char *escape = memchr(s, '\\', (size_t)(end - s));
        if (!escape)
            break;
        strbuf_add(out, s, (size_t)(escape - s));
        char piece[UTF8_MAX];
        size_t len = utf8_encode(read_escape(&escape), piece);
        strbuf_add(out, piece, len);
        s = escape;
    }
    strbuf_add(out, s, (size_t)(end - s));
    return strbuf_status(out);
}

bool json_has_lone_surrogate(const struct json_node *node)
{
    if (!node || node->type != JSON_STRING || !node->escaped)
        return false;
    struct span raw = inside(node);
    const char *s = raw.ptr;
    const char *end = s + raw.len;
    while ((s = memchr(s, '\\', (size_t)(end - s)))) {
        uint32_t c = read_escape(&s);
        if (is_high_surrogate(c) || is_low_surrogate(c))
            return true;
    }
    return false;
}

enum celeriac_err json_int(const struct json_node *node, int64_t min, int64_t max, int64_t *value)
{
    if (!node || node->type != JSON_INT)
        return CELERIAC_ERR_VALUE;
    return parse_int64(json_raw(node), min, max, value);
}

enum celeriac_err json_double(const struct json_node *node, double *value)
{
    if (!node || (node->type != JSON_INT && node->type != JSON_FLOAT))
        return CELERIAC_ERR_VALUE;
    return parse_double(json_raw(node), value) == CELERIAC_OK ? CELERIAC_OK : CELERIAC_ERR_VALUE;
}
