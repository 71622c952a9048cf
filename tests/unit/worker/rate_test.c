/* worker/rate.c: checklist line 60. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "worker/rate.h"

static void run(struct celeriac_task *task, void *user)
{
    (void)task;
    (void)user;
}

static void checklist_60_reads_what_celery_reads(void **state)
{
    static const struct {
        const char *text;
        double per_second;
    } good[] = {{"", 0},        {"0", 0},
                {"10", 10},     {"10/s", 10},
                {"120/m", 2},   {"2/h", 2.0 / 3600},
                {"0.5/s", 0.5}, {"100/m", 100.0 / 60},
                {"1e2", 100},   {"7/", 7}};
    static const char *const bad[] = {"x",   "/m",  "10/d",  "10/S", "-1/m",
                                      "nan", "inf", "1/m/m", "1,5"};
    double value = -1;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(cel_rate_parse(span_of(good[i].text), &value, NULL), CELERIAC_OK);
        assert_true(value == good[i].per_second);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        value = 42;
        assert_int_equal(cel_rate_parse(span_of(bad[i]), &value, NULL), CELERIAC_ERR_VALUE);
        assert_true(value == 42);
    }
}

static struct cel_registry *registry_of(const char *rate_limit)
{
    struct cel_registry *registry = NULL;
    struct celeriac_task_options limited = {
        .name = "t.limited", .run = run, .rate_limit = rate_limit};
    struct celeriac_task_options other = {.name = "t.other", .run = run};

    assert_int_equal(cel_registry_create(&registry), CELERIAC_OK);
    assert_int_equal(cel_registry_add(registry, &other, NULL), CELERIAC_OK);
    assert_int_equal(cel_registry_add(registry, &limited, NULL), CELERIAC_OK);
    return registry;
}

static void checklist_60_a_bucket_holds_one_token(void **state)
{
    struct cel_registry *registry = registry_of("2/s");
    const struct cel_task_definition *limited = cel_registry_find(registry, SPAN("t.limited"));
    const struct cel_task_definition *other = cel_registry_find(registry, SPAN("t.other"));
    struct cel_rates *rates = NULL;
    int64_t now = 1000 * NS_PER_SEC;
    int64_t wait;

    (void)state;
    assert_int_equal(cel_rates_create(registry, false, &rates), CELERIAC_OK);
    assert_int_equal(cel_rates_take(rates, limited, now), 0);
    wait = cel_rates_take(rates, limited, now);
    assert_in_range(wait, NS_PER_SEC / 2, NS_PER_SEC / 2 + 1000);
    /* Half a token later half the wait is left; then the token is there, and only one. */
    assert_in_range(cel_rates_take(rates, limited, now + NS_PER_SEC / 4), NS_PER_SEC / 4,
                    NS_PER_SEC / 4 + 1000);
    assert_int_equal(cel_rates_take(rates, limited, now + wait), 0);
    now += 1000 * NS_PER_SEC;
    assert_int_equal(cel_rates_take(rates, limited, now), 0);
    assert_true(cel_rates_take(rates, limited, now) > 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(cel_rates_take(rates, other, now), 0);
    cel_rates_destroy(rates);
    cel_registry_destroy(registry);
}

static void checklist_87_limits_change_while_running(void **state)
{
    struct cel_registry *registry = registry_of(NULL);
    const struct cel_task_definition *limited = cel_registry_find(registry, SPAN("t.limited"));
    struct cel_rates *rates = NULL;

    (void)state;
    assert_int_equal(cel_rates_create(registry, false, &rates), CELERIAC_OK);
    assert_true(cel_rates_get(rates, limited) == 0);
    assert_int_equal(cel_rates_set(rates, SPAN("t.limited"), SPAN("1/h"), NULL), CELERIAC_OK);
    assert_true(cel_rates_get(rates, limited) == 1.0 / 3600);
    assert_int_equal(cel_rates_take(rates, limited, 5), 0);
    assert_true(cel_rates_take(rates, limited, 6) > 0);
    assert_int_equal(cel_rates_set(rates, SPAN("t.none"), SPAN("1/h"), NULL),
                     CELERIAC_ERR_NOT_FOUND);
    assert_int_equal(cel_rates_set(rates, SPAN("t.limited"), SPAN("often"), NULL),
                     CELERIAC_ERR_VALUE);
    assert_true(cel_rates_take(rates, limited, 7) > 0);
    assert_int_equal(cel_rates_set(rates, SPAN("t.limited"), SPAN("0"), NULL), CELERIAC_OK);
    assert_int_equal(cel_rates_take(rates, limited, 8), 0);
    assert_int_equal(cel_rates_take(rates, limited, 8), 0);
    cel_rates_destroy(rates);
    cel_rates_destroy(NULL);
    cel_registry_destroy(registry);
}

/* worker_disable_rate_limits: a limit is still shown, and set, but kept by nobody. */
static void disabled_limits_hold_nothing_up(void **state)
{
    struct cel_registry *registry = registry_of("1/h");
    const struct cel_task_definition *limited = cel_registry_find(registry, SPAN("t.limited"));
    struct cel_rates *rates = NULL;

    (void)state;
    assert_int_equal(cel_rates_create(registry, true, &rates), CELERIAC_OK);
    assert_true(cel_rates_get(rates, limited) == 1.0 / 3600);
    assert_int_equal(cel_rates_set(rates, SPAN("t.limited"), SPAN("2/h"), NULL), CELERIAC_OK);
    for (int i = 0; i < 10; i++)
        assert_int_equal(cel_rates_take(rates, limited, 5), 0);
    cel_rates_destroy(rates);
    cel_registry_destroy(registry);
}

static void very_slow_limits_do_not_overflow(void **state)
{
    struct cel_registry *registry = registry_of("1e-300/h");
    const struct cel_task_definition *limited = cel_registry_find(registry, SPAN("t.limited"));
    struct cel_rates *rates = NULL;

    (void)state;
    mem_fail_at(1);
    assert_int_equal(cel_rates_create(registry, false, &rates), CELERIAC_ERR_MEMORY);
    mem_fail_at(0);
    assert_int_equal(cel_rates_create(registry, false, &rates), CELERIAC_OK);
    assert_int_equal(cel_rates_take(rates, limited, 1), 0);
    assert_int_equal(cel_rates_take(rates, limited, 2), 3600 * NS_PER_SEC);
    assert_int_equal(cel_rates_take(rates, limited, INT64_MAX), 3600 * NS_PER_SEC);
    cel_rates_destroy(rates);
    cel_registry_destroy(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checklist_60_reads_what_celery_reads),
        cmocka_unit_test(checklist_60_a_bucket_holds_one_token),
        cmocka_unit_test(checklist_87_limits_change_while_running),
        cmocka_unit_test(disabled_limits_hold_nothing_up),
        cmocka_unit_test(very_slow_limits_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
