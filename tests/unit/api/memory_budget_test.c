#include "api/memory_budget.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <pthread.h>
#include <sched.h>

#include <cmocka.h>

static void so_much_and_no_more(void **state)
{
    struct memory_budget budget = {.max = 3 * MEMORY_BUDGET_SMALL};
    size_t one = 0, two = 0;

    (void)state;
    assert_true(memory_budget_hold(&budget, 2 * MEMORY_BUDGET_SMALL, &one));
    assert_int_equal(one, 2 * MEMORY_BUDGET_SMALL);
    /* Above the limit by one byte, and at it. */
    assert_false(memory_budget_hold(&budget, 3 * MEMORY_BUDGET_SMALL + 1, &one));
    assert_int_equal(one, 2 * MEMORY_BUDGET_SMALL);
    assert_false(memory_budget_hold(&budget, MEMORY_BUDGET_SMALL + 1, &two));
    assert_int_equal(two, 0);
    assert_true(memory_budget_hold(&budget, 3 * MEMORY_BUDGET_SMALL, &one));
    assert_int_equal(atomic_load(&budget.held), 3 * MEMORY_BUDGET_SMALL);
    memory_budget_release(&budget, &one);
    assert_true(one == 0 && atomic_load(&budget.held) == 0);
    assert_true(memory_budget_hold(&budget, MEMORY_BUDGET_SMALL + 1, &two));
    memory_budget_release(&budget, &two);
    assert_int_equal(atomic_load(&budget.held), 0);
}

static void small_pieces_are_free(void **state)
{
    struct memory_budget budget = {.max = 0};
    size_t counted = 0;

    (void)state;
    assert_true(memory_budget_hold(&budget, 0, &counted));
    assert_true(memory_budget_hold(&budget, MEMORY_BUDGET_SMALL, &counted));
    assert_int_equal(counted, 0);
    assert_false(memory_budget_hold(&budget, MEMORY_BUDGET_SMALL + 1, &counted));
    memory_budget_release(&budget, &counted);
    assert_int_equal(atomic_load(&budget.held), 0);
}

/* What a holder has it keeps, though its piece gets smaller. */
static void nothing_shrinks(void **state)
{
    struct memory_budget budget = {.max = 10 * MEMORY_BUDGET_SMALL};
    size_t counted = 0;

    (void)state;
    assert_true(memory_budget_hold(&budget, 5 * MEMORY_BUDGET_SMALL, &counted));
    assert_true(memory_budget_hold(&budget, 2 * MEMORY_BUDGET_SMALL, &counted));
    assert_int_equal(counted, 5 * MEMORY_BUDGET_SMALL);
    assert_int_equal(atomic_load(&budget.held), 5 * MEMORY_BUDGET_SMALL);
}

static struct memory_budget shared = {.max = 4 * MEMORY_BUDGET_SMALL};

static void *hold_often(void *context)
{
    size_t *most = context;

    for (int times = 0; times < 5000;) {
        size_t counted = 0;

        if (memory_budget_hold(&shared, 2 * MEMORY_BUDGET_SMALL, &counted)) {
            size_t held = atomic_load(&shared.held);

            *most = held > *most ? held : *most;
            memory_budget_release(&shared, &counted);
            times++;
        } else {
            sched_yield();
        }
    }
    return NULL;
}

static void threads_share_it(void **state)
{
    pthread_t threads[4];
    size_t most[4] = {0};

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hold_often, &most[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_true(most[i] >= 2 * MEMORY_BUDGET_SMALL);
    }
    assert_int_equal(atomic_load(&shared.held), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_much_and_no_more),
        cmocka_unit_test(small_pieces_are_free),
        cmocka_unit_test(nothing_shrinks),
        cmocka_unit_test(threads_share_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
