/* worker/stray_pace.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/stray_pace.h"

static void doubles_up_to_its_limit(void **state)
{
    struct cel_stray_pace pace = {0};
    int64_t expected = CEL_STRAY_PAUSE_FIRST_NS;

    (void)state;
    while (expected < CEL_STRAY_PAUSE_LAST_NS) {
        assert_int_equal(cel_stray_pace_next(&pace), expected);
        expected *= 2;
    }
    assert_int_equal(cel_stray_pace_next(&pace), CEL_STRAY_PAUSE_LAST_NS);
    assert_int_equal(cel_stray_pace_next(&pace), CEL_STRAY_PAUSE_LAST_NS);
}

static void begins_anew_after_work(void **state)
{
    struct cel_stray_pace pace = {0};

    (void)state;
    (void)cel_stray_pace_next(&pace);
    (void)cel_stray_pace_next(&pace);
    cel_stray_pace_reset(&pace);
    assert_int_equal(cel_stray_pace_next(&pace), CEL_STRAY_PAUSE_FIRST_NS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_up_to_its_limit),
        cmocka_unit_test(begins_anew_after_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
