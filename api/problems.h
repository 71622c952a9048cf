/*
 * The answer to invalid data: {"field": ["message", ...], ...} in the order the problems came.
 * One thread at a time.
 */
#ifndef API_PROBLEMS_H
#define API_PROBLEMS_H

#include <stdbool.h>

#include "base/json_writer.h"
#include "base/span.h"
#include "base/strbuf.h"

/* DRF's key for what belongs to no field. */
#define PROBLEMS_NO_FIELD "non_field_errors"

struct schema;

/* What the answer looks like, for the API's description. */
extern const struct schema problems_schema;

struct problems {
    struct json_writer writer;
    const char *field; /* whose list is open; NULL before the first */
};

/* Starts without problems; they are written to out, which must outlive p. */
void problems_init(struct problems *p, struct strbuf *out);

/* Adds a message; several in a row for one field go into one list. field is a constant. */
void problems_add(struct problems *p, const char *field, const char *message);

/* The same with a message that is not NUL-terminated. */
void problems_add_span(struct problems *p, const char *field, struct span message);

/* Whether there are any. */
bool problems_found(const struct problems *p);

/* Completes the document, if there are problems. */
void problems_end(struct problems *p);

#endif
