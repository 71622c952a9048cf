#include "notify/store/store.h"

#include <signal.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/monotonic_cond.h"
#include "notify/store/combine.h"
#include "notify/store/senders.h"

/* Defaults of struct store_options. */
#define CONNECTIONS_DEFAULT 2
#define BATCH_DEFAULT 256
#define STATEMENT_TIMEOUT_DEFAULT_NS (5 * NS_PER_SEC)
#define STATEMENT_TIMEOUT_MIN_NS (2 * NS_PER_SEC)

/* How long the last words of a store that stops may take. */
#define FAREWELL_NS (2 * NS_PER_SEC)

static enum celeriac_err check_options(const struct store_options *o, struct celeriac_error *err)
{
    if (o->connections > STORE_CONNECTIONS_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "connections: more than %d",
                                  STORE_CONNECTIONS_MAX);
    if (o->batch > STORE_BATCH_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "batch: more than %d", STORE_BATCH_MAX);
    if (o->waiting > STORE_WAITING_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "waiting: more than %d",
                                  STORE_WAITING_MAX);
    if (o->statement_timeout_ns != 0 && o->statement_timeout_ns < STATEMENT_TIMEOUT_MIN_NS)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "statement_timeout: less than 2 s");
    return CELERIAC_OK;
}

static enum celeriac_err init_locks(struct store *s)
{
    if (pthread_mutex_init(&s->lock, NULL) != 0)
        return CELERIAC_ERR_MEMORY;
    monotonic_cond_init(&s->work);
    monotonic_cond_init(&s->keeper);
    monotonic_cond_init(&s->change);
    return CELERIAC_OK;
}

static void destroy_locks(struct store *s)
{
    pthread_cond_destroy(&s->change);
    pthread_cond_destroy(&s->keeper);
    pthread_cond_destroy(&s->work);
    pthread_mutex_destroy(&s->lock);
}

static enum celeriac_err init_thread(struct store *s, unsigned i)
{
    struct store_thread *t = &s->threads[i];
    t->store = s;
    t->number = i + 1;
    store_params_init(&t->params);
    t->batch.calls = mem_calloc(s->batch_max, sizeof(struct store_call *));
    t->batch.states = mem_calloc(s->batch_max, sizeof(enum store_call_state));
    return t->batch.calls && t->batch.states ? CELERIAC_OK : CELERIAC_ERR_MEMORY;
}

static void close_thread(struct store_thread *t)
{
    store_params_close(&t->params);
    mem_free(t->batch.calls);
    mem_free(t->batch.states);
}

/* Releases all but the locks and the threads. */
static void release(struct store *s)
{
    for (unsigned i = 0; i < s->thread_count; i++)
        close_thread(&s->threads[i]);
    store_touches_destroy(s->touches);
    store_login_destroy(s->login);
    mem_free(s);
}

static enum celeriac_err fill(struct store *s, const struct store_options *o,
                              struct celeriac_error *err)
{
    s->batch_max = o->batch ? o->batch : BATCH_DEFAULT;
    s->waiting_max = o->waiting ? o->waiting : STORE_WAITING_MAX;
    s->timeout_ns =
        o->statement_timeout_ns ? o->statement_timeout_ns : STATEMENT_TIMEOUT_DEFAULT_NS;
    s->keeper_next_ns = INT64_MAX;
    s->beat_chore.due_ns = INT64_MAX;
    s->touch_chore.due_ns = INT64_MAX;
    enum celeriac_err rc = store_login_create(&o->server, o->application_name, &s->login, err);
    if (rc != CELERIAC_OK)
        return rc;
    rc = store_touches_create(&s->touches);
    for (unsigned i = 0; rc == CELERIAC_OK && i < s->thread_count; i++)
        rc = init_thread(s, i);
    if (rc != CELERIAC_OK)
        return celeriac_error_set(err, rc, "no memory for the store");
    return CELERIAC_OK;
}

/* Threads of a library leave all signals to the program's own. */
static enum celeriac_err start_threads(struct store *s)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
        return CELERIAC_ERR_SYSTEM;
    int rc = pthread_create(&s->keeper_thread, NULL, store_keeper_main, s);
    s->keeper_started = rc == 0;
    while (rc == 0 && s->threads_started < s->thread_count) {
        struct store_thread *t = &s->threads[s->threads_started];
        rc = pthread_create(&t->id, NULL, store_executor_main, t);
        if (rc == 0)
            s->threads_started++;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc == 0 ? CELERIAC_OK : CELERIAC_ERR_SYSTEM;
}

enum celeriac_err store_create(const struct store_options *options, struct store **s,
                               struct celeriac_error *err)
{
    enum celeriac_err rc = check_options(options, err);
    if (rc != CELERIAC_OK)
        return rc;
    unsigned threads = options->connections ? options->connections : CONNECTIONS_DEFAULT;
    struct store *made = mem_calloc(1, sizeof *made + threads * sizeof made->threads[0]);
    if (!made)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for the store");
    made->thread_count = threads;
    rc = fill(made, options, err);
    if (rc == CELERIAC_OK && init_locks(made) != CELERIAC_OK)
        rc = celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for the store");
    if (rc != CELERIAC_OK) {
        release(made);
        return rc;
    }
    if (start_threads(made) != CELERIAC_OK) {
        store_destroy(made);
        return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "cannot start the store's threads");
    }
    *s = made;
    return CELERIAC_OK;
}

/* Waits for a change until a time (INT64_MAX: for ever); false when it has passed. Lock held. */
static bool wait_for_change(struct store *s, int64_t until_ns)
{
    return monotonic_cond_wait(&s->change, &s->lock, until_ns);
}

enum celeriac_err store_wait_ready(struct store *s, int64_t timeout_ns, struct celeriac_error *err)
{
    int64_t until = clock_monotonic_ns() + timeout_ns;
    enum celeriac_err rc = CELERIAC_OK;
    pthread_mutex_lock(&s->lock);
    while (s->stats.connected == 0 && rc == CELERIAC_OK) {
        if (s->stopping)
            rc = celeriac_error_set(err, CELERIAC_ERR_SHUTDOWN, "the store is stopping");
        else if (s->trouble.code == CELERIAC_ERR_UNSUPPORTED)
            rc = celeriac_error_set(err, s->trouble.code, "%s", s->trouble.text);
        else if (!wait_for_change(s, until) && s->stats.connected == 0)
            rc = celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE, "%s",
                                    s->trouble.code == CELERIAC_OK ? "the database does not answer"
                                                                   : s->trouble.text);
    }
    pthread_mutex_unlock(&s->lock);
    return rc;
}

enum celeriac_err store_start_sender(struct store *s, const struct uuid *sender,
                                     int64_t deadline_ns, struct celeriac_error *err)
{
    int64_t until = deadline_ns == 0 ? INT64_MAX : deadline_ns;
    enum celeriac_err rc = CELERIAC_OK;
    pthread_mutex_lock(&s->lock);
    if (s->has_sender)
        rc = celeriac_error_set(err, CELERIAC_ERR_EXISTS, "this store has a sender already");
    if (rc == CELERIAC_OK) {
        s->context.sender = *sender;
        s->has_sender = true;
        s->sweep_chore.due_ns = clock_monotonic_ns() + STORE_SWEEP_NS;
        store_beat_now(s);
    }
    while (rc == CELERIAC_OK && !s->has_beaten) {
        if (s->closing)
            rc = celeriac_error_set(err, CELERIAC_ERR_SHUTDOWN, "the store is stopping");
        else if (!wait_for_change(s, until) && !s->has_beaten)
            rc = celeriac_error_set(err, CELERIAC_ERR_TIMEOUT, "the database does not answer");
    }
    pthread_mutex_unlock(&s->lock);
    return rc;
}

void store_get_stats(struct store *s, struct store_stats *stats)
{
    pthread_mutex_lock(&s->lock);
    *stats = s->stats;
    pthread_mutex_unlock(&s->lock);
}

/* Fails all that waits. Without the lock. */
static void fail_waiting(struct store *s)
{
    struct store_queue all = {0};
    pthread_mutex_lock(&s->lock);
    s->closing = true;
    store_queue_append(&all, &s->held);
    for (unsigned id = 0; id < STORE_KIND_COUNT; id++)
        store_queue_append(&all, &s->queues[id]);
    pthread_cond_broadcast(&s->change);
    pthread_mutex_unlock(&s->lock);
    store_complete(s, &all, CELERIAC_ERR_SHUTDOWN);
}

static void farewell_done(struct store_call *call)
{
    struct store *s = call->context;
    pthread_mutex_lock(&s->lock);
    call->context = NULL;
    pthread_cond_broadcast(&s->change);
    pthread_mutex_unlock(&s->lock);
}

/* Runs a call of the store's own although it is closing. Without the lock. */
static void say_last(struct store *s, struct store_call *call)
{
    pthread_mutex_lock(&s->lock);
    if (s->stats.connected > 0) {
        call->done = farewell_done;
        call->context = s;
        call->deadline_ns = clock_monotonic_ns() + FAREWELL_NS;
        store_push(s, call);
        while (call->context)
            (void)wait_for_change(s, INT64_MAX);
    }
    pthread_mutex_unlock(&s->lock);
    if (call->error.code != CELERIAC_OK)
        log_info("store", "last words were not stored", LOG_STR("kind", call->own.kind->name),
                 LOG_ERR(&call->error));
}

/* What others should know at once: uses of keys, and that this sender's claims are void. */
static void say_farewell(struct store *s)
{
    struct store_call remove;
    pthread_mutex_lock(&s->lock);
    while (s->beat_chore.runs || s->touch_chore.runs || s->sweep_chore.runs)
        (void)wait_for_change(s, INT64_MAX);
    bool has_sender = s->has_sender;
    pthread_mutex_unlock(&s->lock);
    store_remove_sender_init(&remove);
    if (has_sender)
        say_last(s, &remove);
    do {
        store_touch_keys_init(&s->touch);
        pthread_mutex_lock(&s->lock);
        (void)store_touches_collect(s->touches, INT64_MAX, &s->touch);
        pthread_mutex_unlock(&s->lock);
        if (s->touch.count > 0)
            say_last(s, &s->touch.call);
    } while (s->touch.count > 0 && s->touch.call.error.code == CELERIAC_OK);
}

void store_stop(struct store *s)
{
    pthread_mutex_lock(&s->lock);
    bool again = s->stopped;
    s->stopped = true;
    pthread_mutex_unlock(&s->lock);
    if (again)
        return;
    fail_waiting(s);
    if (s->threads_started > 0)
        say_farewell(s);
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_cond_broadcast(&s->work);
    pthread_cond_broadcast(&s->keeper);
    pthread_cond_broadcast(&s->change);
    pthread_mutex_unlock(&s->lock);
    if (s->keeper_started)
        (void)pthread_join(s->keeper_thread, NULL);
    for (unsigned i = 0; i < s->threads_started; i++)
        (void)pthread_join(s->threads[i].id, NULL);
}

void store_destroy(struct store *s)
{
    if (!s)
        return;
    store_stop(s);
    destroy_locks(s);
    release(s);
}
