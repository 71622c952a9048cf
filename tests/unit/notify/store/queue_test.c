#include "notify/store/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT 5

static struct store_call calls[COUNT];
static struct store_queue queue;

static int set_up(void **state)
{
    (void)state;
    memset(calls, 0, sizeof calls);
    memset(&queue, 0, sizeof queue);
    for (unsigned i = 0; i < COUNT; i++)
        calls[i].own.order = i + 1;
    return 0;
}

/* The queue holds exactly these calls, by the last digits of their orders, and ends well. */
static void assert_orders(struct store_queue *q, const char *digits)
{
    const struct store_call *call = q->head;
    const struct store_call *last = NULL;
    for (; *digits; digits++, call = call->own.next) {
        assert_non_null(call);
        assert_int_equal(call->own.order, (unsigned)(*digits - '0'));
        last = call;
    }
    assert_null(call);
    assert_ptr_equal(q->tail, last);
}

static void first_in_is_first_out(void **state)
{
    (void)state;
    assert_null(store_queue_pop(&queue));
    for (unsigned i = 0; i < COUNT; i++)
        store_queue_push(&queue, &calls[i]);
    assert_orders(&queue, "12345");
    for (unsigned i = 0; i < COUNT; i++) {
        struct store_call *call = store_queue_pop(&queue);
        assert_ptr_equal(call, &calls[i]);
        assert_null(call->own.next);
    }
    assert_null(store_queue_pop(&queue));
    assert_orders(&queue, "");
    store_queue_push(&queue, &calls[2]);
    assert_orders(&queue, "3");
}

static void call_that_comes_back_keeps_its_age(void **state)
{
    (void)state;
    store_queue_return(&queue, &calls[2]);
    assert_orders(&queue, "3");
    store_queue_return(&queue, &calls[4]);
    assert_orders(&queue, "35");
    store_queue_return(&queue, &calls[0]);
    assert_orders(&queue, "135");
    store_queue_return(&queue, &calls[3]);
    assert_orders(&queue, "1345");
    store_queue_return(&queue, &calls[1]);
    assert_orders(&queue, "12345");
}

static void queues_are_joined(void **state)
{
    struct store_queue other = {0};
    (void)state;
    store_queue_append(&queue, &other);
    assert_orders(&queue, "");
    store_queue_push(&other, &calls[0]);
    store_queue_push(&other, &calls[1]);
    store_queue_append(&queue, &other);
    assert_orders(&queue, "12");
    assert_orders(&other, "");
    store_queue_append(&queue, &other);
    assert_orders(&queue, "12");
    store_queue_push(&other, &calls[2]);
    store_queue_append(&queue, &other);
    assert_orders(&queue, "123");
    store_queue_push(&queue, &calls[3]);
    assert_orders(&queue, "1234");
}

static bool has_bit(const struct store_call *call, const void *mask)
{
    return *(const unsigned *)mask >> (call->own.order - 1) & 1;
}

/* Every choice of calls, also none and all. */
static void calls_are_moved_by_a_test(void **state)
{
    (void)state;
    for (unsigned mask = 0; mask < 1U << COUNT; mask++) {
        struct store_queue to = {0};
        char moved[COUNT + 2] = "9";
        char rest[COUNT + 1] = "";
        struct store_call before = {.own = {.order = 9}};
        (void)set_up(NULL);
        store_queue_push(&to, &before);
        for (unsigned i = 0; i < COUNT; i++) {
            char *list = mask >> i & 1 ? moved : rest;
            size_t len = strlen(list);
            list[len] = (char)('1' + i);
            list[len + 1] = '\0';
            store_queue_push(&queue, &calls[i]);
        }
        store_queue_move(&queue, &to, has_bit, &mask);
        assert_orders(&queue, rest);
        assert_orders(&to, moved);
    }
}

static void earliest_times(void **state)
{
    (void)state;
    assert_int_equal(store_queue_deadline(&queue), INT64_MAX);
    assert_int_equal(store_queue_due(&queue), INT64_MAX);
    for (unsigned i = 0; i < COUNT; i++) {
        calls[i].own.due_ns = INT64_MAX;
        store_queue_push(&queue, &calls[i]);
    }
    /* No deadline is no early deadline; being held without end is no early end. */
    assert_int_equal(store_queue_deadline(&queue), INT64_MAX);
    assert_int_equal(store_queue_due(&queue), INT64_MAX);
    calls[1].deadline_ns = 70;
    calls[3].deadline_ns = 50;
    calls[4].deadline_ns = 60;
    calls[2].own.due_ns = 40;
    calls[4].own.due_ns = 0;
    assert_int_equal(store_queue_deadline(&queue), 50);
    assert_int_equal(store_queue_due(&queue), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(first_in_is_first_out, set_up),
        cmocka_unit_test_setup(call_that_comes_back_keeps_its_age, set_up),
        cmocka_unit_test_setup(queues_are_joined, set_up),
        cmocka_unit_test_setup(calls_are_moved_by_a_test, set_up),
        cmocka_unit_test_setup(earliest_times, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
