/*
 * Signatures: tasks that wait in callbacks, chains and chords (celery/canvas.py Signature). They
 * are read without copying and passed on as they came, with whatever fields a newer or older Celery
 * put into them. Pure; any thread.
 */
#ifndef CEL_SIGNATURE_H
#define CEL_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"

/* What kind of work a signature stands for. */
enum cel_subtask_type {
    CEL_SUBTASK_TASK = 0, /* null: one task */
    CEL_SUBTASK_CHAIN,
    CEL_SUBTASK_GROUP,
    CEL_SUBTASK_CHORD,
    CEL_SUBTASK_XMAP,
    CEL_SUBTASK_XSTARMAP,
    CEL_SUBTASK_CHUNKS,
    CEL_SUBTASK_OTHER /* a name that we do not know */
};

/* One signature. Nodes borrow from the parsed document; NULL when absent. */
struct cel_signature {
    struct span raw;                 /* the whole object */
    const struct json_node *task;    /* a string that is not empty */
    const struct json_node *args;    /* an array or NULL */
    const struct json_node *kwargs;  /* an object or NULL */
    const struct json_node *options; /* an object or NULL */
    enum cel_subtask_type type;
    bool immutable;
    bool has_chord_size; /* 4.4 and 5.0 put the size of a chord here */
    long long chord_size;
};

/* Reads a node. CELERIAC_ERR_VALUE, with the field's name in err, when it is no signature. */
enum celeriac_err cel_signature_read(const struct json_node *node, struct cel_signature *signature,
                                     struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Appends a signature of one task as Celery writes it: task, args, kwargs, options, subtask_type,
 * immutable. Raw JSON spans may be empty: [], {}, {}.
 */
void cel_signature_write(struct span task, struct span args, struct span kwargs,
                         struct span options, bool immutable, struct strbuf *out);

#endif
