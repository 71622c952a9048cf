/*
 * What a task's end sets off: callbacks, the next step of a chain, chords and groups as messages to
 * publish and chord records to write. The rules of celery/canvas.py (5.7) as a pure function from
 * signatures to messages; ids come from the caller. Protocol 2 only, so chains travel in the
 * message's `chain` field.
 *
 * A canvas collects what several calls ask for. One thread at a time.
 */
#ifndef CEL_CANVAS_H
#define CEL_CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/uuid.h"
#include "celeriac/error.h"
#include "celery_proto/codec/routes.h"

/* Deepest nesting of signatures: bounds recursion on small stacks. */
#define CEL_CANVAS_DEPTH_MAX 40

/* Most messages that one task's end may publish. */
#define CEL_CANVAS_OPS_MAX 1000000

/* What the world adds. Everything is borrowed and outlives the canvas. */
struct cel_canvas_context {
    void (*new_id)(void *context, char id[UUID_SIZE]); /* fresh UUID4s */
    void *id_context;
    int64_t now_us;                  /* wall time, for countdowns and expirations */
    struct span origin;              /* "gen<pid>@<host>" */
    struct span reply_to;            /* for tasks that have none; empty is allowed */
    struct span queue;               /* for tasks that name none: task_default_queue */
    const struct cel_routes *routes; /* task_routes; NULL: none */
    struct span parent_id;           /* the task that dispatches; empty outside of one */
    struct span root_id;             /* its root; empty: the parent, or each its own */
    bool has_priority;               /* task_inherit_parent_priority */
    int priority;                    /* of the task that dispatches */
};

/* Something to be done, in this order. */
enum cel_canvas_op_kind {
    CEL_CANVAS_PUBLISH,    /* push message */
    CEL_CANVAS_CHORD_SIZE, /* write the size of a chord; before its last header task is pushed */
    CEL_CANVAS_SAVE_GROUP  /* store the structure of a chord's header, which holds groups */
};

struct cel_canvas_op {
    enum cel_canvas_op_kind kind;
    struct span message;     /* PUBLISH: the envelope. SAVE_GROUP: the record */
    struct span exchange;    /* PUBLISH: empty for the anonymous one */
    struct span routing_key; /* PUBLISH: with the anonymous exchange the queue */
    int priority;            /* PUBLISH */
    struct span group_id;    /* CHORD_SIZE, SAVE_GROUP */
    int64_t size;            /* CHORD_SIZE */
};

struct cel_canvas;

/* A new empty canvas; *context is copied. CELERIAC_ERR_MEMORY. The caller destroys it. */
enum celeriac_err cel_canvas_create(const struct cel_canvas_context *context,
                                    struct cel_canvas **canvas) CELERIAC_MUST_CHECK;

/* Releases it with its operations; canvas may be NULL. */
void cel_canvas_destroy(struct cel_canvas *canvas);

/*
 * What follows success (celery/app/trace.py): callbacks and chain are the raw arrays of the message
 * or empty, result the task's return value as JSON. CELERIAC_ERR_VALUE names what is wrong with a
 * signature; _LIMIT, _MEMORY. After a failure the canvas is of no use. The texts stay borrowed.
 */
enum celeriac_err cel_canvas_succeed(struct cel_canvas *canvas, struct span callbacks,
                                     struct span chain, struct span result,
                                     struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * What follows failure (Backend._call_task_errbacks): the errbacks, a raw array, as a group of
 * tasks with the failed task's id as argument. What Python calls in the same process, tasks that
 * take (request, exc, traceback), cannot be told apart here and are sent like the others.
 */
enum celeriac_err cel_canvas_fail(struct cel_canvas *canvas, struct span errbacks,
                                  struct span task_id,
                                  struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Applies one signature, a raw object, with raw positional arguments in front of its own ("" none):
 * chord bodies, and canvases that are built in C. result_id (may be NULL) gets the id of the task
 * or group that stands for the whole.
 */
enum celeriac_err cel_canvas_apply(struct cel_canvas *canvas, struct span signature,
                                   struct span args, struct span *result_id,
                                   struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* The operations so far; borrowed until the next call. */
const struct cel_canvas_op *cel_canvas_ops(const struct cel_canvas *canvas, size_t *count);

/*
 * The result tuples of what was dispatched, as a raw array: `children` of the record. Borrowed
 * until the canvas is destroyed.
 */
enum celeriac_err cel_canvas_children(struct cel_canvas *canvas,
                                      struct span *children) CELERIAC_MUST_CHECK;

#endif
