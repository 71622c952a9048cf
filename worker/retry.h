/*
 * When a failed task runs again: Celery's retry rules as pure arithmetic.
 * Sources: celery/app/task.py Task.retry, celery/app/autoretry.py, celery/utils/time.py
 * get_exponential_backoff_interval. Pure; any thread.
 */
#ifndef WORKER_RETRY_H
#define WORKER_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"
#include "celeriac/task.h"

/* A task's rules with every default filled in. */
struct cel_retry_policy {
    bool unlimited;         /* max_retries=None */
    uint32_t max_retries;   /* executions beyond the first, unless unlimited */
    bool autoretry;         /* a failure is retried without being asked */
    uint32_t backoff;       /* first step in seconds; 0: no backoff */
    uint32_t backoff_max;   /* seconds */
    bool jitter;            /* a random part of the step instead of all of it */
    uint32_t default_delay; /* seconds, without backoff */
};

/* Reads the policy out of a task's options and fills in Celery's defaults. */
struct cel_retry_policy cel_retry_policy_of(const struct celeriac_task_options *options);

/* Whether a task that has been retried `retries` times may be retried once more. */
bool cel_retry_allowed(const struct cel_retry_policy *policy, uint64_t retries);

/*
 * Seconds until the next attempt of a task that has been retried `retries` times. With backoff
 * min(backoff_max, backoff * 2**retries), and with jitter a uniform integer from 0 to that, both
 * ends included; without backoff the default delay. Never overflows, whatever retries is.
 */
uint32_t cel_retry_delay(const struct cel_retry_policy *policy, uint64_t retries,
                         random_source_fn *source, void *context);

#endif
