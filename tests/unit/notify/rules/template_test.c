#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "notify/rules/template.h"

/* More names stand in tests/data/notify/rules.tsv, see channel_test.c. */
static void test_names(void **state)
{
    (void)state;
    assert_true(notify_template_name_ok(SPAN("welcome_email_2")));
    assert_false(notify_template_name_ok(SPAN("2welcome")));
    assert_false(notify_template_name_ok(SPAN("_welcome")));
    assert_false(notify_template_name_ok(SPAN("wel-come")));
    assert_false(notify_template_name_ok(SPAN("")));
    assert_false(notify_template_name_ok((struct span){NULL, 0}));
}

static void test_subject(void **state)
{
    (void)state;
    assert_true(notify_template_needs_subject(NOTIFY_CHANNEL_EMAIL));
    assert_false(notify_template_needs_subject(NOTIFY_CHANNEL_SMS));
    assert_false(notify_template_needs_subject(NOTIFY_CHANNEL_WHATSAPP));
    assert_false(notify_template_needs_subject(NOTIFY_CHANNEL_PUSH));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_subject),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
