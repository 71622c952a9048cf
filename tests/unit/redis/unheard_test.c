#include "celery_proto/redis/unheard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct unheard unheard;

static int set_up(void **state)
{
    (void)state;
    memset(&unheard, 0, sizeof unheard);
    return 0;
}

static void each_is_taken_once_when_it_is_due(void **state)
{
    struct span ids[UNHEARD_BATCH_MAX];

    (void)state;
    assert_int_equal(unheard_due(&unheard), -1);
    assert_int_equal(unheard_take(&unheard, INT64_MAX, ids), 0);
    unheard_add(&unheard, SPAN("a"), 5);
    unheard_add(&unheard, SPAN("b"), 7);
    assert_int_equal(unheard_due(&unheard), UNHEARD_PAUSE_NS + 5);
    assert_int_equal(unheard_take(&unheard, UNHEARD_PAUSE_NS + 4, ids), 0);
    assert_int_equal(unheard_take(&unheard, UNHEARD_PAUSE_NS + 5, ids), 1);
    assert_true(span_is(ids[0], "a"));
    assert_int_equal(unheard_due(&unheard), UNHEARD_PAUSE_NS + 7);
    assert_int_equal(unheard_take(&unheard, UNHEARD_PAUSE_NS + 7, ids), 1);
    assert_true(span_is(ids[0], "b"));
    assert_int_equal(unheard_due(&unheard), -1);
}

static void ids_have_a_limit(void **state)
{
    char id[UNHEARD_ID_MAX + 1];
    struct span ids[UNHEARD_BATCH_MAX];

    (void)state;
    memset(id, 'x', sizeof id);
    unheard_add(&unheard, (struct span){id, UNHEARD_ID_MAX + 1}, 0);
    unheard_add(&unheard, (struct span){0}, 0);
    assert_int_equal(unheard_due(&unheard), -1);
    unheard_add(&unheard, (struct span){id, UNHEARD_ID_MAX}, 0);
    assert_int_equal(unheard_take(&unheard, INT64_MAX, ids), 1);
    assert_int_equal(ids[0].len, UNHEARD_ID_MAX);
}

/* Filled, emptied in batches, and filled again beyond the ring's end. */
static void there_is_a_limit_to_their_number(void **state)
{
    struct span ids[UNHEARD_BATCH_MAX];
    char id[32];

    (void)state;
    for (int round = 0; round < 3; round++) {
        size_t seen = 0;
        size_t taken;

        for (int i = 0; i < UNHEARD_MAX + 1; i++) {
            int len = snprintf(id, sizeof id, "%d-%d", round, i);

            unheard_add(&unheard, (struct span){id, (size_t)len}, i);
        }
        while ((taken = unheard_take(&unheard, INT64_MAX, ids)) > 0) {
            assert_int_equal(taken, UNHEARD_BATCH_MAX);
            for (size_t k = 0; k < taken; k++) {
                int len = snprintf(id, sizeof id, "%d-%zu", round, seen++);

                assert_true(span_equal(ids[k], (struct span){id, (size_t)len}));
            }
        }
        assert_int_equal(seen, UNHEARD_MAX);
        unheard_add(&unheard, SPAN("moves the start"), 0);
        assert_int_equal(unheard_take(&unheard, INT64_MAX, ids), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_is_taken_once_when_it_is_due, set_up),
        cmocka_unit_test_setup(ids_have_a_limit, set_up),
        cmocka_unit_test_setup(there_is_a_limit_to_their_number, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
