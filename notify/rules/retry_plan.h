/*
 * What follows a failed send: Celery's retry, a retry after a delay of our own, or the dead letter.
 * All zero is what the Python task does: every failure is retried three times, after up to 1, 2 and
 * 4 seconds. The rest are options of an operator. Pure; any thread.
 */
#ifndef NOTIFY_RULES_RETRY_PLAN_H
#define NOTIFY_RULES_RETRY_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "base/span.h"
#include "celeriac/error.h"

/* Most delays of a schedule: with the longest delay more than a third of a year. */
#define NOTIFY_RETRY_DELAYS_MAX 20

/* Longest delay and longest Retry-After heeded, in seconds: a week, after which no notification is
 * worth sending. */
#define NOTIFY_RETRY_DELAY_MAX_S 604800

struct notify_retry_plan {
    bool give_up_refused;     /* what a provider refuses for good is not tried again */
    uint32_t retry_after_max; /* longest Retry-After heeded, seconds; 0: none is */
    uint32_t delays[NOTIFY_RETRY_DELAYS_MAX]; /* seconds before each retry, in order */
    size_t delay_count;                       /* 0: Celery's delays, NOTIFY_MAX_RETRIES of them */
};

/* One failure. */
struct notify_retry_case {
    unsigned retries;     /* attempts before this one */
    bool refused;         /* for good: NOTIFY_OUTCOME_NEVER of a provider */
    uint32_t retry_after; /* seconds that the provider asks for; 0: it does not */
};

enum notify_retry_kind {
    NOTIFY_RETRY_CELERY, /* as Celery delays it */
    NOTIFY_RETRY_AFTER,  /* after so many seconds */
    NOTIFY_RETRY_NONE    /* it becomes a dead letter */
};

struct notify_retry_step {
    enum notify_retry_kind kind;
    uint32_t seconds; /* NOTIFY_RETRY_AFTER */
};

/*
 * Reads a schedule, "60,300,1800,7200": seconds from 1 to NOTIFY_RETRY_DELAY_MAX_S, separated by
 * commas, with spaces around them if you like. The empty text is Celery's schedule. Errors
 * (CELERIAC_ERR_VALUE, and _LIMIT above NOTIFY_RETRY_DELAYS_MAX) begin with `name`; the plan is
 * then untouched.
 */
enum celeriac_err notify_retry_plan_parse(struct span text, const char *name,
                                          struct notify_retry_plan *plan,
                                          struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Executions after the first that the plan allows. */
unsigned notify_retry_plan_max(const struct notify_retry_plan *plan);

/*
 * The step after a failure. A delay of the schedule gets up to a tenth on top, so that what failed
 * together is not tried again together; a Retry-After that is heeded makes a delay longer, never
 * shorter.
 */
struct notify_retry_step notify_retry_plan_next(const struct notify_retry_plan *plan,
                                                const struct notify_retry_case *failure,
                                                random_source_fn *random, void *context);

#endif
