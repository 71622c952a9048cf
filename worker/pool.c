#include "worker/pool.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "worker/child_watch.h"
#include "worker/consumer.h"
#include "worker/endings.h"
#include "worker/execution.h"
#include "worker/seat.h"
#include "worker/time_limits.h"

/* How long a cold stop waits for killed children. */
#define KILLED_NS (3 * NS_PER_SEC)

/* Pause between looks at threads that only have to notice a cold stop. */
#define IDLE_LOOK_MS 5

/* A task thread's place. */
struct place {
    struct cel_pool *pool;
    pthread_t thread;
    bool taken;            /* a thread was started here and not joined yet */
    bool abandoned;        /* its task has passed a hard limit and still runs */
    bool replaced;         /* another thread was started in its stead */
    bool instead;          /* it was started instead of one that was given up, and is done for it */
    atomic_bool ended;     /* it has left its loop */
    struct cel_seat *seat; /* its child process; NULL: tasks run in the thread, or it has ended */
};

struct cel_pool {
    struct cel_runtime *runtime;
    size_t stack;
    int ended_fd; /* eventfd, written when the last thread ends */
    struct cel_time_watch *watch;
    struct cel_child_watch *children; /* NULL: tasks run in threads */
    size_t abandoned;                 /* threads that are lost in their tasks */
    atomic_size_t running;
    atomic_size_t busy;    /* of these and of lost ones, those with a task */
    pthread_mutex_t lock;  /* of the places, which grow, join and remote control use */
    struct place places[]; /* CEL_POOL_THREADS_MAX; those never taken cost no memory */
};

/* One execution with a hard limit. */
struct timed_request {
    struct cel_timed timed;
    struct cel_request *request;
    struct place *place;
    const struct cel_execution *execution; /* the thread's; only limits and began_ns are read */
};

/* ---- one request in a thread ----------------------------------------------------------------- */

/*
 * Runs the task under a hard limit. False when the limit was passed: the request is no longer ours.
 * It is kept meanwhile, because the task may still read its message.
 */
static bool run_timed(struct place *place, struct cel_execution *execution,
                      struct cel_request *request)
{
    struct cel_time_watch *watch = place->pool->watch;
    struct timed_request timed = {.timed.deadline_ns =
                                      execution->began_ns +
                                      execution->limits.hard_us * (NS_PER_SEC / US_PER_SEC),
                                  .request = request,
                                  .place = place,
                                  .execution = execution};
    bool watched;
    bool in_time = true;

    timed.timed.owner = &timed;
    cel_request_keep(request);
    watched = cel_time_watch_add(watch, &timed.timed) == CELERIAC_OK;
    if (!watched)
        log_error("worker", "a time limit cannot be watched",
                  LOG_SPAN("task", request->message->task), LOG_SPAN("id", request->message->id));
    request->definition->run(&execution->task, request->definition->user);
    if (watched)
        in_time = cel_time_watch_remove(watch, &timed.timed);
    cel_request_release(request);
    return in_time;
}

/* False when the task has passed its hard limit, and this thread was given up. */
static bool execute(struct place *place, struct cel_execution *execution,
                    struct cel_request *request)
{
    if (place->seat) {
        cel_seat_execute(place->seat, execution, request);
        return true;
    }
    if (!cel_execution_begin(execution, request))
        return true;
    if (execution->limits.hard_us == 0)
        request->definition->run(&execution->task, request->definition->user);
    else if (!run_timed(place, execution, request))
        return false;
    cel_execution_conclude(execution, request);
    return true;
}

/* ---- threads ------------------------------------------------------------------------------- */

/*
 * A task has come back after its hard limit. Returns whether its thread goes on: only if no other
 * was started in its stead.
 */
static bool come_back(struct place *place)
{
    struct cel_pool *pool = place->pool;
    bool replaced;

    pthread_mutex_lock(&pool->lock);
    replaced = place->replaced;
    place->abandoned = false;
    place->replaced = false;
    pool->abandoned--;
    if (!replaced) {
        atomic_fetch_add(&pool->running, 1);
        atomic_fetch_add(&pool->runtime->threads, 1);
    }
    pthread_mutex_unlock(&pool->lock);
    log_info("worker", "a task came back after its hard time limit");
    return !replaced;
}

/* Under prefork: whether a child process is there. Without its fork server a worker is of no use.
 */
static bool is_seated(struct place *place)
{
    struct cel_runtime *runtime = place->pool->runtime;

    if (cel_seat_fill(place->seat))
        return true;
    if (!atomic_load(&runtime->stopping) && !atomic_exchange(&runtime->pool_lost, true)) {
        log_critical("worker", "the fork server is gone, the worker stops");
        cel_consumer_stop(runtime->consumer);
    }
    return false;
}

/* The seat leaves the place first, so that remote control does not meet it. */
static void leave_seat(struct place *place)
{
    struct cel_seat *seat = place->seat;

    pthread_mutex_lock(&place->pool->lock);
    place->seat = NULL;
    pthread_mutex_unlock(&place->pool->lock);
    cel_seat_destroy(seat);
}

/* The next request; NULL: the thread is not needed any more. Looks after its child meanwhile. */
static struct cel_request *next_request(struct place *place, bool again)
{
    struct cel_ready_queue *ready = place->pool->runtime->ready;
    void *request = NULL;

    if (!place->seat)
        return cel_ready_queue_pop(ready, again);
    while (is_seated(place)) {
        if (cel_ready_queue_pop_unless(ready, again, cel_seat_must_look(place->seat), &request))
            return request;
        again = false;
    }
    return NULL;
}

static void *run(void *argument)
{
    struct place *place = argument;
    struct cel_pool *pool = place->pool;
    struct cel_execution execution;
    struct cel_request *request;
    bool again = place->instead;
    bool counted = true;
    const uint64_t one = 1;

    cel_execution_init(&execution, pool->runtime);
    while (counted && (request = next_request(place, again))) {
        atomic_fetch_add(&pool->busy, 1);
        counted = execute(place, &execution, request) || come_back(place);
        atomic_fetch_sub(&pool->busy, 1);
        again = true;
    }
    leave_seat(place);
    cel_execution_close(&execution);
    if (counted && atomic_fetch_sub(&pool->running, 1) == 1 &&
        write(pool->ended_fd, &one, sizeof one) < 0)
        log_critical("worker", "cannot report the end of the last task thread");
    atomic_store(&place->ended, true);
    return NULL;
}

/* Joins threads that were let go, so that their places are free; the lock is held. */
static void reap(struct cel_pool *pool)
{
    for (size_t i = 0; i < CEL_POOL_THREADS_MAX; i++) {
        struct place *place = &pool->places[i];

        if (!place->taken || !atomic_load(&place->ended))
            continue;
        pthread_join(place->thread, NULL);
        place->taken = false;
        atomic_store(&place->ended, false);
    }
}

/* Starts one thread in a free place; the lock is held. False when the system allows no more. */
static bool start_one(struct cel_pool *pool, const pthread_attr_t *attributes, bool instead)
{
    struct place *place = pool->places;

    while (place < pool->places + CEL_POOL_THREADS_MAX && place->taken)
        place++;
    if (place == pool->places + CEL_POOL_THREADS_MAX)
        return false;
    place->pool = pool;
    place->instead = instead;
    if (pool->children && cel_seat_create(pool->runtime, pool->children,
                                          (uint32_t)(place - pool->places), &place->seat))
        return false;
    atomic_fetch_add(&pool->running, 1);
    if (pthread_create(&place->thread, attributes, run, place)) {
        atomic_fetch_sub(&pool->running, 1);
        cel_seat_destroy(place->seat);
        place->seat = NULL;
        return false;
    }
    place->taken = true;
    pthread_setname_np(place->thread, "task");
    return true;
}

/* ---- hard limits ----------------------------------------------------------------------------- */

/* Gives a thread up and starts another, as long as not too many are lost. */
static void abandon(struct place *place)
{
    struct cel_pool *pool = place->pool;
    pthread_attr_t attributes;
    const uint64_t one = 1;
    size_t abandoned;
    bool replaced;

    pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, pool->stack);
    pthread_mutex_lock(&pool->lock);
    reap(pool);
    place->abandoned = true;
    abandoned = ++pool->abandoned;
    replaced = abandoned <= CEL_POOL_ABANDONED_MAX && start_one(pool, &attributes, true);
    place->replaced = replaced;
    if (!replaced)
        atomic_fetch_sub(&pool->runtime->threads, 1);
    if (atomic_fetch_sub(&pool->running, 1) == 1 && write(pool->ended_fd, &one, sizeof one) < 0)
        log_critical("worker", "cannot report the end of the last task thread");
    pthread_mutex_unlock(&pool->lock);
    pthread_attr_destroy(&attributes);
    if (replaced)
        log_warning("worker", "a task thread was given up and replaced",
                    LOG_INT("given_up", abandoned));
    else
        log_critical("worker", "a task thread was given up and not replaced; restart the worker",
                     LOG_INT("given_up", abandoned));
}

static void time_out(void *context, struct cel_timed *timed)
{
    struct cel_pool *pool = context;
    struct timed_request *t = timed->owner;
    struct cel_execution execution;

    cel_execution_init(&execution, pool->runtime);
    execution.limits = t->execution->limits;
    execution.began_ns = t->execution->began_ns;
    cel_execution_time_out(&execution, t->request);
    abandon(t->place);
    cel_end(pool->runtime, t->request);
    cel_execution_close(&execution);
}

static enum celeriac_err start_threads(struct cel_pool *pool, size_t threads,
                                       struct celeriac_error *err)
{
    pthread_attr_t attributes;
    enum celeriac_err code = CELERIAC_OK;
    size_t started = 0;

    pthread_attr_init(&attributes);
    if (pthread_attr_setstacksize(&attributes, pool->stack))
        code = celeriac_error_set(err, CELERIAC_ERR_VALUE, "task_stack: %zu bytes is too small",
                                  pool->stack);
    pthread_mutex_lock(&pool->lock);
    reap(pool);
    while (code == CELERIAC_OK && started < threads && start_one(pool, &attributes, false))
        started++;
    pthread_mutex_unlock(&pool->lock);
    pthread_attr_destroy(&attributes);
    atomic_fetch_add(&pool->runtime->threads, started);
    if (code == CELERIAC_OK && started < threads)
        code = celeriac_error_set(err, CELERIAC_ERR_SYSTEM,
                                  "concurrency: the system allows only %zu of %zu task threads",
                                  started, threads);
    return code;
}

/* A child has said its last word: if its thread waits for requests, it is to look. */
static void look_at_child(void *context, uint32_t token)
{
    struct cel_pool *pool = context;

    pthread_mutex_lock(&pool->lock);
    if (pool->places[token].seat)
        cel_seat_look(pool->places[token].seat);
    pthread_mutex_unlock(&pool->lock);
    cel_ready_queue_nudge(pool->runtime->ready);
}

enum celeriac_err cel_pool_create(struct cel_runtime *runtime, size_t threads, size_t stack,
                                  struct cel_pool **pool, struct celeriac_error *err)
{
    struct cel_pool *p = mem_calloc(1, sizeof *p + CEL_POOL_THREADS_MAX * sizeof(struct place));
    enum celeriac_err code;

    if (!p)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    p->runtime = runtime;
    p->stack = stack ? stack : CEL_POOL_STACK_DEFAULT;
    atomic_store(&runtime->threads, 0);
    pthread_mutex_init(&p->lock, NULL);
    p->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (p->ended_fd < 0)
        code = celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "cannot make an eventfd");
    else if (cel_time_watch_create(time_out, p, &p->watch))
        code = celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    else if (runtime->fork_server && cel_child_watch_create(look_at_child, p, &p->children))
        code = celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "cannot watch child processes");
    else
        code = start_threads(p, threads, err);
    if (code) {
        cel_ready_queue_close(runtime->ready);
        (void)cel_pool_join(p, -1);
        cel_pool_destroy(p);
        return code;
    }
    *pool = p;
    return CELERIAC_OK;
}

enum celeriac_err cel_pool_grow(struct cel_pool *pool, size_t n, struct celeriac_error *err)
{
    if (n > CEL_POOL_THREADS_MAX - atomic_load(&pool->runtime->threads))
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT, "at most %d threads",
                                  CEL_POOL_THREADS_MAX);
    return start_threads(pool, n, err);
}

enum celeriac_err cel_pool_shrink(struct cel_pool *pool, size_t n, struct celeriac_error *err)
{
    if (n >= atomic_load(&pool->runtime->threads))
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT, "at least one thread must stay");
    atomic_fetch_sub(&pool->runtime->threads, n);
    cel_ready_queue_dismiss(pool->runtime->ready, n);
    return CELERIAC_OK;
}

/* ---- children ------------------------------------------------------------------------------ */

bool cel_pool_terminate(struct cel_pool *pool, const struct cel_request *request, int signum)
{
    bool found = false;

    pthread_mutex_lock(&pool->lock);
    for (size_t i = 0; i < CEL_POOL_THREADS_MAX && !found; i++)
        found = pool->places[i].seat && cel_seat_terminate(pool->places[i].seat, request, signum);
    pthread_mutex_unlock(&pool->lock);
    return found;
}

void cel_pool_restart(struct cel_pool *pool)
{
    atomic_fetch_add(&pool->runtime->pool_generation, 1);
    pthread_mutex_lock(&pool->lock);
    for (size_t i = 0; i < CEL_POOL_THREADS_MAX; i++)
        if (pool->places[i].seat)
            cel_seat_look(pool->places[i].seat);
    pthread_mutex_unlock(&pool->lock);
    cel_ready_queue_nudge(pool->runtime->ready);
}

size_t cel_pool_pids(struct cel_pool *pool, int64_t *pids, size_t max)
{
    size_t count = 0;

    pthread_mutex_lock(&pool->lock);
    for (size_t i = 0; i < CEL_POOL_THREADS_MAX && count < max; i++) {
        int64_t pid = pool->places[i].seat ? cel_seat_pid(pool->places[i].seat) : 0;

        if (pid > 0)
            pids[count++] = pid;
    }
    pthread_mutex_unlock(&pool->lock);
    return count;
}

/* Threads whose children are killed end at once; they are waited for as long as that may take. */
static void kill_children(struct cel_pool *pool)
{
    int64_t until = clock_monotonic_ns() + KILLED_NS;
    struct pollfd ended = {.fd = pool->ended_fd, .events = POLLIN};

    pthread_mutex_lock(&pool->lock);
    for (size_t i = 0; i < CEL_POOL_THREADS_MAX; i++)
        if (pool->places[i].seat)
            cel_seat_kill(pool->places[i].seat);
    pthread_mutex_unlock(&pool->lock);
    while (atomic_load(&pool->running) > 0 && clock_monotonic_ns() < until)
        (void)poll(&ended, 1, clock_poll_ms(clock_monotonic_ns(), until));
}

/* Waits for threads that have no task, which end at once; false as soon as one has. Not for those
 * of children, which may hang where they are. */
static bool await_idle(struct cel_pool *pool)
{
    struct pollfd ended = {.fd = pool->ended_fd, .events = POLLIN};

    while (atomic_load(&pool->running) > 0) {
        if (pool->runtime->fork_server || atomic_load(&pool->busy) > 0)
            return false;
        (void)poll(&ended, 1, IDLE_LOOK_MS);
    }
    return true;
}

bool cel_pool_join(struct cel_pool *pool, int abandon_fd)
{
    struct pollfd fds[] = {{.fd = pool->ended_fd, .events = POLLIN},
                           {.fd = abandon_fd, .events = POLLIN}};
    bool all;

    while (atomic_load(&pool->running) > 0) {
        if (poll(fds, 2, -1) > 0 && !(fds[0].revents & POLLIN) && (fds[1].revents & POLLIN) &&
            !await_idle(pool)) {
            if (pool->runtime->fork_server)
                kill_children(pool);
            return false;
        }
    }
    pthread_mutex_lock(&pool->lock);
    reap(pool);
    all = pool->abandoned == 0;
    for (size_t i = 0; i < CEL_POOL_THREADS_MAX; i++) {
        if (!pool->places[i].taken || pool->places[i].abandoned)
            continue;
        pthread_join(pool->places[i].thread, NULL);
        pool->places[i].taken = false;
    }
    pthread_mutex_unlock(&pool->lock);
    return all;
}

void cel_pool_destroy(struct cel_pool *pool)
{
    if (!pool)
        return;
    cel_child_watch_destroy(pool->children);
    cel_time_watch_destroy(pool->watch);
    if (pool->ended_fd >= 0)
        close(pool->ended_fd);
    pthread_mutex_destroy(&pool->lock);
    mem_free(pool);
}
