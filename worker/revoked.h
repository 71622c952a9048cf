/*
 * Revoked tasks: ids that shall not be started, and values of stamps whose tasks shall not
 * (celery/worker/state.py revoked and revoked_stamps, celery/utils/collections.py LimitedSet). Ids
 * are kept for a time and up to a number; the oldest go first. The ids survive a restart in a file
 * of our own (`--statedb`; Celery's is a Python shelf and of no use elsewhere).
 *
 * Time is an argument: wall time in microseconds. Any thread may call anything but destroy.
 */
#ifndef WORKER_REVOKED_H
#define WORKER_REVOKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"
#include "celery_proto/codec/task_message.h"

/* Celery's limits: CELERY_WORKER_REVOKES_MAX, CELERY_WORKER_REVOKE_EXPIRES. */
#define CEL_REVOKED_MAX 50000
#define CEL_REVOKED_EXPIRES_S 10800

/* Longest id and stamp value kept: far more than a UUID, and no way to fill the memory. */
#define CEL_REVOKED_ID_MAX 1024

/* Most pairs of a stamp and a value; Celery has no limit, so this is one of last resort. */
#define CEL_REVOKED_STAMPS_MAX 50000

struct cel_revoked;

/* What cel_revoked_each() calls; the set is locked and must not be called. False ends the walk. */
typedef bool cel_revoked_fn(void *context, struct span id, int64_t since_us);

/* An empty set. path is the file that keeps it, copied; NULL: none. CELERIAC_ERR_MEMORY. */
enum celeriac_err cel_revoked_create(const char *path,
                                     struct cel_revoked **revoked) CELERIAC_MUST_CHECK;

/* Releases it without saving; revoked may be NULL. */
void cel_revoked_destroy(struct cel_revoked *revoked);

/*
 * Adds an id, or renews it. CELERIAC_ERR_VALUE for an empty, too long or not UTF-8 id;
 * CELERIAC_ERR_MEMORY.
 */
enum celeriac_err cel_revoked_add(struct cel_revoked *revoked, struct span id,
                                  int64_t now_us) CELERIAC_MUST_CHECK;

/*
 * Adds a value of a stamp as JSON text ("\"acme\"", "3"); equal JSON text, or equal strings, count
 * as equal. CELERIAC_ERR_VALUE, _LIMIT beyond CEL_REVOKED_STAMPS_MAX, _MEMORY.
 */
enum celeriac_err cel_revoked_add_stamp(struct cel_revoked *revoked, struct span stamp,
                                        struct span value_json) CELERIAC_MUST_CHECK;

/* Whether the id is in the set. */
bool cel_revoked_has(struct cel_revoked *revoked, struct span id, int64_t now_us);

/* Whether a message is revoked: by its id, or by one of its stamps' values. Costs next to nothing
 * while nothing is revoked. */
bool cel_revoked_has_message(struct cel_revoked *revoked, const struct cel_task_message *message,
                             int64_t now_us);

/* Number of ids. */
size_t cel_revoked_count(struct cel_revoked *revoked);

/* Shows every id, oldest first. */
void cel_revoked_each(struct cel_revoked *revoked, cel_revoked_fn *see, void *context);

/*
 * Reads the file into the set; a file that does not exist is an empty one. Ids that have expired
 * are left out. CELERIAC_ERR_SYNTAX when it is not a file of ours (line named), _SYSTEM, _MEMORY.
 */
enum celeriac_err cel_revoked_load(struct cel_revoked *revoked, int64_t now_us,
                                   struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Writes the file if the set has changed since: into a new file beside it, which then takes its
 * place, so that a kill leaves the old or the new one whole. Nothing happens without a path.
 * CELERIAC_ERR_SYSTEM, _MEMORY.
 */
enum celeriac_err cel_revoked_save(struct cel_revoked *revoked,
                                   struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
