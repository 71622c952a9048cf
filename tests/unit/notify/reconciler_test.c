/* When comparisons are made; tests/unit/notify/enqueue_test.c has what follows from them. */
#include "notify/reconciler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"

static void what_takes_long_is_done_seldom(void **state)
{
    static const struct {
        int64_t took_ns, pause_ns;
    } cases[] = {
        {0, NOTIFY_RECONCILE_NS},
        {NOTIFY_RECONCILE_LIGHT_NS, NOTIFY_RECONCILE_NS},
        {2 * NS_PER_SEC, 20 * NS_PER_SEC},
        {15 * NS_PER_SEC, 150 * NS_PER_SEC},
        {30 * NS_PER_SEC, NOTIFY_RECONCILE_LATEST_NS},
        {INT64_MAX, NOTIFY_RECONCILE_LATEST_NS},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_true(notify_reconciler_pause_ns(cases[i].took_ns) == cases[i].pause_ns);
}

static void want_of_memory_is_told(void **state)
{
    struct notify_reconciler *r = NULL;
    (void)state;
    mem_fail_at(1);
    assert_int_equal(notify_reconciler_create(NULL, 1, &r), CELERIAC_ERR_MEMORY);
    mem_fail_at(0);
    assert_null(r);
    notify_reconciler_destroy(NULL);
}

static void it_is_due_when_there_is_an_age(void **state)
{
    struct notify_reconciler *r = NULL;
    (void)state;
    for (unsigned after_s = 0; after_s < 2; after_s++) {
        assert_int_equal(notify_reconciler_create(NULL, after_s, &r), CELERIAC_OK);
        assert_int_equal(notify_reconciler_is_due(r, NS_PER_SEC), after_s);
        assert_null(notify_reconciler_take(r, NS_PER_SEC));
        notify_reconciler_postpone(r, NS_PER_SEC);
        assert_false(notify_reconciler_is_due(r, NOTIFY_RECONCILE_NS));
        assert_int_equal(notify_reconciler_is_due(r, NS_PER_SEC + NOTIFY_RECONCILE_NS), after_s);
        notify_reconciler_destroy(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_takes_long_is_done_seldom),
        cmocka_unit_test(want_of_memory_is_told),
        cmocka_unit_test(it_is_due_when_there_is_an_age),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
