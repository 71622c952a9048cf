/*
 * What a worker and its child processes say to each other (`-P prefork`), as frames on a stream:
 *
 *     offset  bytes
 *     0       1      kind
 *     1       3      zero
 *     4       4      length of the payload, little-endian
 *     8              payload
 *
 * The child says READY or FAILED once; then for each REQUEST STATE whenever the task tells one, and
 * OUTCOME when the task has returned. BEGUN comes with the first of these, so that what an earlier
 * task says too late is told from it. Both sides are the same program, so
 * there are no versions. Pure: no I/O.
 */
#ifndef WORKER_CHILD_FRAME_H
#define WORKER_CHILD_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "celery_proto/codec/envelope.h"
#include "worker/task_context.h"

enum cel_frame_kind {
    CEL_FRAME_READY = 1,   /* child: its start went well; no payload */
    CEL_FRAME_FAILED = 2,  /* child: its start did not; payload: why, UTF-8 */
    CEL_FRAME_REQUEST = 3, /* worker: run this */
    CEL_FRAME_BEGUN = 4,   /* child: what follows is about this request; no payload */
    CEL_FRAME_OUTCOME = 5, /* child: how the task ended */
    CEL_FRAME_STATE = 6    /* child: a state that the task tells meanwhile */
};

#define CEL_FRAME_HEADER 8

/* Longest payloads: a message with its soft deadline; what a task leaves behind; a state. */
#define CEL_FRAME_REQUEST_MAX (CEL_ENVELOPE_MAX + 8)
#define CEL_FRAME_OUTCOME_MAX (2 * CEL_RETURN_MAX + CEL_CHILDREN_MAX + 64)
#define CEL_FRAME_STATE_MAX (CEL_RETURN_MAX + CEL_CHILDREN_MAX + CEL_FRAME_STATE_NAME_MAX + 8)

/* Longest name of a state: more than task_requests.c lets through. */
#define CEL_FRAME_STATE_NAME_MAX 1024

/* Longest text of a failed start. */
#define CEL_FRAME_FAILED_MAX CELERIAC_ERROR_TEXT_MAX

/* Longest frame of all. */
#define CEL_FRAME_MAX (CEL_FRAME_HEADER + CEL_FRAME_REQUEST_MAX)

/* One frame; the payload points into the bytes that it was read from. */
struct cel_frame {
    enum cel_frame_kind kind;
    struct span payload;
};

/* A request as the child gets it. */
struct cel_frame_request {
    int64_t soft_deadline_ns; /* monotonic, which all processes of a machine share; 0: none */
    struct span message;      /* the envelope as it came from the queue */
};

/* A state that a task tells; texts are valid when they come from celeriac_task_update_state(). */
struct cel_frame_state {
    struct span name;
    struct span children; /* see struct cel_outcome */
    struct span meta;
};

/*
 * Looks for one frame at the start of bytes. *whole tells whether all of it is there; only then
 * *frame is set, and it takes CEL_FRAME_HEADER + payload.len bytes. CELERIAC_ERR_PROTOCOL: no frame
 * of ours begins like that.
 */
enum celeriac_err cel_frame_take(struct span bytes, struct cel_frame *frame,
                                 bool *whole) CELERIAC_MUST_CHECK;

/* Appends a frame without payload, or one of text; text that is too long is cut. */
void cel_frame_add_plain(enum cel_frame_kind kind, struct strbuf *out);
void cel_frame_add_failed(struct span text, struct strbuf *out);

/* Appends a REQUEST. CELERIAC_ERR_LIMIT, CELERIAC_ERR_MEMORY; out is then not usable. */
enum celeriac_err cel_frame_add_request(const struct cel_frame_request *request,
                                        struct strbuf *out) CELERIAC_MUST_CHECK;

/* Reads the payload of a REQUEST; the message points into it. CELERIAC_ERR_PROTOCOL. */
enum celeriac_err cel_frame_read_request(struct span payload,
                                         struct cel_frame_request *request) CELERIAC_MUST_CHECK;

/*
 * Appends an OUTCOME; memory_kib is the most memory that the child has had resident. Errors as for
 * a REQUEST.
 */
enum celeriac_err cel_frame_add_outcome(const struct cel_outcome *outcome, int64_t memory_kib,
                                        struct strbuf *out) CELERIAC_MUST_CHECK;

/*
 * Reads the payload of an OUTCOME into outcome, whose buffers are used again. CELERIAC_ERR_PROTOCOL
 * for anything that cel_frame_add_outcome() does not write, CELERIAC_ERR_MEMORY; the outcome is
 * then not usable.
 */
enum celeriac_err cel_frame_read_outcome(struct span payload, struct cel_outcome *outcome,
                                         int64_t *memory_kib) CELERIAC_MUST_CHECK;

/* Appends a STATE, and reads its payload; the texts point into it. Errors as for a REQUEST. */
enum celeriac_err cel_frame_add_state(const struct cel_frame_state *state,
                                      struct strbuf *out) CELERIAC_MUST_CHECK;
enum celeriac_err cel_frame_read_state(struct span payload,
                                       struct cel_frame_state *state) CELERIAC_MUST_CHECK;

#endif
