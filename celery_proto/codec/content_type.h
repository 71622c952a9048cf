/*
 * Serialisations by their content types, and the set that a worker accepts (`accept_content`).
 * Pure; any thread.
 */
#ifndef CEL_CONTENT_TYPE_H
#define CEL_CONTENT_TYPE_H

#include <stdbool.h>

#include "base/span.h"
#include "celeriac/error.h"

/* kombu's serialisers. Only JSON can be understood here; the others can be named in a refusal. */
enum cel_content_type {
    CEL_CONTENT_OTHER = 0, /* a name that kombu does not know either */
    CEL_CONTENT_JSON,      /* application/json */
    CEL_CONTENT_DATA,      /* application/data: raw bytes, always let through by kombu */
    CEL_CONTENT_TEXT,      /* text/plain */
    CEL_CONTENT_YAML,      /* application/x-yaml */
    CEL_CONTENT_MSGPACK,   /* application/x-msgpack */
    CEL_CONTENT_PICKLE     /* application/x-python-serialize */
};

/* The kind that a MIME type or one of kombu's serialiser names ("json", "pickle") means. */
enum cel_content_type cel_content_type_of(struct span name);

/* A set of kinds. All zero means the default: JSON only. */
struct cel_accept {
    unsigned mask; /* one bit per kind; 0 = CEL_CONTENT_JSON */
};

/*
 * Adds one element of `accept_content`, a serialiser's name or a MIME type. CELERIAC_ERR_VALUE when
 * it is unknown, CELERIAC_ERR_UNSUPPORTED when it is known but cannot be read here.
 */
enum celeriac_err cel_accept_add(struct cel_accept *accept, struct span name,
                                 struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Whether messages of that kind are accepted; accept may be NULL for the default. */
bool cel_accept_has(const struct cel_accept *accept, enum cel_content_type type);

#endif
