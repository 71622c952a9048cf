#include "api/key_trier.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>

#include "api/modest_thread.h"
#include "base/alloc.h"
#include "base/log.h"

enum state { STATE_FREE, STATE_RUNNING, STATE_ENDED };

struct key_trier {
    pthread_t thread;
    sem_t go;
    atomic_bool stopping;
    atomic_int state; /* hands trial and matches from one thread to the other */
    struct key_trial trial;
    bool matches;
    void (*done)(void *context);
    void *context;
};

static void try_key(struct key_trier *t)
{
    struct celeriac_error err = {0};
    bool matches = false;

    if (notify_api_key_verify(span_of(t->trial.key), span_of(t->trial.hash), &matches, &err) !=
        CELERIAC_OK)
        log_warning("keys", "a stored hash cannot be verified", LOG_INT("key_id", t->trial.key_id),
                    LOG_STR("error", err.text));
    t->matches = matches;
}

static void *run(void *context)
{
    struct key_trier *t = context;

    modest_thread_idle();
    for (;;) {
        while (sem_wait(&t->go) != 0 && errno == EINTR)
            ;
        if (atomic_load(&t->stopping))
            return NULL;
        try_key(t);
        atomic_store(&t->state, STATE_ENDED);
        t->done(t->context);
    }
}

enum celeriac_err key_trier_create(void (*done)(void *context), void *context,
                                   struct key_trier **trier, struct celeriac_error *err)
{
    struct key_trier *t = mem_calloc(1, sizeof *t);

    if (!t)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for the key trier");
    t->done = done;
    t->context = context;
    atomic_init(&t->stopping, false);
    atomic_init(&t->state, STATE_FREE);
    (void)sem_init(&t->go, 0, 0);
    if (pthread_create(&t->thread, NULL, run, t) != 0) {
        sem_destroy(&t->go);
        mem_free(t);
        return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "cannot start a thread");
    }
    *trier = t;
    return CELERIAC_OK;
}

void key_trier_destroy(struct key_trier *t)
{
    if (!t)
        return;
    atomic_store(&t->stopping, true);
    (void)sem_post(&t->go);
    pthread_join(t->thread, NULL);
    sem_destroy(&t->go);
    notify_api_key_wipe(&t->trial, sizeof t->trial);
    mem_free(t);
}

bool key_trier_is_busy(const struct key_trier *t)
{
    return atomic_load(&t->state) != STATE_FREE;
}

void key_trier_start(struct key_trier *t, const struct key_trial *trial)
{
    t->trial = *trial;
    atomic_store(&t->state, STATE_RUNNING);
    (void)sem_post(&t->go);
}

bool key_trier_take(struct key_trier *t, struct key_trial *trial, bool *matches)
{
    if (atomic_load(&t->state) != STATE_ENDED)
        return false;
    *trial = t->trial;
    *matches = t->matches;
    notify_api_key_wipe(&t->trial, sizeof t->trial);
    atomic_store(&t->state, STATE_FREE);
    return true;
}
