#include "worker/registry.h"

#include <math.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/hashmap.h"
#include "worker/rate.h"

struct definition {
    struct cel_task_definition public;
    char name[]; /* what public.name points to */
};

struct cel_registry {
    struct celeriac_task_defaults defaults; /* without its text */
    double rate_limit;                      /* that of the defaults */
    struct hashmap *by_name;                /* owns the definitions */
    struct span *names;
    size_t count;
};

enum celeriac_err cel_registry_create(struct cel_registry **registry)
{
    struct cel_registry *r = mem_calloc(1, sizeof *r);

    if (!r)
        return CELERIAC_ERR_MEMORY;
    if (hashmap_create(&r->by_name)) {
        mem_free(r);
        return CELERIAC_ERR_MEMORY;
    }
    *registry = r;
    return CELERIAC_OK;
}

void cel_registry_destroy(struct cel_registry *registry)
{
    if (!registry)
        return;
    hashmap_destroy(registry->by_name, mem_free);
    mem_free(registry->names);
    mem_free(registry);
}

enum celeriac_err cel_registry_set_defaults(struct cel_registry *registry,
                                            const struct celeriac_task_defaults *defaults,
                                            struct celeriac_error *err)
{
    struct celeriac_error why = {0};
    enum celeriac_err code =
        cel_rate_parse(span_of(defaults->rate_limit), &registry->rate_limit, &why);

    if (code)
        return celeriac_error_set(err, code, "task_defaults.rate_limit: %s", why.text);
    registry->defaults = *defaults;
    registry->defaults.rate_limit = NULL;
    return CELERIAC_OK;
}

static bool is_limit(double seconds)
{
    return isfinite(seconds) && seconds >= 0 && seconds <= CEL_TIME_LIMIT_MAX;
}

static enum celeriac_err check(const struct cel_registry *registry,
                               const struct celeriac_task_options *options,
                               struct celeriac_error *err)
{
    struct span name = span_of(options->name);

    if (name.len == 0 || name.len > CEL_TASK_NAME_MAX || !span_is_utf8(name))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "task name: must be 1 to %d bytes of UTF-8", CEL_TASK_NAME_MAX);
    if (!options->run)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "task %s: run is missing",
                                  options->name);
    if (options->max_retries < CELERIAC_RETRIES_NONE)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "task %s: max_retries is %d",
                                  options->name, options->max_retries);
    if (!is_limit(options->time_limit) || !is_limit(options->soft_time_limit))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "task %s: time_limit and soft_time_limit are seconds",
                                  options->name);
    /* celery/app/task.py refuses it likewise. */
    if (options->time_limit > 0 && options->soft_time_limit > options->time_limit)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "task %s: soft_time_limit is greater than time_limit",
                                  options->name);
    if (hashmap_get(registry->by_name, name))
        return celeriac_error_set(err, CELERIAC_ERR_EXISTS, "task %s is registered already",
                                  options->name);
    return CELERIAC_OK;
}

static int64_t microseconds(double seconds)
{
    return (int64_t)(seconds * (double)US_PER_SEC);
}

/* What a task says, or else the default. */
static bool choice(signed char said, bool otherwise)
{
    return said == 0 ? otherwise : said > 0;
}

static struct definition *define(const struct celeriac_task_options *options,
                                 const struct celeriac_task_defaults *defaults, size_t index,
                                 double rate_limit)
{
    struct span name = span_of(options->name);
    struct definition *d = mem_calloc(1, sizeof *d + name.len + 1);

    if (!d)
        return NULL;
    for (size_t i = 0; i < name.len; i++)
        d->name[i] = name.ptr[i];
    d->public = (struct cel_task_definition){
        .name = {.ptr = d->name, .len = name.len},
        .index = index,
        .run = options->run,
        .user = options->user,
        .retry = cel_retry_policy_of(options),
        .acks_late = choice(options->acks_late, defaults->acks_late),
        .ignore_result = choice(options->ignore_result, defaults->ignore_result),
        .track_started = choice(options->track_started, defaults->track_started),
        .requeue_on_timeout = choice(options->requeue_on_timeout, defaults->requeue_on_timeout),
        .reject_on_worker_lost =
            choice(options->reject_on_worker_lost, defaults->reject_on_worker_lost),
        .store_errors =
            choice(options->store_errors_even_if_ignored, defaults->store_errors_even_if_ignored),
        .rate_limit = rate_limit,
    };
    atomic_init(&d->public.time_limit_us, microseconds(options->time_limit));
    atomic_init(&d->public.soft_limit_us, microseconds(options->soft_time_limit));
    return d;
}

enum celeriac_err cel_registry_add(struct cel_registry *registry,
                                   const struct celeriac_task_options *options,
                                   struct celeriac_error *err)
{
    enum celeriac_err code = check(registry, options, err);
    double rate_limit = registry->rate_limit;
    struct definition *d;
    struct span *names;

    if (code == CELERIAC_OK && options->rate_limit)
        code = cel_rate_parse(span_of(options->rate_limit), &rate_limit, err);
    if (code)
        return code;
    names = mem_resize(registry->names, registry->count + 1, sizeof *names);
    if (names)
        registry->names = names;
    d = define(options, &registry->defaults, registry->count, rate_limit);
    if (!names || !d || hashmap_set(registry->by_name, d->public.name, d, NULL)) {
        mem_free(d);
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "task %s: out of memory",
                                  options->name);
    }
    registry->names[registry->count++] = d->public.name;
    return CELERIAC_OK;
}

enum celeriac_err cel_registry_set_time_limits(struct cel_registry *registry, struct span name,
                                               double soft, double hard, struct celeriac_error *err)
{
    struct definition *d = hashmap_get(registry->by_name, name);

    if (!d)
        return celeriac_error_set(err, CELERIAC_ERR_NOT_FOUND, "unknown task");
    if (!is_limit(soft) || !is_limit(hard))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "time limits are seconds");
    atomic_store(&d->public.soft_limit_us, microseconds(soft));
    atomic_store(&d->public.time_limit_us, microseconds(hard));
    return CELERIAC_OK;
}

const struct cel_task_definition *cel_registry_find(const struct cel_registry *registry,
                                                    struct span name)
{
    const struct definition *d = hashmap_get(registry->by_name, name);

    return d ? &d->public : NULL;
}

const struct span *cel_registry_names(const struct cel_registry *registry)
{
    return registry->names;
}

size_t cel_registry_count(const struct cel_registry *registry)
{
    return registry->count;
}
