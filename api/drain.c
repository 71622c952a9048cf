#include "api/drain.h"

#include "base/clock.h"
#include "base/monotonic_cond.h"

void drain_init(struct drain *d)
{
    *d = (struct drain){.handling = 0};
    pthread_mutex_init(&d->lock, NULL);
    monotonic_cond_init(&d->changed);
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
    bool in_time = true;
    int64_t end_ns;

    pthread_mutex_lock(&d->lock);
    end_ns = await_answers(d) + grace_ns;
    while (d->sending > 0 && in_time) {
        in_time = monotonic_cond_wait(&d->changed, &d->lock, end_ns);
        /* A request on a kept connection may have begun meanwhile. */
        if (d->handling > 0) {
            end_ns = await_answers(d) + grace_ns;
            in_time = true;
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
