#include "notify/store/combine.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"

int64_t store_backoff_ns(unsigned n)
{
    int64_t wait = n < 5 ? STORE_BACKOFF_MIN_NS << n : STORE_BACKOFF_MAX_NS;
    if (wait > STORE_BACKOFF_MAX_NS)
        wait = STORE_BACKOFF_MAX_NS;
    int64_t spread = wait / 2;
    return wait - spread / 2 + (int64_t)random_up_to(random_os, NULL, (uint64_t)spread);
}

void store_wake_keeper_at(struct store *s, int64_t when_ns)
{
    if (when_ns >= s->keeper_next_ns)
        return;
    s->keeper_next_ns = when_ns;
    pthread_cond_signal(&s->keeper);
}

void store_push(struct store *s, struct store_call *call)
{
    call->own.order = ++s->last_order;
    call->own.attempts = 0;
    call->own.owner = 0;
    call->own.due_ns = 0;
    s->stats.waiting++;
    store_queue_push(&s->queues[call->own.kind->id], call);
    if (call->deadline_ns != 0)
        store_wake_keeper_at(s, call->deadline_ns);
    if (s->idle_threads > 0)
        pthread_cond_signal(&s->work);
}

/* What keeps a call out, or CELERIAC_OK. With the lock held. */
static enum celeriac_err admit(struct store *s, struct store_call *call)
{
    if (s->closing)
        return celeriac_error_set(&call->error, CELERIAC_ERR_SHUTDOWN, "the store is stopping");
    if (s->stats.waiting >= s->waiting_max)
        return celeriac_error_set(&call->error, CELERIAC_ERR_LIMIT,
                                  "more than %u calls wait for the database", s->waiting_max);
    if (call->own.kind->needs_sender && !s->has_sender)
        return celeriac_error_set(&call->error, CELERIAC_ERR_VALUE,
                                  "sender: store_start_sender() was not called");
    return CELERIAC_OK;
}

enum celeriac_err store_submit(struct store *s, struct store_call *call)
{
    const struct store_kind *kind = call->own.kind;
    enum celeriac_err rc = CELERIAC_OK;
    celeriac_error_clear(&call->error);
    if (kind->check)
        rc = kind->check(call);
    if (rc != CELERIAC_OK)
        return rc;
    pthread_mutex_lock(&s->lock);
    rc = admit(s, call);
    if (rc == CELERIAC_OK)
        store_push(s, call);
    pthread_mutex_unlock(&s->lock);
    return rc;
}

/* Where a blocked thread waits; one for each thread, so that it outlives the wake-up. */
struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool done;
};

static _Thread_local struct waiter this_waiter = {.lock = PTHREAD_MUTEX_INITIALIZER,
                                                  .wake = PTHREAD_COND_INITIALIZER};

static void wake_waiter(struct store_call *call)
{
    struct waiter *waiter = call->context;
    pthread_mutex_lock(&waiter->lock);
    waiter->done = true;
    pthread_cond_signal(&waiter->wake);
    pthread_mutex_unlock(&waiter->lock);
}

enum celeriac_err store_run(struct store *s, struct store_call *call)
{
    struct waiter *waiter = &this_waiter;
    waiter->done = false;
    call->done = wake_waiter;
    call->context = waiter;
    enum celeriac_err rc = store_submit(s, call);
    if (rc != CELERIAC_OK)
        return rc;
    pthread_mutex_lock(&waiter->lock);
    while (!waiter->done)
        pthread_cond_wait(&waiter->wake, &waiter->lock);
    pthread_mutex_unlock(&waiter->lock);
    return call->error.code;
}

/* A slow kind must leave a connection to the others. */
static bool may_run(const struct store *s, const struct store_kind *kind)
{
    return !kind->is_slow || s->slow_running == 0 || s->slow_running + 1 < s->thread_count;
}

/* The kind to run next, or NULL. With the lock held. */
static const struct store_kind *choose(const struct store *s)
{
    const struct store_kind *best = NULL;
    uint64_t oldest = UINT64_MAX;
    if (s->queues[STORE_KIND_BEAT].head)
        return store_kinds[STORE_KIND_BEAT];
    for (unsigned id = 0; id < STORE_KIND_COUNT; id++) {
        const struct store_call *head = s->queues[id].head;
        if (head && head->own.order < oldest && may_run(s, store_kinds[id])) {
            oldest = head->own.order;
            best = store_kinds[id];
        }
    }
    return best;
}

static size_t batch_limit(const struct store *s, const struct store_kind *kind)
{
    if (kind->is_slow || s->queues[kind->id].head->own.attempts >= STORE_SUSPECT_ATTEMPTS)
        return 1;
    if (!kind->combined && s->batch_max > STORE_PIPELINE_MAX)
        return STORE_PIPELINE_MAX;
    return s->batch_max;
}

/* Takes calls of the kind, up to the limits on number and bytes. With the lock held. */
static void take_calls(struct store *s, const struct store_kind *kind, struct store_batch *batch)
{
    struct store_queue *queue = &s->queues[kind->id];
    size_t limit = batch_limit(s, kind);
    size_t bytes = 0;
    batch->kind = kind;
    batch->count = 0;
    while (queue->head && batch->count < limit) {
        size_t size = queue->head->own.bytes;
        if (batch->count > 0 && size > STORE_BATCH_BYTES_MAX - bytes)
            break;
        bytes += size < STORE_BATCH_BYTES_MAX ? size : STORE_BATCH_BYTES_MAX;
        batch->calls[batch->count++] = store_queue_pop(queue);
    }
    if (kind->is_slow)
        s->slow_running++;
}

bool store_next_batch(struct store *s, struct store_batch *batch)
{
    const struct store_kind *kind = NULL;
    pthread_mutex_lock(&s->lock);
    while (!s->stopping && !(kind = choose(s))) {
        s->idle_threads++;
        pthread_cond_wait(&s->work, &s->lock);
        s->idle_threads--;
    }
    if (!s->stopping) {
        take_calls(s, kind, batch);
        if (s->idle_threads > 0 && choose(s))
            pthread_cond_signal(&s->work);
    }
    bool taken = !s->stopping;
    pthread_mutex_unlock(&s->lock);
    return taken;
}

/* Puts a call aside until a time, or until a thread (not 0) releases it. With the lock held. */
static void hold(struct store *s, struct store_call *call, int64_t due_ns, unsigned owner)
{
    call->own.due_ns = due_ns;
    call->own.owner = owner;
    s->stats.held++;
    store_queue_push(&s->held, call);
    store_wake_keeper_at(s, due_ns);
}

/* Where a call that is not done goes. With the lock held. */
static void put_back(struct store *s, struct store_call *call, enum store_call_state state,
                     const struct store_run *run, unsigned number)
{
    /* The keeper did not see it while it ran. */
    if (call->deadline_ns != 0)
        store_wake_keeper_at(s, call->deadline_ns);
    if (state == STORE_CALL_RETRY) {
        hold(s, call, clock_monotonic_ns() + store_backoff_ns(call->own.attempts - 1), 0);
    } else if (run->outcome == STORE_OUTCOME_SILENT) {
        hold(s, call, INT64_MAX, number);
    } else {
        s->stats.held++;
        store_queue_return(&s->queues[call->own.kind->id], call);
        if (s->idle_threads > 0)
            pthread_cond_signal(&s->work);
    }
}

void store_finish_batch(struct store *s, const struct store_batch *batch,
                        const struct store_run *run, unsigned number)
{
    struct store_queue done = {0};
    struct store_queue ended = {0};
    pthread_mutex_lock(&s->lock);
    s->stats.statements += run->statements;
    s->stats.split += run->split;
    if (batch->kind->is_slow)
        s->slow_running--;
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->states[i] == STORE_CALL_DONE)
            store_queue_push(&done, batch->calls[i]);
        else if (s->closing)
            store_queue_push(&ended, batch->calls[i]);
        else
            put_back(s, batch->calls[i], batch->states[i], run, number);
    }
    pthread_mutex_unlock(&s->lock);
    store_complete(s, &done, CELERIAC_OK);
    store_complete(s, &ended, CELERIAC_ERR_SHUTDOWN);
}

void store_release_held(struct store *s, unsigned number)
{
    struct store_queue rest = {0};
    struct store_call *call;
    while ((call = store_queue_pop(&s->held))) {
        if (call->own.owner == number)
            store_queue_return(&s->queues[call->own.kind->id], call);
        else
            store_queue_push(&rest, call);
    }
    s->held = rest;
    if (s->idle_threads > 0)
        pthread_cond_broadcast(&s->work);
}

/* Sets the error of a call that ends without its statement's outcome. */
static void end_without_outcome(struct store *s, struct store_call *call, enum celeriac_err code)
{
    struct celeriac_error trouble;
    pthread_mutex_lock(&s->lock);
    trouble = s->trouble;
    pthread_mutex_unlock(&s->lock);
    if (code == CELERIAC_ERR_SHUTDOWN)
        (void)celeriac_error_set(&call->error, code, "the store is stopping");
    else
        (void)celeriac_error_set(&call->error, code, "the database did not answer in time%s%.150s",
                                 trouble.code == CELERIAC_OK ? "" : ": ", trouble.text);
}

void store_complete(struct store *s, struct store_queue *calls, enum celeriac_err code)
{
    uint64_t count = 0;
    uint64_t failed = 0;
    for (struct store_call *call = calls->head; call; call = call->own.next) {
        if (code != CELERIAC_OK)
            end_without_outcome(s, call, code);
        count++;
        failed += call->error.code != CELERIAC_OK;
    }
    if (count == 0)
        return;
    /* Counted first: who was called back may look at the counters. */
    pthread_mutex_lock(&s->lock);
    s->stats.calls += count;
    s->stats.failed += failed;
    s->stats.waiting -= count;
    pthread_mutex_unlock(&s->lock);
    struct store_call *call;
    while ((call = store_queue_pop(calls)))
        call->done(call);
}
