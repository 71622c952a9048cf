#include "notify/rules/retry_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "notify/rules/notification.h"

static struct notify_retry_plan parse(const char *text)
{
    struct notify_retry_plan plan = {.delay_count = 0};

    assert_int_equal(notify_retry_plan_parse(span_of(text), "X", &plan, NULL), CELERIAC_OK);
    return plan;
}

static void test_schedules(void **state)
{
    struct notify_retry_plan plan = parse("60,300 , 1800,604800");

    (void)state;
    assert_int_equal(plan.delay_count, 4);
    assert_int_equal(plan.delays[0], 60);
    assert_int_equal(plan.delays[1], 300);
    assert_int_equal(plan.delays[2], 1800);
    assert_int_equal(plan.delays[3], 604800);
    assert_int_equal(notify_retry_plan_max(&plan), 4);
    plan = parse("  ");
    assert_int_equal(plan.delay_count, 0);
    assert_int_equal(notify_retry_plan_max(&plan), NOTIFY_MAX_RETRIES);
    plan = parse("1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1");
    assert_int_equal(plan.delay_count, NOTIFY_RETRY_DELAYS_MAX);
}

static void test_bad_schedules(void **state)
{
    static const char *const bad[] = {"x",  "0",    "-1",  "604801", "1,",
                                      ",1", "1,,2", "1.5", "1 2",    "60s"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct notify_retry_plan plan = {.delay_count = 1, .delays = {7}};
        struct celeriac_error err = {0};

        if (notify_retry_plan_parse(span_of(bad[i]), "CELERIAC_RETRY_SCHEDULE", &plan, &err) !=
            CELERIAC_ERR_VALUE)
            fail_msg("\"%s\" is taken", bad[i]);
        assert_ptr_equal(strstr(err.text, "CELERIAC_RETRY_SCHEDULE: "), err.text);
        assert_int_equal(plan.delay_count, 1);
        assert_int_equal(plan.delays[0], 7);
    }
}

static void test_too_long_a_schedule(void **state)
{
    struct notify_retry_plan plan = {.delay_count = 0};

    (void)state;
    assert_int_equal(notify_retry_plan_parse(SPAN("1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1"), "X",
                                             &plan, NULL),
                     CELERIAC_ERR_LIMIT);
}

/* The step, as kind and seconds in one number: -1 Celery's, -2 none. */
static int64_t next(const struct notify_retry_plan *plan, unsigned retries, bool refused,
                    uint32_t retry_after)
{
    struct notify_retry_case failure = {retries, refused, retry_after};
    struct notify_retry_step step = notify_retry_plan_next(plan, &failure, random_os, NULL);

    if (step.kind == NOTIFY_RETRY_CELERY)
        return -1;
    return step.kind == NOTIFY_RETRY_NONE ? -2 : (int64_t)step.seconds;
}

static void test_as_python(void **state)
{
    const struct notify_retry_plan plan = {.delay_count = 0};

    (void)state;
    for (unsigned retries = 0; retries < 6; retries++) {
        int64_t want = retries < 3 ? -1 : -2;

        assert_int_equal(next(&plan, retries, false, 0), want);
        assert_int_equal(next(&plan, retries, true, 0), want);
        assert_int_equal(next(&plan, retries, false, 3600), want);
    }
}

static void test_refusals(void **state)
{
    const struct notify_retry_plan plan = {.give_up_refused = true};

    (void)state;
    assert_int_equal(next(&plan, 0, true, 0), -2);
    assert_int_equal(next(&plan, 0, false, 0), -1);
    assert_int_equal(next(&plan, 3, false, 0), -2);
}

static void test_retry_after(void **state)
{
    const struct notify_retry_plan plan = {.retry_after_max = 100};

    (void)state;
    assert_int_equal(next(&plan, 0, false, 0), -1);
    assert_int_equal(next(&plan, 0, false, 1), 1);
    assert_int_equal(next(&plan, 0, false, 100), 100);
    assert_int_equal(next(&plan, 0, false, 101), 100);
    assert_int_equal(next(&plan, 2, false, UINT32_MAX), 100);
    assert_int_equal(next(&plan, 3, false, 50), -2);
}

static void test_schedule(void **state)
{
    /* Too short for jitter. */
    struct notify_retry_plan plan = parse("6,9");

    (void)state;
    assert_int_equal(next(&plan, 0, false, 0), 6);
    assert_int_equal(next(&plan, 1, true, 0), 9);
    assert_int_equal(next(&plan, 2, false, 0), -2);
    assert_int_equal(next(&plan, 99, false, 0), -2);
    plan.retry_after_max = 8;
    assert_int_equal(next(&plan, 0, false, 7), 7);
    assert_int_equal(next(&plan, 0, false, 1000), 8);
    assert_int_equal(next(&plan, 1, false, 7), 9);
}

static void test_jitter(void **state)
{
    struct notify_retry_plan plan = parse("100,9");
    const struct notify_retry_case first = {0, false, 0}, second = {1, false, 0};
    uint32_t least = UINT32_MAX, most = 0;

    (void)state;
    for (int i = 0; i < 2000; i++) {
        struct notify_retry_step step = notify_retry_plan_next(&plan, &first, random_os, NULL);

        assert_int_equal(step.kind, NOTIFY_RETRY_AFTER);
        assert_in_range(step.seconds, 100, 110);
        least = step.seconds < least ? step.seconds : least;
        most = step.seconds > most ? step.seconds : most;
        assert_int_equal(notify_retry_plan_next(&plan, &second, random_os, NULL).seconds, 9);
    }
    assert_int_equal(least, 100);
    assert_int_equal(most, 110);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schedules),
        cmocka_unit_test(test_bad_schedules),
        cmocka_unit_test(test_too_long_a_schedule),
        cmocka_unit_test(test_as_python),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_schedule),
        cmocka_unit_test(test_jitter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
