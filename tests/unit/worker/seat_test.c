/* worker/seat.c and seat_execute.c, with real child processes and without a broker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "celery_proto/codec/envelope.h"
#include "celery_proto/codec/task_send.h"
#include "tests/unit/worker/settler_stand_in.h"
#include "worker/child_frame.h"
#include "worker/events.h"
#include "worker/fork_server.h"
#include "worker/seat.h"
#include "worker/settings.h"

enum { LATE_NOT_YET, LATE_GO, LATE_GONE };

/* What the test and its children share. */
struct shared {
    atomic_uint starts;  /* of children */
    atomic_uint hanging; /* starts that are to hang */
    atomic_uint failing; /* starts that are to fail */
    atomic_uint dying;   /* children that are to die when they are ready */
    atomic_int hung;     /* process id of the last that does */
    atomic_uint late;    /* LATE_*: when the thread that a task has left speaks */
    atomic_uint cut;     /* bytes of its outcome that `half` says */
    char frame[256];     /* what `say` says */
    atomic_uint len;     /* bytes of that */
};

static struct shared *shared;

/* One for all tests: a fork server can be made only while the process has one thread. */
static struct cel_settings settings;
static struct cel_runtime runtime;
static struct cel_child_watch *watch;
static struct cel_task_decoder *decoder;

/* ---- in the child -------------------------------------------------------------------------- */

/* Takes one of so many; false when there are none. */
static bool take_one(atomic_uint *number)
{
    unsigned left = atomic_load(number);

    if (left > 0)
        atomic_store(number, left - 1);
    return left > 0;
}

static enum celeriac_err start(void *user, struct celeriac_error *err)
{
    (void)user;
    atomic_fetch_add(&shared->starts, 1);
    if (take_one(&shared->failing))
        return celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE, "not yet");
    if (take_one(&shared->hanging)) {
        atomic_store(&shared->hung, getpid());
        for (;;)
            pause();
    }
    return CELERIAC_OK;
}

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

static void pid(struct celeriac_task *task, void *user)
{
    (void)user;
    celeriac_task_return_int(task, getpid());
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

static void big(struct celeriac_task *task, void *user)
{
    static char text[200001];

    (void)user;
    memset(text, 'x', sizeof text - 1);
    celeriac_task_return_text(task, text);
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

static const struct celeriac_task_options tasks[] = {
    {.name = "pid", .run = pid},
    {.name = "large", .run = pid},
    {.name = "leave", .run = leave},
    {.name = "heir", .run = leave_heir},
    {.name = "big", .run = big},
    {.name = "half", .run = half},
    {.name = "drops", .run = drop_by_drop},
    {.name = "thread", .run = leave_thread},
    {.name = "say", .run = say_frame},
    {.name = "flood", .run = flood, .time_limit = 0.2},
    {.name = "drip", .run = drip, .time_limit = 0.2},
};

/* ---- the worker ---------------------------------------------------------------------------- */

/* The seat of the running test, as the pool knows its seats: a child can be told of late. */
static pthread_mutex_t watched_lock = PTHREAD_MUTEX_INITIALIZER;
static struct cel_seat *watched;

static void set_watched(struct cel_seat *seat)
{
    pthread_mutex_lock(&watched_lock);
    watched = seat;
    pthread_mutex_unlock(&watched_lock);
}

static void tell_seat(void *context, uint32_t token)
{
    (void)context;
    (void)token;
    pthread_mutex_lock(&watched_lock);
    if (watched)
        cel_seat_look(watched);
    pthread_mutex_unlock(&watched_lock);
}

static int open_all(void **state)
{
    const struct celeriac_worker_options options = {
        .hostname = "w@h", .concurrency = 1, .pool = CELERIAC_POOL_PREFORK};
    const struct cel_child_plan plan = {.runtime = &runtime, .start = start};
    struct cel_events_options events = {.everything = true};

    (void)state;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    assert_int_equal(cel_settings_open(&options, &settings, NULL), CELERIAC_OK);
    assert_int_equal(cel_runtime_open(&runtime, &settings, NULL), CELERIAC_OK);
    for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++)
        assert_int_equal(cel_registry_add(runtime.registry, &tasks[i], NULL), CELERIAC_OK);
    assert_int_equal(cel_fork_server_create(&plan, &runtime.fork_server, NULL), CELERIAC_OK);
    events.wake_fd = runtime.control_fd;
    assert_int_equal(cel_events_create(&events, &runtime.events), CELERIAC_OK);
    assert_int_equal(cel_live_create(&runtime.live), CELERIAC_OK);
    assert_int_equal(cel_task_decoder_create(NULL, &decoder), CELERIAC_OK);
    assert_int_equal(cel_child_watch_create(tell_seat, NULL, &watch), CELERIAC_OK);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    cel_child_watch_destroy(watch);
    cel_task_decoder_destroy(decoder);
    cel_live_destroy(runtime.live);
    cel_events_destroy(runtime.events);
    cel_runtime_close(&runtime);
    cel_settings_close(&settings);
    return munmap(shared, sizeof *shared);
}

/* One seat and what it executes with. */
struct fixture {
    struct cel_seat *seat;
    struct cel_execution execution;
};

static int set_up(void **state)
{
    struct fixture *f = mem_calloc(1, sizeof *f);

    assert_non_null(f);
    memset(shared, 0, sizeof *shared);
    atomic_store(&runtime.stopping, false);
    runtime.max_tasks_per_child = 0;
    runtime.child_start_ns = 60 * NS_PER_SEC;
    settler_stand_in_reset();
    cel_execution_init(&f->execution, &runtime);
    assert_int_equal(cel_seat_create(&runtime, watch, 0, &f->seat), CELERIAC_OK);
    set_watched(f->seat);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    set_watched(NULL);
    cel_seat_destroy(f->seat);
    cel_execution_close(&f->execution);
    settler_stand_in_reset();
    mem_free(f);
    return 0;
}

static struct cel_request *request_of(const char *task)
{
    struct strbuf envelope;
    struct strbuf scratch;
    struct cel_task_message *message = NULL;
    struct cel_request *request = NULL;
    struct strbuf args;
    struct cel_task_send send = {.task = span_of(task),
                                 .id = SPAN("12345678-0000-4000-8000-000000000001"),
                                 .delivery_tag = SPAN("bbbbbbbb-0000-4000-8000-00000000001"),
                                 .routing_key = SPAN("celery")};

    strbuf_init(&args, CEL_ENVELOPE_MAX);
    strbuf_init(&envelope, CEL_ENVELOPE_MAX);
    strbuf_init(&scratch, CEL_ENVELOPE_MAX);
    strbuf_add_text(&args, "[");
    for (int i = 0; strcmp(task, "large") == 0 && i < 1000000; i++)
        strbuf_add_text(&args, "1,");
    strbuf_add_text(&args, "1]");
    send.args = strbuf_span(&args);
    assert_int_equal(cel_task_send_write(&send, &scratch, &envelope, NULL), CELERIAC_OK);
    assert_int_equal(cel_task_message_create(decoder, strbuf_span(&envelope), &message),
                     CELERIAC_OK);
    assert_int_equal(cel_request_create(message, cel_registry_find(runtime.registry, message->task),
                                        SPAN("tag"), SPAN("celery"), &request),
                     CELERIAC_OK);
    cel_request_move(request, CEL_REQUEST_READY);
    strbuf_close(&args);
    strbuf_close(&scratch);
    strbuf_close(&envelope);
    return request;
}

/* Executes a task in a seat that is taken; what became of it. */
static const struct cel_settlement *execute(struct fixture *f, const char *task)
{
    unsigned ended = settler_stand_in.ended;

    assert_true(cel_seat_fill(f->seat));
    cel_seat_execute(f->seat, &f->execution, request_of(task));
    assert_int_equal(settler_stand_in.ended, ended + 1);
    assert_int_equal(atomic_load(&runtime.counters.active), 0);
    return &settler_stand_in.last->settlement;
}

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

/* ---- children ------------------------------------------------------------------------------ */

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
    assert_int_equal(atomic_load(&shared->starts), 2);
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

static void a_child_leaves_after_its_last_task(void **state)
{
    struct fixture *f = *state;

    runtime.max_tasks_per_child = 2;
    for (int i = 0; i < 5; i++)
        assert_int_equal(execute(f, "pid")->state, CEL_STATE_SUCCESS);
    assert_int_equal(atomic_load(&shared->starts), 3);
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

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_child_serves_one_task_after_the_other),
        TEST(a_start_that_hangs_is_given_up),
        TEST(a_worker_that_stops_waits_for_no_start),
        TEST(an_idle_child_that_died_is_replaced),
        TEST(a_look_for_nothing_changes_nothing),
        TEST(a_request_survives_the_child_that_it_finds_dead),
        TEST(a_request_survives_the_child_that_has_not_read_it),
        TEST(a_request_that_was_read_is_lost),
        TEST(a_request_that_no_child_can_take_goes_back),
        TEST(a_child_leaves_after_its_last_task),
        TEST(an_outcome_cut_short_is_a_loss),
        TEST(an_outcome_in_pieces_is_whole),
        TEST(a_broken_frame_costs_the_child_its_life),
        TEST(what_comes_after_the_end_is_nobody_elses),
        TEST(talking_does_not_hold_a_hard_limit),
        TEST(no_memory_for_a_seat),
        TEST(without_memory_each_request_ends_once),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
