/* worker/scale.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "worker/pool.h"
#include "worker/scale.h"

#define KEEPALIVE_NS (30 * NS_PER_SEC)

static void set(struct cel_scale *scale, size_t max, size_t min)
{
    assert_int_equal(cel_scale_set(scale, max, min, NULL), CELERIAC_OK);
}

static void up_at_once_and_down_when_idle(void **state)
{
    struct cel_scale scale = {.keepalive_ns = KEEPALIVE_NS};
    int64_t now = 1000 * NS_PER_SEC;

    (void)state;
    set(&scale, 6, 2);
    assert_int_equal(cel_scale_wanted(&scale, 2, 2, true, now), 2);
    assert_int_equal(cel_scale_wanted(&scale, 2, 4, true, now), 4);
    assert_int_equal(cel_scale_wanted(&scale, 4, 9, false, now), 6);
    now += KEEPALIVE_NS;
    assert_int_equal(cel_scale_wanted(&scale, 6, 0, false, now), 6);
    assert_int_equal(cel_scale_wanted(&scale, 6, 3, false, now + 1), 3);
    assert_int_equal(cel_scale_wanted(&scale, 3, 0, false, now + 1), 2);
    /* What is received keeps the threads. */
    now += NS_PER_SEC;
    assert_int_equal(cel_scale_wanted(&scale, 6, 0, true, now), 6);
    assert_int_equal(cel_scale_wanted(&scale, 6, 0, false, now + KEEPALIVE_NS), 6);
    assert_int_equal(cel_scale_wanted(&scale, 6, 0, false, now + KEEPALIVE_NS + 1), 2);
}

static void bounds_are_obeyed_at_once(void **state)
{
    struct cel_scale scale = {.keepalive_ns = KEEPALIVE_NS};
    int64_t now = NS_PER_SEC;

    (void)state;
    set(&scale, 8, 3);
    assert_int_equal(cel_scale_wanted(&scale, 1, 0, false, now), 3);
    set(&scale, 2, 0);
    assert_int_equal(cel_scale_wanted(&scale, 8, 9, true, now), 2);
    assert_int_equal(cel_scale_wanted(&scale, 0, 0, false, now), 1);
    assert_int_equal(cel_scale_set(&scale, 0, 0, NULL), CELERIAC_ERR_VALUE);
    assert_int_equal(cel_scale_set(&scale, 2, 3, NULL), CELERIAC_ERR_VALUE);
    assert_int_equal(cel_scale_set(&scale, CEL_POOL_THREADS_MAX + 1, 1, NULL), CELERIAC_ERR_VALUE);
    set(&scale, CEL_POOL_THREADS_MAX, 1);
}

static void without_bounds_nothing_moves(void **state)
{
    struct cel_scale scale = {0};

    (void)state;
    assert_int_equal(cel_scale_wanted(&scale, 5, 100, true, 1), 5);
    assert_int_equal(cel_scale_follow(&scale, NULL, 5, NULL, true), INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(up_at_once_and_down_when_idle),
        cmocka_unit_test(bounds_are_obeyed_at_once),
        cmocka_unit_test(without_bounds_nothing_moves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
