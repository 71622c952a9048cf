#include "celery_proto/redis/lookup.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/monotonic_cond.h"

/* Digits of a port with the NUL. */
#define PORT_SIZE 6

/* The resolver's modules (NSS) want more than a minimal stack. */
#define STACK_SIZE ((size_t)256 * 1024)

/* One look-up; whoever lets go of it last releases it. */
struct lookup {
    atomic_uint users; /* who asked, and the thread */
    lookup_fn *ask;
    char port[PORT_SIZE];
    struct addrinfo hints;
    pthread_mutex_t lock;
    pthread_cond_t answered;
    bool done;
    bool abandoned; /* nobody waits any more */
    int result;
    struct addrinfo *list;
    char host[];
};

static atomic_uint abandoned_count;

unsigned lookup_abandoned(void)
{
    return atomic_load(&abandoned_count);
}

static void let_go(struct lookup *l)
{
    if (atomic_fetch_sub(&l->users, 1) != 1)
        return;
    if (l->list)
        freeaddrinfo(l->list);
    pthread_cond_destroy(&l->answered);
    pthread_mutex_destroy(&l->lock);
    mem_free(l);
}

static void *run(void *lookup)
{
    struct lookup *l = lookup;
    struct addrinfo *list = NULL;
    int result = l->ask(l->host, l->port, &l->hints, &list);
    pthread_mutex_lock(&l->lock);
    l->result = result;
    l->list = result == 0 ? list : NULL;
    l->done = true;
    bool abandoned = l->abandoned;
    pthread_cond_signal(&l->answered);
    pthread_mutex_unlock(&l->lock);
    let_go(l);
    if (abandoned)
        atomic_fetch_sub(&abandoned_count, 1);
    return NULL;
}

/* A detached thread; it leaves all signals to the program's own. */
static bool start(struct lookup *l)
{
    sigset_t all;
    sigset_t before;
    pthread_attr_t attributes;
    pthread_t thread;
    if (pthread_attr_init(&attributes) != 0)
        return false;
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    (void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&thread, &attributes, run, l) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return started;
}

static struct lookup *create(lookup_fn *ask, const char *host, const char *port,
                             const struct addrinfo *hints)
{
    size_t len = strlen(host);
    struct lookup *l = mem_calloc(1, sizeof *l + len + 1);
    if (!l)
        return NULL;
    atomic_init(&l->users, 2);
    l->ask = ask;
    l->hints = *hints;
    memcpy(l->host, host, len + 1);
    memcpy(l->port, port, strlen(port) + 1);
    pthread_mutex_init(&l->lock, NULL);
    monotonic_cond_init(&l->answered);
    return l;
}

/* Waits for the answer; false when the deadline passed. */
static bool wait_for_answer(struct lookup *l, int64_t deadline_ns)
{
    bool in_time = true;
    pthread_mutex_lock(&l->lock);
    while (!l->done && in_time)
        in_time = monotonic_cond_wait(&l->answered, &l->lock, deadline_ns);
    bool done = l->done;
    l->abandoned = !done;
    if (!done)
        atomic_fetch_add(&abandoned_count, 1);
    pthread_mutex_unlock(&l->lock);
    return done;
}

static enum celeriac_err ask_in_thread(lookup_fn *ask, const char *host, const char *port,
                                       const struct addrinfo *hints, int64_t deadline_ns,
                                       struct addrinfo **list, struct celeriac_error *err)
{
    if (lookup_abandoned() >= LOOKUP_ABANDONED_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT, "the resolver answers nothing");
    struct lookup *l = create(ask, host, port, hints);
    if (!l)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for a look-up");
    if (!start(l)) {
        let_go(l);
        let_go(l);
        return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "cannot start a thread for a look-up");
    }
    enum celeriac_err rc = CELERIAC_OK;
    if (!wait_for_answer(l, deadline_ns)) {
        rc = celeriac_error_set(err, CELERIAC_ERR_TIMEOUT, "the resolver does not answer");
    } else if (l->result == 0) {
        *list = l->list;
        l->list = NULL;
    } else {
        rc = celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE, "%s", gai_strerror(l->result));
    }
    let_go(l);
    return rc;
}

enum celeriac_err lookup_name(lookup_fn *ask, const char *host, uint16_t port, int64_t deadline_ns,
                              struct addrinfo **list, struct celeriac_error *err)
{
    char service[PORT_SIZE];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICSERV | AI_NUMERICHOST};
    struct addrinfo *numeric = NULL;
    (void)snprintf(service, sizeof service, "%u", (unsigned)port);
    if (getaddrinfo(host, service, &hints, &numeric) == 0) {
        *list = numeric;
        return CELERIAC_OK;
    }
    hints.ai_flags = AI_NUMERICSERV;
    return ask_in_thread(ask, host, service, &hints, deadline_ns, list, err);
}
