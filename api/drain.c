#include "api/drain.h"

#include <time.h>

#include "base/clock.h"

void drain_init(struct drain *d)
{
    pthread_condattr_t attributes;

    *d = (struct drain){.handling = 0};
    pthread_mutex_init(&d->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&d->changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

void drain_destroy(struct drain *d)
{
    pthread_cond_destroy(&d->changed);
    pthread_mutex_destroy(&d->lock);
}

bool drain_enter(struct drain *d)
{
    bool open;

    pthread_mutex_lock(&d->lock);
    open = !d->closed;
    if (open) {
        d->handling++;
        d->sending++;
    }
    pthread_mutex_unlock(&d->lock);
    return open;
}

static void end(struct drain *d, size_t handling, size_t sending)
{
    pthread_mutex_lock(&d->lock);
    d->handling -= handling;
    d->sending -= sending;
    pthread_cond_broadcast(&d->changed);
    pthread_mutex_unlock(&d->lock);
}

void drain_answered(struct drain *d)
{
    end(d, 1, 0);
}

void drain_leave(struct drain *d, bool answered)
{
    end(d, answered ? 0 : 1, 1);
}

/* Waits for answers; when the last one came, or now. Called with the lock. */
static int64_t await_answers(struct drain *d)
{
    while (d->handling > 0)
        pthread_cond_wait(&d->changed, &d->lock);
    return clock_monotonic_ns();
}

void drain_close(struct drain *d, int64_t grace_ns)
{
    int timed_out = 0;
    int64_t end_ns;
    struct timespec at;

    pthread_mutex_lock(&d->lock);
    end_ns = await_answers(d) + grace_ns;
    while (d->sending > 0 && !timed_out) {
        at = (struct timespec){.tv_sec = (time_t)(end_ns / NS_PER_SEC),
                               .tv_nsec = (long)(end_ns % NS_PER_SEC)};
        timed_out = pthread_cond_timedwait(&d->changed, &d->lock, &at);
        /* A request on a kept connection may have begun meanwhile. */
        if (d->handling > 0) {
            end_ns = await_answers(d) + grace_ns;
            timed_out = 0;
        }
    }
    d->closed = true;
    pthread_mutex_unlock(&d->lock);
}

void drain_count(struct drain *d, size_t *handling, size_t *sending)
{
    pthread_mutex_lock(&d->lock);
    *handling = d->handling;
    *sending = d->sending;
    pthread_mutex_unlock(&d->lock);
}
