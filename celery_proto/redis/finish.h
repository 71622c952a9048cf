/*
 * Ending what was claimed: acknowledge, retry, requeue, release, quarantine, with results, many at
 * a time in one round trip. Every item is conditional on the worker still owning the message, and
 * finishing one ends the ownership; so a whole batch can be sent again after a lost reply without
 * publishing a retry twice, and a worker whose lease ran out cannot delete what somebody else runs
 * now.
 *
 * A finisher holds one connection, and a second one if results live elsewhere. One thread at a
 * time.
 */
#ifndef CEL_REDIS_FINISH_H
#define CEL_REDIS_FINISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"
#include "celery_proto/redis/conn.h"
#include "celery_proto/redis/result_store.h"

struct cel_keys;

/* Most items of one call: bounds the time the server spends in one script. */
#define CEL_FINISH_ITEMS_MAX 1024

/* Where a message goes when it leaves `unacked`. */
enum cel_finish_to {
    CEL_FINISH_DELETE,  /* acknowledge, or reject without requeue */
    CEL_FINISH_BACK,    /* `message` to the back of the queue: retry, requeue */
    CEL_FINISH_FRONT,   /* `message` to the front: handed back, next to be consumed */
    CEL_FINISH_PUBLISH, /* `message` to the back, whatever happens; the tag is empty. For the retry
                           of a message that was acknowledged when it started */
    CEL_FINISH_FOLLOW, /* `message` to the back if the last item before that has a tag was held; the
                          tag is empty. For what follows a task */
    CEL_FINISH_QUARANTINE /* `message` whole into the quarantine list, with `reason` */
};

/* One item. Everything is borrowed for the call. */
struct cel_finish_item {
    struct span tag; /* of the claimed message; empty: nothing to end, a result or a PUBLISH */
    enum cel_finish_to to;
    struct span message;             /* bytes to push; a retry is a new envelope with a fresh tag */
    struct span queue;               /* for BACK and FRONT, and named in QUARANTINE's entry */
    int priority;                    /* properties.priority of `message`; chooses the list */
    const char *reason;              /* for QUARANTINE: a short constant text */
    struct cel_result_record result; /* task_id empty: none */

    bool held; /* out: the worker still owned it and the move was made, now or by an earlier attempt
                  with these items whose reply was lost */
};

struct cel_finisher_options {
    struct cel_conn_options conn; /* the broker */
    const struct cel_keys *keys;  /* names in use (codec/keys.h); borrowed, outlives the object */
    const char *worker_id;        /* as the claimer's; copied */
    struct cel_result_store_options results;
};

struct cel_finisher;

/* Makes a finisher; connects when first used. CELERIAC_ERR_VALUE or _MEMORY. */
enum celeriac_err cel_finisher_create(const struct cel_finisher_options *options,
                                      struct cel_finisher **finisher,
                                      struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* finisher may be NULL; results still in the backlog are dropped and counted in a log line. */
void cel_finisher_destroy(struct cel_finisher *finisher);

/*
 * Carries out all items: results first, then the moves, in the order given; CEL_FINISH_FRONT items
 * must be in claim order (oldest first) and end up so that the oldest is consumed first.
 * A result record that announces a retry is written before the retried message can run.
 *
 * A result that cannot be written because its server is away goes into a bounded backlog that is
 * written with later calls; it never delays or changes the moves. CELERIAC_OK: all moves are
 * decided, `held` is filled. CELERIAC_ERR_UNAVAILABLE: unknown; send the same items again.
 */
enum celeriac_err cel_finish(struct cel_finisher *finisher, struct cel_finish_item *items,
                             size_t count, struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Sleeps before the next attempt after a failure; see cel_conn_pause(). */
enum celeriac_err cel_finish_pause(struct cel_finisher *finisher, int wake_fd) CELERIAC_MUST_CHECK;

/* Number of the last batch of moves that was answered, 0 before the first: numbers grow. See
 * `answered` in maintain.h. */
uint64_t cel_finish_answered(const struct cel_finisher *finisher);

/*
 * Tries to write the backlog of results, and announces once more those that nobody has heard of.
 * Call it when idle. *next_ns gets the monotonic time of the next call that is worth while, or -1
 * when there is nothing to do.
 */
void cel_finish_flush_results(struct cel_finisher *finisher, int64_t *next_ns);

/* Results that were thrown away since creation because the backlog was full or they were refused.
 */
uint64_t cel_finish_results_dropped(const struct cel_finisher *finisher);

#endif
