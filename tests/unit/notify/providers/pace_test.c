#include "notify/providers/pace.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"

#define NOW (1000 * NS_PER_SEC)
#define INTERVAL (250 * NS_PER_MS)

/* What comes at once gets moments an interval apart. */
static void test_moments(void **state)
{
    struct notify_pace pace = {0};

    (void)state;
    /* A tenth of a second that nobody used. */
    assert_int_equal(notify_pace_reserve(&pace, INTERVAL, NOW), 0);
    assert_int_equal(notify_pace_reserve(&pace, INTERVAL, NOW), 150 * NS_PER_MS);
    assert_int_equal(notify_pace_reserve(&pace, INTERVAL, NOW), 400 * NS_PER_MS);
    assert_int_equal(notify_pace_reserve(&pace, INTERVAL, NOW + 300 * NS_PER_MS), 350 * NS_PER_MS);
}

static void test_idle_time_is_not_saved(void **state)
{
    struct notify_pace pace = {0};
    unsigned at_once = 0;

    (void)state;
    (void)notify_pace_reserve(&pace, 10 * NS_PER_MS, NOW);
    while (notify_pace_reserve(&pace, 10 * NS_PER_MS, NOW + 3600 * NS_PER_SEC) == 0)
        at_once++;
    assert_int_equal(at_once, 11);
}

static void test_late_ones_keep_the_rate(void **state)
{
    struct notify_pace pace = {0};
    int64_t now = NOW;

    (void)state;
    /* One thread that comes 5 ms late each time still gets its hundred in a second. */
    for (int i = 0; i < 100; i++)
        now += notify_pace_reserve(&pace, 10 * NS_PER_MS, now) + (i % 2) * 5 * NS_PER_MS;
    assert_in_range(now, NOW + 800 * NS_PER_MS, NOW + 1000 * NS_PER_MS);
}

#define THREADS 4
#define EACH 5000

static void *reserve_many(void *context)
{
    for (int i = 0; i < EACH; i++)
        (void)notify_pace_reserve(context, NS_PER_MS, NOW);
    return NULL;
}

/* No moment is given twice. */
static void test_threads(void **state)
{
    struct notify_pace pace = {0};
    pthread_t threads[THREADS];

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, reserve_many, &pace), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(notify_pace_reserve(&pace, NS_PER_MS, NOW),
                     THREADS * EACH * NS_PER_MS - 100 * NS_PER_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moments),
        cmocka_unit_test(test_idle_time_is_not_saved),
        cmocka_unit_test(test_late_ones_keep_the_rate),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
