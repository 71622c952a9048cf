#include "worker/retry.h"

/* celery/app/task.py: Task.max_retries, Task.default_retry_delay; autoretry.py: retry_backoff_max.
 */
#define DEFAULT_MAX_RETRIES 3
#define DEFAULT_RETRY_DELAY 180
#define DEFAULT_BACKOFF_MAX 600

struct cel_retry_policy cel_retry_policy_of(const struct celeriac_task_options *options)
{
    struct cel_retry_policy policy = {
        .unlimited = options->max_retries == CELERIAC_RETRIES_UNLIMITED,
        .max_retries = DEFAULT_MAX_RETRIES,
        .autoretry = options->autoretry,
        .backoff = options->retry_backoff,
        .backoff_max =
            options->retry_backoff_max ? options->retry_backoff_max : DEFAULT_BACKOFF_MAX,
        .jitter = !options->retry_without_jitter,
        .default_delay =
            options->default_retry_delay ? options->default_retry_delay : DEFAULT_RETRY_DELAY,
    };
    if (options->max_retries == CELERIAC_RETRIES_NONE)
        policy.max_retries = 0;
    else if (options->max_retries > 0)
        policy.max_retries = (uint32_t)options->max_retries;
    return policy;
}

bool cel_retry_allowed(const struct cel_retry_policy *policy, uint64_t retries)
{
    return policy->unlimited || retries < policy->max_retries;
}

uint32_t cel_retry_delay(const struct cel_retry_policy *policy, uint64_t retries,
                         random_source_fn *source, void *context)
{
    uint32_t step = policy->default_delay;

    if (policy->backoff == 0)
        return step;
    /* backoff * 2**retries fits 64 bits while retries < 32; beyond that the maximum has won anyway.
     */
    step = policy->backoff_max;
    if (retries < 32 && ((uint64_t)policy->backoff << retries) < policy->backoff_max)
        step = (uint32_t)((uint64_t)policy->backoff << retries);
    return policy->jitter ? (uint32_t)random_up_to(source, context, step) : step;
}
