/* worker/retry.c: checklist lines 51 to 53. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/retry.h"

/* A source that returns the same bits each time. */
static uint64_t fixed(void *context)
{
    return *(uint64_t *)context;
}

/* A small generator with a fixed seed (splitmix64), so that the distribution test repeats itself.
 */
static uint64_t seeded(void *context)
{
    uint64_t *state = context;
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static struct cel_retry_policy policy_of(struct celeriac_task_options options)
{
    return cel_retry_policy_of(&options);
}

static void defaults_are_celerys(void **state)
{
    struct cel_retry_policy policy = policy_of((struct celeriac_task_options){0});

    (void)state;
    assert_false(policy.unlimited);
    assert_int_equal(policy.max_retries, 3);
    assert_int_equal(policy.backoff, 0);
    assert_int_equal(policy.backoff_max, 600);
    assert_true(policy.jitter);
    assert_int_equal(cel_retry_delay(&policy, 0, random_os, NULL), 180);
    assert_int_equal(cel_retry_delay(&policy, 5, random_os, NULL), 180);
}

static void checklist_51_max_retries_allows_one_execution_more(void **state)
{
    struct cel_retry_policy three = policy_of((struct celeriac_task_options){.max_retries = 3});
    struct cel_retry_policy none =
        policy_of((struct celeriac_task_options){.max_retries = CELERIAC_RETRIES_NONE});
    struct cel_retry_policy unlimited =
        policy_of((struct celeriac_task_options){.max_retries = CELERIAC_RETRIES_UNLIMITED});

    (void)state;
    assert_true(cel_retry_allowed(&three, 0));
    assert_true(cel_retry_allowed(&three, 2));
    assert_false(cel_retry_allowed(&three, 3));
    assert_false(cel_retry_allowed(&three, UINT64_MAX));
    assert_false(cel_retry_allowed(&none, 0));
    assert_true(cel_retry_allowed(&unlimited, UINT64_MAX));
}

static void checklist_53_backoff_without_jitter(void **state)
{
    static const uint32_t expected[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600};
    struct cel_retry_policy policy =
        policy_of((struct celeriac_task_options){.retry_backoff = 1, .retry_without_jitter = true});

    (void)state;
    for (uint64_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_int_equal(cel_retry_delay(&policy, i, random_os, NULL), expected[i]);
    assert_int_equal(cel_retry_delay(&policy, 1000, random_os, NULL), 600);
    assert_int_equal(cel_retry_delay(&policy, UINT64_MAX, random_os, NULL), 600);
}

static void backoff_never_overflows(void **state)
{
    struct cel_retry_policy policy =
        policy_of((struct celeriac_task_options){.retry_backoff = UINT32_MAX,
                                                 .retry_backoff_max = UINT32_MAX,
                                                 .retry_without_jitter = true});

    (void)state;
    for (uint64_t retries = 0; retries < 200; retries++)
        assert_int_equal(cel_retry_delay(&policy, retries, random_os, NULL), UINT32_MAX);
}

static void jitter_reaches_both_ends(void **state)
{
    struct cel_retry_policy policy =
        policy_of((struct celeriac_task_options){.retry_backoff = 1, .retry_backoff_max = 900});
    uint64_t seed = 42;
    unsigned seen[9] = {0};

    (void)state;
    for (int i = 0; i < 9000; i++) {
        uint32_t delay = cel_retry_delay(&policy, 3, seeded, &seed);

        assert_true(delay <= 8);
        seen[delay]++;
    }
    /* 1,000 expected in each of the nine, standard deviation 30: five of them on either side. */
    for (int i = 0; i < 9; i++)
        assert_in_range(seen[i], 850, 1150);
}

static void no_jitter_draws_no_randomness(void **state)
{
    uint64_t bits = 0;
    struct cel_retry_policy policy =
        policy_of((struct celeriac_task_options){.retry_backoff = 7, .retry_without_jitter = true});

    (void)state;
    assert_int_equal(cel_retry_delay(&policy, 1, fixed, &bits), 14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_celerys),
        cmocka_unit_test(checklist_51_max_retries_allows_one_execution_more),
        cmocka_unit_test(checklist_53_backoff_without_jitter),
        cmocka_unit_test(backoff_never_overflows),
        cmocka_unit_test(jitter_reaches_both_ends),
        cmocka_unit_test(no_jitter_draws_no_randomness),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
