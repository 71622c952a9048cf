#include "notify/reconciler.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"

/* How many are published again at most: for want of messages, and because of their age. */
#define MISSING_MAX 900
#define OVERDUE_MAX 100

/* Longest wait for a free connection; the statement has a limit of its own. */
#define WAIT_NS (3 * NS_PER_SEC)

enum stage { IDLE, RUNNING, ENDED };

struct notify_reconciler {
    struct store *store;
    unsigned after_s;
    int64_t due_ns, began_ns;
    struct store_reconcile call;
    struct uuid suspects[STORE_RECONCILE_MAX]; /* of the last comparison */
    size_t suspect_count;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    enum stage stage; /* under lock, as the next */
    int64_t ended_ns;
};

enum celeriac_err notify_reconciler_create(struct store *store, unsigned after_s,
                                           struct notify_reconciler **r)
{
    struct notify_reconciler *made = mem_calloc(1, sizeof *made);

    if (!made)
        return CELERIAC_ERR_MEMORY;
    made->store = store;
    made->after_s = after_s;
    store_reconcile_init(&made->call);
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->ended, NULL);
    *r = made;
    return CELERIAC_OK;
}

void notify_reconciler_destroy(struct notify_reconciler *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    while (r->stage == RUNNING)
        pthread_cond_wait(&r->ended, &r->lock);
    pthread_mutex_unlock(&r->lock);
    store_call_release(&r->call.call);
    pthread_cond_destroy(&r->ended);
    pthread_mutex_destroy(&r->lock);
    mem_free(r);
}

static void set_stage(struct notify_reconciler *r, enum stage stage)
{
    pthread_mutex_lock(&r->lock);
    r->stage = stage;
    r->ended_ns = clock_monotonic_ns();
    pthread_cond_signal(&r->ended);
    pthread_mutex_unlock(&r->lock);
}

static enum stage stage_of(const struct notify_reconciler *r)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&r->lock;
    enum stage stage;

    pthread_mutex_lock(lock);
    stage = r->stage;
    pthread_mutex_unlock(lock);
    return stage;
}

/* Runs on a store thread. */
static void on_done(struct store_call *call)
{
    set_stage(call->context, ENDED);
}

bool notify_reconciler_is_due(const struct notify_reconciler *r, int64_t now_ns)
{
    return r->after_s != 0 && now_ns >= r->due_ns && stage_of(r) == IDLE;
}

void notify_reconciler_begin(struct notify_reconciler *r, uint64_t messages, int64_t now_ns)
{
    bool is_long = messages >= STORE_RECONCILE_BACKLOG_MAX;

    store_call_release(&r->call.call);
    store_reconcile_init(&r->call);
    r->call.backlog = is_long ? STORE_RECONCILE_BACKLOG_MAX : (uint32_t)messages;
    r->call.missing_max = is_long ? 0 : MISSING_MAX;
    r->call.overdue_seconds = r->after_s;
    r->call.overdue_max = OVERDUE_MAX;
    r->call.suspects = r->suspects;
    r->call.suspect_count = r->suspect_count;
    r->call.call.deadline_ns = now_ns + WAIT_NS;
    r->call.call.done = on_done;
    r->call.call.context = r;
    r->began_ns = now_ns;
    set_stage(r, RUNNING);
    if (store_submit(r->store, &r->call.call) != CELERIAC_OK)
        set_stage(r, ENDED);
}

void notify_reconciler_postpone(struct notify_reconciler *r, int64_t now_ns)
{
    r->due_ns = now_ns + NOTIFY_RECONCILE_NS;
}

const struct store_reconcile *notify_reconciler_take(struct notify_reconciler *r, int64_t now_ns)
{
    const struct store_reconcile *call = &r->call;
    size_t count;

    if (stage_of(r) != ENDED)
        return NULL;
    r->due_ns = now_ns + notify_reconciler_pause_ns(r->ended_ns - r->began_ns);
    set_stage(r, IDLE);
    if (call->call.error.code != CELERIAC_OK) {
        log_debug("notify", "cannot look for lost messages now", LOG_ERR(&call->call.error));
        return NULL;
    }
    count = call->found_count < STORE_RECONCILE_MAX ? call->found_count : STORE_RECONCILE_MAX;
    for (size_t i = 0; i < count; i++)
        r->suspects[i] = call->found[i].notification_id;
    r->suspect_count = count;
    return call;
}

int64_t notify_reconciler_pause_ns(int64_t took_ns)
{
    if (took_ns <= NOTIFY_RECONCILE_LIGHT_NS)
        return NOTIFY_RECONCILE_NS;
    if (took_ns >= NOTIFY_RECONCILE_LATEST_NS / NOTIFY_RECONCILE_REST)
        return NOTIFY_RECONCILE_LATEST_NS;
    return took_ns * NOTIFY_RECONCILE_REST;
}
