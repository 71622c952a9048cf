/* worker/runtime.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "base/alloc.h"
#include "worker/runtime.h"
#include "worker/settings.h"

static const struct celeriac_worker_options options = {.hostname = "w@h",
                                                       .concurrency = 2,
                                                       .prefetch_multiplier = 3,
                                                       .autoscale_max = 5,
                                                       .autoscale_min = 2,
                                                       .time_limit = 1.5,
                                                       .soft_time_limit = 0.5,
                                                       .default_queue = "other"};

static void is_made_from_settings(void **state)
{
    struct cel_settings settings = {0};
    struct cel_runtime runtime;

    (void)state;
    assert_int_equal(cel_settings_open(&options, &settings, NULL), CELERIAC_OK);
    assert_int_equal(cel_runtime_open(&runtime, &settings, NULL), CELERIAC_OK);
    assert_true(span_is(runtime.hostname, "w@h"));
    assert_int_equal(strlen(runtime.id), UUID_LEN);
    assert_int_equal(runtime.pid, getpid());
    assert_int_equal(runtime.time_limit_us, 1500000);
    assert_int_equal(runtime.soft_limit_us, 500000);
    assert_true(span_is(runtime.world.queue, "other"));
    assert_true(span_is(runtime.world.origin, runtime.texts.origin));
    /* Room for the most threads that there may be. */
    assert_int_equal(cel_window_limit(runtime.window), 15);
    assert_int_equal(atomic_load(&runtime.scale.max), 5);
    assert_int_equal(atomic_load(&runtime.scale.min), 2);
    assert_int_equal(runtime.scale.keepalive_ns, 30000000000);
    assert_null(runtime.consumer);
    assert_null(runtime.pool);
    cel_runtime_close(&runtime);
    cel_settings_close(&settings);
}

static void wakes_are_read_once(void **state)
{
    struct cel_settings settings = {0};
    struct cel_runtime runtime;
    uint64_t wakes = 0;

    (void)state;
    assert_int_equal(cel_settings_open(&options, &settings, NULL), CELERIAC_OK);
    assert_int_equal(cel_runtime_open(&runtime, &settings, NULL), CELERIAC_OK);
    cel_runtime_wake(&runtime);
    cel_runtime_wake(&runtime);
    assert_int_equal(read(runtime.wake_fd, &wakes, sizeof wakes), sizeof wakes);
    assert_int_equal(wakes, 2);
    assert_int_equal(read(runtime.wake_fd, &wakes, sizeof wakes), -1);
    cel_runtime_close(&runtime);
    cel_settings_close(&settings);
}

static void survives_every_failing_allocation(void **state)
{
    struct cel_settings settings = {0};
    bool failed = true;

    (void)state;
    assert_int_equal(cel_settings_open(&options, &settings, NULL), CELERIAC_OK);
    for (size_t n = 1; failed; n++) {
        struct cel_runtime runtime;
        enum celeriac_err code;

        mem_fail_at(n);
        code = cel_runtime_open(&runtime, &settings, NULL);
        failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(code, failed ? CELERIAC_ERR_MEMORY : CELERIAC_OK);
        cel_runtime_close(&runtime);
    }
    cel_settings_close(&settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_made_from_settings),
        cmocka_unit_test(wakes_are_read_once),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
