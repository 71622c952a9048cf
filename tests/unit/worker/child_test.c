/* worker/child.c, with real processes and without a broker. */
#include "tests/unit/worker/child_fixture.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"

static enum celeriac_err start_well(void *user, struct celeriac_error *err)
{
    (void)err;
    child_started = *(int *)user;
    return CELERIAC_OK;
}

static enum celeriac_err start_badly(void *user, struct celeriac_error *err)
{
    (void)user;
    return celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE, "no database");
}

/* Begins a frame of a thousand bytes, and goes on with it very slowly. */
static void drip(struct celeriac_task *task, void *user)
{
    static const char begin[] = {CEL_FRAME_OUTCOME, 0, 0, 0, (char)0xe8, 3, 0, 0};
    int type = 0;
    socklen_t size = sizeof type;

    (void)task;
    (void)user;
    for (int fd = 3; fd < 64; fd++)
        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM)
            for (size_t i = 0; i < 600; i++) {
                if (write(fd, begin + (i < sizeof begin ? i : 1), 1) < 0)
                    return;
                usleep(i < sizeof begin ? 0 : 1000);
            }
    usleep(600 * 1000 * 1000);
}

static void runs_tasks_in_another_process(void **state)
{
    struct child_fixture *f = *state;
    int mark = 23;

    child_serve(f, &(struct cel_child_plan){.start = start_well, .user = &mark});
    (void)child_await(f, CEL_FRAME_READY);
    assert_true(cel_child_was_started(f->child));
    assert_true(cel_child_pid(f->child) > 0 && cel_child_pid(f->child) != getpid());
    child_ask(f, "look", 1);
    assert_string_equal(child_answer(f), "23");
    assert_int_equal(child_started, 0);
    cel_fork_server_stopping(f->server);
    child_ask(f, "look", 5 * 1000 * 1000);
    assert_string_equal(child_answer(f), "-23");
}

static void hands_on_what_a_task_tells(void **state)
{
    struct child_fixture *f = *state;
    struct cel_frame_state told = {0};
    struct cel_frame frame;
    int64_t memory = 0;

    child_serve(f, &(struct cel_child_plan){0});
    (void)child_await(f, CEL_FRAME_READY);
    child_ask(f, "tell", 1);
    (void)child_await(f, CEL_FRAME_BEGUN);
    assert_int_equal(cel_frame_read_state(child_await(f, CEL_FRAME_STATE).payload, &told),
                     CELERIAC_OK);
    assert_true(span_is(told.name, "PROGRESS"));
    assert_true(span_is(told.meta, "{\"done\": 0.5}"));
    frame = child_await(f, CEL_FRAME_OUTCOME);
    assert_int_equal(cel_frame_read_outcome(frame.payload, &f->outcome, &memory), CELERIAC_OK);
    assert_int_equal(f->outcome.result.len, 0);
}

static void tells_why_it_cannot_start(void **state)
{
    struct child_fixture *f = *state;

    child_serve(f, &(struct cel_child_plan){.start = start_badly});
    assert_true(span_is(child_await(f, CEL_FRAME_FAILED).payload, "no database"));
    child_await_end(f);
    assert_int_equal(WEXITSTATUS(cel_child_status(f->child)), 1);
}

static void tells_how_it_ended(void **state)
{
    struct child_fixture *f = *state;

    child_serve(f, &(struct cel_child_plan){0});
    (void)child_await(f, CEL_FRAME_READY);
    child_ask(f, "leave", 1);
    child_await_end(f);
    assert_true(WIFEXITED(cel_child_status(f->child)));
    assert_int_equal(WEXITSTATUS(cel_child_status(f->child)), 7);
    /* And again, for whoever asks later. */
    child_await_end(f);
}

static void is_killed_with_what_it_has_started(void **state)
{
    struct child_fixture *f = *state;

    child_serve(f, &(struct cel_child_plan){0});
    (void)child_await(f, CEL_FRAME_READY);
    child_ask(f, "sleep", 1);
    cel_child_signal(f->child, SIGKILL, true);
    child_await_end(f);
    assert_true(WIFSIGNALED(cel_child_status(f->child)));
    assert_int_equal(WTERMSIG(cel_child_status(f->child)), SIGKILL);
}

static void the_soft_signal_interrupts_a_wait(void **state)
{
    struct child_fixture *f = *state;
    struct cel_frame frame = {0};
    int64_t memory;

    child_serve(f, &(struct cel_child_plan){0});
    (void)child_await(f, CEL_FRAME_READY);
    child_ask(f, "sleep", 1);
    /* The first may come before the task waits. */
    do
        cel_child_signal(f->child, SIGUSR1, false);
    while (cel_child_wait(f->child, -1, clock_monotonic_ns() + 20 * NS_PER_MS, &frame) ==
           CEL_CHILD_LATE);
    assert_int_equal(frame.kind, CEL_FRAME_BEGUN);
    frame = child_await(f, CEL_FRAME_OUTCOME);
    assert_int_equal(cel_frame_read_outcome(frame.payload, &f->outcome, &memory), CELERIAC_OK);
    assert_string_equal(strbuf_text(&f->outcome.result), "\"interrupted\"");
}

static void wakes_and_ends_at_its_deadline(void **state)
{
    struct child_fixture *f = *state;
    struct cel_frame frame = {0};
    const uint64_t one = 1;
    int wake = eventfd(0, EFD_CLOEXEC);

    assert_true(wake >= 0);
    child_serve(f, &(struct cel_child_plan){0});
    (void)child_await(f, CEL_FRAME_READY);
    assert_int_equal(cel_child_wait(f->child, wake, clock_monotonic_ns() + NS_PER_MS, &frame),
                     CEL_CHILD_LATE);
    assert_int_equal(write(wake, &one, sizeof one), sizeof one);
    assert_int_equal(cel_child_wait(f->child, wake, -1, &frame), CEL_CHILD_WOKEN);
    close(wake);
}

static void who_talks_nonsense_is_killed(void **state)
{
    struct child_fixture *f = *state;

    child_serve(f, &(struct cel_child_plan){0});
    (void)child_await(f, CEL_FRAME_READY);
    child_ask(f, "babble", 1);
    child_await_end(f);
    assert_int_equal(WTERMSIG(cel_child_status(f->child)), SIGKILL);
}

static void who_loses_its_socket_ends(void **state)
{
    struct child_fixture *f = *state;

    child_serve(f, &(struct cel_child_plan){0});
    (void)child_await(f, CEL_FRAME_READY);
    child_ask(f, "close", 1);
    child_await_end(f);
    assert_int_equal(WEXITSTATUS(cel_child_status(f->child)), 1);
}

static void what_it_cannot_read_fails_the_task(void **state)
{
    static const struct cel_frame_request request = {.message = SPAN("{\"no\": \"message\"}")};
    struct child_fixture *f = *state;
    struct cel_frame frame;
    int64_t memory = 0;

    child_serve(f, &(struct cel_child_plan){0});
    (void)child_await(f, CEL_FRAME_READY);
    assert_int_equal(cel_frame_add_request(&request, cel_child_out(f->child)), CELERIAC_OK);
    (void)child_await(f, CEL_FRAME_BEGUN);
    frame = child_await(f, CEL_FRAME_OUTCOME);
    assert_int_equal(cel_frame_read_outcome(frame.payload, &f->outcome, &memory), CELERIAC_OK);
    assert_int_equal(f->outcome.kind, CEL_OUTCOME_FAILURE);
    assert_true(span_is(cel_outcome_type(&f->outcome), "MemoryError"));
}

static void a_frame_that_never_ends_does_not_hold_the_deadline(void **state)
{
    static const struct celeriac_task_options slow = {.name = "drip", .run = drip};
    struct child_fixture *f = *state;
    struct cel_frame frame = {0};

    assert_int_equal(cel_registry_add(f->runtime.registry, &slow, NULL), CELERIAC_OK);
    child_serve(f, &(struct cel_child_plan){0});
    (void)child_await(f, CEL_FRAME_READY);
    child_ask(f, "drip", 1);
    assert_int_equal(cel_child_wait(f->child, -1, clock_monotonic_ns() + 100 * NS_PER_MS, &frame),
                     CEL_CHILD_LATE);
}

static void its_end_is_seen_without_waiting(void **state)
{
    struct child_fixture *f = *state;
    struct pollfd fd = {.events = POLLIN};

    child_serve(f, &(struct cel_child_plan){0});
    (void)child_await(f, CEL_FRAME_READY);
    assert_false(cel_child_is_gone(f->child));
    fd.fd = cel_child_record_fd(f->child);
    assert_int_equal(kill((pid_t)cel_child_pid(f->child), SIGKILL), 0);
    assert_int_equal(poll(&fd, 1, -1), 1);
    assert_true(cel_child_is_gone(f->child));
    assert_true(cel_child_is_gone(f->child));
    assert_int_equal(cel_child_record_fd(f->child), -1);
    assert_int_equal(WTERMSIG(cel_child_status(f->child)), SIGKILL);
}

static void no_memory_for_a_child(void **state)
{
    struct child_fixture *f = *state;
    struct cel_child *second = NULL;
    struct celeriac_error err = {0};

    child_serve(f, &(struct cel_child_plan){0});
    (void)child_await(f, CEL_FRAME_READY);
    mem_fail_at(1);
    assert_int_equal(cel_child_create(f->server, &second, &err), CELERIAC_ERR_MEMORY);
    assert_true(mem_has_failed());
    mem_fail_at(0);
    assert_null(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHILD_TEST(runs_tasks_in_another_process),
        CHILD_TEST(hands_on_what_a_task_tells),
        CHILD_TEST(tells_why_it_cannot_start),
        CHILD_TEST(tells_how_it_ended),
        CHILD_TEST(is_killed_with_what_it_has_started),
        CHILD_TEST(the_soft_signal_interrupts_a_wait),
        CHILD_TEST(wakes_and_ends_at_its_deadline),
        CHILD_TEST(who_talks_nonsense_is_killed),
        CHILD_TEST(who_loses_its_socket_ends),
        CHILD_TEST(what_it_cannot_read_fails_the_task),
        CHILD_TEST(a_frame_that_never_ends_does_not_hold_the_deadline),
        CHILD_TEST(its_end_is_seen_without_waiting),
        CHILD_TEST(no_memory_for_a_child),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
