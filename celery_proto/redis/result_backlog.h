/*
 * Results that wait for their server: a queue bounded in records and bytes. When it is full the
 * oldest go, because what is younger is more likely still awaited. One thread at a time.
 */
#ifndef CEL_REDIS_RESULT_BACKLOG_H
#define CEL_REDIS_RESULT_BACKLOG_H

#include <stddef.h>
#include <stdint.h>

#include "celery_proto/redis/result_store.h"

struct result_backlog;

/* Makes an empty backlog with the bounds of result_store.h. CELERIAC_ERR_MEMORY. */
enum celeriac_err result_backlog_create(struct result_backlog **backlog) CELERIAC_MUST_CHECK;

/* backlog may be NULL. */
void result_backlog_destroy(struct result_backlog *backlog);

/* Copies a record to the end; drops the oldest ones, or this one if memory is short. */
void result_backlog_add(struct result_backlog *backlog, const struct cel_result_record *record);

/* Up to max of the oldest records, into records; borrowed until the backlog changes. */
size_t result_backlog_peek(const struct result_backlog *backlog, struct cel_result_record *records,
                           size_t max);

/* Forgets the count oldest ones. */
void result_backlog_remove(struct result_backlog *backlog, size_t count);

/* Records waiting. */
size_t result_backlog_count(const struct result_backlog *backlog);

/* Records thrown away since creation. */
uint64_t result_backlog_dropped(const struct result_backlog *backlog);

/* Counts records that were thrown away for other reasons. */
void result_backlog_count_dropped(struct result_backlog *backlog, size_t count);

#endif
