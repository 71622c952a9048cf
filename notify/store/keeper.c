/* The store's own clock: deadlines, waits before repeating, and chores. */

#include "base/clock.h"
#include "base/monotonic_cond.h"
#include "notify/store/api_keys.h"
#include "notify/store/combine.h"
#include "notify/store/senders.h"

static bool is_due(const struct store_call *call, const void *now_ns)
{
    return call->own.due_ns <= *(const int64_t *)now_ns;
}

static bool is_expired(const struct store_call *call, const void *now_ns)
{
    return call->deadline_ns != 0 && call->deadline_ns <= *(const int64_t *)now_ns;
}

/* Queues again what was held until now. With the lock held. */
static void release_due(struct store *s, int64_t now_ns)
{
    struct store_queue due = {0};
    struct store_call *call;
    store_queue_move(&s->held, &due, is_due, &now_ns);
    while ((call = store_queue_pop(&due))) {
        store_queue_return(&s->queues[call->own.kind->id], call);
        if (s->idle_threads > 0)
            pthread_cond_signal(&s->work);
    }
}

/* Takes out what has waited past its deadline. With the lock held. */
static void collect_expired(struct store *s, int64_t now_ns, struct store_queue *expired)
{
    store_queue_move(&s->held, expired, is_expired, &now_ns);
    for (unsigned id = 0; id < STORE_KIND_COUNT; id++) {
        if (store_queue_deadline(&s->queues[id]) <= now_ns)
            store_queue_move(&s->queues[id], expired, is_expired, &now_ns);
    }
}

static void chore_done(struct store_call *call)
{
    struct store_chore *chore = call->context;
    struct store *s = chore->store;
    /* Before the chore is free again: from then on another thread may begin it anew. */
    store_call_release(call);
    pthread_mutex_lock(&s->lock);
    chore->runs = false;
    if (chore == &s->beat_chore && call->error.code == CELERIAC_OK)
        s->has_beaten = true;
    store_wake_keeper_at(s, chore->due_ns);
    pthread_cond_broadcast(&s->change);
    pthread_mutex_unlock(&s->lock);
}

/* Starts a chore's call. With the lock held. */
static void start_chore(struct store *s, struct store_chore *chore, struct store_call *call)
{
    chore->store = s;
    chore->runs = true;
    call->done = chore_done;
    call->context = chore;
    store_push(s, call);
}

void store_beat_now(struct store *s)
{
    if (!s->has_sender || s->closing || s->beat_chore.runs)
        return;
    s->beat_chore.due_ns = clock_monotonic_ns() + STORE_BEAT_NS;
    store_beat_init(&s->beat);
    start_chore(s, &s->beat_chore, &s->beat);
}

/* Starts the chores that are due. With the lock held. */
static void do_chores(struct store *s, int64_t now_ns)
{
    if (s->closing)
        return;
    if (s->beat_chore.due_ns <= now_ns)
        store_beat_now(s);
    if (s->has_sender && !s->sweep_chore.runs && s->sweep_chore.due_ns <= now_ns) {
        s->sweep_chore.due_ns = now_ns + STORE_SWEEP_NS;
        store_sweep_senders_init(&s->sweep);
        start_chore(s, &s->sweep_chore, &s->sweep);
    }
    if (!s->touch_chore.runs && s->touch_chore.due_ns <= now_ns) {
        store_touch_keys_init(&s->touch);
        s->touch_chore.due_ns = store_touches_collect(s->touches, now_ns, &s->touch);
        if (s->touch.count > 0)
            start_chore(s, &s->touch_chore, &s->touch.call);
    }
}

/* When to look at a chore. Whoever ends one that is due again by then tells us. */
static int64_t chore_time(const struct store_chore *chore, int64_t now_ns)
{
    return chore->runs && chore->due_ns <= now_ns ? INT64_MAX : chore->due_ns;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* When there is something to do next, as far as is known now. With the lock held. */
static int64_t next_time(const struct store *s, int64_t now_ns)
{
    int64_t next = earlier(store_queue_due(&s->held), store_queue_deadline(&s->held));
    for (unsigned id = 0; id < STORE_KIND_COUNT; id++)
        next = earlier(next, store_queue_deadline(&s->queues[id]));
    if (s->closing)
        return next;
    if (s->has_sender)
        next = earlier(
            next, earlier(chore_time(&s->beat_chore, now_ns), chore_time(&s->sweep_chore, now_ns)));
    return earlier(next, chore_time(&s->touch_chore, now_ns));
}

/* Waits until keeper_next_ns or a signal. With the lock held. */
static void wait(struct store *s)
{
    (void)monotonic_cond_wait(&s->keeper, &s->lock, s->keeper_next_ns);
}

void *store_keeper_main(void *store)
{
    struct store *s = store;
    pthread_mutex_lock(&s->lock);
    while (!s->stopping) {
        struct store_queue expired = {0};
        int64_t now = clock_monotonic_ns();
        release_due(s, now);
        collect_expired(s, now, &expired);
        do_chores(s, now);
        s->keeper_next_ns = next_time(s, now);
        if (expired.head) {
            pthread_mutex_unlock(&s->lock);
            store_complete(s, &expired, CELERIAC_ERR_TIMEOUT);
            pthread_mutex_lock(&s->lock);
        } else if (s->keeper_next_ns > now) {
            wait(s);
        }
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

void store_touch_key(struct store *s, int64_t key_id, int64_t used_at_us)
{
    pthread_mutex_lock(&s->lock);
    int64_t due = store_touches_note(s->touches, key_id, used_at_us, clock_monotonic_ns());
    if (due < s->touch_chore.due_ns)
        s->touch_chore.due_ns = due;
    if (!s->touch_chore.runs)
        store_wake_keeper_at(s, due);
    pthread_mutex_unlock(&s->lock);
}
