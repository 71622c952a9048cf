/*
 * Messages that wait for their time: held in Redis, remembered here by their tags (about 100 bytes
 * each), read again when they are due. Filled and emptied by the consumer; other threads may look.
 */
#ifndef WORKER_SCHEDULE_H
#define WORKER_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"
#include "celery_proto/redis/claim.h"

/*
 * Most messages that wait at the same time, when no limit is set: an hour of a busy scheduler in
 * about 100 MB. When so many wait, nothing more is claimed until some are due.
 */
#define CEL_WAITING_MAX 1000000

struct cel_schedule;

/*
 * Takes a message that is due; everything is borrowed for the call. Called by
 * cel_schedule_fire(), without any lock. A code other than CELERIAC_OK ends it.
 */
typedef enum celeriac_err cel_schedule_take_fn(void *context, struct span tag, struct span queue,
                                               struct span envelope);

/* What cel_schedule_each() calls, the schedule being locked. False ends the walk. */
typedef bool cel_schedule_see_fn(void *context, struct span tag, int64_t due_ns);

/* An empty schedule for up to max messages (0: CEL_WAITING_MAX). CELERIAC_ERR_MEMORY. */
enum celeriac_err cel_schedule_create(size_t max,
                                      struct cel_schedule **schedule) CELERIAC_MUST_CHECK;

/* Releases it; schedule may be NULL. The messages stay held. */
void cel_schedule_destroy(struct cel_schedule *schedule);

/*
 * Adds a message, due at the monotonic time. tag is copied, queue must outlive the schedule. A
 * schedule that is full takes it all the same: the caller holds the message already.
 * CELERIAC_ERR_MEMORY. Consumer thread.
 */
enum celeriac_err cel_schedule_add(struct cel_schedule *schedule, struct span tag,
                                   struct span queue, int64_t due_ns) CELERIAC_MUST_CHECK;

/*
 * Hands up to room messages that are due at now_ns to take, reading them in batches, until none is
 * left or room is used up; *fired counts them. Those that are no longer ours are forgotten. On an
 * error of the connection what was not handed over stays in the schedule. Codes as
 * cel_claim_recall(), or that of take. Consumer thread.
 */
enum celeriac_err cel_schedule_fire(struct cel_schedule *schedule, struct cel_claimer *claimer,
                                    int64_t now_ns, size_t room, cel_schedule_take_fn *take,
                                    void *context, size_t *fired,
                                    struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Forgets all: they are somebody else's now. Consumer thread. */
void cel_schedule_clear(struct cel_schedule *schedule);

/* When the earliest is due, or INT64_MAX. Any thread. */
int64_t cel_schedule_next(struct cel_schedule *schedule);

/* How many wait, and whether as many as may. Any thread. */
size_t cel_schedule_count(struct cel_schedule *schedule);
bool cel_schedule_is_full(struct cel_schedule *schedule);

/* Shows tags and due times (monotonic), in no particular order. Any thread. */
void cel_schedule_each(struct cel_schedule *schedule, cel_schedule_see_fn *see, void *context);

#endif
