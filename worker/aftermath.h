/*
 * What a task's end sets off beyond its own record: messages (callbacks, chain, errbacks, chord
 * bodies), records of others (chain members that will never run, bodies of failed chords), and the
 * parts that it returns to chords. The rules of celery/backends/base.py mark_as_done(),
 * mark_as_failure(), _fail_chain() and chord_error_from_stack() without I/O; chords.c carries them
 * out. One thread at a time.
 */
#ifndef WORKER_AFTERMATH_H
#define WORKER_AFTERMATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"
#include "celery_proto/codec/canvas.h"
#include "celery_proto/codec/task_message.h"

/* Most records and parts of one end: a chain of as many steps that fails at its first. */
#define CEL_AFTERMATH_MAX 100000

/* A record of another task. Texts are owned by the aftermath. */
struct cel_other_record {
    struct span task_id;
    struct span document;
};

/* A header task's result for its chord. Texts are owned by the aftermath. */
struct cel_chord_part {
    struct span task_id;
    struct span group_id;
    bool has_index;
    int64_t index;
    struct span document; /* [1, id, state, result], byte for byte as Celery encodes it */
    struct span body;     /* signature to apply when the chord is complete */
};

struct cel_aftermath {
    struct cel_canvas *canvas; /* messages, sizes and groups; NULL: none */
    struct cel_other_record *records;
    size_t record_count;
    struct cel_chord_part *parts;
    size_t part_count;
    struct cel_aftermath_text *texts; /* what the spans point to */
};

/* Who ended, and what the world adds. Borrowed for the calls. */
struct cel_aftermath_context {
    struct span task_id; /* parent of all that is sent */
    struct span root_id; /* empty: task_id */
    int priority;        /* of the task, used if inherit_priority */
    bool inherit_priority;
    int64_t now_us;
    const struct cel_canvas_context *world; /* ids, origin, default queue */
};

/* The context of a message that ended. */
struct cel_aftermath_context cel_aftermath_context_of(const struct cel_task_message *message,
                                                      const struct cel_canvas_context *world,
                                                      bool inherit_priority, int64_t now_us);

/* Starts an empty one; allocates nothing yet. */
void cel_aftermath_init(struct cel_aftermath *aftermath);

/* Releases what it holds; it is then as after cel_aftermath_init(). */
void cel_aftermath_close(struct cel_aftermath *aftermath);

/* Whether there is nothing to do. */
bool cel_aftermath_is_empty(const struct cel_aftermath *aftermath);

/* Whether a message's success can set off anything. */
bool cel_aftermath_follows(const struct cel_task_message *message);

/*
 * Success with a result (raw JSON, empty is null): callbacks, next step, chord part. *children (may
 * be NULL) gets the raw result tuples, living as long as the aftermath. CELERIAC_ERR_VALUE or
 * _LIMIT when a signature makes no sense, err says why; _MEMORY.
 */
enum celeriac_err cel_aftermath_succeed(struct cel_aftermath *aftermath,
                                        const struct cel_task_message *message, struct span result,
                                        const struct cel_aftermath_context *context,
                                        struct span *children,
                                        struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Failure with an exception object (raw JSON) and traceback: chord part, the same failure for the
 * rest of the chain if store, errbacks. Signatures that make no sense are passed over, as what
 * failed must stay failed. CELERIAC_ERR_MEMORY.
 */
enum celeriac_err cel_aftermath_fail(
    struct cel_aftermath *aftermath, const struct cel_task_message *message, struct span exception,
    struct span traceback, bool store,
    const struct cel_aftermath_context *context) CELERIAC_MUST_CHECK;

/* REVOKED: only the chord hears of it. CELERIAC_ERR_MEMORY. */
enum celeriac_err cel_aftermath_revoke(struct cel_aftermath *aftermath,
                                       const struct cel_task_message *message,
                                       struct span exception) CELERIAC_MUST_CHECK;

/* A chord is complete: its body with the raw array of results. Codes as for success. */
enum celeriac_err cel_aftermath_join(struct cel_aftermath *aftermath, struct span body,
                                     struct span results,
                                     const struct cel_aftermath_context *context,
                                     struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * A chord has failed: ChordError(text) for its body, the members of it if it is a group, and the
 * rest of its chain; the body's errbacks. CELERIAC_ERR_MEMORY.
 */
enum celeriac_err cel_aftermath_break(struct cel_aftermath *aftermath, struct span body,
                                      struct span text, const struct cel_aftermath_context *context)
    CELERIAC_MUST_CHECK;

#endif
