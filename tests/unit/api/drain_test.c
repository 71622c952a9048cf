#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "api/drain.h"
#include "base/clock.h"

/* Longer than any machine takes for a test. */
#define LONG_NS (INT64_C(600) * NS_PER_SEC)

static void nothing_begins_after_the_end(void **state)
{
    struct drain d;
    size_t handling, sending;

    (void)state;
    drain_init(&d);
    assert_true(drain_enter(&d));
    assert_true(drain_enter(&d));
    drain_answered(&d);
    drain_count(&d, &handling, &sending);
    assert_int_equal(handling, 1);
    assert_int_equal(sending, 2);
    drain_leave(&d, true);
    drain_leave(&d, false);
    drain_close(&d, LONG_NS);
    assert_false(drain_enter(&d));
    drain_count(&d, &handling, &sending);
    assert_int_equal(handling, 0);
    assert_int_equal(sending, 0);
    drain_destroy(&d);
}

struct closing {
    struct drain d;
    int64_t grace_ns;
    atomic_bool closed;
};

static void *close_it(void *context)
{
    struct closing *c = context;

    drain_close(&c->d, c->grace_ns);
    atomic_store(&c->closed, true);
    return NULL;
}

static void answers_are_waited_for_whatever_the_grace(void **state)
{
    struct closing c = {.grace_ns = 0};
    pthread_t thread;

    (void)state;
    drain_init(&c.d);
    assert_true(drain_enter(&c.d));
    assert_int_equal(pthread_create(&thread, NULL, close_it, &c), 0);
    /* It waits for the answer, and requests on kept connections go on meanwhile. */
    assert_true(drain_enter(&c.d));
    drain_answered(&c.d);
    drain_leave(&c.d, true);
    assert_false(atomic_load(&c.closed));
    drain_answered(&c.d);
    /* The grace is over before it is sent. */
    pthread_join(thread, NULL);
    assert_false(drain_enter(&c.d));
    drain_leave(&c.d, true);
    drain_destroy(&c.d);
}

static void sending_is_waited_for_within_the_grace(void **state)
{
    struct closing c = {.grace_ns = LONG_NS};
    pthread_t thread;

    (void)state;
    drain_init(&c.d);
    assert_true(drain_enter(&c.d));
    assert_true(drain_enter(&c.d));
    drain_answered(&c.d);
    assert_int_equal(pthread_create(&thread, NULL, close_it, &c), 0);
    drain_leave(&c.d, false);
    assert_false(atomic_load(&c.closed));
    drain_leave(&c.d, true);
    pthread_join(thread, NULL);
    drain_destroy(&c.d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_begins_after_the_end),
        cmocka_unit_test(answers_are_waited_for_whatever_the_grace),
        cmocka_unit_test(sending_is_waited_for_within_the_grace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
