/*
 * The queues a claimer serves, with the names of their lists and bindings.
 */
#ifndef CEL_REDIS_CLAIM_QUEUES_H
#define CEL_REDIS_CLAIM_QUEUES_H

#include <stddef.h>

#include "celeriac/error.h"
#include "celery_proto/redis/claim.h"

struct claim_queue;

/*
 * Makes count queues in the order asked for. CELERIAC_ERR_VALUE for an empty, too long or repeated
 * name or none at all, CELERIAC_ERR_LIMIT, CELERIAC_ERR_MEMORY.
 */
enum celeriac_err claim_queues_create(const struct cel_keys *keys, const char *const *names,
                                      size_t count, enum cel_queue_order order,
                                      struct claim_queue ***queues,
                                      struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* queues may be NULL. */
void claim_queues_destroy(struct claim_queue **queues, size_t count);

#endif
