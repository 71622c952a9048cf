/*
 * The body of a protocol 2 task message: [args, kwargs, embed] (celery/app/amqp.py as_task_v2).
 * Pure; any thread.
 */
#ifndef CEL_TASK_BODY_H
#define CEL_TASK_BODY_H

#include "base/json.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"
#include "celery_proto/codec/refuse.h"

/* What a body holds, each as JSON text. Empty spans with a NULL pointer stand for null. */
struct cel_task_body {
    struct span args;      /* array */
    struct span kwargs;    /* object */
    struct span callbacks; /* array of signatures */
    struct span errbacks;  /* array of signatures */
    struct span chain;     /* array of signatures, the last runs next */
    struct span chord;     /* signature */
};

/*
 * Takes args and kwargs, and what embed holds, from nodes. NULL args and kwargs read as [] and {};
 * embed may be NULL or null. CELERIAC_ERR_VALUE with cause and text when one has a wrong type.
 */
enum celeriac_err cel_task_body_take(const struct json_node *args, const struct json_node *kwargs,
                                     const struct json_node *embed, struct cel_task_body *body,
                                     enum cel_refuse *cause,
                                     struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Appends a body in json.dumps()' spelling; raw values are copied as they are, empty args and
 * kwargs become [] and {}.
 */
void cel_task_body_write(const struct cel_task_body *body, struct strbuf *out);

#endif
