/*
 * Why a message is refused: the causes for which a worker must not run it and no peer could. Each
 * one has a stable short name for logs, counters and the quarantine list. Pure; any thread.
 */
#ifndef CEL_REFUSE_H
#define CEL_REFUSE_H

/*
 * The first cause found, in the order in which they are looked for. Python's worker exits on those
 * marked *, and deletes the message on the others.
 */
enum cel_refuse {
    CEL_REFUSE_NONE = 0,        /* fit to run */
    CEL_REFUSE_NOT_JSON,        /* * the envelope is no JSON text */
    CEL_REFUSE_NOT_OBJECT,      /* * the envelope is JSON but no object */
    CEL_REFUSE_TOO_LARGE,       /* envelope or body beyond CEL_BODY_MAX, or nested too deep */
    CEL_REFUSE_PROPERTIES,      /* * properties missing or no object */
    CEL_REFUSE_DELIVERY_TAG,    /* * properties.delivery_tag missing, empty or no string */
    CEL_REFUSE_HEADERS,         /* headers neither an object nor absent */
    CEL_REFUSE_FIELD,           /* another envelope field has an impossible type */
    CEL_REFUSE_BODY_ENCODING,   /* * properties.body_encoding is neither base64 nor utf-8 */
    CEL_REFUSE_BODY_TEXT,       /* * the body is no base64, or no string */
    CEL_REFUSE_COMPRESSION,     /* a compression that this build cannot undo */
    CEL_REFUSE_COMPRESSED_DATA, /* the compressed bytes are damaged */
    CEL_REFUSE_CONTENT_TYPE,    /* serialised in a way that is not accepted */
    CEL_REFUSE_BODY_JSON,       /* the body is no JSON text */
    CEL_REFUSE_UNKNOWN_MESSAGE, /* no headers.task, and the body holds no task either */
    CEL_REFUSE_TASK,            /* the task name is empty or no string */
    CEL_REFUSE_ID,              /* * the task id is missing, empty or no string */
    CEL_REFUSE_BODY_SHAPE,      /* * a protocol 2 body that is no array of three elements */
    CEL_REFUSE_ARGS,            /* args is no array */
    CEL_REFUSE_KWARGS,          /* kwargs is no object */
    CEL_REFUSE_EMBED,           /* the third element, or a signature list in it, has a wrong type */
    CEL_REFUSE_ETA,             /* eta is no ISO 8601 time */
    CEL_REFUSE_EXPIRES,         /* expires is no ISO 8601 time */
    CEL_REFUSE_HEADER,          /* retries, timelimit or another header has an impossible value */
    CEL_REFUSE_COUNT            /* how many there are; not a cause */
};

/* The cause's short name, e.g. "bad-eta"; "none" for CEL_REFUSE_NONE. Never NULL. */
const char *cel_refuse_name(enum cel_refuse cause);

#endif
