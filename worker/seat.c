#include "worker/seat.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "worker/child.h"
#include "worker/endings.h"
#include "worker/exit_text.h"
#include "worker/live.h"

/* Pause after a start that failed, and between looks whether the worker stops meanwhile. */
#define AGAIN_NS (1 * NS_PER_SEC)
#define LOOK_NS (NS_PER_SEC / 5)

/* How long a child that is not needed any more has for its own end. */
#define LEAVE_NS (5 * NS_PER_SEC)

/* Between SIGTERM and SIGKILL at a hard limit: billiard/pool.py trywaitkill(). */
#define TERM_NS (NS_PER_SEC / 10)

/* Children that may die before they look at a request until the request is to blame. */
#define UNBEGUN_MAX 3

/* Longest text of WorkerLostError. */
#define LOST_TEXT_MAX 256

struct cel_seat {
    struct cel_runtime *runtime;
    struct cel_child *child; /* NULL: empty */
    unsigned executed;       /* tasks that the child has had */
    int64_t memory_kib;      /* the most it has used, as it said last */
    unsigned generation;     /* of the pool when the child came */
    atomic_int_fast64_t pid;
    bool busy;          /* a request waits for the child, so that a warm stop waits as well */
    atomic_bool killed; /* the worker stops at once */
    int wake_fd;        /* eventfd: one of the two below has changed */

    pthread_mutex_t lock;
    const struct cel_request *request; /* being executed; NULL: none */
    int signum;                        /* that is to end it; 0: none */
};

enum celeriac_err cel_seat_create(struct cel_runtime *runtime, struct cel_seat **seat)
{
    struct cel_seat *s = mem_calloc(1, sizeof *s);

    if (!s)
        return CELERIAC_ERR_MEMORY;
    s->runtime = runtime;
    s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->wake_fd < 0) {
        mem_free(s);
        return CELERIAC_ERR_SYSTEM;
    }
    pthread_mutex_init(&s->lock, NULL);
    *seat = s;
    return CELERIAC_OK;
}

/* ---- who sits there ------------------------------------------------------------------------ */

/* Lets the child go, with so much time to end by itself. */
static void empty(struct cel_seat *seat, int64_t leave_ns)
{
    cel_child_destroy(seat->child, clock_monotonic_ns() + leave_ns);
    seat->child = NULL;
    seat->executed = 0;
    seat->memory_kib = 0;
    atomic_store(&seat->pid, 0);
}

void cel_seat_destroy(struct cel_seat *seat)
{
    if (!seat)
        return;
    empty(seat, atomic_load(&seat->killed) ? 0 : LEAVE_NS);
    close(seat->wake_fd);
    pthread_mutex_destroy(&seat->lock);
    mem_free(seat);
}

int64_t cel_seat_pid(const struct cel_seat *seat)
{
    return atomic_load(&seat->pid);
}

static bool is_stopping(const struct cel_seat *seat)
{
    return atomic_load(&seat->killed) || (!seat->busy && atomic_load(&seat->runtime->stopping));
}

static void clear_wake(struct cel_seat *seat)
{
    uint64_t count;

    if (read(seat->wake_fd, &count, sizeof count) < 0)
        log_debug("worker", "a seat was woken for nothing");
}

static void pause_before_again(struct cel_seat *seat)
{
    int64_t until = clock_monotonic_ns() + AGAIN_NS;

    while (!is_stopping(seat) && clock_monotonic_ns() < until)
        (void)poll(NULL, 0, clock_poll_ms(0, LOOK_NS));
}

/* Waits for a new child's word. False when it failed, or the worker stops first. */
static bool await_ready(struct cel_seat *seat)
{
    struct cel_frame frame = {0};
    struct strbuf text;
    bool ready = false;
    enum cel_child_news news;

    do
        news = cel_child_wait(seat->child, -1, clock_monotonic_ns() + LOOK_NS, &frame);
    while (news == CEL_CHILD_LATE && !is_stopping(seat));
    atomic_store(&seat->pid, cel_child_pid(seat->child));
    strbuf_init(&text, LOST_TEXT_MAX);
    if (news == CEL_CHILD_FRAME && frame.kind == CEL_FRAME_FAILED) {
        log_error("worker", "a child process cannot start", LOG_SPAN("error", frame.payload));
    } else if (news == CEL_CHILD_GONE) {
        cel_exit_text(cel_child_status(seat->child), &text);
        log_error("worker", "a child process ended before it was ready",
                  LOG_SPAN("error", strbuf_span(&text)));
    } else {
        ready = news == CEL_CHILD_FRAME && frame.kind == CEL_FRAME_READY;
    }
    strbuf_close(&text);
    return ready;
}

/* A new child in an empty seat. CELERIAC_ERR_UNAVAILABLE: there will never be one. */
static enum celeriac_err seat_new(struct cel_seat *seat)
{
    struct celeriac_error err = {0};
    enum celeriac_err code = cel_child_create(seat->runtime->fork_server, &seat->child, &err);

    if (code) {
        log_error("worker", "no child process can be made", LOG_ERR(&err));
        return code;
    }
    seat->generation = atomic_load(&seat->runtime->pool_generation);
    if (await_ready(seat)) {
        log_debug("worker", "a child process is ready", LOG_INT("pid", cel_seat_pid(seat)));
        return CELERIAC_OK;
    }
    empty(seat, 0);
    return CELERIAC_ERR_SYSTEM;
}

/* Whether the child has died while it had nothing to do. */
static bool is_dead(struct cel_seat *seat)
{
    struct cel_frame frame;
    enum cel_child_news news;

    do
        news = cel_child_wait(seat->child, -1, 0, &frame);
    while (news == CEL_CHILD_FRAME);
    return news == CEL_CHILD_GONE;
}

/* Whether the child is to be replaced; says why. */
static bool is_due(struct cel_seat *seat)
{
    const struct cel_runtime *runtime = seat->runtime;
    int64_t memory_max = runtime->max_memory_per_child;

    if (memory_max > 0 && seat->memory_kib > memory_max) {
        log_warning("worker", "child process exiting after exceeding memory limit",
                    LOG_INT("pid", cel_seat_pid(seat)), LOG_INT("kib", seat->memory_kib),
                    LOG_INT("limit", memory_max));
        return true;
    }
    if (runtime->max_tasks_per_child > 0 && seat->executed >= runtime->max_tasks_per_child) {
        log_debug("worker", "child process exiting after its last task",
                  LOG_INT("pid", cel_seat_pid(seat)), LOG_INT("tasks", seat->executed));
        return true;
    }
    return seat->generation != atomic_load(&runtime->pool_generation);
}

bool cel_seat_fill(struct cel_seat *seat)
{
    if (seat->child && is_dead(seat)) {
        log_warning("worker", "an idle child process has died", LOG_INT("pid", cel_seat_pid(seat)));
        empty(seat, 0);
    }
    if (seat->child && is_due(seat))
        empty(seat, LEAVE_NS);
    while (!seat->child && !is_stopping(seat)) {
        enum celeriac_err code = seat_new(seat);

        if (code == CELERIAC_ERR_UNAVAILABLE)
            return false;
        if (code)
            pause_before_again(seat);
    }
    return seat->child != NULL;
}

/* ---- what other threads want ----------------------------------------------------------------- */

static void wake(struct cel_seat *seat)
{
    const uint64_t one = 1;

    if (write(seat->wake_fd, &one, sizeof one) < 0)
        log_debug("worker", "a seat is awake already");
}

bool cel_seat_terminate(struct cel_seat *seat, const struct cel_request *request, int signum)
{
    bool found;

    pthread_mutex_lock(&seat->lock);
    found = seat->request == request;
    if (found)
        seat->signum = signum;
    pthread_mutex_unlock(&seat->lock);
    if (found)
        wake(seat);
    return found;
}

void cel_seat_kill(struct cel_seat *seat)
{
    atomic_store(&seat->killed, true);
    wake(seat);
}

static void set_request(struct cel_seat *seat, const struct cel_request *request)
{
    pthread_mutex_lock(&seat->lock);
    seat->request = request;
    seat->signum = 0;
    pthread_mutex_unlock(&seat->lock);
}

/* The signal that is to end the task, once; 0: none. */
static int take_signal(struct cel_seat *seat)
{
    int signum;

    pthread_mutex_lock(&seat->lock);
    signum = seat->signum;
    seat->signum = 0;
    pthread_mutex_unlock(&seat->lock);
    return signum;
}

/* ---- one execution --------------------------------------------------------------------------- */

/* How a run in a child has come to its end. */
enum run_end {
    RUN_OUTCOME,    /* the child has said how */
    RUN_LOST,       /* the child is gone */
    RUN_UNBEGUN,    /* likewise, before it had looked at the request */
    RUN_TIMED_OUT,  /* the hard limit has passed */
    RUN_TERMINATED, /* a remote command wants it to end */
    RUN_KILLED      /* the worker stops at once */
};

/* One run, as far as it has come. */
struct run {
    struct cel_execution *execution;
    int64_t hard_ns; /* monotonic; -1: none */
    int64_t soft_ns; /* likewise; -1 as well when it was signalled */
    bool begun;
    bool settled; /* the request has ended before the task */
    int signum;   /* RUN_TERMINATED */
};

static int64_t next_deadline(const struct run *run)
{
    if (run->soft_ns >= 0 && (run->hard_ns < 0 || run->soft_ns < run->hard_ns))
        return run->soft_ns;
    return run->hard_ns;
}

/* What the task tells goes the same way as from a task in a thread. */
static bool tell(const struct run *run, struct span payload)
{
    const struct cel_task_host *host = run->execution->task.host;
    struct cel_frame_state told;

    if (cel_frame_read_state(payload, &told))
        return false;
    if (!run->settled && host->tell_state(host->context, told.name, told.meta, told.children))
        log_warning("worker", "a task's state cannot be stored", LOG_SPAN("state", told.name));
    return true;
}

/* What a frame means. False: the run goes on. */
static bool hear(struct cel_seat *seat, struct run *run, const struct cel_frame *frame)
{
    if (frame->kind == CEL_FRAME_BEGUN) {
        run->begun = true;
        return false;
    }
    if (frame->kind == CEL_FRAME_STATE && tell(run, frame->payload))
        return false;
    if (frame->kind == CEL_FRAME_OUTCOME &&
        cel_frame_read_outcome(frame->payload, &run->execution->task.outcome, &seat->memory_kib) ==
            CELERIAC_OK)
        return true;
    log_error("worker", "a child process says what was not expected",
              LOG_INT("pid", cel_seat_pid(seat)));
    cel_child_signal(seat->child, SIGKILL, true);
    return false;
}

/* A deadline has passed. True when it was the hard one. */
static bool is_over(struct cel_seat *seat, struct run *run)
{
    if (run->hard_ns >= 0 && clock_monotonic_ns() >= run->hard_ns)
        return true;
    if (run->soft_ns >= 0) {
        cel_child_signal(seat->child, SIGUSR1, false);
        run->soft_ns = -1;
    }
    return false;
}

/* Waits for the end of what was sent to the child. */
static enum run_end follow(struct cel_seat *seat, struct run *run)
{
    struct cel_frame frame = {0};

    for (;;) {
        if (atomic_load(&seat->killed))
            return RUN_KILLED;
        run->signum = take_signal(seat);
        if (run->signum > 0)
            return RUN_TERMINATED;
        switch (cel_child_wait(seat->child, seat->wake_fd, next_deadline(run), &frame)) {
        case CEL_CHILD_FRAME:
            if (hear(seat, run, &frame))
                return RUN_OUTCOME;
            break;
        case CEL_CHILD_GONE:
            return run->begun ? RUN_LOST : RUN_UNBEGUN;
        case CEL_CHILD_WOKEN:
            clear_wake(seat);
            break;
        case CEL_CHILD_LATE:
            if (is_over(seat, run))
                return RUN_TIMED_OUT;
            break;
        }
    }
}

/* Sends the request to the child and follows it. */
static enum run_end run_once(struct cel_seat *seat, struct run *run,
                             const struct cel_request *request)
{
    const struct cel_frame_request sent = {.soft_deadline_ns = run->execution->soft_deadline_ns,
                                           .message = request->message->raw};

    run->begun = false;
    seat->executed++;
    if (cel_frame_add_request(&sent, cel_child_out(seat->child))) {
        /* Too little memory for a copy: the child is at fault for nothing, but cannot be used. */
        log_critical("worker", "out of memory while handing a task to its process");
        empty(seat, 0);
        return RUN_UNBEGUN;
    }
    return follow(seat, run);
}

/* A child that died while it was idle costs no task its life: another one gets the request. */
static enum run_end run_somewhere(struct cel_seat *seat, struct run *run,
                                  const struct cel_request *request)
{
    enum run_end end;

    seat->busy = true;
    end = run_once(seat, run, request);
    for (int i = 1; end == RUN_UNBEGUN && i < UNBEGUN_MAX; i++) {
        empty(seat, 0);
        if (!cel_seat_fill(seat))
            end = atomic_load(&seat->killed) ? RUN_KILLED : RUN_LOST;
        else
            end = run_once(seat, run, request);
    }
    seat->busy = false;
    return end == RUN_UNBEGUN ? RUN_LOST : end;
}

static void lose(struct cel_seat *seat, struct cel_execution *execution,
                 struct cel_request *request, uint64_t job)
{
    struct strbuf text;

    strbuf_init(&text, LOST_TEXT_MAX);
    cel_lost_text(seat->child ? cel_child_status(seat->child) : 0, job, &text);
    cel_execution_lose(execution, request, strbuf_span(&text));
    strbuf_close(&text);
    empty(seat, 0);
    cel_end(seat->runtime, request);
}

/* Billiard's order: SIGTERM first, so that a task can clean up, and SIGKILL soon. */
static void time_out(struct cel_seat *seat, struct cel_execution *execution,
                     struct cel_request *request)
{
    cel_child_signal(seat->child, SIGTERM, true);
    cel_execution_time_out(execution, request);
    cel_end(seat->runtime, request);
    empty(seat, TERM_NS);
}

/*
 * The task counts as revoked from here on, whatever the signal does, as in celery/worker/request.py
 * terminate(). A child that survives it is followed to its end; what it says then is not heard.
 */
static void terminate(struct cel_seat *seat, struct run *run, struct cel_request *request)
{
    enum run_end end;

    cel_child_signal(seat->child, run->signum, true);
    cel_execution_terminate(run->execution, request, run->signum);
    set_request(seat, NULL);
    run->settled = true;
    cel_end(seat->runtime, request);
    end = follow(seat, run);
    if (end != RUN_OUTCOME)
        empty(seat, end == RUN_TIMED_OUT ? TERM_NS : 0);
}

void cel_seat_execute(struct cel_seat *seat, struct cel_execution *execution,
                      struct cel_request *request)
{
    struct run run = {.execution = execution};
    uint64_t job = atomic_fetch_add(&seat->runtime->jobs, 1);
    int64_t hard_us;

    execution->pid = cel_seat_pid(seat);
    set_request(seat, request);
    if (!cel_execution_begin(execution, request)) {
        set_request(seat, NULL);
        return;
    }
    hard_us = execution->limits.hard_us;
    run.hard_ns = hard_us > 0 ? execution->began_ns + hard_us * (NS_PER_SEC / US_PER_SEC) : -1;
    run.soft_ns = execution->soft_deadline_ns > 0 ? execution->soft_deadline_ns : -1;
    switch (run_somewhere(seat, &run, request)) {
    case RUN_OUTCOME:
        set_request(seat, NULL);
        cel_execution_conclude(execution, request);
        break;
    case RUN_LOST:
    case RUN_UNBEGUN:
        set_request(seat, NULL);
        lose(seat, execution, request, job);
        break;
    case RUN_TIMED_OUT:
        set_request(seat, NULL);
        time_out(seat, execution, request);
        break;
    case RUN_TERMINATED:
        terminate(seat, &run, request);
        break;
    case RUN_KILLED:
        /* The request stays among the live ones, as that of a thread does: see cancelled.h. */
        set_request(seat, NULL);
        empty(seat, 0);
        break;
    }
}
