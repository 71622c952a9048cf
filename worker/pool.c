#include "worker/pool.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "worker/consumer.h"
#include "worker/endings.h"
#include "worker/events.h"
#include "worker/live.h"
#include "worker/settler.h"
#include "worker/task_context.h"
#include "worker/task_link.h"
#include "worker/task_stats.h"
#include "worker/time_limits.h"

/* A task thread's place. */
struct place {
    struct cel_pool *pool;
    pthread_t thread;
    bool taken;        /* a thread was started here and not joined yet */
    bool abandoned;    /* its task has passed a hard limit and still runs */
    bool replaced;     /* another thread was started in its stead */
    bool instead;      /* it was started instead of one that was given up, and is done for it */
    atomic_bool ended; /* it has left its loop */
};

struct cel_pool {
    struct cel_runtime *runtime;
    size_t stack;
    int ended_fd; /* eventfd, written when the last thread ends */
    struct cel_time_watch *watch;
    size_t abandoned; /* threads that are lost in their tasks */
    atomic_size_t running;
    pthread_mutex_t lock;  /* of the places, which grow and join use */
    struct place places[]; /* CEL_POOL_THREADS_MAX; those never taken cost no memory */
};

/* What one task thread keeps from one request to the next. */
struct executor {
    struct cel_runtime *runtime;
    struct place *place;
    struct celeriac_task task;
    struct cel_task_link link;
    struct strbuf scratch;
};

/* One execution with a hard limit. */
struct timed_request {
    struct cel_timed timed;
    struct cel_request *request;
    struct place *place;
    int64_t limit_us;
    int64_t began_ns;
};

/* ---- one request --------------------------------------------------------------------------- */

static struct cel_settle_context settle_context(struct executor *executor, char tag[UUID_SIZE])
{
    uuid_new(tag);
    return (struct cel_settle_context){
        .now_us = clock_wall_us(),
        .random = random_os,
        .delivery_tag = {.ptr = tag, .len = UUID_LEN},
        .scratch = &executor->scratch,
        .world = &executor->runtime->world,
        .inherit_priority = executor->runtime->inherit_priority,
        .result_extended = executor->runtime->result_extended,
        .worker = executor->runtime->hostname,
    };
}

static void write_started(struct executor *executor, struct cel_request *request)
{
    char tag[UUID_SIZE];
    struct cel_settle_context context = settle_context(executor, tag);

    if (cel_started_record(request->message, executor->runtime->pid, &context, &request->started))
        strbuf_clear(&request->started);
}

/* Says that execution begins, as far as somebody wants to know. */
static void announce(struct executor *executor, struct cel_request *request)
{
    const struct cel_task_definition *definition = request->definition;
    struct cel_runtime *runtime = executor->runtime;
    bool track = definition->track_started && !cel_result_ignored(request->message, definition);

    request->acked = !definition->acks_late;
    if (track)
        write_started(executor, request);
    if (request->acked && request->in_window) {
        request->in_window = false;
        cel_window_give(runtime->window, 1);
    }
    cel_live_activate(runtime->live, request, clock_wall_us(), request->acked);
    cel_events_started(runtime->events, request);
    if (request->acked || track)
        cel_settler_begin(runtime->settler, request);
}

static void count_and_log(struct cel_runtime *runtime, const struct cel_request *request,
                          int64_t took_ns)
{
    const struct cel_task_message *message = request->message;
    const struct cel_settlement *settlement = &request->settlement;
    const struct log_field task = LOG_SPAN("task", message->task);
    const struct log_field id = LOG_SPAN("id", message->id);

    if (settlement->postponed) {
        CEL_COUNT(runtime, postponed);
        log_info("worker", "task postponed", task, id, LOG_INT("seconds", settlement->postpone));
    } else if (settlement->state == CEL_STATE_SUCCESS) {
        CEL_COUNT(runtime, succeeded);
        log_info("worker", "task succeeded", task, id, LOG_SECONDS("runtime", took_ns));
    } else if (settlement->state == CEL_STATE_RETRY) {
        CEL_COUNT(runtime, retried);
        log_info("worker", "task will be retried", task, id,
                 LOG_INT("retries", message->retries + 1),
                 LOG_INT("seconds", settlement->retry_delay));
    } else if (settlement->state == CEL_STATE_FAILURE) {
        CEL_COUNT(runtime, failed);
        log_error("worker", "task failed", task, id, LOG_SECONDS("runtime", took_ns));
    }
}

/* The same for metrics, which tell tasks and queues apart. */
static void count_task(const struct cel_request *request, const struct cel_outcome *outcome,
                       int64_t took_ns)
{
    const struct cel_settlement *settlement = &request->settlement;
    struct cel_task_stats *stats = request->stats;

    if (!stats || settlement->postponed)
        return;
    if (settlement->state == CEL_STATE_SUCCESS) {
        CEL_TASK_COUNT(stats, succeeded);
        histogram_add(&stats->runtime, took_ns);
    } else if (settlement->state == CEL_STATE_RETRY) {
        CEL_TASK_COUNT(stats, retried);
    } else if (settlement->state == CEL_STATE_FAILURE) {
        cel_task_stats_failed(stats, outcome->has_exception ? cel_outcome_type(outcome)
                                                            : SPAN("MaxRetriesExceededError"));
    } else if (outcome->kind == CEL_OUTCOME_REJECT) {
        CEL_TASK_COUNT(stats, rejected);
    }
}

/*
 * The outcome could not be put into a record, for want of memory. The message is kept and tried
 * again: losing the outcome of one execution is better than losing the message.
 */
static void keep_for_later(struct cel_request *request)
{
    log_critical("worker", "out of memory while recording an outcome",
                 LOG_SPAN("task", request->message->task), LOG_SPAN("id", request->message->id));
    strbuf_clear(&request->settlement.record);
    strbuf_clear(&request->settlement.retry);
    cel_aftermath_close(&request->settlement.aftermath);
    request->settlement.fate = CEL_FATE_REQUEUE;
}

/* Settles what the task has left behind, and hands the request on. */
static void conclude(struct executor *executor, struct cel_request *request, int64_t began_ns)
{
    struct cel_runtime *runtime = executor->runtime;
    char tag[UUID_SIZE];
    struct cel_settle_context context = settle_context(executor, tag);
    int64_t took;

    atomic_fetch_sub(&runtime->counters.active, 1);
    if (cel_settle(request->message, request->definition, &executor->task.outcome, &context,
                   &request->settlement))
        keep_for_later(request);
    took = clock_monotonic_ns() - began_ns;
    count_and_log(runtime, request, took);
    count_task(request, &executor->task.outcome, took);
    cel_events_end(runtime->events, request, &executor->task.outcome, took);
    cel_live_remove(request);
    if (request->settlement.fate == CEL_FATE_POSTPONE) {
        cel_request_move(request, CEL_REQUEST_WAITING);
        cel_consumer_postpone(runtime->consumer, request,
                              clock_monotonic_ns() +
                                  (int64_t)(request->settlement.postpone * (double)NS_PER_SEC));
        return;
    }
    cel_end(runtime, request);
}

/*
 * Runs the task under a hard limit. False when the limit was passed: the request is no longer ours.
 * It is kept meanwhile, because the task may still read its message.
 */
static bool run_timed(struct executor *executor, struct cel_request *request, int64_t limit_us,
                      int64_t began_ns)
{
    struct cel_time_watch *watch = executor->place->pool->watch;
    struct timed_request timed = {.timed.deadline_ns =
                                      began_ns + limit_us * (NS_PER_SEC / US_PER_SEC),
                                  .request = request,
                                  .place = executor->place,
                                  .limit_us = limit_us,
                                  .began_ns = began_ns};
    bool watched;
    bool in_time = true;

    timed.timed.owner = &timed;
    cel_request_keep(request);
    watched = cel_time_watch_add(watch, &timed.timed) == CELERIAC_OK;
    if (!watched)
        log_error("worker", "a time limit cannot be watched",
                  LOG_SPAN("task", request->message->task), LOG_SPAN("id", request->message->id));
    request->definition->run(&executor->task, request->definition->user);
    if (watched)
        in_time = cel_time_watch_remove(watch, &timed.timed);
    cel_request_release(request);
    return in_time;
}

/* False when the task has passed its hard limit, and this thread was given up. */
static bool execute(struct executor *executor, struct cel_request *request)
{
    struct cel_runtime *runtime = executor->runtime;
    const struct cel_time_limits of_worker = {.hard_us = runtime->time_limit_us,
                                              .soft_us = runtime->soft_limit_us};
    struct cel_time_limits limits =
        cel_time_limits_of(request->message, request->definition, of_worker);
    int64_t began_ns;

    cel_request_move(request, CEL_REQUEST_RUNNING);
    /* It may have waited in the ready queue for long; Celery looks twice as well. */
    if (cel_end_revoked(runtime, request))
        return true;
    announce(executor, request);
    CEL_COUNT(runtime, started);
    CEL_COUNT(runtime, active);
    began_ns = clock_monotonic_ns();
    CEL_TASK_COUNT(request->stats, started);
    if (request->stats)
        histogram_add(&request->stats->wait, began_ns - request->ready_ns);
    executor->link.request = request;
    cel_task_context_begin(
        &executor->task, request->message,
        limits.soft_us > 0 ? began_ns + limits.soft_us * (NS_PER_SEC / US_PER_SEC) : 0);
    if (limits.hard_us == 0)
        request->definition->run(&executor->task, request->definition->user);
    else if (!run_timed(executor, request, limits.hard_us, began_ns))
        return false;
    if (celeriac_task_soft_limit_exceeded(&executor->task))
        log_warning("worker", "soft time limit exceeded", LOG_SPAN("task", request->message->task),
                    LOG_SPAN("id", request->message->id));
    conclude(executor, request, began_ns);
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

static void *run(void *argument)
{
    struct place *place = argument;
    struct cel_pool *pool = place->pool;
    struct executor executor = {.runtime = pool->runtime, .place = place};
    struct cel_request *request;
    bool again = place->instead;
    bool counted = true;
    const uint64_t one = 1;

    cel_task_context_init(&executor.task, &pool->runtime->stopping);
    cel_task_link_init(&executor.link, pool->runtime);
    executor.task.host = &executor.link.host;
    strbuf_init(&executor.scratch, CEL_RETURN_MAX);
    while (counted && (request = cel_ready_queue_pop(pool->runtime->ready, again))) {
        counted = execute(&executor, request) || come_back(place);
        again = true;
    }
    strbuf_close(&executor.scratch);
    cel_task_context_close(&executor.task);
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
    atomic_fetch_add(&pool->running, 1);
    if (pthread_create(&place->thread, attributes, run, place)) {
        atomic_fetch_sub(&pool->running, 1);
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

static void report_timeout(struct cel_runtime *runtime, struct cel_request *request,
                           int64_t limit_us)
{
    const struct log_field task = LOG_SPAN("task", request->message->task);
    const struct log_field id = LOG_SPAN("id", request->message->id);

    log_error("worker", "hard time limit exceeded", task, id,
              LOG_SECONDS("limit", limit_us * (NS_PER_SEC / US_PER_SEC)));
    CEL_COUNT(runtime, failed);
    cel_task_stats_failed(request->stats, SPAN("TimeLimitExceeded"));
}

static void time_out(void *context, struct cel_timed *timed)
{
    struct cel_pool *pool = context;
    struct cel_runtime *runtime = pool->runtime;
    struct timed_request *t = timed->owner;
    struct cel_request *request = t->request;
    struct executor executor = {.runtime = runtime};
    double seconds = (double)t->limit_us / (double)US_PER_SEC;
    int64_t took_ns = clock_monotonic_ns() - t->began_ns;
    struct cel_settle_context settle;
    struct cel_outcome outcome = {0};
    char tag[UUID_SIZE];

    strbuf_init(&executor.scratch, CEL_RETURN_MAX);
    strbuf_init(&outcome.exception, CEL_RETURN_MAX);
    settle = settle_context(&executor, tag);
    if (cel_settle_timed_out(request->message, request->definition, seconds, &settle,
                             &request->settlement))
        keep_for_later(request);
    cel_outcome_fail(&outcome, SPAN("TimeLimitExceeded"), SPAN("billiard.exceptions"),
                     (struct span){0}, false);
    report_timeout(runtime, request, t->limit_us);
    atomic_fetch_sub(&runtime->counters.active, 1);
    cel_events_end(runtime->events, request, &outcome, took_ns);
    cel_live_remove(request);
    abandon(t->place);
    cel_end(runtime, request);
    strbuf_close(&outcome.exception);
    strbuf_close(&executor.scratch);
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

bool cel_pool_join(struct cel_pool *pool, int abandon_fd)
{
    struct pollfd fds[] = {{.fd = pool->ended_fd, .events = POLLIN},
                           {.fd = abandon_fd, .events = POLLIN}};
    bool all;

    while (atomic_load(&pool->running) > 0) {
        if (poll(fds, 2, -1) > 0 && !(fds[0].revents & POLLIN) && (fds[1].revents & POLLIN))
            return false;
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
    cel_time_watch_destroy(pool->watch);
    if (pool->ended_fd >= 0)
        close(pool->ended_fd);
    pthread_mutex_destroy(&pool->lock);
    mem_free(pool);
}
