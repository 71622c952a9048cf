/* What of a list of messages is refused before the database sees it, and ids that are made. */
#include "notify/store/webhook_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "notify/store/kinds.h"
#include "notify/store/page.h"

static const struct uuid tenant = {{1}};
static const struct uuid webhook = {{2}};

static void lists_have_limits(void **state)
{
    struct store_list_webhook_messages list;
    struct store_page page;

    (void)state;
    store_page_init(&page, STORE_LIST_MAX);
    store_list_webhook_messages_init(&list, &tenant, &webhook, &page);
    list.status = SPAN("12345678901234567890");
    assert_int_equal(list.call.own.kind->check(&list.call), CELERIAC_OK);
    list.page.limit++;
    assert_int_equal(list.call.own.kind->check(&list.call), CELERIAC_ERR_VALUE);
    assert_string_equal(list.call.error.text, "limit: more than 1000");
    celeriac_error_clear(&list.call.error);
    list.page.limit--;
    list.status = SPAN("123456789012345678901");
    assert_int_equal(list.call.own.kind->check(&list.call), CELERIAC_ERR_VALUE);
}

static void tests_have_random_ids(void **state)
{
    struct store_test_webhook first, second;

    (void)state;
    store_test_webhook_init(&first, &tenant, &webhook);
    store_test_webhook_init(&second, &tenant, &webhook);
    assert_memory_not_equal(&first.id, &second.id, sizeof first.id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_have_limits),
        cmocka_unit_test(tests_have_random_ids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
