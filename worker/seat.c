#include "worker/seat.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "worker/exit_text.h"
#include "worker/seat_state.h"

/*
 * The longest pause after starts that failed: what they wait for, a database for example, may be
 * back by then, and messages wait for us.
 */
#define AGAIN_MAX_NS (10 * NS_PER_SEC)

/* Between looks whether the worker stops meanwhile. */
#define LOOK_NS (NS_PER_SEC / 5)

enum celeriac_err cel_seat_create(struct cel_runtime *runtime, struct cel_child_watch *watch,
                                  uint32_t token, struct cel_seat **seat)
{
    struct cel_seat *s = mem_calloc(1, sizeof *s);

    if (!s)
        return CELERIAC_ERR_MEMORY;
    s->runtime = runtime;
    s->watch = watch;
    s->token = token;
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

void cel_seat_empty(struct cel_seat *seat, int64_t leave_ns)
{
    if (seat->child)
        cel_child_watch_remove(seat->watch, cel_child_record_fd(seat->child));
    if (seat->ready_ns > 0 && clock_monotonic_ns() - seat->ready_ns >= AGAIN_MAX_NS)
        seat->failures = 0;
    seat->ready_ns = 0;
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
    cel_seat_empty(seat, atomic_load(&seat->killed) ? 0 : CEL_SEAT_LEAVE_NS);
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

/* The more have failed one after the other, the longer; a worker that stops waits no more. */
static void pause_before_again(const struct cel_seat *seat)
{
    int64_t pause_ns = CEL_SEAT_AGAIN_NS;
    int64_t until;

    for (unsigned i = 1; i < seat->failures && pause_ns < AGAIN_MAX_NS; i++)
        pause_ns *= 2;
    until = clock_monotonic_ns() + (pause_ns < AGAIN_MAX_NS ? pause_ns : AGAIN_MAX_NS);
    while (!atomic_load(&seat->killed) && !atomic_load(&seat->runtime->stopping) &&
           clock_monotonic_ns() < until)
        (void)poll(NULL, 0, clock_poll_ms(0, LOOK_NS));
}

/* Waits for a new child's first word, as long as its start may take. */
static enum cel_child_news await_word(struct cel_seat *seat, struct cel_frame *frame)
{
    int64_t deadline_ns = clock_monotonic_ns() + seat->runtime->child_start_ns;

    for (;;) {
        int64_t look_ns = clock_monotonic_ns() + LOOK_NS;
        enum cel_child_news news =
            cel_child_wait(seat->child, -1, look_ns < deadline_ns ? look_ns : deadline_ns, frame);

        if (news != CEL_CHILD_LATE || is_stopping(seat) || clock_monotonic_ns() >= deadline_ns)
            return news;
    }
}

/* False when the start failed or takes too long, or the worker stops first. */
static bool await_ready(struct cel_seat *seat)
{
    struct cel_frame frame = {0};
    enum cel_child_news news = await_word(seat, &frame);
    struct strbuf text;
    bool ready = false;

    strbuf_init(&text, CEL_SEAT_TEXT_MAX);
    if (news == CEL_CHILD_FRAME && frame.kind == CEL_FRAME_FAILED) {
        log_error("worker", "a child process cannot start", LOG_SPAN("error", frame.payload));
    } else if (news == CEL_CHILD_GONE) {
        cel_exit_text(cel_child_status(seat->child), &text);
        log_error("worker", "a child process ended before it was ready",
                  LOG_SPAN("error", strbuf_span(&text)));
    } else if (news == CEL_CHILD_LATE && !is_stopping(seat)) {
        log_error("worker", "a child process hangs at its start and is killed",
                  LOG_INT("pid", cel_child_pid(seat->child)),
                  LOG_SECONDS("after", seat->runtime->child_start_ns));
    } else {
        ready = news == CEL_CHILD_FRAME && frame.kind == CEL_FRAME_READY;
    }
    strbuf_close(&text);
    return ready;
}

/* The child is ready: from here on somebody looks whether it dies. */
static void sit_down(struct cel_seat *seat)
{
    seat->ready_ns = clock_monotonic_ns();
    atomic_store(&seat->pid, cel_child_pid(seat->child));
    if (cel_child_watch_add(seat->watch, cel_child_record_fd(seat->child), seat->token))
        log_warning("worker", "a child process cannot be watched while it is idle",
                    LOG_INT("pid", cel_seat_pid(seat)));
    log_debug("worker", "a child process is ready", LOG_INT("pid", cel_seat_pid(seat)));
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
        sit_down(seat);
        return CELERIAC_OK;
    }
    cel_seat_empty(seat, 0);
    return CELERIAC_ERR_SYSTEM;
}

void cel_seat_look(struct cel_seat *seat)
{
    atomic_store(&seat->look, true);
}

const atomic_bool *cel_seat_must_look(const struct cel_seat *seat)
{
    return &seat->look;
}

/*
 * The child has died while it had nothing to do. The first is replaced at once; of those that die
 * before their first task, one after the other, no storm shall come.
 */
static void bury(struct cel_seat *seat)
{
    bool served = seat->executed > 0;

    log_warning("worker", "an idle child process has died", LOG_INT("pid", cel_seat_pid(seat)));
    cel_seat_empty(seat, 0);
    if (!served && seat->failures++ > 0)
        pause_before_again(seat);
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
    if (atomic_exchange(&seat->look, false) && seat->child && cel_child_is_gone(seat->child))
        bury(seat);
    if (seat->child && is_due(seat))
        cel_seat_empty(seat, CEL_SEAT_LEAVE_NS);
    while (!seat->child && !is_stopping(seat)) {
        enum celeriac_err code = seat_new(seat);

        if (code == CELERIAC_OK)
            break;
        seat->failures++;
        /* A warm stop waits for a request that is under way, but not for ever. */
        if (code == CELERIAC_ERR_UNAVAILABLE || atomic_load(&seat->runtime->stopping))
            return false;
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
