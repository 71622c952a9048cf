#include "notify/rules/retry_plan.h"

#include "base/parse_num.h"
#include "notify/rules/notification.h"

/* What may come on top of a delay: its tenth part. */
#define JITTER_PART 10

enum celeriac_err notify_retry_plan_parse(struct span text, const char *name,
                                          struct notify_retry_plan *plan,
                                          struct celeriac_error *err)
{
    struct notify_retry_plan parsed = *plan;
    struct span rest = span_trim(text);
    bool more = rest.len > 0;

    parsed.delay_count = 0;
    while (more) {
        struct span word;
        int64_t seconds = 0;

        more = span_cut(rest, ',', &word, &rest);
        if (parsed.delay_count == NOTIFY_RETRY_DELAYS_MAX)
            return celeriac_error_set(err, CELERIAC_ERR_LIMIT, "%s: more than %d delays", name,
                                      NOTIFY_RETRY_DELAYS_MAX);
        if (parse_int64(span_trim(word), 1, NOTIFY_RETRY_DELAY_MAX_S, &seconds))
            return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                      "%s: must be whole seconds between 1 and %d, separated by "
                                      "commas",
                                      name, NOTIFY_RETRY_DELAY_MAX_S);
        parsed.delays[parsed.delay_count++] = (uint32_t)seconds;
    }
    *plan = parsed;
    return CELERIAC_OK;
}

unsigned notify_retry_plan_max(const struct notify_retry_plan *plan)
{
    return plan->delay_count > 0 ? (unsigned)plan->delay_count : NOTIFY_MAX_RETRIES;
}

/* Seconds that the provider's wish adds up to under the plan; 0 when it is not heeded. */
static uint32_t heeded(const struct notify_retry_plan *plan, uint32_t retry_after)
{
    return retry_after < plan->retry_after_max ? retry_after : plan->retry_after_max;
}

struct notify_retry_step notify_retry_plan_next(const struct notify_retry_plan *plan,
                                                const struct notify_retry_case *failure,
                                                random_source_fn *random, void *context)
{
    uint32_t wish = heeded(plan, failure->retry_after);
    uint32_t delay = 0;

    if (failure->retries >= notify_retry_plan_max(plan) ||
        (failure->refused && plan->give_up_refused))
        return (struct notify_retry_step){.kind = NOTIFY_RETRY_NONE};
    if (plan->delay_count > 0) {
        delay = plan->delays[failure->retries];
        delay += (uint32_t)random_up_to(random, context, delay / JITTER_PART);
    }
    if (delay == 0 && wish == 0)
        return (struct notify_retry_step){.kind = NOTIFY_RETRY_CELERY};
    return (struct notify_retry_step){.kind = NOTIFY_RETRY_AFTER,
                                      .seconds = delay > wish ? delay : wish};
}
