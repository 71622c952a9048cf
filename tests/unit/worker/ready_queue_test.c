/* worker/ready_queue.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

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

struct nudged {
    struct cel_ready_queue *queue;
    atomic_bool flag;
    sem_t looked;
};

/* Waits for an item, and looks when it is nudged before. */
static void *look_first(void *argument)
{
    struct nudged *nudged = argument;
    void *item = NULL;

    while (!cel_ready_queue_pop_unless(nudged->queue, false, &nudged->flag, &item)) {
        assert_null(item);
        atomic_store(&nudged->flag, false);
        sem_post(&nudged->looked);
    }
    return item;
}

/* One that is wanted for something else gets no item, and costs no other thread its dismissal. */
static void a_nudge_comes_first(void **state)
{
    struct nudged nudged = {0};
    void *item = &numbers[0];
    pthread_t reader;
    void *result = NULL;

    (void)state;
    sem_init(&nudged.looked, 0, 0);
    assert_int_equal(cel_ready_queue_create(CAPACITY, &nudged.queue), CELERIAC_OK);
    atomic_store(&nudged.flag, true);
    assert_int_equal(cel_ready_queue_push(nudged.queue, &item, 1), CELERIAC_OK);
    cel_ready_queue_dismiss(nudged.queue, 1);
    assert_false(cel_ready_queue_pop_unless(nudged.queue, false, &nudged.flag, &result));
    assert_null(result);
    assert_int_equal(cel_ready_queue_demand(nudged.queue), 1);
    assert_null(cel_ready_queue_pop(nudged.queue, false));
    assert_ptr_equal(cel_ready_queue_pop(nudged.queue, false), item);
    assert_int_equal(cel_ready_queue_demand(nudged.queue), 1);
    /* And one that waits comes back for it. */
    atomic_store(&nudged.flag, false);
    assert_int_equal(pthread_create(&reader, NULL, look_first, &nudged), 0);
    atomic_store(&nudged.flag, true);
    cel_ready_queue_nudge(nudged.queue);
    sem_wait(&nudged.looked);
    assert_int_equal(cel_ready_queue_push(nudged.queue, &item, 1), CELERIAC_OK);
    assert_int_equal(pthread_join(reader, &result), 0);
    assert_ptr_equal(result, item);
    cel_ready_queue_destroy(nudged.queue);
    sem_destroy(&nudged.looked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_in_first_out_and_bounded),
        cmocka_unit_test(each_item_reaches_one_thread),
        cmocka_unit_test(threads_are_let_go),
        cmocka_unit_test(a_nudge_comes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
