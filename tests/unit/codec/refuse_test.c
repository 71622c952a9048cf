#include "celery_proto/codec/refuse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_every_cause_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int a = 0; a < CEL_REFUSE_COUNT; a++) {
        assert_non_null(cel_refuse_name((enum cel_refuse)a));
        for (int b = 0; b < a; b++)
            assert_string_not_equal(cel_refuse_name((enum cel_refuse)a),
                                    cel_refuse_name((enum cel_refuse)b));
    }
    assert_string_equal(cel_refuse_name(CEL_REFUSE_NONE), "none");
    assert_string_equal(cel_refuse_name(CEL_REFUSE_COUNT), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cause_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
