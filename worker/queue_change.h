/*
 * A new set of queues on its way from remote control to the consumer, which alone may change what
 * is claimed. Any thread may set, the consumer applies.
 */
#ifndef WORKER_QUEUE_CHANGE_H
#define WORKER_QUEUE_CHANGE_H

#include <stdbool.h>
#include <stddef.h>

#include "celeriac/error.h"
#include "celery_proto/redis/claim.h"

struct cel_queue_change;

/* Makes one without a change. CELERIAC_ERR_MEMORY. */
enum celeriac_err cel_queue_change_create(struct cel_queue_change **change) CELERIAC_MUST_CHECK;

/* change may be NULL. */
void cel_queue_change_destroy(struct cel_queue_change *change);

/*
 * These queues shall be consumed from now on; none is allowed. Copies the names; a set that was not
 * applied yet is forgotten. At most CEL_CLAIM_QUEUES_MAX. CELERIAC_ERR_MEMORY leaves all as it was.
 */
enum celeriac_err cel_queue_change_set(struct cel_queue_change *change, const char *const *names,
                                       size_t count) CELERIAC_MUST_CHECK;

/*
 * Gives the claimer the latest set, if there is one; *none is then whether it is empty, which the
 * claimer cannot hold. What cannot be applied now stays for the next call. CELERIAC_ERR_MEMORY.
 */
enum celeriac_err cel_queue_change_apply(struct cel_queue_change *change,
                                         struct cel_claimer *claimer,
                                         bool *none) CELERIAC_MUST_CHECK;

#endif
