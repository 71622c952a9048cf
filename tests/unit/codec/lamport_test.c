#include "celery_proto/codec/lamport.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_checklist_81_rules(void **state)
{
    struct cel_lamport clock = {0};

    (void)state;
    assert_int_equal(cel_lamport_value(&clock), 0);
    assert_int_equal(cel_lamport_forward(&clock), 1);
    assert_int_equal(cel_lamport_adjust(&clock, 10), 11);
    assert_int_equal(cel_lamport_adjust(&clock, 3), 12);
    assert_int_equal(cel_lamport_adjust(&clock, 12), 13);
    assert_int_equal(cel_lamport_value(&clock), 13);
}

static void test_absurd_clocks_are_not_taken_over(void **state)
{
    struct cel_lamport clock = {0};
    const uint64_t most = UINT64_C(1) << 53;

    (void)state;
    assert_int_equal(cel_lamport_adjust(&clock, UINT64_MAX), 1);
    assert_int_equal(cel_lamport_adjust(&clock, most + 1), 2);
    assert_int_equal(cel_lamport_adjust(&clock, most), most + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checklist_81_rules),
        cmocka_unit_test(test_absurd_clocks_are_not_taken_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
