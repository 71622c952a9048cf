#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "notify/rules/notification.h"

static void test_names(void **state)
{
    static const char *const names[] = {"pending",   "processing", "sent",
                                        "delivered", "failed",     "cancelled"};
    enum notify_status status = NOTIFY_STATUS_FAILED;

    (void)state;
    for (int i = 0; i < NOTIFY_STATUS_COUNT; i++) {
        assert_string_equal(notify_status_name((enum notify_status)i), names[i]);
        assert_true(notify_status_parse(span_of(names[i]), &status));
        assert_int_equal((int)status, i);
    }
    assert_false(notify_status_parse(SPAN("Sent"), &status));
    assert_false(notify_status_parse(SPAN(""), &status));
    assert_int_equal(status, NOTIFY_STATUS_CANCELLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
