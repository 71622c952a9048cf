/*
 * JSON as Python's json module reads it, as a flat tree over the caller's bytes.
 *
 * kombu, Celery and Django REST Framework exchange what Python accepts: NaN and Infinity as bare
 * tokens, integers of any size, lone \ud800 surrogates, duplicate keys (the last one wins). A
 * general JSON library refuses or rounds these, so we read the grammar of Python 3's json.decoder,
 * keep every value's exact bytes and decode a value only when it is asked for. Passing a value
 * on is copying its span.
 *
 * The parser is iterative; depth is limited to JSON_DEPTH_MAX. A document borrows the text: keep
 * the bytes until json_close(). Nodes are const after parsing and may be read by any thread.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"

/* Deepest nesting accepted; CPython's own limit is its recursion limit, about 1,000 by default. */
#define JSON_DEPTH_MAX 2000

/* Most digits of an integer: sys.int_info.default_max_str_digits of CPython. */
#define JSON_INT_DIGITS_MAX 4300

/* Longest text accepted: Redis' largest string is 512 MiB, and offsets here are 32 bits. */
#define JSON_TEXT_MAX ((size_t)512 * 1024 * 1024)

enum json_type {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_INT,      /* digits with an optional '-', any length */
    JSON_FLOAT,    /* a number with a fraction or an exponent */
    JSON_CONSTANT, /* NaN, Infinity or -Infinity */
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

/*
 * One value. An array's elements, or an object's keys and values in turn, follow their parent in
 * the node array; step over them with json_first() and json_next().
 */
struct json_node {
    const char *ptr;       /* first byte of the value; for strings the opening quote */
    uint32_t len;          /* bytes of the value, for strings with both quotes */
    uint32_t count;        /* elements of an array, members of an object, else 0 */
    uint32_t skip;         /* distance to the node after this one and all its descendants */
    uint8_t type;          /* enum json_type */
    bool escaped;          /* string with at least one backslash */
    bool pruned;           /* array or object whose elements were checked but not recorded */
    uint8_t reserved_zero; /* keeps the layout explicit */
};

struct json_doc {
    struct json_node *nodes; /* nodes[0] is the document's value */
    uint32_t count;
    uint32_t cap;
};

struct json_options {
    /*
     * Record nodes down to this depth only (1 = the top value, 2 = its members, ...); deeper ones
     * are checked, but cost no memory. 0 records all.
     */
    unsigned keep_depth;
    /*
     * Refuse what DRF refuses, in the same words: NaN and Infinity (rest_framework.settings
     * STRICT_JSON) and integers of more than JSON_INT_DIGITS_MAX digits.
     */
    bool strict;
};

/* Starts an empty document that json_close() can take. */
void json_init(struct json_doc *doc);

/*
 * Parses text into doc (a fresh or a used one; used memory is kept). options may be NULL. On
 * failure doc holds no nodes, and err has CPython's words, such as "Expecting value: line 1 column
 * 10 (char 9)", positions counted in characters. CELERIAC_ERR_SYNTAX, _LIMIT (depth, size) or
 * _MEMORY.
 */
enum celeriac_err json_parse(struct json_doc *doc, struct span text,
                             const struct json_options *options,
                             struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Releases the nodes. */
void json_close(struct json_doc *doc);

/* The document's value; NULL before a successful json_parse(). */
const struct json_node *json_root(const struct json_doc *doc);

/* The value's exact bytes. */
struct span json_raw(const struct json_node *node);

/* First element of an array or first key of an object; NULL when there is none. */
const struct json_node *json_first(const struct json_node *parent);

/*
 * What follows `node` inside `parent`: the next element, the value after a key, the key after a
 * value; NULL at the end.
 */
const struct json_node *json_next(const struct json_node *parent, const struct json_node *node);

/* Element `index` of an array, or NULL. Linear. */
const struct json_node *json_at(const struct json_node *array, uint32_t index);

/*
 * The value of `key` (a NUL-terminated UTF-8 name) in an object, the last one if it is repeated;
 * NULL when it is missing or object is NULL or no object.
 */
const struct json_node *json_get(const struct json_node *object, const char *key);

/* node is NULL or JSON null: how Celery treats a missing header and an unset one alike. */
bool json_is_null(const struct json_node *node);

/* node is a string equal to text (both as decoded UTF-8). */
bool json_string_is(const struct json_node *node, const char *text);

/*
 * Borrows a string's bytes without the quotes when it has no escapes; false when it has, or node is
 * not a string: use json_decode_string() then.
 */
bool json_peek_string(const struct json_node *node, struct span *text);

/*
 * Appends a string's decoded bytes: UTF-8, with a lone surrogate as the three bytes that UTF-8
 * would give it (Python's "surrogatepass"), so that nothing is lost. CELERIAC_ERR_VALUE when node
 * is not a string, or the buffer's error.
 */
enum celeriac_err json_decode_string(const struct json_node *node,
                                     struct strbuf *out) CELERIAC_MUST_CHECK;

/* Whether a string holds a lone surrogate, which UTF-8 and PostgreSQL cannot store. */
bool json_has_lone_surrogate(const struct json_node *node);

/* An integer between min and max: CELERIAC_ERR_VALUE when it is none, CELERIAC_ERR_LIMIT outside.
 */
enum celeriac_err json_int(const struct json_node *node, int64_t min, int64_t max,
                           int64_t *value) CELERIAC_MUST_CHECK;

/* An integer or float as a double: CELERIAC_ERR_VALUE for others and for what is not finite. */
enum celeriac_err json_double(const struct json_node *node, double *value) CELERIAC_MUST_CHECK;

#endif
