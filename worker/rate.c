#include "worker/rate.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/parse_num.h"

/* Longest pause that is ever told: whoever waits looks again at least once an hour. */
#define WAIT_MAX_NS (3600 * NS_PER_SEC)

struct bucket {
    double per_second; /* 0: no limit */
    double tokens;     /* 0 to 1 */
    int64_t filled_ns; /* when tokens was worked out */
};

struct cel_rates {
    const struct cel_registry *registry;
    bool disabled;
    pthread_mutex_t lock; /* of the buckets */
    struct bucket buckets[];
};

enum celeriac_err cel_rate_parse(struct span text, double *per_second, struct celeriac_error *err)
{
    struct span number;
    struct span unit;
    double value = 0;
    double seconds = 1;

    if (text.len == 0) {
        *per_second = 0;
        return CELERIAC_OK;
    }
    (void)span_cut(text, '/', &number, &unit);
    if (span_is(unit, "m"))
        seconds = 60;
    else if (span_is(unit, "h"))
        seconds = 3600;
    else if (unit.len > 0 && !span_is(unit, "s"))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "rate limit: %.*s is no unit of time",
                                  SPAN_PRINTF(unit));
    if (parse_double(span_trim(number), &value) || value < 0)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "rate limit: %.*s is no number",
                                  SPAN_PRINTF(number));
    *per_second = value / seconds;
    return CELERIAC_OK;
}

static void fill(struct bucket *bucket, double per_second)
{
    *bucket = (struct bucket){.per_second = per_second, .tokens = 1};
}

enum celeriac_err cel_rates_create(const struct cel_registry *registry, bool disabled,
                                   struct cel_rates **rates)
{
    size_t count = cel_registry_count(registry);
    struct cel_rates *r = mem_calloc(1, sizeof *r + count * sizeof(struct bucket));

    if (!r)
        return CELERIAC_ERR_MEMORY;
    r->registry = registry;
    r->disabled = disabled;
    pthread_mutex_init(&r->lock, NULL);
    for (size_t i = 0; i < count; i++) {
        struct span name = cel_registry_names(registry)[i];

        fill(&r->buckets[i], cel_registry_find(registry, name)->rate_limit);
    }
    *rates = r;
    return CELERIAC_OK;
}

void cel_rates_destroy(struct cel_rates *rates)
{
    if (!rates)
        return;
    pthread_mutex_destroy(&rates->lock);
    mem_free(rates);
}

enum celeriac_err cel_rates_set(struct cel_rates *rates, struct span task, struct span text,
                                struct celeriac_error *err)
{
    const struct cel_task_definition *definition = cel_registry_find(rates->registry, task);
    double per_second = 0;
    enum celeriac_err code;

    if (!definition)
        return celeriac_error_set(err, CELERIAC_ERR_NOT_FOUND, "unknown task");
    code = cel_rate_parse(text, &per_second, err);
    if (code)
        return code;
    pthread_mutex_lock(&rates->lock);
    fill(&rates->buckets[definition->index], per_second);
    pthread_mutex_unlock(&rates->lock);
    return CELERIAC_OK;
}

double cel_rates_get(struct cel_rates *rates, const struct cel_task_definition *definition)
{
    double per_second;

    pthread_mutex_lock(&rates->lock);
    per_second = rates->buckets[definition->index].per_second;
    pthread_mutex_unlock(&rates->lock);
    return per_second;
}

static int64_t take(struct bucket *bucket, int64_t now_ns)
{
    double wait;

    if (bucket->per_second <= 0)
        return 0;
    if (bucket->tokens < 1 && now_ns > bucket->filled_ns)
        bucket->tokens +=
            bucket->per_second * (double)(now_ns - bucket->filled_ns) / (double)NS_PER_SEC;
    bucket->filled_ns = now_ns;
    if (bucket->tokens >= 1) {
        bucket->tokens = 0;
        return 0;
    }
    /* One more nanosecond, so that rounding never asks a moment too early for ever. */
    wait = (1 - bucket->tokens) / bucket->per_second * (double)NS_PER_SEC + 1;
    return wait > (double)WAIT_MAX_NS ? WAIT_MAX_NS : (int64_t)wait;
}

int64_t cel_rates_take(struct cel_rates *rates, const struct cel_task_definition *definition,
                       int64_t now_ns)
{
    int64_t wait_ns;

    if (rates->disabled)
        return 0;
    pthread_mutex_lock(&rates->lock);
    wait_ns = take(&rates->buckets[definition->index], now_ns);
    pthread_mutex_unlock(&rates->lock);
    return wait_ns;
}
