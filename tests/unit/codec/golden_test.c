/*
 * The golden captures of Celery 4.4.7, 5.2.6 and 5.6.3, decoded and written again. With
 * CELERIAC_REPORT_DIR set each case is a line of golden.tsv there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/codec/golden.h"

static void test_published_messages(void **state)
{
    size_t before = golden_cases();

    (void)state;
    golden_check_publish("4.4.7", "publish-4.4.7.json");
    golden_check_publish("5.2.6", "publish-5.2.6.json");
    golden_check_publish("5.6.3", "publish-5.6.3.json");
    printf("%zu cases of published messages\n", golden_cases() - before);
    /* 175 envelopes, at least four checks each: a capture that cannot be walked is no success. */
    assert_true(golden_cases() - before > 700);
    assert_int_equal(golden_failures(), 0);
}

static void test_stored_states(void **state)
{
    size_t before = golden_cases();
    size_t failures = golden_failures();

    (void)state;
    golden_check_state("4.4.7", "state-4.4.7.json");
    golden_check_state("5.2.6", "state-5.2.6.json");
    golden_check_state("5.6.3", "state-5.6.3.json");
    golden_check_state("5.6.3 tolerance", "tolerance-5.6.3.json");
    printf("%zu cases of stored state\n", golden_cases() - before);
    assert_true(golden_cases() - before > 500);
    assert_int_equal(golden_failures() - failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_messages),
        cmocka_unit_test(test_stored_states),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    golden_end();
    return failed;
}
