#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <pthread.h>
#include <semaphore.h>

#include <cmocka.h>

#include "api/work_pool.h"
#include "base/alloc.h"

struct piece {
    struct work work;
    unsigned number;
};

static struct {
    sem_t started, go;
    unsigned order[WORK_WAITING_MAX + 2];
    unsigned count;
} seen;

static void note(struct work *work)
{
    seen.order[seen.count++] = ((struct piece *)(void *)work)->number;
}

static void block(struct work *work)
{
    note(work);
    sem_post(&seen.started);
    sem_wait(&seen.go);
}

static void work_is_done_in_order_and_bounded(void **state)
{
    static struct piece pieces[WORK_WAITING_MAX + 2];
    struct work_pool *pool;

    (void)state;
    seen.count = 0;
    sem_init(&seen.started, 0, 0);
    sem_init(&seen.go, 0, 0);
    assert_int_equal(work_pool_create(&pool, NULL), CELERIAC_OK);
    for (unsigned i = 0; i < WORK_WAITING_MAX + 2; i++) {
        pieces[i].number = i;
        pieces[i].work.run = i == 0 ? block : note;
        if (i == 1)
            sem_wait(&seen.started);
        assert_int_equal(work_submit(pool, &pieces[i].work),
                         i <= WORK_WAITING_MAX ? CELERIAC_OK : CELERIAC_ERR_LIMIT);
    }
    sem_post(&seen.go);
    work_pool_destroy(pool);
    assert_int_equal(seen.count, WORK_WAITING_MAX + 1);
    for (unsigned i = 0; i < seen.count; i++)
        assert_int_equal(seen.order[i], i);
    sem_destroy(&seen.started);
    sem_destroy(&seen.go);
}

static void an_idle_pool_ends(void **state)
{
    struct work_pool *pool;

    (void)state;
    assert_int_equal(work_pool_create(&pool, NULL), CELERIAC_OK);
    work_pool_destroy(pool);
    work_pool_destroy(NULL);
}

static void no_memory_is_reported(void **state)
{
    struct work_pool *pool = NULL;

    (void)state;
    mem_fail_at(1);
    assert_int_equal(work_pool_create(&pool, NULL), CELERIAC_ERR_MEMORY);
    mem_fail_at(0);
    assert_null(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_is_done_in_order_and_bounded),
        cmocka_unit_test(an_idle_pool_ends),
        cmocka_unit_test(no_memory_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
