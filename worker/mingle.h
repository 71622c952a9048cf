/*
 * Sharing revoked ids with peers (celery/worker/consumer/mingle.py): a worker that starts asks all
 * others, and answers those that ask. One thread at a time.
 */
#ifndef WORKER_MINGLE_H
#define WORKER_MINGLE_H

#include <stdint.h>

#include "base/json.h"
#include "base/json_writer.h"
#include "base/span.h"
#include "celeriac/error.h"
#include "celery_proto/redis/mailbox.h"
#include "worker/runtime.h"

/* How long peers may take to answer: Celery's second. */
#define CEL_MINGLE_NS (1000 * NS_PER_MS)

struct cel_mingle;

/* Makes one; both arguments are borrowed and outlive it. CELERIAC_ERR_MEMORY. */
enum celeriac_err cel_mingle_create(struct cel_runtime *runtime, struct cel_mailbox *mailbox,
                                    struct cel_mingle **mingle) CELERIAC_MUST_CHECK;

/* mingle may be NULL. */
void cel_mingle_destroy(struct cel_mingle *mingle);

/*
 * Asks the peers; the answers are looked at when cel_mingle_due() has come. A question that is
 * still open is given up. Errors as cel_publish().
 */
enum celeriac_err cel_mingle_ask(struct cel_mingle *mingle,
                                 struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Monotonic time at which to call cel_mingle_finish(); INT64_MAX: nothing was asked. */
int64_t cel_mingle_due(const struct cel_mingle *mingle);

/* Takes over what the peers have answered: ids and clocks. Errors as cel_mailbox_collect(). */
enum celeriac_err cel_mingle_finish(struct cel_mingle *mingle,
                                    struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Writes our revoked ids as the member `revoked` of hello has them. */
void cel_mingle_write(struct cel_runtime *runtime, struct json_writer *w);

/* Takes over ids of a peer: an object with an id as each key, or since Celery 5.7 a list. */
void cel_mingle_merge(struct cel_runtime *runtime, const struct json_node *revoked);

#endif
