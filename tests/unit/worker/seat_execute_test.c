/* worker/seat_execute.c: what becomes of requests, with real child processes and without a broker.
 */
#include "tests/unit/worker/seat_fixture.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "worker/child_frame.h"

/* ---- in the child -------------------------------------------------------------------------- */

/* The child's stream to the worker. */
static int stream(void)
{
    int type = 0;
    socklen_t size = sizeof type;

    for (int fd = 3; fd < 256; fd++)
        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM)
            return fd;
    return -1;
}

static void say(const char *bytes, size_t len)
{
    if (send(stream(), bytes, len, MSG_NOSIGNAL) < 0)
        _exit(9);
}

static void leave(struct celeriac_task *task, void *user)
{
    (void)task;
    (void)user;
    _exit(4);
}

/* Leaves a process behind that has the stream, for a while. */
static void leave_heir(struct celeriac_task *task, void *user)
{
    if (fork() == 0) {
        sleep(2);
        _exit(0);
    }
    leave(task, user);
}

static void add_outcome(struct strbuf *out)
{
    struct cel_outcome outcome = {.kind = CEL_OUTCOME_SUCCESS};

    cel_frame_add_plain(CEL_FRAME_BEGUN, out);
    strbuf_init(&outcome.result, 64);
    strbuf_add_text(&outcome.result, "\"by hand\"");
    if (cel_frame_add_outcome(&outcome, 1, out))
        _exit(9);
    strbuf_close(&outcome.result);
}

/* Ends in the middle of what it has to say. */
static void half(struct celeriac_task *task, void *user)
{
    struct strbuf out;

    (void)task;
    (void)user;
    strbuf_init(&out, 4096);
    add_outcome(&out);
    say(out.ptr, atomic_load(&shared->cut));
    _exit(5);
}

/* Says everything byte by byte. */
static void drop_by_drop(struct celeriac_task *task, void *user)
{
    struct strbuf out;

    (void)task;
    (void)user;
    strbuf_init(&out, 4096);
    add_outcome(&out);
    for (size_t i = 0; i < out.len; i++)
        say(out.ptr + i, 1);
    for (;;)
        pause();
}

static void *tell_late(void *argument)
{
    static const struct cel_frame_state told = {.name = SPAN("LATE")};
    struct strbuf out;

    (void)argument;
    strbuf_init(&out, 4096);
    while (atomic_load(&shared->late) != LATE_GO)
        usleep(1000);
    if (cel_frame_add_state(&told, &out))
        _exit(9);
    say(out.ptr, out.len);
    strbuf_close(&out);
    atomic_store(&shared->late, LATE_GONE);
    return NULL;
}

/* Leaves a thread behind that tells a state when the task is over. */
static void leave_thread(struct celeriac_task *task, void *user)
{
    pthread_t thread;

    (void)user;
    if (pthread_create(&thread, NULL, tell_late, NULL))
        _exit(9);
    pthread_detach(thread);
    celeriac_task_return_null(task);
}

/* Says what the test has thought of. */
static void say_frame(struct celeriac_task *task, void *user)
{
    (void)task;
    (void)user;
    say(shared->frame, atomic_load(&shared->len));
    for (;;)
        pause();
}

/* Is never done with telling. */
static void flood(struct celeriac_task *task, void *user)
{
    (void)user;
    while (celeriac_task_update_state(task, "PROGRESS", "1", NULL) == CELERIAC_OK)
        continue;
}

/* Never ends what it has begun to say. */
static void drip(struct celeriac_task *task, void *user)
{
    static const char begin[CEL_FRAME_HEADER] = {CEL_FRAME_OUTCOME, 0, 0, 0, 0, 0, 1, 0};

    (void)task;
    (void)user;
    say(begin, sizeof begin);
    for (;;) {
        say("", 1);
        usleep(1000);
    }
}

static const struct celeriac_task_options child_tasks[] = {
    {.name = "leave", .run = leave},
    {.name = "heir", .run = leave_heir},
    {.name = "half", .run = half},
    {.name = "drops", .run = drop_by_drop},
    {.name = "thread", .run = leave_thread},
    {.name = "say", .run = say_frame},
    {.name = "flood", .run = flood, .time_limit = 1},
    {.name = "drip", .run = drip, .time_limit = 0.2},
};

/* ---- a child that dies --------------------------------------------------------------------- */

static void assert_has(const struct strbuf *record, const char *part)
{
    if (!strstr(strbuf_text(record), part))
        fail_msg("no %s in %s", part, strbuf_text(record));
}

static void assert_lost(const struct cel_settlement *settlement, const char *how)
{
    assert_int_equal(settlement->state, CEL_STATE_FAILURE);
    assert_has(&settlement->record, "WorkerLostError");
    assert_has(&settlement->record, how);
}

/* When the request is on its way. */
static void *kill_soon(void *seat)
{
    usleep(20000);
    (void)kill((pid_t)cel_seat_pid(seat), SIGKILL);
    return NULL;
}

/* Although nobody had looked: the request finds another one. */
static void a_request_survives_the_child_that_it_finds_dead(void **state)
{
    struct fixture *f = *state;

    assert_true(cel_seat_fill(f->seat));
    assert_int_equal(kill((pid_t)cel_seat_pid(f->seat), SIGKILL), 0);
    cel_seat_execute(f->seat, &f->execution, request_of("pid"));
    assert_int_equal(settler_stand_in.ended, 1);
    assert_int_equal(settler_stand_in.last->settlement.state, CEL_STATE_SUCCESS);
    assert_int_equal(atomic_load(&shared->starts), 2);
}

/* A stopped child has some of it in its hands, or none, when it dies: it cannot have begun. */
static void a_request_survives_the_child_that_has_not_read_it(void **state)
{
    static const char *const sizes[] = {"pid", "large"};
    struct fixture *f = *state;

    for (size_t i = 0; i < 2; i++) {
        pthread_t killer;

        assert_true(cel_seat_fill(f->seat));
        assert_int_equal(kill((pid_t)cel_seat_pid(f->seat), SIGSTOP), 0);
        assert_int_equal(pthread_create(&killer, NULL, kill_soon, f->seat), 0);
        cel_seat_execute(f->seat, &f->execution, request_of(sizes[i]));
        assert_int_equal(pthread_join(killer, NULL), 0);
        assert_int_equal(settler_stand_in.ended, i + 1);
        assert_int_equal(settler_stand_in.last->settlement.state, CEL_STATE_SUCCESS);
        assert_int_equal(atomic_load(&shared->starts), i + 2);
    }
}

/* What has been read may have been done. */
static void a_request_that_was_read_is_lost(void **state)
{
    assert_lost(execute(*state, "leave"), "exitcode 4");
    assert_lost(execute(*state, "heir"), "exitcode 4");
}

static void a_request_that_no_child_can_take_goes_back(void **state)
{
    struct fixture *f = *state;
    const struct cel_settlement *settlement;

    assert_true(cel_seat_fill(f->seat));
    assert_int_equal(kill((pid_t)cel_seat_pid(f->seat), SIGKILL), 0);
    atomic_store(&shared->failing, 1000);
    atomic_store(&runtime.stopping, true);
    cel_seat_execute(f->seat, &f->execution, request_of("pid"));
    assert_int_equal(settler_stand_in.ended, 1);
    settlement = &settler_stand_in.last->settlement;
    assert_true(settlement->postponed);
    assert_int_equal(settlement->fate, CEL_FATE_ACK);
    assert_has(&settlement->retry, "\"retries\": 0");
    assert_int_equal(settlement->record.len, 0);
    assert_int_equal(atomic_load(&shared->starts), 2);
}

/* ---- what children say ----------------------------------------------------------------------- */

static void an_outcome_cut_short_is_a_loss(void **state)
{
    struct fixture *f = *state;
    struct strbuf out;

    strbuf_init(&out, 4096);
    add_outcome(&out);
    for (size_t len = 0; len < out.len; len++) {
        atomic_store(&shared->cut, (unsigned)len);
        assert_lost(execute(f, "half"), "exitcode 5");
    }
    atomic_store(&shared->cut, (unsigned)out.len);
    assert_has(&execute(f, "half")->record, "by hand");
    strbuf_close(&out);
}

static void an_outcome_in_pieces_is_whole(void **state)
{
    assert_has(&execute(*state, "drops")->record, "by hand");
}

/* Breaks the byte at that place of an outcome that is otherwise good. */
static void think_of(size_t place, char value)
{
    struct strbuf out;

    strbuf_init(&out, sizeof shared->frame);
    add_outcome(&out);
    memcpy(shared->frame, out.ptr, out.len);
    shared->frame[CEL_FRAME_HEADER + place] = value;
    atomic_store(&shared->len, (unsigned)out.len);
    strbuf_close(&out);
}

static void a_broken_frame_costs_the_child_its_life(void **state)
{
    static const struct {
        size_t place;
        char value;
    } broken[] = {
        {0, 99},                            /* no kind of frame */
        {0, CEL_FRAME_STATE},               /* a state without a name */
        {1, 1},                             /* what is zero */
        {7, 127},                           /* longer than any */
        {CEL_FRAME_HEADER, 77},             /* no kind of outcome */
        {CEL_FRAME_HEADER + 1, 8},          /* a flag that does not exist */
        {CEL_FRAME_HEADER + 4, 100},        /* a result beyond the end */
        {CEL_FRAME_HEADER + 39, (char)255}, /* seconds that are none */
        {CEL_FRAME_HEADER + 48, 'x'},       /* a result that is no JSON */
    };

    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        think_of(broken[i].place, broken[i].value);
        assert_lost(execute(*state, "say"), "signal 9 (SIGKILL)");
    }
    for (int kind = CEL_FRAME_READY; kind <= CEL_FRAME_BEGUN; kind++) {
        const char plain[2 * CEL_FRAME_HEADER] = {CEL_FRAME_BEGUN, 0, 0, 0, 0, 0, 0, 0, (char)kind};

        memcpy(shared->frame, plain, sizeof plain);
        atomic_store(&shared->len, sizeof plain);
        assert_lost(execute(*state, "say"), "signal 9 (SIGKILL)");
    }
}

static void what_comes_after_the_end_is_nobody_elses(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(execute(f, "thread")->state, CEL_STATE_SUCCESS);
    atomic_store(&shared->late, LATE_GO);
    while (atomic_load(&shared->late) != LATE_GONE)
        usleep(1000);
    assert_int_equal(execute(f, "pid")->state, CEL_STATE_SUCCESS);
    assert_int_equal(settler_stand_in.told, 0);
    assert_int_equal(atomic_load(&shared->starts), 1);
}

static void talking_does_not_hold_a_hard_limit(void **state)
{
    struct fixture *f = *state;

    assert_has(&execute(f, "flood")->record, "TimeLimitExceeded");
    assert_true(settler_stand_in.told > 0);
    assert_has(&execute(f, "drip")->record, "TimeLimitExceeded");
}

/* ---- memory -------------------------------------------------------------------------------- */

/*
 * Wherever memory is missing, a request ends once: with its result, as a failure that says so, or
 * it is tried again.
 */
static void without_memory_each_request_ends_once(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 2; i++) {
        bool failed = true;

        for (size_t n = 1; failed; n++) {
            struct cel_request *request = request_of(i == 0 ? "pid" : "big");
            const struct cel_settlement *settlement;
            unsigned ended = settler_stand_in.ended;

            assert_true(cel_seat_fill(f->seat));
            mem_fail_at(n);
            cel_seat_execute(f->seat, &f->execution, request);
            failed = mem_has_failed();
            mem_fail_at(0);
            assert_int_equal(settler_stand_in.ended, ended + 1);
            assert_int_equal(atomic_load(&runtime.counters.active), 0);
            settlement = &settler_stand_in.last->settlement;
            assert_true(settlement->state == CEL_STATE_SUCCESS ||
                        settlement->state == CEL_STATE_FAILURE || settlement->postponed ||
                        settlement->fate == CEL_FATE_REQUEUE);
            assert_true(failed || settlement->state == CEL_STATE_SUCCESS);
            /* Buffers of earlier turns are not there any more. */
            cel_execution_close(&f->execution);
            cel_execution_init(&f->execution, &runtime);
        }
    }
}

static int open_all(void **state)
{
    (void)state;
    return seat_open_all(child_tasks, sizeof child_tasks / sizeof child_tasks[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SEAT_TEST(a_request_survives_the_child_that_it_finds_dead),
        SEAT_TEST(a_request_survives_the_child_that_has_not_read_it),
        SEAT_TEST(a_request_that_was_read_is_lost),
        SEAT_TEST(a_request_that_no_child_can_take_goes_back),
        SEAT_TEST(an_outcome_cut_short_is_a_loss),
        SEAT_TEST(an_outcome_in_pieces_is_whole),
        SEAT_TEST(a_broken_frame_costs_the_child_its_life),
        SEAT_TEST(what_comes_after_the_end_is_nobody_elses),
        SEAT_TEST(talking_does_not_hold_a_hard_limit),
        SEAT_TEST(without_memory_each_request_ends_once),
    };

    return cmocka_run_group_tests(tests, open_all, seat_close_all);
}
