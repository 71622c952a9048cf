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
    notify_webhook_slots_give(&slots, 0, 1100, 0);
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
    notify_webhook_slots_give(&slots, 1, 1100, 0);
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
    notify_webhook_slots_give(&slots, 0, 1100, 0);
    assert_int_equal(take(1, 1, &one, 1101), NOTIFY_WEBHOOK_NO_SLOT);
    notify_webhook_slots_give(&slots, 0, 1200, 0);
    assert_int_equal(take(1, 1, &one, 1101), 0);
}

static void more_than_there_are(void **state)
{
    (void)state;
    for (int i = 0; i < NOTIFY_WEBHOOK_SLOTS_MAX; i++)
        assert_int_equal(take(100000, 100000, &one, 1000), i);
    assert_int_equal(take(100000, 100000, &one, 1000), NOTIFY_WEBHOOK_NO_SLOT);
}

/* A place of one that answers slowly, for its whole time. */
static void deliver_slowly(const struct uuid *endpoint, int64_t now_ns, int64_t end_ns)
{
    int slot = notify_webhook_slots_take(&slots, 1, 1, endpoint, now_ns, end_ns);

    assert_int_equal(slot, 0);
    notify_webhook_slots_give(&slots, slot, end_ns, NOTIFY_WEBHOOK_SLOW_NS);
}

static void a_slow_endpoint_lets_others_go_first(void **state)
{
    int64_t now_ns = NOTIFY_WEBHOOK_ASKS_NS;

    (void)state;
    assert_int_equal(take(1, 1, &one, now_ns), 0);
    assert_int_equal(take(1, 1, &other, now_ns + 1), NOTIFY_WEBHOOK_NO_SLOT);
    notify_webhook_slots_give(&slots, 0, now_ns + 100, NOTIFY_WEBHOOK_SLOW_NS);
    for (int i = 0; i < 200; i++)
        assert_int_equal(take(1, 1, &one, now_ns + 2), NOTIFY_WEBHOOK_NO_SLOT);
    assert_int_equal(take(1, 1, &other, now_ns + 3), 0);
    notify_webhook_slots_give(&slots, 0, now_ns + 103, 5);
    /* Now nobody else waits. */
    assert_int_equal(take(1, 1, &one, now_ns + 4), 0);
}

static void one_that_answers_at_once_does_not(void **state)
{
    int64_t now_ns = NOTIFY_WEBHOOK_ASKS_NS;

    (void)state;
    assert_int_equal(take(1, 1, &one, now_ns), 0);
    assert_int_equal(take(1, 1, &other, now_ns + 1), NOTIFY_WEBHOOK_NO_SLOT);
    notify_webhook_slots_give(&slots, 0, now_ns + 100, NOTIFY_WEBHOOK_SLOW_NS - 1);
    assert_int_equal(take(1, 1, &one, now_ns + 2), 0);
}

/* Who does not ask again is not waited for. */
static void nobody_is_waited_for_without_end(void **state)
{
    int64_t now_ns = NOTIFY_WEBHOOK_ASKS_NS;

    (void)state;
    assert_int_equal(take(1, 1, &one, now_ns), 0);
    assert_int_equal(take(1, 1, &other, now_ns), NOTIFY_WEBHOOK_NO_SLOT);
    notify_webhook_slots_give(&slots, 0, now_ns + 100, NOTIFY_WEBHOOK_SLOW_NS);
    now_ns += NOTIFY_WEBHOOK_ASKS_NS;
    assert_int_equal(take(1, 1, &one, now_ns - 1), NOTIFY_WEBHOOK_NO_SLOT);
    assert_int_equal(take(1, 1, &one, now_ns), 0);
}

static void slow_endpoints_take_turns(void **state)
{
    int64_t now_ns = NOTIFY_WEBHOOK_ASKS_NS;

    (void)state;
    deliver_slowly(&one, now_ns, now_ns + 1);
    deliver_slowly(&other, now_ns + 2, now_ns + 3);
    now_ns += 10;
    assert_int_equal(take(1, 1, &other, now_ns), 0);
    assert_int_equal(take(1, 1, &one, now_ns), NOTIFY_WEBHOOK_NO_SLOT);
    notify_webhook_slots_give(&slots, 0, now_ns + 100, NOTIFY_WEBHOOK_SLOW_NS);
    assert_int_equal(take(1, 1, &other, now_ns + 1), NOTIFY_WEBHOOK_NO_SLOT);
    deliver_slowly(&one, now_ns + 2, now_ns + 3);
    assert_int_equal(take(1, 1, &one, now_ns + 4), NOTIFY_WEBHOOK_NO_SLOT);
    deliver_slowly(&other, now_ns + 5, now_ns + 6);
}

/* It could not take the place that the others would leave to it. */
static void who_has_its_share_is_not_waited_for(void **state)
{
    int64_t now_ns = NOTIFY_WEBHOOK_ASKS_NS;

    (void)state;
    assert_int_equal(take(2, 1, &other, now_ns), 0);
    assert_int_equal(take(2, 1, &one, now_ns + 1), 1);
    assert_int_equal(take(2, 1, &other, now_ns + 2), NOTIFY_WEBHOOK_NO_SLOT);
    notify_webhook_slots_give(&slots, 1, now_ns + 101, NOTIFY_WEBHOOK_SLOW_NS);
    assert_int_equal(take(2, 1, &one, now_ns + 3), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(there_are_so_many_in_all, set_up),
        cmocka_unit_test_setup(and_so_many_of_one_endpoint, set_up),
        cmocka_unit_test_setup(a_place_is_free_when_its_time_is_over, set_up),
        cmocka_unit_test_setup(more_than_there_are, set_up),
        cmocka_unit_test_setup(a_slow_endpoint_lets_others_go_first, set_up),
        cmocka_unit_test_setup(one_that_answers_at_once_does_not, set_up),
        cmocka_unit_test_setup(nobody_is_waited_for_without_end, set_up),
        cmocka_unit_test_setup(slow_endpoints_take_turns, set_up),
        cmocka_unit_test_setup(who_has_its_share_is_not_waited_for, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
