/*
 * Putting deliveries back to the front of their queues, as kombu does (redis.py:
 * Channel._do_restore_message), but in one script for many, and so that the oldest is consumed
 * first. One thread at a time.
 */
#ifndef CEL_REDIS_RESTORE_H
#define CEL_REDIS_RESTORE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/hashmap.h"
#include "base/span.h"
#include "celeriac/error.h"
#include "celery_proto/redis/conn.h"

struct cel_keys;

/* Most deliveries of one chunk: some milliseconds of the server's time. */
#define CEL_RESTORE_CHUNK 256

struct cel_restorer;

/* What one chunk did. */
struct cel_restore_report {
    bool is_over;       /* that was all there is */
    size_t restored;    /* messages pushed to queues */
    size_t quarantined; /* messages without a queue to go to, or unreadable ones */
    size_t orphans;     /* index entries without a message */
    bool is_alive;      /* the worker's registration has changed: nothing was done */
};

/* Makes a restorer; keys are borrowed. CELERIAC_ERR_MEMORY. */
enum celeriac_err cel_restorer_create(const struct cel_keys *keys,
                                      struct cel_restorer **restorer) CELERIAC_MUST_CHECK;

/* restorer may be NULL. */
void cel_restorer_destroy(struct cel_restorer *restorer);

/*
 * Restores a chunk of what a worker owns, newest first; what it owns is read when a worker's first
 * chunk is asked for. registration is the worker's as it was read, empty to restore whatever it
 * says. Safe to repeat. Errors as cel_script_run().
 */
enum celeriac_err cel_restore_owned(struct cel_restorer *restorer, struct cel_conn *conn,
                                    struct span worker_id, struct span registration,
                                    struct cel_restore_report *report,
                                    struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Restores a chunk of what a worker owns and the set of tags lacks, in the same way.
 */
enum celeriac_err cel_restore_forgotten(struct cel_restorer *restorer, struct cel_conn *conn,
                                        struct span worker_id, const struct hashmap *tags,
                                        struct cel_restore_report *report,
                                        struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Restores a chunk of what was delivered before ceiling, a score as text. Safe to repeat. */
enum celeriac_err cel_restore_overdue(struct cel_restorer *restorer, struct cel_conn *conn,
                                      struct span ceiling, struct cel_restore_report *report,
                                      struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
