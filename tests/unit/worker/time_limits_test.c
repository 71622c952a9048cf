/* worker/time_limits.c: checklist line 58. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <semaphore.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "worker/time_limits.h"

static void checklist_58_the_message_counts_before_the_task(void **state)
{
    static const struct {
        double message_hard, message_soft;
        int64_t task_hard, task_soft, worker_hard, worker_soft, hard, soft;
    } cases[] = {
        {0, 0, 0, 0, 0, 0, 0, 0},
        {0, 0, 0, 0, 9000000, 8000000, 9000000, 8000000},
        {0, 0, 5000000, 4000000, 9000000, 8000000, 5000000, 4000000},
        {1.5, 0.5, 5000000, 4000000, 9000000, 8000000, 1500000, 500000},
        {0, 0, 0, 4000000, 9000000, 0, 9000000, 4000000},
        /* A soft limit that comes too late is none. */
        {2, 0, 0, 4000000, 0, 0, 2000000, 0},
        {2, 2, 0, 0, 0, 0, 2000000, 0},
        {1e300, 0, 0, 0, 0, 0, INT64_C(315360000000000), 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cel_task_definition definition = {.name = SPAN("t")};
        struct cel_task_message message = {.time_limit = cases[i].message_hard,
                                           .soft_time_limit = cases[i].message_soft};
        struct cel_time_limits worker = {.hard_us = cases[i].worker_hard,
                                         .soft_us = cases[i].worker_soft};
        struct cel_time_limits limits;

        atomic_init(&definition.time_limit_us, cases[i].task_hard);
        atomic_init(&definition.soft_limit_us, cases[i].task_soft);
        limits = cel_time_limits_of(&message, &definition, worker);
        assert_int_equal(limits.hard_us, cases[i].hard);
        assert_int_equal(limits.soft_us, cases[i].soft);
    }
}

struct heard {
    sem_t told;
    struct cel_timed *timed[4];
    size_t count;
};

static void note(void *context, struct cel_timed *timed)
{
    struct heard *heard = context;

    heard->timed[heard->count++] = timed;
    sem_post(&heard->told);
}

static void the_earliest_deadline_is_noticed_first(void **state)
{
    struct heard heard = {0};
    struct cel_time_watch *watch = NULL;
    int64_t now = clock_monotonic_ns();
    struct cel_timed late = {.deadline_ns = now + 3600 * NS_PER_SEC};
    struct cel_timed second = {.deadline_ns = now + 40 * NS_PER_MS};
    struct cel_timed first = {.deadline_ns = now + 10 * NS_PER_MS};
    struct cel_timed removed = {.deadline_ns = now + 20 * NS_PER_SEC};

    (void)state;
    sem_init(&heard.told, 0, 0);
    assert_int_equal(cel_time_watch_create(note, &heard, &watch), CELERIAC_OK);
    assert_int_equal(cel_time_watch_add(watch, &late), CELERIAC_OK);
    assert_int_equal(cel_time_watch_add(watch, &removed), CELERIAC_OK);
    assert_int_equal(cel_time_watch_add(watch, &second), CELERIAC_OK);
    assert_int_equal(cel_time_watch_add(watch, &first), CELERIAC_OK);
    assert_true(cel_time_watch_remove(watch, &removed));
    sem_wait(&heard.told);
    sem_wait(&heard.told);
    assert_ptr_equal(heard.timed[0], &first);
    assert_ptr_equal(heard.timed[1], &second);
    assert_true(clock_monotonic_ns() >= second.deadline_ns);
    assert_false(cel_time_watch_remove(watch, &first));
    assert_false(cel_time_watch_remove(watch, &second));
    assert_true(cel_time_watch_remove(watch, &late));
    assert_int_equal(heard.count, 2);
    cel_time_watch_destroy(watch);
    sem_destroy(&heard.told);
}

static void nothing_starts_before_it_is_needed(void **state)
{
    struct cel_time_watch *watch = NULL;

    (void)state;
    cel_time_watch_destroy(NULL);
    mem_fail_at(1);
    assert_int_equal(cel_time_watch_create(note, NULL, &watch), CELERIAC_ERR_MEMORY);
    mem_fail_at(0);
    assert_int_equal(cel_time_watch_create(note, NULL, &watch), CELERIAC_OK);
    cel_time_watch_destroy(watch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checklist_58_the_message_counts_before_the_task),
        cmocka_unit_test(the_earliest_deadline_is_noticed_first),
        cmocka_unit_test(nothing_starts_before_it_is_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
