/*
 * Chords in the result backend: what header tasks returned, how many there are, and who may send
 * the body (celery/backends/redis.py: set_chord_size, apply_chord, on_chord_part_return).
 *
 * A store holds one connection to the result backend. One thread at a time.
 */
#ifndef CEL_REDIS_CHORD_H
#define CEL_REDIS_CHORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"
#include "celery_proto/redis/conn.h"
#include "celery_proto/redis/result_store.h"

/* Most parts of one call: bounds the time that the server spends in one script. */
#define CEL_CHORD_PARTS_MAX 256

/*
 * Seconds for which whoever completes a chord may send its body undisturbed, and for which a chord
 * that is done is remembered. Celery's are 6 to 30 and 300. Ours is shorter than the time after
 * which a killed worker's messages are back: the header task that comes again finds the claim free.
 */
#define CEL_CHORD_CLAIM_S 2
#define CEL_CHORD_DONE_S 300

struct cel_chord_options {
    struct cel_result_store_options results; /* where, and how long all this is kept */
    bool unordered; /* result_chord_ordered false: parts in a list, as they come */
};

/* One part. Borrowed. */
struct cel_chord_return {
    struct span group_id;
    struct span task_id;
    bool has_index;
    int64_t index;
    struct span document;
    int64_t size; /* of the chord if the backend does not know it (4.4 and 5.0); 0: unknown */
};

struct cel_chord_store;
struct redisReply;

/* Makes a store; connects when first used. CELERIAC_ERR_VALUE or _MEMORY. */
enum celeriac_err cel_chord_store_create(const struct cel_chord_options *options,
                                         struct cel_chord_store **store,
                                         struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* store may be NULL. */
void cel_chord_store_destroy(struct cel_chord_store *store);

/* Writes the size of a chord that is about to be sent; a run of it before is forgotten. */
enum celeriac_err cel_chord_set_size(struct cel_chord_store *store, struct span group_id,
                                     int64_t size, struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Stores the structure of a header that holds groups. */
enum celeriac_err cel_chord_save_group(struct cel_chord_store *store, struct span group_id,
                                       struct span record,
                                       struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Returns up to CEL_CHORD_PARTS_MAX parts in one round trip. A part that was returned before counts
 * once, so repeating the call is harmless, but a repeat after a lost reply gets no claim again
 * until CEL_CHORD_CLAIM_S have passed. Errors as cel_result_put().
 */
enum celeriac_err cel_chord_return(struct cel_chord_store *store,
                                   const struct cel_chord_return *parts, size_t count,
                                   struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * The answer to the last cel_chord_return(), which the caller takes over and destroys with
 * cel_reply_destroy(). Element i is an array if part i completed its chord and the caller must send
 * the body: the group's record, or "" and then the documents of all parts in order.
 */
struct redisReply *cel_chord_take_reply(struct cel_chord_store *store);

/*
 * Makes the claim on a complete chord last again for whoever needs longer than CEL_CHORD_CLAIM_S.
 * size: as in struct cel_chord_return. *held is false if somebody else sends the body, or did, or
 * the chord is gone: the caller then leaves it alone.
 */
enum celeriac_err cel_chord_hold(struct cel_chord_store *store, struct span group_id, int64_t size,
                                 bool *held, struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* After the body was sent. */
enum celeriac_err cel_chord_done(struct cel_chord_store *store, struct span group_id,
                                 struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* After the chord's failure was recorded: later parts do not fail it again. */
enum celeriac_err cel_chord_failed(struct cel_chord_store *store, struct span group_id,
                                   struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Reads the records of tasks; *reply is an array with a string or nil for each, which the caller
 * destroys.
 */
enum celeriac_err cel_chord_read_results(struct cel_chord_store *store, const struct span *task_ids,
                                         size_t count, struct redisReply **reply,
                                         struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
