/*
 * JSON values as Celery shows them in argsrepr and kwargsrepr (celery/utils/saferepr.py): Python
 * literals, cut to a number of characters and levels. For logs and events only. Pure; any thread.
 */
#ifndef CEL_PYREPR_H
#define CEL_PYREPR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"

/* Characters after which Celery cuts (argsrepr_maxsize, kwargsrepr_maxsize, resultrepr_maxsize). */
#define CEL_PYREPR_MAX 1024

/* Levels of nesting shown; deeper ones become "[...]" or "{...}". */
#define CEL_PYREPR_LEVELS 3

/*
 * Appends saferepr() of a value, cut at max characters (0 = never). as_tuple shows the outermost
 * array as a tuple, as Celery's positional arguments. CELERIAC_ERR_MEMORY or _LIMIT from out.
 */
enum celeriac_err cel_pyrepr_node(const struct json_node *value, bool as_tuple, size_t max,
                                  struct strbuf *out) CELERIAC_MUST_CHECK;

/* The same for JSON text. CELERIAC_ERR_SYNTAX when it is none; out is then as before. */
enum celeriac_err cel_pyrepr(struct span json, bool as_tuple, size_t max,
                             struct strbuf *out) CELERIAC_MUST_CHECK;

/*
 * Appends Python's own repr() of a JSON value, for the arguments of exceptions and for their texts:
 * strings with all their escapes, nothing cut, but levels beyond CEL_PYREPR_EXACT_LEVELS shown as
 * "[...]". as_tuple as above. The buffer's status tells of failure.
 */
void cel_pyrepr_exact(const struct json_node *value, bool as_tuple, struct strbuf *out);

/* The same for JSON text. CELERIAC_ERR_SYNTAX when it is none; out is then as before. */
enum celeriac_err cel_pyrepr_exact_text(struct span json, bool as_tuple,
                                        struct strbuf *out) CELERIAC_MUST_CHECK;

/* Levels that cel_pyrepr_exact() shows; bounds its recursion on small stacks. */
#define CEL_PYREPR_EXACT_LEVELS 32

/*
 * Appends Python's own repr() of a string: the quote chosen as Python does, control characters and
 * what is not printable escaped. Code points that Unicode has not assigned yet count as printable.
 */
void cel_pyrepr_string(struct span text, struct strbuf *out);

#endif
