#include "celery_proto/redis/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

static uint64_t random_bits(void *context)
{
    uint64_t *x = context;
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

static void starts_small_and_doubles(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252;
    for (unsigned n = 0; n <= 4; n++) {
        int64_t middle = (CEL_BACKOFF_FIRST_MS * NS_PER_MS) << (n > 0 ? n - 1 : 0);
        for (int i = 0; i < 1000; i++) {
            int64_t pause = cel_backoff_ns(n, random_bits, &seed);
            assert_true(pause >= middle - middle / 4);
            assert_true(pause <= middle + middle / 4);
        }
    }
}

static void checklist_31_stays_within_its_bounds(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252;
    int64_t least = INT64_MAX;
    int64_t most = 0;
    const unsigned failures[] = {0, 1, 2, 7, 11, 100, UINT32_MAX};
    for (size_t f = 0; f < sizeof failures / sizeof failures[0]; f++) {
        for (int i = 0; i < 2000; i++) {
            int64_t pause = cel_backoff_ns(failures[f], random_bits, &seed);
            assert_true(pause >= CEL_BACKOFF_FIRST_MS * NS_PER_MS / 2);
            assert_true(pause <= CEL_BACKOFF_MAX_MS * NS_PER_MS);
            least = pause < least ? pause : least;
            most = pause > most ? pause : most;
        }
    }
    /* By chance both ends are used. */
    assert_true(least < 40 * NS_PER_MS);
    assert_true(most > 990 * NS_PER_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_small_and_doubles),
        cmocka_unit_test(checklist_31_stays_within_its_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
