#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"

static void never_goes_back(void **state)
{
    (void)state;
    int64_t last = clock_monotonic_ns();
    assert_true(last > 0);
    for (int i = 0; i < 10000; i++) {
        int64_t now = clock_monotonic_ns();
        assert_true(now >= last);
        last = now;
    }
}

static bool is_the_wall_time(void)
{
    int64_t before = (int64_t)time(NULL) - 1;
    int64_t us = clock_wall_us();
    int64_t after = (int64_t)time(NULL) + 1;
    return us >= before * US_PER_SEC && us <= after * US_PER_SEC;
}

/* The clock may be set back in the middle of a comparison, but not of one after the other. */
static void tells_the_wall_time_in_microseconds(void **state)
{
    bool good = false;
    (void)state;
    for (int i = 0; i < 10 && !good; i++)
        good = is_the_wall_time();
    assert_true(good);
}

static void rounds_waits_up(void **state)
{
    (void)state;
    assert_int_equal(clock_poll_ms(1000, 1000), 0);
    assert_int_equal(clock_poll_ms(1001, 1000), 0);
    assert_int_equal(clock_poll_ms(0, 1), 1);
    assert_int_equal(clock_poll_ms(0, NS_PER_MS), 1);
    assert_int_equal(clock_poll_ms(0, NS_PER_MS + 1), 2);
    assert_int_equal(clock_poll_ms(5 * NS_PER_SEC, 7 * NS_PER_SEC), 2000);
    assert_int_equal(clock_poll_ms(0, -1), -1);
    assert_int_equal(clock_poll_ms(0, INT64_MAX), INT_MAX);
    assert_int_equal(clock_poll_ms(INT64_MIN, INT64_MAX), INT_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_goes_back),
        cmocka_unit_test(tells_the_wall_time_in_microseconds),
        cmocka_unit_test(rounds_waits_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
