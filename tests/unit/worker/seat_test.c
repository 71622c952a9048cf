/* worker/seat.c: the child that a seat has, with real child processes and without a broker. */
#include "tests/unit/worker/seat_fixture.h"

#include <signal.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"

static void one_child_serves_one_task_after_the_other(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 3; i++)
        assert_int_equal(execute(f, "pid")->state, CEL_STATE_SUCCESS);
    assert_int_equal(execute(f, "big")->state, CEL_STATE_SUCCESS);
    assert_true(settler_stand_in.last->settlement.record.len > 200000);
    assert_int_equal(atomic_load(&shared->starts), 1);
    assert_int_equal(settler_stand_in.begun, 4);
}

static void a_start_that_hangs_is_given_up(void **state)
{
    struct fixture *f = *state;

    runtime.child_start_ns = 50 * NS_PER_MS;
    atomic_store(&shared->hanging, 1);
    assert_true(cel_seat_fill(f->seat));
    /* On a busy machine good ones can take as long. */
    assert_true(atomic_load(&shared->starts) >= 2);
    assert_true(atomic_load(&shared->hung) > 0);
    assert_true(atomic_load(&shared->hung) != cel_seat_pid(f->seat));
    assert_int_equal(kill(atomic_load(&shared->hung), 0), -1);
    assert_int_equal(execute(f, "pid")->state, CEL_STATE_SUCCESS);
}

static void a_worker_that_stops_waits_for_no_start(void **state)
{
    struct fixture *f = *state;

    atomic_store(&runtime.stopping, true);
    assert_false(cel_seat_fill(f->seat));
    assert_int_equal(atomic_load(&shared->starts), 0);
    atomic_store(&runtime.stopping, false);
    cel_seat_kill(f->seat);
    assert_false(cel_seat_fill(f->seat));
    assert_int_equal(atomic_load(&shared->starts), 0);
}

static void await_look(const struct fixture *f)
{
    while (!atomic_load(cel_seat_must_look(f->seat)))
        usleep(1000);
}

static void an_idle_child_that_died_is_replaced(void **state)
{
    struct fixture *f = *state;
    int64_t first;

    assert_true(cel_seat_fill(f->seat));
    first = cel_seat_pid(f->seat);
    assert_false(atomic_load(cel_seat_must_look(f->seat)));
    assert_int_equal(kill((pid_t)first, SIGKILL), 0);
    await_look(f);
    assert_true(cel_seat_fill(f->seat));
    assert_false(atomic_load(cel_seat_must_look(f->seat)));
    assert_true(cel_seat_pid(f->seat) > 0 && cel_seat_pid(f->seat) != first);
    assert_int_equal(execute(f, "pid")->state, CEL_STATE_SUCCESS);
    assert_int_equal(atomic_load(&shared->starts), 2);
}

static void a_look_for_nothing_changes_nothing(void **state)
{
    struct fixture *f = *state;
    int64_t first;

    assert_true(cel_seat_fill(f->seat));
    first = cel_seat_pid(f->seat);
    cel_seat_look(f->seat);
    assert_true(cel_seat_fill(f->seat));
    assert_int_equal(cel_seat_pid(f->seat), first);
}

static void a_child_leaves_after_its_last_task(void **state)
{
    struct fixture *f = *state;

    runtime.max_tasks_per_child = 2;
    for (int i = 0; i < 5; i++)
        assert_int_equal(execute(f, "pid")->state, CEL_STATE_SUCCESS);
    assert_int_equal(atomic_load(&shared->starts), 3);
}

static void no_memory_for_a_seat(void **state)
{
    struct cel_seat *other = NULL;

    (void)state;
    mem_fail_at(1);
    assert_int_equal(cel_seat_create(&runtime, watch, 1, &other), CELERIAC_ERR_MEMORY);
    mem_fail_at(0);
    assert_null(other);
    cel_seat_destroy(NULL);
}

static int open_all(void **state)
{
    (void)state;
    return seat_open_all(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SEAT_TEST(one_child_serves_one_task_after_the_other),
        SEAT_TEST(a_start_that_hangs_is_given_up),
        SEAT_TEST(a_worker_that_stops_waits_for_no_start),
        SEAT_TEST(an_idle_child_that_died_is_replaced),
        SEAT_TEST(a_look_for_nothing_changes_nothing),
        SEAT_TEST(a_child_leaves_after_its_last_task),
        SEAT_TEST(no_memory_for_a_seat),
    };

    return cmocka_run_group_tests(tests, open_all, seat_close_all);
}
