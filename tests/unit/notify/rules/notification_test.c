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

/* One row for each status it may leave, one column for each it may become. */
static void test_changes(void **state)
{
    static const char *const allowed[NOTIFY_STATUS_COUNT] = {
        ".x...x", /* pending */
        ".xx.x.", /* processing */
        "...x..", /* sent */
        "......", /* delivered */
        "xx....", /* failed */
        "......", /* cancelled */
    };

    (void)state;
    for (int from = 0; from < NOTIFY_STATUS_COUNT; from++) {
        for (int to = 0; to < NOTIFY_STATUS_COUNT; to++)
            assert_int_equal(
                notify_status_may_become((enum notify_status)from, (enum notify_status)to),
                allowed[from][to] == 'x');
    }
}

static void test_sent(void **state)
{
    (void)state;
    assert_true(notify_status_is_sent(NOTIFY_STATUS_SENT));
    assert_true(notify_status_is_sent(NOTIFY_STATUS_DELIVERED));
    assert_false(notify_status_is_sent(NOTIFY_STATUS_PENDING));
    assert_false(notify_status_is_sent(NOTIFY_STATUS_PROCESSING));
    assert_false(notify_status_is_sent(NOTIFY_STATUS_FAILED));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
