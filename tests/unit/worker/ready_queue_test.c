/* worker/ready_queue.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "worker/ready_queue.h"

enum { ITEMS = 20000, READERS = 8, CAPACITY = 64 };

static int numbers[ITEMS];

static void first_in_first_out_and_bounded(void **state)
{
    struct cel_ready_queue *queue = NULL;
    void *batch[3] = {&numbers[0], &numbers[1], &numbers[2]};

    (void)state;
    assert_int_equal(cel_ready_queue_create(4, &queue), CELERIAC_OK);
    assert_int_equal(cel_ready_queue_push(queue, batch, 3), CELERIAC_OK);
    assert_int_equal(cel_ready_queue_push(queue, batch, 2), CELERIAC_ERR_LIMIT);
    assert_int_equal(cel_ready_queue_count(queue), 3);
    assert_int_equal(cel_ready_queue_demand(queue), 3);
    assert_ptr_equal(cel_ready_queue_pop(queue, false), &numbers[0]);
    assert_int_equal(cel_ready_queue_demand(queue), 3);
    assert_ptr_equal(cel_ready_queue_pop(queue, false), &numbers[1]);
    assert_int_equal(cel_ready_queue_push(queue, batch, 3), CELERIAC_OK);
    assert_ptr_equal(cel_ready_queue_pop(queue, false), &numbers[2]);
    assert_ptr_equal(cel_ready_queue_take(queue), &numbers[0]);
    assert_int_equal(cel_ready_queue_count(queue), 2);
    cel_ready_queue_close(queue);
    assert_null(cel_ready_queue_pop(queue, false));
    assert_int_equal(cel_ready_queue_push(queue, batch, 1), CELERIAC_ERR_SHUTDOWN);
    assert_ptr_equal(cel_ready_queue_take(queue), &numbers[1]);
    assert_ptr_equal(cel_ready_queue_take(queue), &numbers[2]);
    assert_null(cel_ready_queue_take(queue));
    cel_ready_queue_destroy(queue);
    cel_ready_queue_destroy(NULL);
}

static void *drain(void *argument)
{
    struct cel_ready_queue *queue = argument;
    intptr_t taken = 0;

    for (int *number = cel_ready_queue_pop(queue, false); number;
         number = cel_ready_queue_pop(queue, true)) {
        (*number)++; /* each item belongs to one thread only, which TSan verifies */
        taken++;
    }
    return (void *)taken;
}

static void each_item_reaches_one_thread(void **state)
{
    struct cel_ready_queue *queue = NULL;
    pthread_t readers[READERS];
    intptr_t taken = 0;

    (void)state;
    assert_int_equal(cel_ready_queue_create(CAPACITY, &queue), CELERIAC_OK);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, drain, queue), 0);
    for (int i = 0; i < ITEMS;) {
        void *batch[2] = {&numbers[i], &numbers[i + 1]};

        if (cel_ready_queue_push(queue, batch, 2) == CELERIAC_OK)
            i += 2;
        else
            sched_yield();
    }
    while (cel_ready_queue_count(queue) > 0)
        sched_yield();
    cel_ready_queue_close(queue);
    for (int i = 0; i < READERS; i++) {
        void *result = NULL;

        assert_int_equal(pthread_join(readers[i], &result), 0);
        taken += (intptr_t)result;
    }
    assert_int_equal(taken, ITEMS);
    for (int i = 0; i < ITEMS; i++)
        assert_int_equal(numbers[i], 1);
    assert_int_equal(cel_ready_queue_demand(queue), 0);
    cel_ready_queue_destroy(queue);
}

/* A thread that is let go leaves what waits to the others. */
static void threads_are_let_go(void **state)
{
    struct cel_ready_queue *queue = NULL;
    void *item = &numbers[0];
    pthread_t reader;
    void *result = NULL;

    (void)state;
    assert_int_equal(cel_ready_queue_create(CAPACITY, &queue), CELERIAC_OK);
    assert_int_equal(pthread_create(&reader, NULL, drain, queue), 0);
    cel_ready_queue_dismiss(queue, 1);
    assert_int_equal(pthread_join(reader, &result), 0);
    assert_int_equal(cel_ready_queue_push(queue, &item, 1), CELERIAC_OK);
    cel_ready_queue_dismiss(queue, 1);
    assert_null(cel_ready_queue_pop(queue, false));
    assert_ptr_equal(cel_ready_queue_pop(queue, false), item);
    cel_ready_queue_close(queue);
    assert_null(cel_ready_queue_pop(queue, false));
    cel_ready_queue_destroy(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_in_first_out_and_bounded),
        cmocka_unit_test(each_item_reaches_one_thread),
        cmocka_unit_test(threads_are_let_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
