/*
 * Exceptions as result records carry them: {"exc_type", "exc_message", "exc_module"}
 * (celery/backends/base.py Backend.prepare_exception, exception_to_python). Pure; any thread.
 */
#ifndef CEL_EXCEPTION_DOC_H
#define CEL_EXCEPTION_DOC_H

#include "base/json.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"

/* An exception to write: a class name, its module and its constructor's arguments. */
struct cel_exception {
    struct span type;    /* e.g. "ValueError"; empty = "Exception" */
    struct span module;  /* e.g. "builtins", "celery.exceptions"; empty = "builtins" */
    struct span args;    /* raw JSON array; NULL pointer = the one argument `message`, or none */
    struct span message; /* used when args is empty; NULL pointer = no argument at all */
};

/* Appends the object. CELERIAC_ERR_VALUE when args is no JSON array; out is then as before. */
enum celeriac_err cel_exception_write(const struct cel_exception *exception,
                                      struct strbuf *out) CELERIAC_MUST_CHECK;

/*
 * Appends Python's repr(): "ValueError('kaboom', 3)". What is no JSON array in args shows as no
 * argument. For logs, events and tracebacks.
 */
void cel_exception_repr(const struct cel_exception *exception, struct strbuf *out);

/*
 * Appends "module.Type: text" as the last line of a Python traceback shows it; builtins go without
 * module. The text is str() of the exception.
 */
void cel_exception_line(const struct cel_exception *exception, struct strbuf *out);

/*
 * Reads an exception object: exc_type must be a string, exc_message may be an array, one value
 * (then a one-element array) or absent, exc_module a string or absent. Texts that had escapes are
 * decoded into text, which must outlive *exception; the rest borrows from the node's bytes.
 * CELERIAC_ERR_VALUE when it is none, _MEMORY.
 */
enum celeriac_err cel_exception_read(const struct json_node *node, struct strbuf *text,
                                     struct cel_exception *exception) CELERIAC_MUST_CHECK;

#endif
