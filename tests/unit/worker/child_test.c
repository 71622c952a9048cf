/* worker/child.c and worker/fork_server.c, with real processes and without a broker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/parse_num.h"
#include "celery_proto/codec/task_send.h"
#include "worker/child.h"

struct fixture {
    struct cel_runtime runtime;
    struct cel_fork_server *server;
    struct cel_child *child;
    struct cel_outcome outcome;
    struct strbuf message;
};

static int started;

static enum celeriac_err start_well(void *user, struct celeriac_error *err)
{
    (void)err;
    started = *(int *)user;
    return CELERIAC_OK;
}

static enum celeriac_err start_badly(void *user, struct celeriac_error *err)
{
    (void)user;
    return celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE, "no database");
}

static void stop(void *user)
{
    (void)user;
    _exit(42);
}

/* Says what start() has left behind and whether the worker stops. */
static void look(struct celeriac_task *task, void *user)
{
    (void)user;
    celeriac_task_return_int(task, celeriac_task_stopping(task) ? -started : started);
}

static void sleep_long(struct celeriac_task *task, void *user)
{
    (void)task;
    (void)user;
    if (usleep(600 * 1000 * 1000) < 0 && errno == EINTR)
        celeriac_task_return_text(task, "interrupted");
}

static void tell(struct celeriac_task *task, void *user)
{
    (void)user;
    if (celeriac_task_update_state(task, "PROGRESS", "{\"done\": 0.5}", NULL))
        celeriac_task_return_text(task, "refused");
}

static void leave(struct celeriac_task *task, void *user)
{
    (void)task;
    (void)user;
    _exit(7);
}

/* Writes what is no frame wherever it can. */
static void babble(struct celeriac_task *task, void *user)
{
    for (int fd = 3; fd < 64; fd++)
        if (write(fd, "nonsense, and more of it", 24) < 0)
            errno = 0;
    sleep_long(task, user);
}

static void close_all(struct celeriac_task *task, void *user)
{
    (void)task;
    (void)user;
    closefrom(3);
}

static int set_up(void **state)
{
    static const struct celeriac_task_options tasks[] = {
        {.name = "look", .run = look},       {.name = "sleep", .run = sleep_long},
        {.name = "leave", .run = leave},     {.name = "babble", .run = babble},
        {.name = "close", .run = close_all}, {.name = "tell", .run = tell}};
    struct fixture *f = mem_calloc(1, sizeof *f);

    assert_non_null(f);
    assert_int_equal(cel_registry_create(&f->runtime.registry), CELERIAC_OK);
    for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++)
        assert_int_equal(cel_registry_add(f->runtime.registry, &tasks[i], NULL), CELERIAC_OK);
    strbuf_init(&f->outcome.result, CEL_RETURN_MAX);
    strbuf_init(&f->outcome.exception, CEL_RETURN_MAX);
    strbuf_init(&f->outcome.children, CEL_CHILDREN_MAX);
    strbuf_init(&f->message, CEL_ENVELOPE_MAX);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    cel_child_destroy(f->child, 0);
    cel_fork_server_destroy(f->server);
    cel_registry_destroy(f->runtime.registry);
    strbuf_close(&f->outcome.result);
    strbuf_close(&f->outcome.exception);
    strbuf_close(&f->outcome.children);
    strbuf_close(&f->message);
    mem_free(f);
    return 0;
}

static void serve(struct fixture *f, const struct cel_child_plan *more)
{
    struct cel_child_plan plan = *more;

    plan.runtime = &f->runtime;
    assert_int_equal(cel_fork_server_create(&plan, &f->server, NULL), CELERIAC_OK);
    assert_int_equal(cel_child_create(f->server, &f->child, NULL), CELERIAC_OK);
}

static struct cel_frame await(struct fixture *f, enum cel_frame_kind kind)
{
    struct cel_frame frame = {0};

    assert_int_equal(cel_child_wait(f->child, -1, -1, &frame), CEL_CHILD_FRAME);
    assert_int_equal(frame.kind, kind);
    return frame;
}

static void await_end(struct fixture *f)
{
    struct cel_frame frame = {0};

    assert_int_equal(cel_child_wait(f->child, -1, -1, &frame), CEL_CHILD_GONE);
}

/* Sends a task, with an argument of that many bytes. */
static void ask(struct fixture *f, const char *task, size_t bytes)
{
    struct strbuf args;
    struct strbuf scratch;
    struct cel_task_send send = {.task = span_of(task),
                                 .id = SPAN("12345678-0000-4000-8000-000000000001"),
                                 .delivery_tag = SPAN("bbbbbbbb-0000-4000-8000-000000000001"),
                                 .routing_key = SPAN("celery")};
    struct cel_frame_request request = {0};

    strbuf_init(&args, CEL_ENVELOPE_MAX);
    strbuf_init(&scratch, CEL_ENVELOPE_MAX);
    strbuf_add_text(&args, "[\"");
    for (size_t i = 0; i < bytes; i++)
        strbuf_add_char(&args, 'x');
    strbuf_add_text(&args, "\"]");
    send.args = strbuf_span(&args);
    strbuf_clear(&f->message);
    assert_int_equal(cel_task_send_write(&send, &scratch, &f->message, NULL), CELERIAC_OK);
    request.message = strbuf_span(&f->message);
    assert_int_equal(cel_frame_add_request(&request, cel_child_out(f->child)), CELERIAC_OK);
    strbuf_close(&args);
    strbuf_close(&scratch);
}

static const char *answer(struct fixture *f)
{
    struct cel_frame frame;
    int64_t memory = 0;

    (void)await(f, CEL_FRAME_BEGUN);
    frame = await(f, CEL_FRAME_OUTCOME);
    assert_int_equal(cel_frame_read_outcome(frame.payload, &f->outcome, &memory), CELERIAC_OK);
    assert_true(memory > 0);
    return strbuf_text(&f->outcome.result);
}

/* ---- tests --------------------------------------------------------------------------------- */

static void runs_tasks_in_another_process(void **state)
{
    struct fixture *f = *state;
    int mark = 23;

    serve(f, &(struct cel_child_plan){.start = start_well, .user = &mark});
    (void)await(f, CEL_FRAME_READY);
    assert_true(cel_child_was_started(f->child));
    assert_true(cel_child_pid(f->child) > 0 && cel_child_pid(f->child) != getpid());
    ask(f, "look", 1);
    assert_string_equal(answer(f), "23");
    assert_int_equal(started, 0);
    cel_fork_server_stopping(f->server);
    ask(f, "look", 5 * 1000 * 1000);
    assert_string_equal(answer(f), "-23");
}

static void hands_on_what_a_task_tells(void **state)
{
    struct fixture *f = *state;
    struct cel_frame_state told = {0};
    struct cel_frame frame;
    int64_t memory = 0;

    serve(f, &(struct cel_child_plan){0});
    (void)await(f, CEL_FRAME_READY);
    ask(f, "tell", 1);
    (void)await(f, CEL_FRAME_BEGUN);
    assert_int_equal(cel_frame_read_state(await(f, CEL_FRAME_STATE).payload, &told), CELERIAC_OK);
    assert_true(span_is(told.name, "PROGRESS"));
    assert_true(span_is(told.meta, "{\"done\": 0.5}"));
    frame = await(f, CEL_FRAME_OUTCOME);
    assert_int_equal(cel_frame_read_outcome(frame.payload, &f->outcome, &memory), CELERIAC_OK);
    assert_int_equal(f->outcome.result.len, 0);
}

static void tells_why_it_cannot_start(void **state)
{
    struct fixture *f = *state;

    serve(f, &(struct cel_child_plan){.start = start_badly});
    assert_true(span_is(await(f, CEL_FRAME_FAILED).payload, "no database"));
    await_end(f);
    assert_int_equal(WEXITSTATUS(cel_child_status(f->child)), 1);
}

static void tells_how_it_ended(void **state)
{
    struct fixture *f = *state;

    serve(f, &(struct cel_child_plan){0});
    (void)await(f, CEL_FRAME_READY);
    ask(f, "leave", 1);
    (void)await(f, CEL_FRAME_BEGUN);
    await_end(f);
    assert_true(WIFEXITED(cel_child_status(f->child)));
    assert_int_equal(WEXITSTATUS(cel_child_status(f->child)), 7);
    /* And again, for whoever asks later. */
    await_end(f);
}

static void is_killed_with_what_it_has_started(void **state)
{
    struct fixture *f = *state;

    serve(f, &(struct cel_child_plan){0});
    (void)await(f, CEL_FRAME_READY);
    ask(f, "sleep", 1);
    (void)await(f, CEL_FRAME_BEGUN);
    cel_child_signal(f->child, SIGKILL, true);
    await_end(f);
    assert_true(WIFSIGNALED(cel_child_status(f->child)));
    assert_int_equal(WTERMSIG(cel_child_status(f->child)), SIGKILL);
}

static void the_soft_signal_interrupts_a_wait(void **state)
{
    struct fixture *f = *state;
    struct cel_frame frame = {0};
    int64_t memory;

    serve(f, &(struct cel_child_plan){0});
    (void)await(f, CEL_FRAME_READY);
    ask(f, "sleep", 1);
    (void)await(f, CEL_FRAME_BEGUN);
    /* The first may come before the task waits. */
    do
        cel_child_signal(f->child, SIGUSR1, false);
    while (cel_child_wait(f->child, -1, clock_monotonic_ns() + 20 * NS_PER_MS, &frame) ==
           CEL_CHILD_LATE);
    assert_int_equal(frame.kind, CEL_FRAME_OUTCOME);
    assert_int_equal(cel_frame_read_outcome(frame.payload, &f->outcome, &memory), CELERIAC_OK);
    assert_string_equal(strbuf_text(&f->outcome.result), "\"interrupted\"");
}

static void wakes_and_ends_at_its_deadline(void **state)
{
    struct fixture *f = *state;
    struct cel_frame frame = {0};
    const uint64_t one = 1;
    int wake = eventfd(0, EFD_CLOEXEC);

    assert_true(wake >= 0);
    serve(f, &(struct cel_child_plan){0});
    (void)await(f, CEL_FRAME_READY);
    assert_int_equal(cel_child_wait(f->child, wake, clock_monotonic_ns() + NS_PER_MS, &frame),
                     CEL_CHILD_LATE);
    assert_int_equal(write(wake, &one, sizeof one), sizeof one);
    assert_int_equal(cel_child_wait(f->child, wake, -1, &frame), CEL_CHILD_WOKEN);
    close(wake);
}

static void who_talks_nonsense_is_killed(void **state)
{
    struct fixture *f = *state;

    serve(f, &(struct cel_child_plan){0});
    (void)await(f, CEL_FRAME_READY);
    ask(f, "babble", 1);
    (void)await(f, CEL_FRAME_BEGUN);
    await_end(f);
    assert_int_equal(WTERMSIG(cel_child_status(f->child)), SIGKILL);
}

static void who_loses_its_socket_ends(void **state)
{
    struct fixture *f = *state;

    serve(f, &(struct cel_child_plan){0});
    (void)await(f, CEL_FRAME_READY);
    ask(f, "close", 1);
    (void)await(f, CEL_FRAME_BEGUN);
    await_end(f);
    assert_int_equal(WEXITSTATUS(cel_child_status(f->child)), 1);
}

static void who_is_sent_home_stops_in_order(void **state)
{
    struct fixture *f = *state;
    int work;
    int control;
    char ready[CEL_FRAME_HEADER];
    struct cel_fork_record record = {0};

    serve(f, &(struct cel_child_plan){.stop = stop});
    (void)await(f, CEL_FRAME_READY);
    assert_int_equal(cel_fork_server_spawn(f->server, &work, &control, NULL), CELERIAC_OK);
    assert_int_equal(read(work, ready, sizeof ready), CEL_FRAME_HEADER);
    close(work);
    while (record.news != CEL_FORK_ENDED)
        if (read(control, &record, sizeof record) < 0)
            usleep(1000);
    close(control);
    assert_int_equal(WEXITSTATUS(record.value), 42);
}

static pid_t parent_of(pid_t pid)
{
    char name[64];
    char text[512];
    const char *after;
    FILE *stat;
    int64_t parent = -1;
    struct span word;
    struct span rest;

    (void)snprintf(name, sizeof name, "/proc/%d/stat", (int)pid);
    stat = fopen(name, "r");
    assert_non_null(stat);
    assert_non_null(fgets(text, sizeof text, stat));
    (void)fclose(stat);
    /* "PID (NAME) STATE PARENT ..." */
    after = strrchr(text, ')');
    assert_non_null(after);
    (void)span_cut(span_of(after + 4), ' ', &word, &rest);
    assert_int_equal(parse_int64(word, 1, INT32_MAX, &parent), CELERIAC_OK);
    return (pid_t)parent;
}

static void a_server_that_is_gone_makes_no_children(void **state)
{
    struct fixture *f = *state;
    struct cel_child *second = NULL;
    struct celeriac_error err = {0};
    siginfo_t ended;
    pid_t server;

    serve(f, &(struct cel_child_plan){0});
    (void)await(f, CEL_FRAME_READY);
    server = getpgid((pid_t)cel_child_pid(f->child)) == cel_child_pid(f->child)
                 ? parent_of((pid_t)cel_child_pid(f->child))
                 : -1;
    assert_true(server > 0 && server != getpid());
    assert_int_equal(kill(server, SIGKILL), 0);
    assert_int_equal(waitid(P_PID, (id_t)server, &ended, WEXITED | WNOWAIT), 0);
    await_end(f);
    assert_int_equal(cel_child_create(f->server, &second, &err), CELERIAC_ERR_UNAVAILABLE);
    assert_string_equal(err.text, "the fork server is gone");
}

static void *wait_for_end(void *argument)
{
    uint64_t count;

    return read(*(int *)argument, &count, sizeof count) < 0 ? argument : NULL;
}

static void refuses_a_process_with_threads(void **state)
{
    struct fixture *f = *state;
    const struct cel_child_plan plan = {.runtime = &f->runtime};
    struct celeriac_error err = {0};
    const uint64_t one = 1;
    int fd = eventfd(0, EFD_CLOEXEC);
    pthread_t thread;

    assert_true(fd >= 0);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_end, &fd), 0);
    assert_int_equal(cel_fork_server_create(&plan, &f->server, &err), CELERIAC_ERR_VALUE);
    assert_non_null(strstr(err.text, "celeriac_worker_prefork()"));
    assert_int_equal(write(fd, &one, sizeof one), sizeof one);
    pthread_join(thread, NULL);
    close(fd);
/* Its sanitizer keeps a thread of its own from the first one on. */
#ifndef __SANITIZE_THREAD__
    assert_int_equal(cel_fork_server_create(&plan, &f->server, NULL), CELERIAC_OK);
#endif
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(runs_tasks_in_another_process),
        TEST(hands_on_what_a_task_tells),
        TEST(tells_why_it_cannot_start),
        TEST(tells_how_it_ended),
        TEST(is_killed_with_what_it_has_started),
        TEST(the_soft_signal_interrupts_a_wait),
        TEST(wakes_and_ends_at_its_deadline),
        TEST(who_talks_nonsense_is_killed),
        TEST(who_loses_its_socket_ends),
        TEST(who_is_sent_home_stops_in_order),
        TEST(a_server_that_is_gone_makes_no_children),
        TEST(refuses_a_process_with_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
