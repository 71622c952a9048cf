/*
 * The result side of a finisher: records are written when their server takes them and wait in a
 * bounded backlog when it does not, so that results never delay what happens to messages.
 * One thread at a time.
 */
#ifndef CEL_REDIS_FINISH_RESULTS_H
#define CEL_REDIS_FINISH_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "celery_proto/redis/reply.h"
#include "celery_proto/redis/result_store.h"

struct finish_results;

/* Makes it; results are off when the options have no URL. CELERIAC_ERR_VALUE or _MEMORY. */
enum celeriac_err finish_results_create(const struct cel_result_store_options *options,
                                        const struct cel_broker_url *broker,
                                        struct finish_results **results,
                                        struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* results may be NULL. */
void finish_results_destroy(struct finish_results *results);

/* Whether results are kept at all. */
bool finish_results_is_on(const struct finish_results *results);

/* Whether they live in the broker's database, so that one script can do for both. */
bool finish_results_is_shared(const struct finish_results *results);

/* Writes records, or puts them into the backlog. count is at most CEL_FINISH_ITEMS_MAX. */
void finish_results_put(struct finish_results *results, const struct cel_result_record *records,
                        size_t count);

/* Deals with what the shared script said about a record. */
void finish_results_judge(struct finish_results *results, const struct cel_result_record *record,
                          const struct redisReply *reply);

/*
 * Announces once more what is due of the results that nobody has heard of, over the finisher's
 * connection where they live in the broker's database; a failure is no matter. Returns when to call
 * again, monotonic, or -1.
 */
int64_t finish_results_announce(struct finish_results *results, struct cel_conn *shared);

/* Tries to write the backlog if an attempt is due; *next_ns: the next one, -1 for none. */
void finish_results_flush(struct finish_results *results, int64_t *next_ns);

/* Records thrown away since creation. */
uint64_t finish_results_dropped(const struct finish_results *results);

#endif
