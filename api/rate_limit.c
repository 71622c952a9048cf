#include "api/rate_limit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/monotonic_cond.h"

/* Requests of one round trip. */
#define BATCH_MAX CELERIAC_TAKES_MAX

/* Milliseconds in which a rate of one token in 1000 seconds gives one. */
#define TOKENS_PER_RATE_MS INT64_C(1000000)

struct rate_limit {
    struct celeriac_limiter *limiter;
    int64_t per_1000_s, burst;
    pthread_t thread;
    bool started;
    atomic_bool is_away;
    atomic_uint_fast64_t refused, open;

    struct rate_check *batch[BATCH_MAX]; /* the thread's, as all until the lock */
    struct celeriac_take takes[BATCH_MAX];
    char names[BATCH_MAX][UUID_SIZE];

    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct rate_check *first, *last; /* under lock */
    bool stopping;
};

/* ---- one batch ----------------------------------------------------------------------------- */

static void let_through(struct rate_limit *limit, struct rate_check *check)
{
    atomic_fetch_add(&limit->open, 1);
    check->is_limited = false;
    check->is_granted = true;
}

static int compare(const void *a, const void *b)
{
    const struct rate_check *left = *(struct rate_check *const *)a;
    const struct rate_check *right = *(struct rate_check *const *)b;

    int order = memcmp(&left->tenant_id, &right->tenant_id, sizeof left->tenant_id);

    return order != 0 ? order : (left->items > 0) - (right->items > 0);
}

/* Whether two neighbours of the sorted batch are answered by one take: a tenant's single requests.
 */
static bool is_same_take(const struct rate_check *a, const struct rate_check *b)
{
    return a->items == 0 && compare(&a, &b) == 0;
}

/* Many items beyond a request; as the request took one, the bucket holds one less than burst. */
static void want_items(struct celeriac_take *take, int64_t items)
{
    take->is_whole = true;
    take->wanted = items;
    take->debt = items >= take->burst ? items - take->burst + 1 : 0;
}

/* A take for each tenant's single requests, and for each with items; returns how many. */
static size_t fill_takes(struct rate_limit *limit, size_t count)
{
    size_t takes = 0;

    for (size_t i = 0; i < count; i++) {
        const struct rate_check *check = limit->batch[i];

        if (i == 0 || !is_same_take(check, limit->batch[i - 1])) {
            uuid_format(&check->tenant_id, limit->names[takes]);
            limit->takes[takes] = (struct celeriac_take){.name = limit->names[takes],
                                                         .per_1000_s = check->per_1000_s,
                                                         .burst = check->burst};
            takes++;
        }
        if (check->items > 0)
            want_items(&limit->takes[takes - 1], check->items);
        else
            limit->takes[takes - 1].wanted++;
    }
    return takes;
}

/* Until there is one token more than what was asked for: the repeated request itself takes it. */
static int64_t with_request_ms(const struct celeriac_take *take)
{
    return take->retry_ms + (TOKENS_PER_RATE_MS + take->per_1000_s - 1) / take->per_1000_s;
}

/* Deals out what a tenant was granted, one after the other. */
static void fill_results(struct rate_limit *limit, size_t count)
{
    const struct celeriac_take *take = limit->takes - 1;
    int64_t left = 0;

    for (size_t i = 0; i < count; i++) {
        struct rate_check *check = limit->batch[i];

        if (i == 0 || !is_same_take(check, limit->batch[i - 1]))
            left = (++take)->granted;
        check->is_limited = true;
        check->is_granted = left > 0;
        left -= check->items > 0 ? left : check->is_granted;
        check->limit = take->burst;
        check->remaining = take->remaining + left;
        check->retry_ms = check->items > 0 ? with_request_ms(take) : take->retry_ms;
        check->reset_ms = take->full_ms;
        if (!check->is_granted)
            atomic_fetch_add(&limit->refused, 1);
    }
}

/* False when Redis does not answer. */
static bool ask(struct rate_limit *limit, size_t takes)
{
    struct celeriac_error err = {0};
    bool was_away = atomic_load(&limit->is_away);
    bool is_away = celeriac_limiter_take(limit->limiter, limit->takes, takes, &err) != CELERIAC_OK;

    if (is_away && !was_away)
        log_error("api", "rates are not limited while Redis is away", LOG_ERR(&err));
    if (!is_away && was_away)
        log_info("api", "rates are limited again");
    atomic_store(&limit->is_away, is_away);
    return !is_away;
}

static void run_batch(struct rate_limit *limit, size_t count)
{
    qsort(limit->batch, count, sizeof limit->batch[0], compare);
    if (ask(limit, fill_takes(limit, count))) {
        fill_results(limit, count);
    } else {
        for (size_t i = 0; i < count; i++)
            let_through(limit, limit->batch[i]);
    }
    for (size_t i = 0; i < count; i++)
        limit->batch[i]->done(limit->batch[i]);
}

/* ---- the thread ---------------------------------------------------------------------------- */

/* Moves what waits into the batch; the lock is held. */
static size_t take_waiting(struct rate_limit *limit)
{
    size_t count = 0;

    while (limit->first && count < BATCH_MAX) {
        limit->batch[count++] = limit->first;
        limit->first = limit->first->next;
    }
    if (!limit->first)
        limit->last = NULL;
    return count;
}

/* Waits for requests or the end; while Redis is away, no longer than until the next look. */
static size_t wait_for_work(struct rate_limit *limit, bool *stopping)
{
    int64_t until_ns = INT64_MAX;
    bool in_time = true;
    size_t count;

    if (atomic_load(&limit->is_away))
        until_ns = clock_monotonic_ns() + RATE_LIMIT_PROBE_MS * NS_PER_MS;
    pthread_mutex_lock(&limit->lock);
    while (!limit->first && !limit->stopping && in_time)
        in_time = monotonic_cond_wait(&limit->changed, &limit->lock, until_ns);
    count = take_waiting(limit);
    *stopping = limit->stopping;
    pthread_mutex_unlock(&limit->lock);
    return count;
}

static void *run(void *context)
{
    struct rate_limit *limit = context;
    bool stopping = false;
    size_t count;

    do {
        count = wait_for_work(limit, &stopping);
        if (count > 0)
            run_batch(limit, count);
        else if (!stopping)
            (void)ask(limit, 0);
    } while (count > 0 || !stopping);
    return NULL;
}

bool rate_limit_check(struct rate_limit *limit, struct rate_check *check)
{
    check->is_limited = false;
    check->is_granted = true;
    if (!limit)
        return true;
    if (check->per_1000_s == 0) {
        check->per_1000_s = limit->per_1000_s;
        check->burst = limit->burst;
    }
    if (check->per_1000_s == 0)
        return true;
    if (atomic_load(&limit->is_away)) {
        let_through(limit, check);
        return true;
    }
    check->next = NULL;
    pthread_mutex_lock(&limit->lock);
    if (limit->last)
        limit->last->next = check;
    else
        limit->first = check;
    limit->last = check;
    pthread_cond_signal(&limit->changed);
    pthread_mutex_unlock(&limit->lock);
    return false;
}

void rate_limit_get_stats(struct rate_limit *limit, struct rate_limit_stats *stats)
{
    *stats = (struct rate_limit_stats){.refused = atomic_load(&limit->refused),
                                       .open = atomic_load(&limit->open)};
}

/* ---- life ---------------------------------------------------------------------------------- */

enum celeriac_err rate_limit_create(const struct rate_limit_options *options,
                                    struct rate_limit **limit, struct celeriac_error *err)
{
    struct celeriac_limiter_options redis = options->redis;
    struct rate_limit *made = mem_calloc(1, sizeof *made);
    enum celeriac_err rc;

    if (!made)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for the limits of rate");
    made->per_1000_s = options->per_1000_s;
    made->burst = options->burst;
    pthread_mutex_init(&made->lock, NULL);
    monotonic_cond_init(&made->changed);
    if (redis.timeout_ms == 0)
        redis.timeout_ms = RATE_LIMIT_TIMEOUT_MS;
    rc = celeriac_limiter_create(&redis, &made->limiter, err);
    if (rc == CELERIAC_OK) {
        made->started = pthread_create(&made->thread, NULL, run, made) == 0;
        if (!made->started)
            rc = celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "cannot start a thread");
    }
    if (rc != CELERIAC_OK) {
        rate_limit_destroy(made);
        return rc;
    }
    *limit = made;
    return CELERIAC_OK;
}

void rate_limit_destroy(struct rate_limit *limit)
{
    if (!limit)
        return;
    if (limit->started) {
        pthread_mutex_lock(&limit->lock);
        limit->stopping = true;
        pthread_cond_signal(&limit->changed);
        pthread_mutex_unlock(&limit->lock);
        pthread_join(limit->thread, NULL);
    }
    celeriac_limiter_destroy(limit->limiter);
    pthread_cond_destroy(&limit->changed);
    pthread_mutex_destroy(&limit->lock);
    mem_free(limit);
}
