/*
 * Values of a JSON request or a form as Python would hold them, and str() and int() of them. Pure.
 */
#ifndef API_PYTHON_VALUE_H
#define API_PYTHON_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"

enum raw_kind {
    RAW_MISSING, /* rest_framework.fields.empty */
    RAW_NULL,
    RAW_FALSE,
    RAW_TRUE,
    RAW_INT,
    RAW_FLOAT,
    RAW_TEXT,
    RAW_CONTAINER, /* list or dict */
    RAW_FILE       /* an uploaded file; str() is its name */
};

/* One value as it came. Borrows from the body. */
struct raw {
    enum raw_kind kind;
    const struct json_node *node; /* NULL when it came from a form */
    struct span text;             /* RAW_TEXT and RAW_FILE of a form */
};

/* The value of a JSON node; NULL is RAW_MISSING. */
struct raw raw_of_json(const struct json_node *node);

/* type(value).__name__ of a JSON value. */
const char *raw_type_name(const struct json_node *node);

/*
 * Appends str(value); a lone surrogate as three bytes. Lists and dicts are written as their JSON.
 * CELERIAC_ERR_MEMORY.
 */
enum celeriac_err raw_to_text(const struct raw *raw, struct strbuf *out) CELERIAC_MUST_CHECK;

/*
 * int(text): white space around is allowed, '_' between digits too, and digits of every script.
 * Appends the canonical digits. CELERIAC_ERR_VALUE when it is no integer, CELERIAC_ERR_MEMORY.
 */
enum celeriac_err python_int(struct span text, struct strbuf *out) CELERIAC_MUST_CHECK;

/* The same as DRF's IntegerField calls it: a fraction of zeros is dropped first. */
enum celeriac_err python_integer(struct span text, struct strbuf *out) CELERIAC_MUST_CHECK;

/*
 * Appends a JSON text as Python would store what it read: floats are spelt as repr() does (1e2
 * becomes 100.0), the rest stays. The text must be well-formed. CELERIAC_ERR_VALUE when a number
 * has no finite value, CELERIAC_ERR_UNSUPPORTED when a string holds U+0000 or a lone surrogate,
 * which PostgreSQL cannot store: *code then is the character. CELERIAC_ERR_MEMORY.
 */
enum celeriac_err python_json(struct span json, struct strbuf *out,
                              uint32_t *code) CELERIAC_MUST_CHECK;

#endif
