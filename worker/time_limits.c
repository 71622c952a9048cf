#include "worker/time_limits.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/monotonic_cond.h"

/* The thread makes one settlement at a time and calls no task code. */
#define WATCH_STACK ((size_t)256 * 1024)

struct cel_time_watch {
    cel_timed_out_fn *timed_out;
    void *context;
    pthread_mutex_t lock;
    pthread_cond_t changed;  /* something was added, or the end is wanted */
    pthread_cond_t told;     /* a callback has returned */
    struct cel_timed *first; /* in no order: few executions have hard limits at the same time */
    bool started, stopping;
    int64_t waking_ns; /* when the thread looks again */
    pthread_t thread;
};

static int64_t microseconds_of(double seconds, const atomic_int_fast64_t *of_task,
                               int64_t of_worker)
{
    if (seconds > CEL_TIME_LIMIT_MAX)
        seconds = CEL_TIME_LIMIT_MAX;
    if (seconds > 0)
        return (int64_t)(seconds * (double)US_PER_SEC);
    return atomic_load(of_task) > 0 ? atomic_load(of_task) : of_worker;
}

struct cel_time_limits cel_time_limits_of(const struct cel_task_message *message,
                                          const struct cel_task_definition *definition,
                                          struct cel_time_limits worker)
{
    struct cel_time_limits limits = {
        .hard_us = microseconds_of(message->time_limit, &definition->time_limit_us, worker.hard_us),
        .soft_us =
            microseconds_of(message->soft_time_limit, &definition->soft_limit_us, worker.soft_us)};

    if (limits.hard_us > 0 && limits.soft_us >= limits.hard_us)
        limits.soft_us = 0;
    return limits;
}

enum celeriac_err cel_time_watch_create(cel_timed_out_fn *timed_out, void *context,
                                        struct cel_time_watch **watch)
{
    struct cel_time_watch *w = mem_calloc(1, sizeof *w);

    if (!w)
        return CELERIAC_ERR_MEMORY;
    w->timed_out = timed_out;
    w->context = context;
    pthread_mutex_init(&w->lock, NULL);
    monotonic_cond_init(&w->changed);
    pthread_cond_init(&w->told, NULL);
    *watch = w;
    return CELERIAC_OK;
}

void cel_time_watch_destroy(struct cel_time_watch *watch)
{
    bool started;

    if (!watch)
        return;
    pthread_mutex_lock(&watch->lock);
    watch->stopping = true;
    started = watch->started;
    pthread_cond_signal(&watch->changed);
    pthread_mutex_unlock(&watch->lock);
    if (started)
        pthread_join(watch->thread, NULL);
    pthread_cond_destroy(&watch->told);
    pthread_cond_destroy(&watch->changed);
    pthread_mutex_destroy(&watch->lock);
    mem_free(watch);
}

static void unlink_timed(struct cel_time_watch *w, struct cel_timed *timed)
{
    *(timed->prev ? &timed->prev->next : &w->first) = timed->next;
    if (timed->next)
        timed->next->prev = timed->prev;
}

/* An execution that is overdue, taken out; else NULL and when to look again. The lock is held. */
static struct cel_timed *take_overdue(struct cel_time_watch *w, int64_t now_ns, int64_t *next_ns)
{
    *next_ns = INT64_MAX;
    for (struct cel_timed *timed = w->first; timed; timed = timed->next) {
        if (timed->deadline_ns <= now_ns) {
            unlink_timed(w, timed);
            timed->timed_out = true;
            return timed;
        }
        if (timed->deadline_ns < *next_ns)
            *next_ns = timed->deadline_ns;
    }
    return NULL;
}

/* Sleeps until then, or until something earlier is added; the lock is held. */
static void sleep_until(struct cel_time_watch *w, int64_t until_ns)
{
    w->waking_ns = until_ns;
    (void)monotonic_cond_wait(&w->changed, &w->lock, until_ns);
    w->waking_ns = 0;
}

static void *run(void *argument)
{
    struct cel_time_watch *w = argument;

    pthread_mutex_lock(&w->lock);
    while (!w->stopping) {
        int64_t next_ns;
        struct cel_timed *timed = take_overdue(w, clock_monotonic_ns(), &next_ns);

        if (timed) {
            pthread_mutex_unlock(&w->lock);
            w->timed_out(w->context, timed);
            pthread_mutex_lock(&w->lock);
            timed->told = true;
            pthread_cond_broadcast(&w->told);
        } else {
            sleep_until(w, next_ns);
        }
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* The lock is held. */
static bool start(struct cel_time_watch *w)
{
    pthread_attr_t attributes;

    if (w->started)
        return true;
    pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, WATCH_STACK);
    w->started = pthread_create(&w->thread, &attributes, run, w) == 0;
    pthread_attr_destroy(&attributes);
    if (w->started)
        pthread_setname_np(w->thread, "time limits");
    return w->started;
}

enum celeriac_err cel_time_watch_add(struct cel_time_watch *watch, struct cel_timed *timed)
{
    bool started;

    pthread_mutex_lock(&watch->lock);
    started = start(watch);
    if (started) {
        timed->timed_out = false;
        timed->told = false;
        timed->prev = NULL;
        timed->next = watch->first;
        if (timed->next)
            timed->next->prev = timed;
        watch->first = timed;
        if (timed->deadline_ns < watch->waking_ns)
            pthread_cond_signal(&watch->changed);
    }
    pthread_mutex_unlock(&watch->lock);
    return started ? CELERIAC_OK : CELERIAC_ERR_SYSTEM;
}

bool cel_time_watch_remove(struct cel_time_watch *watch, struct cel_timed *timed)
{
    bool in_time;

    pthread_mutex_lock(&watch->lock);
    in_time = !timed->timed_out;
    if (in_time)
        unlink_timed(watch, timed);
    while (!in_time && !timed->told)
        pthread_cond_wait(&watch->told, &watch->lock);
    pthread_mutex_unlock(&watch->lock);
    return in_time;
}
