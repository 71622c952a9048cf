#include "notify/idle_closer.h"

#include <pthread.h>
#include <stdbool.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/monotonic_cond.h"
#include "notify/providers/provider_table.h"

struct notify_idle_closer {
    struct notify_providers *providers;
    int64_t every_ns;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopping; /* under lock */
};

/* Waits for the next turn; false when there is none. */
static bool await_turn(struct notify_idle_closer *c)
{
    const int64_t until_ns = clock_monotonic_ns() + c->every_ns;
    bool stopping;

    pthread_mutex_lock(&c->lock);
    while (!c->stopping && monotonic_cond_wait(&c->changed, &c->lock, until_ns))
        continue;
    stopping = c->stopping;
    pthread_mutex_unlock(&c->lock);
    return !stopping;
}

static void *run(void *context)
{
    struct notify_idle_closer *c = context;

    while (await_turn(c))
        notify_providers_close_idle(c->providers, clock_monotonic_ns());
    return NULL;
}

enum celeriac_err notify_idle_closer_create(struct notify_providers *providers, int64_t every_ns,
                                            struct notify_idle_closer **closer,
                                            struct celeriac_error *err)
{
    struct notify_idle_closer *c = mem_calloc(1, sizeof *c);

    if (!c)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    c->providers = providers;
    c->every_ns = every_ns;
    pthread_mutex_init(&c->lock, NULL);
    monotonic_cond_init(&c->changed);
    c->started = pthread_create(&c->thread, NULL, run, c) == 0;
    if (!c->started) {
        notify_idle_closer_destroy(c);
        return celeriac_error_set(err, CELERIAC_ERR_SYSTEM,
                                  "cannot start the thread that closes idle connections");
    }
    pthread_setname_np(c->thread, "idle-closer");
    *closer = c;
    return CELERIAC_OK;
}

void notify_idle_closer_destroy(struct notify_idle_closer *closer)
{
    if (!closer)
        return;
    if (closer->started) {
        pthread_mutex_lock(&closer->lock);
        closer->stopping = true;
        pthread_mutex_unlock(&closer->lock);
        pthread_cond_signal(&closer->changed);
        pthread_join(closer->thread, NULL);
    }
    pthread_cond_destroy(&closer->changed);
    pthread_mutex_destroy(&closer->lock);
    mem_free(closer);
}
