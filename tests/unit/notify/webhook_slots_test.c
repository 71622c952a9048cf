#include "notify/webhook_slots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct notify_webhook_slots slots;
static const struct uuid one = {{1}}, other = {{2}};

static int set_up(void **state)
{
    (void)state;
    memset(&slots, 0, sizeof slots);
    return 0;
}

static int take(unsigned total, unsigned per_endpoint, const struct uuid *endpoint, int64_t now_ns)
{
    return notify_webhook_slots_take(&slots, total, per_endpoint, endpoint, now_ns, now_ns + 100);
}

static void there_are_so_many_in_all(void **state)
{
    (void)state;
    assert_int_equal(take(2, 2, &one, 1000), 0);
    assert_int_equal(take(2, 2, &other, 1000), 1);
    assert_int_equal(take(2, 2, &other, 1000), NOTIFY_WEBHOOK_NO_SLOT);
    notify_webhook_slots_give(&slots, 0, 1100);
    assert_int_equal(take(2, 2, &other, 1000), 0);
}

static void and_so_many_of_one_endpoint(void **state)
{
    (void)state;
    assert_int_equal(take(8, 2, &one, 1000), 0);
    assert_int_equal(take(8, 2, &one, 1000), 1);
    for (int i = 0; i < 3; i++) /* a refusal leaves nothing behind */
        assert_int_equal(take(8, 2, &one, 1000), NOTIFY_WEBHOOK_NO_SLOT);
    assert_int_equal(take(8, 2, &other, 1000), 2);
    notify_webhook_slots_give(&slots, 1, 1100);
    assert_int_equal(take(8, 2, &one, 1000), 1);
}

/* Of a process that was killed. */
static void a_place_is_free_when_its_time_is_over(void **state)
{
    (void)state;
    assert_int_equal(take(1, 1, &one, 1000), 0);
    assert_int_equal(take(1, 1, &one, 1099), NOTIFY_WEBHOOK_NO_SLOT);
    assert_int_equal(take(1, 1, &one, 1100), 0);
    /* The former owner comes back late and must not take it from the new one. */
    notify_webhook_slots_give(&slots, 0, 1100);
    assert_int_equal(take(1, 1, &one, 1101), NOTIFY_WEBHOOK_NO_SLOT);
    notify_webhook_slots_give(&slots, 0, 1200);
    assert_int_equal(take(1, 1, &one, 1101), 0);
}

static void more_than_there_are(void **state)
{
    (void)state;
    for (int i = 0; i < NOTIFY_WEBHOOK_SLOTS_MAX; i++)
        assert_int_equal(take(100000, 100000, &one, 1000), i);
    assert_int_equal(take(100000, 100000, &one, 1000), NOTIFY_WEBHOOK_NO_SLOT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(there_are_so_many_in_all, set_up),
        cmocka_unit_test_setup(and_so_many_of_one_endpoint, set_up),
        cmocka_unit_test_setup(a_place_is_free_when_its_time_is_over, set_up),
        cmocka_unit_test_setup(more_than_there_are, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
