#include "api/patience.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"

/* How many times per limit the thread looks: a connection may live a tenth longer. */
#define LOOKS 10

struct patience_entry {
    struct patience_entry *next, *previous;
    int fd;
    int64_t due_ns; /* when it is cut off; INT64_MAX while we are the ones who work */
};

struct patience {
    int64_t request_ns;
    int64_t answer_ns;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t stop;
    bool stopping;
    struct patience_entry *first; /* under lock, like all entries */
};

static void cut_off(struct patience *p, int64_t now_ns)
{
    for (const struct patience_entry *e = p->first; e; e = e->next) {
        if (e->due_ns <= now_ns)
            (void)shutdown(e->fd, SHUT_RDWR);
    }
}

static void *watch(void *context)
{
    struct patience *p = context;
    int64_t shortest_ns = p->request_ns < p->answer_ns ? p->request_ns : p->answer_ns;

    pthread_mutex_lock(&p->lock);
    while (!p->stopping) {
        int64_t due_ns = clock_monotonic_ns() + shortest_ns / LOOKS;
        const struct timespec due = {.tv_sec = due_ns / NS_PER_SEC, .tv_nsec = due_ns % NS_PER_SEC};

        (void)pthread_cond_timedwait(&p->stop, &p->lock, &due);
        cut_off(p, clock_monotonic_ns());
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

enum celeriac_err patience_create(int64_t request_ns, int64_t answer_ns, struct patience **patience,
                                  struct celeriac_error *err)
{
    struct patience *p = mem_calloc(1, sizeof *p);
    pthread_condattr_t monotonic;

    if (!p)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory to watch connections");
    p->request_ns = request_ns;
    p->answer_ns = answer_ns;
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&p->stop, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&p->thread, NULL, watch, p) != 0) {
        pthread_cond_destroy(&p->stop);
        pthread_mutex_destroy(&p->lock);
        mem_free(p);
        return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "cannot start a thread");
    }
    *patience = p;
    return CELERIAC_OK;
}

void patience_destroy(struct patience *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_signal(&p->stop);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    pthread_cond_destroy(&p->stop);
    pthread_mutex_destroy(&p->lock);
    mem_free(p);
}

struct patience_entry *patience_enter(struct patience *p, int fd)
{
    struct patience_entry *e = mem_calloc(1, sizeof *e);

    if (!e)
        return NULL;
    e->fd = fd;
    e->due_ns = clock_monotonic_ns() + p->request_ns;
    pthread_mutex_lock(&p->lock);
    e->next = p->first;
    if (p->first)
        p->first->previous = e;
    p->first = e;
    pthread_mutex_unlock(&p->lock);
    return e;
}

static void set_due(struct patience *p, struct patience_entry *e, int64_t due_ns)
{
    if (!e)
        return;
    pthread_mutex_lock(&p->lock);
    e->due_ns = due_ns;
    pthread_mutex_unlock(&p->lock);
}

void patience_busy(struct patience *p, struct patience_entry *e)
{
    set_due(p, e, INT64_MAX);
}

void patience_answering(struct patience *p, struct patience_entry *e)
{
    set_due(p, e, clock_monotonic_ns() + p->answer_ns);
}

void patience_waiting(struct patience *p, struct patience_entry *e)
{
    set_due(p, e, clock_monotonic_ns() + p->request_ns);
}

void patience_leave(struct patience *p, struct patience_entry *e)
{
    if (!e)
        return;
    pthread_mutex_lock(&p->lock);
    if (e->previous)
        e->previous->next = e->next;
    else
        p->first = e->next;
    if (e->next)
        e->next->previous = e->previous;
    pthread_mutex_unlock(&p->lock);
    mem_free(e);
}
