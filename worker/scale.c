#include "worker/scale.h"

#include "base/clock.h"
#include "base/log.h"
#include "worker/pool.h"
#include "worker/ready_queue.h"

/* Between two looks at surplus threads that are not idle for long enough, or still needed. */
#define LOOK_NS (1 * NS_PER_SEC)

enum celeriac_err cel_scale_set(struct cel_scale *scale, size_t max, size_t min,
                                struct celeriac_error *err)
{
    if (max == 0 || max > CEL_POOL_THREADS_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "autoscale: the maximum must be 1 to %d",
                                  CEL_POOL_THREADS_MAX);
    if (min > max)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "autoscale: the minimum is above the maximum");
    atomic_store(&scale->min, min > 0 ? min : 1);
    atomic_store(&scale->max, max);
    return CELERIAC_OK;
}

static size_t clamp(size_t n, size_t min, size_t max)
{
    if (n > max)
        return max;
    return n < min ? min : n;
}

size_t cel_scale_wanted(struct cel_scale *scale, size_t size, size_t demand, bool received,
                        int64_t now_ns)
{
    size_t max = atomic_load(&scale->max);
    size_t min = atomic_load(&scale->min);
    size_t wanted = clamp(demand, min, max);

    if (max == 0)
        return size;
    if (received || wanted > size)
        scale->moved_ns = now_ns;
    /* Bounds are obeyed at once, the load only when it has stayed low. */
    if (wanted < size && now_ns - scale->moved_ns <= scale->keepalive_ns)
        return clamp(size, min, max);
    return wanted;
}

int64_t cel_scale_follow(struct cel_scale *scale, struct cel_pool *pool, size_t size,
                         struct cel_ready_queue *ready, bool received)
{
    int64_t now_ns = clock_monotonic_ns();
    struct celeriac_error err = {0};
    enum celeriac_err code = CELERIAC_OK;
    size_t wanted;

    if (atomic_load(&scale->max) == 0)
        return INT64_MAX;
    wanted = cel_scale_wanted(scale, size, cel_ready_queue_demand(ready), received, now_ns);
    if (wanted > size)
        code = cel_pool_grow(pool, wanted - size, &err);
    else if (wanted < size)
        code = cel_pool_shrink(pool, size - wanted, &err);
    if (code)
        log_error("worker", "cannot scale", LOG_ERR(&err));
    else if (wanted != size)
        log_info("worker", wanted > size ? "scaling up" : "scaling down",
                 LOG_INT("threads", wanted));
    return wanted > atomic_load(&scale->min) ? now_ns + LOOK_NS : INT64_MAX;
}
