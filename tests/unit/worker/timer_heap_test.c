/* worker/timer_heap.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/random.h"
#include "worker/timer_heap.h"

static int items[20000];

static void comes_out_in_order_of_time_then_arrival(void **state)
{
    struct cel_timer_heap *heap = NULL;
    int64_t last = INT64_MIN;
    int *last_item = NULL;
    size_t count = sizeof items / sizeof items[0];

    (void)state;
    assert_int_equal(cel_timer_heap_create(count, &heap), CELERIAC_OK);
    for (size_t i = 0; i < count; i++) {
        /* Few different times, so that equal ones are common. */
        items[i] = (int)random_up_to(random_os, NULL, 500);
        assert_int_equal(cel_timer_heap_add(heap, items[i], &items[i]), CELERIAC_OK);
    }
    assert_int_equal(cel_timer_heap_count(heap), count);
    for (size_t i = 0; i < count; i++) {
        int64_t due = cel_timer_heap_next(heap);
        int *item = cel_timer_heap_take_due(heap, INT64_MAX);

        assert_non_null(item);
        assert_int_equal(*item, due);
        assert_true(due > last || (due == last && item > last_item));
        last = due;
        last_item = item;
    }
    assert_null(cel_timer_heap_take_due(heap, INT64_MAX));
    assert_int_equal(cel_timer_heap_next(heap), INT64_MAX);
    cel_timer_heap_destroy(heap, NULL);
}

static void nothing_before_its_time(void **state)
{
    struct cel_timer_heap *heap = NULL;

    (void)state;
    assert_int_equal(cel_timer_heap_create(2, &heap), CELERIAC_OK);
    assert_int_equal(cel_timer_heap_add(heap, 100, &items[0]), CELERIAC_OK);
    assert_null(cel_timer_heap_take_due(heap, 99));
    assert_ptr_equal(cel_timer_heap_take_due(heap, 100), &items[0]);
    cel_timer_heap_destroy(heap, NULL);
}

struct walk {
    int64_t sum;
    int count;
};

static bool add_up(void *context, int64_t due, const void *item)
{
    struct walk *walk = context;

    walk->sum += due + *(const int *)item;
    return ++walk->count < 3;
}

static void shows_what_waits(void **state)
{
    struct cel_timer_heap *heap = NULL;
    struct walk walk = {0};

    (void)state;
    assert_int_equal(cel_timer_heap_create(4, &heap), CELERIAC_OK);
    items[0] = 7;
    assert_int_equal(cel_timer_heap_add(heap, 100, &items[0]), CELERIAC_OK);
    assert_int_equal(cel_timer_heap_add(heap, 50, &items[0]), CELERIAC_OK);
    cel_timer_heap_each(heap, add_up, &walk);
    assert_int_equal(walk.count, 2);
    assert_int_equal(walk.sum, 164);
    assert_int_equal(cel_timer_heap_add(heap, 1, &items[0]), CELERIAC_OK);
    assert_int_equal(cel_timer_heap_add(heap, 1, &items[0]), CELERIAC_OK);
    walk = (struct walk){0};
    cel_timer_heap_each(heap, add_up, &walk);
    assert_int_equal(walk.count, 3);
    cel_timer_heap_destroy(heap, NULL);
}

static void holds_its_maximum_and_no_more(void **state)
{
    struct cel_timer_heap *heap = NULL;

    (void)state;
    assert_int_equal(cel_timer_heap_create(3, &heap), CELERIAC_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(cel_timer_heap_add(heap, i, &items[i]), CELERIAC_OK);
    assert_int_equal(cel_timer_heap_add(heap, 9, &items[9]), CELERIAC_ERR_LIMIT);
    assert_int_equal(cel_timer_heap_count(heap), 3);
    cel_timer_heap_destroy(heap, NULL);
}

static void destroy_frees_what_waits(void **state)
{
    struct cel_timer_heap *heap = NULL;

    (void)state;
    cel_timer_heap_destroy(NULL, mem_free);
    assert_int_equal(cel_timer_heap_create(3, &heap), CELERIAC_OK);
    for (int i = 0; i < 3; i++) {
        void *block = mem_alloc(8);

        assert_non_null(block);
        assert_int_equal(cel_timer_heap_add(heap, i, block), CELERIAC_OK);
    }
    cel_timer_heap_destroy(heap, mem_free);
}

static void survives_every_failing_allocation(void **state)
{
    enum celeriac_err code = CELERIAC_ERR_MEMORY;

    (void)state;
    for (size_t n = 1; code != CELERIAC_OK; n++) {
        struct cel_timer_heap *heap = NULL;

        assert_true(n < 20);
        mem_fail_at(n);
        code = cel_timer_heap_create(1000, &heap);
        for (int i = 0; code == CELERIAC_OK && i < 200; i++)
            code = cel_timer_heap_add(heap, i, &items[i]);
        mem_fail_at(0);
        assert_true(code == CELERIAC_OK || code == CELERIAC_ERR_MEMORY);
        cel_timer_heap_destroy(heap, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_out_in_order_of_time_then_arrival),
        cmocka_unit_test(nothing_before_its_time),
        cmocka_unit_test(shows_what_waits),
        cmocka_unit_test(holds_its_maximum_and_no_more),
        cmocka_unit_test(destroy_frees_what_waits),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
