/* worker/main/health.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/main/health.h"

static void expect(const struct worker_health *health, int64_t now, bool live, bool ready,
                   const char *why)
{
    const char *said = NULL;

    assert_int_equal(worker_health_is_live(health, now, &said), live);
    assert_string_equal(said, why);
    said = NULL;
    assert_int_equal(worker_health_is_ready(health, now, &said), ready);
    assert_string_equal(said, why);
}

static void from_start_to_stop(void **state)
{
    struct worker_health health = {0};
    int64_t now = 5000;

    (void)state;
    expect(&health, now, true, false, "starting");
    worker_health_progress(&health, false, now);
    expect(&health, now, true, false, "waiting for the broker");
    worker_health_progress(&health, true, now);
    expect(&health, now, true, true, "consuming");
    expect(&health, now + HEALTH_SILENCE_NS, true, true, "consuming");
    expect(&health, now + HEALTH_SILENCE_NS + 1, false, false, "the consumer is stuck");
    worker_health_stopping(&health);
    expect(&health, now + HEALTH_SILENCE_NS + 1, true, false, "stopping");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(from_start_to_stop)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
