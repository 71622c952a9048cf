/*
 * Comparing what the server says a worker holds with what the worker knows of, after a connection
 * was lost: a server that was failed over, or came back with older data, has forgotten the latest
 * acknowledgements. Nobody would ever end those deliveries, because their worker lives.
 */
#ifndef CEL_REDIS_CLAIM_RECONCILE_H
#define CEL_REDIS_CLAIM_RECONCILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/hashmap.h"
#include "celeriac/error.h"
#include "celery_proto/redis/claim.h"

/*
 * The comparison is made at once and once more after so long: until then another connection of the
 * worker may still have acknowledged at a server that had a successor already.
 */
#define CEL_RECONCILE_AGAIN_NS INT64_C(10000000000)

/* Monotonic time at which the next comparison is due; INT64_MAX: none is. */
int64_t cel_claim_reconcile_due(struct cel_claimer *claimer, int64_t now_ns);

/*
 * Puts back to the front of their queues what the server says we hold and the set of tags lacks;
 * *restored counts. To be called right after a successful cel_claim(), with the tags of that claim
 * in the set. Errors as cel_claim(): the comparison stays due.
 */
enum celeriac_err cel_claim_reconcile(struct cel_claimer *claimer, const struct hashmap *tags,
                                      int64_t now_ns, size_t *restored,
                                      struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
