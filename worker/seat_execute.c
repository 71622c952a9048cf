/* One execution in a seat's child. */
#include <signal.h>
#include <unistd.h>

#include "base/log.h"
#include "worker/child_text.h"
#include "worker/endings.h"
#include "worker/exit_text.h"
#include "worker/live.h"
#include "worker/seat_state.h"

/*
 * After which the soft limit's signal is sent again, and then after twice as long: it is lost on a
 * task that looks at its limit first and waits then.
 */
#define SOFT_AGAIN_NS (1 * NS_PER_SEC)

/* Between SIGTERM and SIGKILL at a hard limit: billiard/pool.py trywaitkill(). */
#define TERM_NS (NS_PER_SEC / 10)

/* Children that may die before they look at a request until the request is to blame. */
#define UNBEGUN_MAX 3

/* How a run in a child has come to its end. */
enum run_end {
    RUN_OUTCOME,    /* the child has said how */
    RUN_LOST,       /* the child is gone */
    RUN_UNBEGUN,    /* likewise, before it had looked at the request */
    RUN_RETURNED,   /* no child has looked at it, and none will */
    RUN_TIMED_OUT,  /* the hard limit has passed */
    RUN_TERMINATED, /* a remote command wants it to end */
    RUN_KILLED      /* the worker stops at once */
};

/* One run, as far as it has come. */
struct run {
    struct cel_execution *execution;
    int64_t hard_ns; /* monotonic; -1: none */
    int64_t soft_ns; /* likewise: when the signal is due, also again */
    int64_t soft_again_ns;
    bool begun;
    bool settled;   /* the request has ended before the task */
    int signum;     /* RUN_TERMINATED */
    double seconds; /* RUN_RETURNED: after which it may be tried again */
};

/* ---- what other threads want ----------------------------------------------------------------- */

static void clear_wake(struct cel_seat *seat)
{
    uint64_t count;

    if (read(seat->wake_fd, &count, sizeof count) < 0)
        log_debug("worker", "a seat was woken for nothing");
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

/* ---- what the child says --------------------------------------------------------------------- */

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

    if (cel_frame_read_state(payload, &told) ||
        cel_child_check_state(&told) == CELERIAC_ERR_PROTOCOL)
        return false;
    if (!run->settled && host->tell_state(host->context, told.name, told.meta, told.children))
        log_warning("worker", "a task's state cannot be stored", LOG_SPAN("state", told.name));
    return true;
}

/* What the task has left behind. False when it cannot be understood. */
static bool take_outcome(struct cel_seat *seat, struct run *run, struct span payload)
{
    struct cel_outcome *outcome = &run->execution->task.outcome;
    enum celeriac_err code = cel_frame_read_outcome(payload, outcome, &seat->memory_kib);

    if (code == CELERIAC_OK)
        code = cel_child_check_outcome(outcome);
    if (code == CELERIAC_ERR_MEMORY)
        cel_outcome_fail(outcome, SPAN("MemoryError"), SPAN("builtins"), (struct span){0}, false);
    return code == CELERIAC_OK || code == CELERIAC_ERR_MEMORY;
}

/* What a frame means. False: the run goes on. */
static bool hear(struct cel_seat *seat, struct run *run, const struct cel_frame *frame)
{
    if (!run->begun && frame->kind == CEL_FRAME_BEGUN) {
        run->begun = true;
        seat->failures = 0;
        return false;
    }
    if (!run->begun) {
        log_warning("worker", "what a task said after its end is not heard",
                    LOG_INT("pid", cel_seat_pid(seat)));
        return false;
    }
    if (frame->kind == CEL_FRAME_STATE && tell(run, frame->payload))
        return false;
    if (frame->kind == CEL_FRAME_OUTCOME && take_outcome(seat, run, frame->payload))
        return true;
    log_error("worker", "a child process says what was not expected",
              LOG_INT("pid", cel_seat_pid(seat)));
    cel_child_signal(seat->child, SIGKILL, true);
    return false;
}

/* Whether the hard limit has passed; sends the signal when the soft one has. */
static bool is_over(struct cel_seat *seat, struct run *run)
{
    int64_t now_ns;

    if (run->hard_ns < 0 && run->soft_ns < 0)
        return false;
    now_ns = clock_monotonic_ns();
    if (run->hard_ns >= 0 && now_ns >= run->hard_ns)
        return true;
    if (run->soft_ns >= 0 && now_ns >= run->soft_ns) {
        cel_child_signal(seat->child, SIGUSR1, false);
        run->soft_ns = now_ns + run->soft_again_ns;
        run->soft_again_ns *= 2;
    }
    return false;
}

/* ---- one run --------------------------------------------------------------------------------- */

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
            /* There may always be another one. */
            if (is_over(seat, run))
                return RUN_TIMED_OUT;
            break;
        case CEL_CHILD_GONE:
            return run->begun || cel_child_has_taken(seat->child) ? RUN_LOST : RUN_UNBEGUN;
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
        /* Too little memory for a copy. What was written of it cannot be unwritten. */
        log_critical("worker", "out of memory while handing a task to its process");
        cel_seat_empty(seat, CEL_SEAT_LEAVE_NS);
        run->seconds = (double)CEL_SEAT_AGAIN_NS / (double)NS_PER_SEC;
        return RUN_RETURNED;
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
        cel_seat_empty(seat, 0);
        if (!cel_seat_fill(seat))
            end = atomic_load(&seat->killed) ? RUN_KILLED : RUN_RETURNED;
        else
            end = run_once(seat, run, request);
    }
    seat->busy = false;
    return end == RUN_UNBEGUN ? RUN_LOST : end;
}

/* ---- its end --------------------------------------------------------------------------------- */

static void lose(struct cel_seat *seat, struct cel_execution *execution,
                 struct cel_request *request, uint64_t job)
{
    struct strbuf text;

    strbuf_init(&text, CEL_SEAT_TEXT_MAX);
    cel_lost_text(cel_child_status(seat->child), job, &text);
    cel_execution_lose(execution, request, strbuf_span(&text));
    strbuf_close(&text);
    cel_seat_empty(seat, 0);
    cel_end(seat->runtime, request);
}

/* Nobody has run it, so nothing of it is lost: it is sent again, or waits, without a retry spent.
 */
static void give_back(const struct run *run, struct cel_request *request)
{
    struct cel_execution *execution = run->execution;

    log_warning("worker", "no child process could take a task",
                LOG_SPAN("task", request->message->task), LOG_SPAN("id", request->message->id));
    celeriac_task_postpone(&execution->task, run->seconds);
    cel_execution_conclude(execution, request);
}

/* Billiard's order: SIGTERM first, so that a task can clean up, and SIGKILL soon. */
static void time_out(struct cel_seat *seat, struct cel_execution *execution,
                     struct cel_request *request)
{
    cel_child_signal(seat->child, SIGTERM, true);
    cel_execution_time_out(execution, request);
    cel_end(seat->runtime, request);
    cel_seat_empty(seat, TERM_NS);
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
        cel_seat_empty(seat, end == RUN_TIMED_OUT ? TERM_NS : 0);
}

void cel_seat_execute(struct cel_seat *seat, struct cel_execution *execution,
                      struct cel_request *request)
{
    struct run run = {.execution = execution, .soft_again_ns = SOFT_AGAIN_NS};
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
        cel_child_forget(seat->child);
        cel_execution_conclude(execution, request);
        break;
    case RUN_RETURNED:
        set_request(seat, NULL);
        give_back(&run, request);
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
        cel_seat_empty(seat, 0);
        break;
    }
}
