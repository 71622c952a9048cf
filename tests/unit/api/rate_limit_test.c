/* Without a Redis: who has no limit, and who is let through. tests/integration does the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <pthread.h>
#include <string.h>

#include <cmocka.h>

#include "api/rate_limit.h"
#include "base/alloc.h"

/* Nobody listens on port 1, so that connecting is refused at once. */
static const struct celeriac_limiter_options nowhere = {.broker_url = "redis://127.0.0.1:1/0"};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned count;
} answered = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void on_done(struct rate_check *check)
{
    (void)check;
    pthread_mutex_lock(&answered.lock);
    answered.count++;
    pthread_cond_signal(&answered.changed);
    pthread_mutex_unlock(&answered.lock);
}

static void await_answers(unsigned count)
{
    pthread_mutex_lock(&answered.lock);
    while (answered.count < count)
        pthread_cond_wait(&answered.changed, &answered.lock);
    pthread_mutex_unlock(&answered.lock);
}

static void without_a_limit_nobody_is_asked(void **state)
{
    const struct rate_limit_options options = {.redis = nowhere};
    struct rate_check check = {.done = on_done};
    struct rate_limit_stats stats;
    struct rate_limit *limit;

    (void)state;
    assert_true(rate_limit_check(NULL, &check));
    assert_true(check.is_granted && !check.is_limited);
    assert_int_equal(rate_limit_create(&options, &limit, NULL), CELERIAC_OK);
    assert_true(rate_limit_check(limit, &check));
    assert_true(check.is_granted && !check.is_limited);
    rate_limit_get_stats(limit, &stats);
    assert_true(stats.refused == 0 && stats.open == 0);
    rate_limit_destroy(limit);
    rate_limit_destroy(NULL);
}

static void without_redis_all_are_let_through(void **state)
{
    const struct rate_limit_options options = {.redis = nowhere, .per_1000_s = 1, .burst = 1};
    struct rate_check checks[50];
    struct rate_limit_stats stats;
    struct rate_limit *limit;
    unsigned asked = 0;

    (void)state;
    answered.count = 0;
    assert_int_equal(rate_limit_create(&options, &limit, NULL), CELERIAC_OK);
    for (size_t i = 0; i < 50; i++) {
        checks[i] = (struct rate_check){.per_1000_s = i % 2 ? 5 : 0, .burst = 5, .done = on_done};
        memset(&checks[i].tenant_id, (int)(i % 7), sizeof checks[i].tenant_id);
        asked += !rate_limit_check(limit, &checks[i]);
    }
    await_answers(asked);
    for (size_t i = 0; i < 50; i++)
        assert_true(checks[i].is_granted && !checks[i].is_limited);
    assert_int_equal(answered.count, asked);
    /* It is known by now that Redis is away: nobody waits for it. */
    assert_true(rate_limit_check(limit, &checks[0]));
    rate_limit_get_stats(limit, &stats);
    assert_int_equal(stats.open, 51);
    assert_int_equal(stats.refused, 0);
    rate_limit_destroy(limit);
}

/* Who waits when it ends is answered. */
static void the_end_leaves_nobody_waiting(void **state)
{
    const struct rate_limit_options options = {.redis = nowhere, .per_1000_s = 1, .burst = 1};
    struct rate_check check = {.done = on_done};
    struct rate_limit *limit;

    (void)state;
    for (int i = 0; i < 50; i++) {
        answered.count = 0;
        assert_int_equal(rate_limit_create(&options, &limit, NULL), CELERIAC_OK);
        assert_false(rate_limit_check(limit, &check));
        rate_limit_destroy(limit);
        assert_int_equal(answered.count, 1);
        assert_true(check.is_granted);
        check.per_1000_s = 0;
    }
}

static void want_of_memory_and_bad_addresses_are_told(void **state)
{
    const struct rate_limit_options bad = {.redis = {.broker_url = "amqp://x"}};
    const struct rate_limit_options good = {.redis = nowhere};
    struct rate_limit *limit = NULL;
    enum celeriac_err rc;
    unsigned n = 0;

    (void)state;
    assert_int_not_equal(rate_limit_create(&bad, &limit, NULL), CELERIAC_OK);
    do {
        mem_fail_at(++n);
        rc = rate_limit_create(&good, &limit, NULL);
        mem_fail_at(0);
        assert_true(rc == CELERIAC_OK || !limit);
    } while (rc == CELERIAC_ERR_MEMORY);
    assert_int_equal(rc, CELERIAC_OK);
    assert_true(n > 3);
    rate_limit_destroy(limit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_limit_nobody_is_asked),
        cmocka_unit_test(without_redis_all_are_let_through),
        cmocka_unit_test(the_end_leaves_nobody_waiting),
        cmocka_unit_test(want_of_memory_and_bad_addresses_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
