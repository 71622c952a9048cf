#include "notify/store/page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_page_begins_with_the_newest(void **state)
{
    struct store_page page = {.limit = 1};

    (void)state;
    store_page_init(&page, 7);
    assert_true(page.after.created_at_us == STORE_NO_TIME);
    assert_true(page.created_after_us == STORE_NO_TIME);
    assert_true(page.created_before_us == STORE_NO_TIME);
    assert_int_equal(page.limit, 7);
}

static void limits_are_checked(void **state)
{
    struct celeriac_error err = {0};
    struct store_page page;

    (void)state;
    store_page_init(&page, 0);
    assert_int_equal(store_page_check(&page, &err), CELERIAC_OK);
    page.limit = STORE_LIST_MAX;
    assert_int_equal(store_page_check(&page, &err), CELERIAC_OK);
    page.limit++;
    assert_int_equal(store_page_check(&page, &err), CELERIAC_ERR_VALUE);
    assert_string_equal(err.text, "limit: more than 1000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_begins_with_the_newest),
        cmocka_unit_test(limits_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
