/* base/histogram.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "base/histogram.h"

enum { THREADS = 4, ROUNDS = 20000 };

static void bounds_belong_to_their_bucket(void **state)
{
    struct histogram h = {0};
    struct histogram_view view;

    (void)state;
    histogram_add(&h, INT64_MIN);
    histogram_add(&h, 0);
    histogram_add(&h, histogram_bounds_ns[0]);
    histogram_add(&h, histogram_bounds_ns[0] + 1);
    histogram_add(&h, histogram_bounds_ns[HISTOGRAM_BOUNDS - 1]);
    histogram_add(&h, histogram_bounds_ns[HISTOGRAM_BOUNDS - 1] + 1);
    histogram_read(&h, &view);
    assert_int_equal(view.counts[0], 3);
    assert_int_equal(view.counts[1], 4);
    assert_int_equal(view.counts[HISTOGRAM_BOUNDS - 2], 4);
    assert_int_equal(view.counts[HISTOGRAM_BOUNDS - 1], 5);
    assert_int_equal(view.counts[HISTOGRAM_BOUNDS], 6);
    assert_int_equal(view.sum_ns, 2 * histogram_bounds_ns[0] +
                                      2 * histogram_bounds_ns[HISTOGRAM_BOUNDS - 1] + 2);
}

static void bounds_rise(void **state)
{
    (void)state;
    for (size_t i = 1; i < HISTOGRAM_BOUNDS; i++)
        assert_true(histogram_bounds_ns[i - 1] < histogram_bounds_ns[i]);
}

static void *add_many(void *h)
{
    for (int64_t i = 0; i < ROUNDS; i++)
        histogram_add(h, i);
    return NULL;
}

static void no_observation_is_lost(void **state)
{
    struct histogram h = {0};
    struct histogram_view view;
    pthread_t threads[THREADS];

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, &h), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    histogram_read(&h, &view);
    assert_int_equal(view.counts[HISTOGRAM_BOUNDS], THREADS * ROUNDS);
    assert_int_equal(view.sum_ns, (uint64_t)THREADS * ROUNDS * (ROUNDS - 1) / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_belong_to_their_bucket),
        cmocka_unit_test(bounds_rise),
        cmocka_unit_test(no_observation_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
