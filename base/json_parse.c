#include <endian.h>
#include <limits.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/utf8.h"

/*
 * The grammar is that of CPython's _json module, function by function, so that what it accepts, and
 * where and with which words it complains, come out the same.
 */

/* What the text must continue with. FAILED and DONE end the parse. */
enum step { STEP_VALUE, STEP_KEY, STEP_AFTER, STEP_DONE, STEP_FAILED };

struct parser {
    const char *start;
    const char *at;
    const char *end;
    struct json_doc *doc;
    uint32_t keep_depth; /* deepest level whose nodes are recorded */
    bool strict;
    uint32_t depth; /* open arrays and objects */
    uint32_t open;  /* node of the innermost of them that is recorded */
    enum celeriac_err code;
    struct celeriac_error *err;
    bool in_object[JSON_DEPTH_MAX + 1]; /* by depth: an object, not an array */
};

/* Nodes of a first allocation: enough for a kombu message with its headers. */
#define FIRST_NODES 128

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

static size_t count_chars(const char *from, const char *until)
{
    size_t chars = 0;
    for (const char *p = from; p < until; p++)
        chars += !is_continuation(*p);
    return chars;
}

/* Reports as json.JSONDecodeError does: line and column from 1, both counted in characters. */
static enum step fail_at(struct parser *p, const char *words, const char *at)
{
    size_t line = 1;
    const char *line_start = p->start;
    for (const char *s = p->start; s < at; s++) {
        if (*s == '\n') {
            line++;
            line_start = s + 1;
        }
    }
    p->code =
        celeriac_error_set(p->err, CELERIAC_ERR_SYNTAX, "%s: line %zu column %zu (char %zu)", words,
                           line, count_chars(line_start, at) + 1, count_chars(p->start, at));
    return STEP_FAILED;
}

static enum step fail_memory(struct parser *p)
{
    p->code = celeriac_error_set(p->err, CELERIAC_ERR_MEMORY, "out of memory");
    return STEP_FAILED;
}

static void skip_space(struct parser *p)
{
    const char *s = p->at;
    while (s < p->end && (*s == ' ' || *s == '\n' || *s == '\r' || *s == '\t'))
        s++;
    p->at = s;
}

static bool grow_nodes(struct json_doc *doc)
{
    uint32_t cap = doc->cap == 0 ? FIRST_NODES : doc->cap * 2;
    struct json_node *nodes = mem_resize(doc->nodes, cap, sizeof *nodes);
    if (!nodes)
        return false;
    doc->nodes = nodes;
    doc->cap = cap;
    return true;
}

/* Whether values at this place get a node, and if so whether it was made. */
enum recorded { NOT_RECORDED, RECORDED, NO_MEMORY };

static inline enum recorded record(struct parser *p, enum json_type type, const char *from,
                                   const char *until, bool escaped)
{
    struct json_doc *doc = p->doc;
    if (p->depth >= p->keep_depth)
        return NOT_RECORDED;
    if (doc->count == doc->cap && !grow_nodes(doc))
        return NO_MEMORY;
    doc->nodes[doc->count++] = (struct json_node){
        .ptr = from,
        .len = (uint32_t)(until - from),
        .skip = 1,
        .type = (uint8_t)type,
        .escaped = escaped,
    };
    return RECORDED;
}

/* One more element or member of the innermost open container. */
static inline void count_child(struct parser *p)
{
    if (p->depth > 0 && p->depth <= p->keep_depth)
        p->doc->nodes[p->open].count++;
}

static enum step end_scalar(struct parser *p, enum json_type type, const char *until, bool escaped)
{
    if (record(p, type, p->at, until, escaped) == NO_MEMORY)
        return fail_memory(p);
    p->at = until;
    return STEP_AFTER;
}

/* First quote, backslash or control character from s on, or end. */
static const char *skip_plain(const char *s, const char *end)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    for (; end - s >= 8; s += 8) {
        uint64_t word;
        memcpy(&word, s, sizeof word);
        word = le64toh(word);
        uint64_t quote = word ^ ones * '"';
        uint64_t backslash = word ^ ones * '\\';
        /* A byte's top bit is set where subtracting borrowed; exact for the first such byte. */
        uint64_t found = ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) |
                         ((word - ones * 0x20) & ~word);
        found &= ones * 0x80;
        if (found)
            return s + (__builtin_ctzll(found) >> 3);
    }
    while (s < end && *s != '"' && *s != '\\' && (unsigned char)*s >= 0x20)
        s++;
    return s;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Steps over an escape whose backslash is at s; NULL after reporting a bad one. */
static const char *skip_escape(struct parser *p, const char *quote, const char *s)
{
    if (p->end - s < 2) {
        fail_at(p, "Unterminated string starting at", quote);
        return NULL;
    }
    if (s[1] != 'u') {
        if (s[1] != '\0' && strchr("\"\\/bfnrt", s[1]))
            return s + 2;
        fail_at(p, "Invalid \\escape", s);
        return NULL;
    }
    /* As in CPython a byte must follow the digits: the string cannot end without its quote. */
    if (p->end - s > 6 && is_hex(s[2]) && is_hex(s[3]) && is_hex(s[4]) && is_hex(s[5]))
        return s + 6;
    fail_at(p, "Invalid \\uXXXX escape", s + 1);
    return NULL;
}

/* The byte after the string that starts at quote; NULL after reporting what is wrong with it. */
static const char *scan_string(struct parser *p, const char *quote, bool *escaped)
{
    const char *s = quote + 1;
    *escaped = false;
    for (;;) {
        s = skip_plain(s, p->end);
        if (s == p->end) {
            fail_at(p, "Unterminated string starting at", quote);
            return NULL;
        }
        if (*s == '"')
            return s + 1;
        if (*s != '\\') {
            fail_at(p, "Invalid control character at", s);
            return NULL;
        }
        *escaped = true;
        s = skip_escape(p, quote, s);
        if (!s)
            return NULL;
    }
}

static enum step read_string(struct parser *p)
{
    bool escaped;
    const char *until = scan_string(p, p->at, &escaped);
    return until ? end_scalar(p, JSON_STRING, until, escaped) : STEP_FAILED;
}

static const char *skip_digits(const char *s, const char *end)
{
    while (s < end && *s >= '0' && *s <= '9')
        s++;
    return s;
}

/* The end of the number from `digits` to `end` when it is an integer. */
static enum step end_integer(struct parser *p, const char *digits, const char *end)
{
    if (!p->strict || end - digits <= JSON_INT_DIGITS_MAX)
        return end_scalar(p, JSON_INT, end, false);
    p->code = celeriac_error_set(
        p->err, CELERIAC_ERR_SYNTAX,
        "Exceeds the limit (%d digits) for integer string conversion: value has %td digits; use "
        "sys.set_int_max_str_digits() to increase the limit",
        JSON_INT_DIGITS_MAX, end - digits);
    return STEP_FAILED;
}

/* A fraction or an exponent without digits is not part of the number, but extra data after it. */
static enum step read_number(struct parser *p)
{
    const char *end = p->end;
    const char *const start = *p->at == '-' ? p->at + 1 : p->at;
    const char *s = start;
    bool is_float = false;
    if (s == end || *s < '0' || *s > '9')
        return fail_at(p, "Expecting value", p->at);
    s = *s == '0' ? s + 1 : skip_digits(s, end);
    if (end - s >= 2 && *s == '.' && s[1] >= '0' && s[1] <= '9') {
        is_float = true;
        s = skip_digits(s + 1, end);
    }
    if (end - s >= 2 && (*s == 'e' || *s == 'E')) {
        const char *digits = s[1] == '+' || s[1] == '-' ? s + 2 : s + 1;
        const char *after = skip_digits(digits, end);
        if (after > digits) {
            is_float = true;
            s = after;
        }
    }
    return is_float ? end_scalar(p, JSON_FLOAT, s, false) : end_integer(p, start, s);
}

static bool follows(const struct parser *p, struct span word)
{
    return (size_t)(p->end - p->at) >= word.len && memcmp(p->at, word.ptr, word.len) == 0;
}

static enum step read_constant(struct parser *p, struct span word)
{
    if (!p->strict)
        return end_scalar(p, JSON_CONSTANT, p->at + word.len, false);
    p->code = celeriac_error_set(p->err, CELERIAC_ERR_SYNTAX,
                                 "Out of range float values are not JSON compliant: '%.*s'",
                                 SPAN_PRINTF(word));
    return STEP_FAILED;
}

static enum step open_container(struct parser *p, bool object)
{
    if (p->depth == JSON_DEPTH_MAX) {
        p->code = celeriac_error_set(p->err, CELERIAC_ERR_LIMIT, "nested deeper than %d levels",
                                     JSON_DEPTH_MAX);
        return STEP_FAILED;
    }
    uint32_t index = p->doc->count;
    enum recorded made = record(p, object ? JSON_OBJECT : JSON_ARRAY, p->at, p->at, false);
    if (made == NO_MEMORY)
        return fail_memory(p);
    if (made == RECORDED) {
        /* Until it is closed a container's `skip` holds the one around it. */
        p->doc->nodes[index].skip = p->open;
        p->open = index;
    }
    p->depth++;
    p->in_object[p->depth] = object;
    p->at++;
    skip_space(p);
    if (p->at < p->end && *p->at == (object ? '}' : ']'))
        return STEP_AFTER;
    if (made == RECORDED && p->depth == p->keep_depth)
        p->doc->nodes[index].pruned = true;
    return object ? STEP_KEY : STEP_VALUE;
}

/* The closing bracket is at p->at. */
static void close_container(struct parser *p)
{
    p->at++;
    if (p->depth <= p->keep_depth) {
        struct json_node *node = &p->doc->nodes[p->open];
        uint32_t index = p->open;
        p->open = node->skip;
        node->skip = p->doc->count - index;
        node->len = (uint32_t)(p->at - node->ptr);
    }
    p->depth--;
}

static enum step read_value(struct parser *p)
{
    if (p->at == p->end)
        return fail_at(p, "Expecting value", p->at);
    if (!p->in_object[p->depth])
        count_child(p);
    switch (*p->at) {
    case '"':
        return read_string(p);
    case '{':
        return open_container(p, true);
    case '[':
        return open_container(p, false);
    case 'n':
        if (follows(p, SPAN("null")))
            return end_scalar(p, JSON_NULL, p->at + 4, false);
        break;
    case 't':
        if (follows(p, SPAN("true")))
            return end_scalar(p, JSON_TRUE, p->at + 4, false);
        break;
    case 'f':
        if (follows(p, SPAN("false")))
            return end_scalar(p, JSON_FALSE, p->at + 5, false);
        break;
    case 'N':
        if (follows(p, SPAN("NaN")))
            return read_constant(p, SPAN("NaN"));
        break;
    case 'I':
        if (follows(p, SPAN("Infinity")))
            return read_constant(p, SPAN("Infinity"));
        break;
    case '-':
        if (follows(p, SPAN("-Infinity")))
            return read_constant(p, SPAN("-Infinity"));
        break;
    default:
        break;
    }
    return read_number(p);
}

static enum step read_key(struct parser *p)
{
    if (p->at == p->end || *p->at != '"')
        return fail_at(p, "Expecting property name enclosed in double quotes", p->at);
    count_child(p);
    if (read_string(p) == STEP_FAILED)
        return STEP_FAILED;
    skip_space(p);
    if (p->at == p->end || *p->at != ':')
        return fail_at(p, "Expecting ':' delimiter", p->at);
    p->at++;
    skip_space(p);
    return STEP_VALUE;
}

/* A value is complete or an empty container's closing bracket is next. */
static enum step read_after(struct parser *p)
{
    if (p->depth == 0)
        return STEP_DONE;
    skip_space(p);
    bool object = p->in_object[p->depth];
    if (p->at < p->end && *p->at == (object ? '}' : ']')) {
        close_container(p);
        return STEP_AFTER;
    }
    if (p->at == p->end || *p->at != ',')
        return fail_at(p, "Expecting ',' delimiter", p->at);
    p->at++;
    skip_space(p);
    return object ? STEP_KEY : STEP_VALUE;
}

static enum celeriac_err parse_document(struct parser *p)
{
    static const char bom[] = "\xef\xbb\xbf";
    if (follows(p, (struct span){bom, 3})) {
        fail_at(p, "Unexpected UTF-8 BOM (decode using utf-8-sig)", p->at);
        return p->code;
    }
    skip_space(p);
    enum step step = STEP_VALUE;
    for (;;) {
        switch (step) {
        case STEP_VALUE:
            step = read_value(p);
            break;
        case STEP_KEY:
            step = read_key(p);
            break;
        case STEP_AFTER:
            step = read_after(p);
            break;
        case STEP_DONE:
            skip_space(p);
            if (p->at < p->end)
                fail_at(p, "Extra data", p->at);
            return p->code;
        case STEP_FAILED:
            return p->code;
        }
    }
}

enum celeriac_err json_parse(struct json_doc *doc, struct span text,
                             const struct json_options *options, struct celeriac_error *err)
{
    doc->count = 0;
    if (text.len > JSON_TEXT_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT, "JSON text longer than %zu bytes",
                                  JSON_TEXT_MAX);
    if (!span_is_utf8(text))
        return utf8_error(text, err);
    struct parser p;
    p.start = text.ptr ? text.ptr : "";
    p.at = p.start;
    p.end = p.start + text.len;
    p.doc = doc;
    p.keep_depth = options && options->keep_depth ? options->keep_depth : JSON_DEPTH_MAX + 1;
    p.strict = options && options->strict;
    p.depth = 0;
    p.open = 0;
    p.code = CELERIAC_OK;
    p.err = err;
    p.in_object[0] = false;
    enum celeriac_err code = parse_document(&p);
    if (code != CELERIAC_OK)
        doc->count = 0;
    return code;
}
