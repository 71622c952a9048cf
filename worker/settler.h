/*
 * The finisher thread: takes all that has ended (or begun) since the last turn and writes it in one
 * round trip: results, retries, acknowledgements. While Redis is away it holds everything and
 * repeats; the moves are conditional on ownership, so a repeat does no harm.
 */
#ifndef WORKER_SETTLER_H
#define WORKER_SETTLER_H

#include <stddef.h>
#include <stdint.h>

#include "celeriac/error.h"
#include "celery_proto/redis/finish.h"
#include "worker/request.h"
#include "worker/runtime.h"

struct cel_settler;

/* Makes it and starts its thread. CELERIAC_ERR_VALUE, _MEMORY, _SYSTEM. */
enum celeriac_err cel_settler_create(const struct cel_finisher_options *options,
                                     bool unordered_chords, struct cel_runtime *runtime,
                                     struct cel_settler **settler,
                                     struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * The request's execution began: writes its STARTED record, if there is one, and acknowledges the
 * message when it is to be acknowledged early. The request stays with the caller, who must end it
 * with cel_settler_end(). Any thread.
 */
void cel_settler_begin(struct cel_settler *settler, struct cel_request *request);

/*
 * Stores a state that the running task has told: the record's bytes are taken. One that was told
 * before and not written yet is forgotten, so that a task which tells more than can be written
 * holds one record and no more; after the request's end nothing is stored. The request stays with
 * the caller, or is kept by it. CELERIAC_ERR_MEMORY.
 */
enum celeriac_err cel_settler_tell(struct cel_settler *settler, struct cel_request *request,
                                   struct strbuf *record) CELERIAC_MUST_CHECK;

/* Takes over a request that has ended and carries out its settlement. Any thread. */
void cel_settler_end(struct cel_settler *settler, struct cel_request *request);

/*
 * Writes what is left, for at most timeout_ns (0: only what can be written at once), then ends the
 * thread. Later calls of begin and end release their requests without writing.
 */
void cel_settler_stop(struct cel_settler *settler, int64_t timeout_ns);

/* Stops at once if need be and releases it; settler may be NULL. */
void cel_settler_destroy(struct cel_settler *settler);

#endif
