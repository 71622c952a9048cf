#include "notify/enqueue.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/monotonic_cond.h"
#include "base/span.h"
#include "celeriac/client.h"
#include "notify/reconciler.h"
#include "notify/send_task.h"
#include "notify/store/idempotency.h"
#include "notify/store/outbox.h"

/* Messages of one round trip: a megabyte at about a kilobyte each. */
#define BATCH_MAX 1000

#define SWEEP_DEFAULT_MS 1000

/* After this time without a publication the broker is tried, so that its state is known. */
#define CONTACT_NS (10 * NS_PER_SEC)

/* A key that nobody has: forgetting it is one round trip that changes nothing. */
#define CONTACT_KEY "celeriac.contact"

/* How long a publication is remembered: far beyond the time in which an outbox row can be taken
 * again. */
#define UNIQUE_SECONDS 86400

/* Characters of {"["id"]"} and of a unique key, with their NULs. */
#define ARGS_SIZE (UUID_LEN + 5)
#define UNIQUE_PREFIX "celeriac.outbox."
#define UNIQUE_SIZE (sizeof UNIQUE_PREFIX + UUID_LEN)

/* Deadline of the deletions of one batch: longer than the store needs, shorter than a row's lease.
 */
#define DELETE_TIMEOUT_NS (3 * NS_PER_SEC)
#define SWEEP_TIMEOUT_NS (3 * NS_PER_SEC)

/* Answers to idempotent requests are kept for a day; looking for old ones need not be often. */
#define FORGET_ANSWERS_NS (60 * NS_PER_SEC)

/* Revocations that wait for a broker that is away; further ones are dropped. */
#define REVOKES_MAX CELERIAC_REVOKE_MAX

/* Texts that one message of a batch is made of. The task's id is the notification's. */
struct texts {
    char id[UUID_SIZE];
    char args[ARGS_SIZE];
    char unique[UNIQUE_SIZE];
};

struct notify_enqueue {
    struct store *store;
    struct celeriac_client *client;
    char *queue;
    int64_t sweep_ns, idle_sweep_ns;
    pthread_t thread;
    bool thread_started;

    /* The thread's, as all until the lock. Headers in it and in `waiting` are memory of their own.
     */
    struct notify_publication batch[BATCH_MAX];
    struct texts texts[BATCH_MAX];
    struct celeriac_send sends[BATCH_MAX];
    struct store_delete_outbox deletes[BATCH_MAX];
    bool away_reported;
    bool is_quiet;             /* nothing was found since this round began */
    int64_t forget_answers_ns; /* when to do it next */
    struct notify_reconciler *reconciler;
    struct uuid revoking[REVOKES_MAX];
    char revoke_texts[REVOKES_MAX][UUID_SIZE];

    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct notify_publications *waiting;
    size_t deleting; /* deletions under way */
    struct uuid revokes[REVOKES_MAX];
    size_t revoke_count;
    bool revoke_now; /* there is one that was not tried yet */
    bool stopping;

    int64_t contact_ns; /* the thread's: when the broker was tried last */
    atomic_uint_fast64_t published, swept, failures;
    atomic_int broker;            /* enum notify_broker */
    atomic_int_fast64_t round_ns; /* see struct notify_enqueue_stats */
};

/* ---- one batch ----------------------------------------------------------------------------- */

static void write_texts(const struct notify_publication *item, struct texts *texts)
{
    uuid_format(&item->notification_id, texts->id);
    memcpy(texts->args, "[\"", 2);
    memcpy(texts->args + 2, texts->id, UUID_LEN);
    memcpy(texts->args + 2 + UUID_LEN, "\"]", 3);
    memcpy(texts->unique, UNIQUE_PREFIX, sizeof UNIQUE_PREFIX - 1);
    uuid_format(&item->task_id, texts->unique + sizeof UNIQUE_PREFIX - 1);
}

static enum celeriac_err send_batch(struct notify_enqueue *enqueue, size_t count,
                                    struct celeriac_error *err)
{
    for (size_t i = 0; i < count; i++) {
        write_texts(&enqueue->batch[i], &enqueue->texts[i]);
        enqueue->sends[i] = (struct celeriac_send){
            .task = NOTIFY_SEND_TASK_NAME,
            .args_json = enqueue->texts[i].args,
            .id = enqueue->texts[i].id,
            .queue = enqueue->queue,
            .eta_us = enqueue->batch[i].eta_us == STORE_NO_TIME ? 0 : enqueue->batch[i].eta_us,
            .headers_json = enqueue->batch[i].headers_json,
            .unique_key = enqueue->texts[i].unique,
            .unique_seconds = UNIQUE_SECONDS,
        };
    }
    return celeriac_client_send(enqueue->client, enqueue->sends, count, NULL, err);
}

/* Runs on a store thread. */
static void deleted(struct store_call *call)
{
    struct notify_enqueue *enqueue = call->context;

    pthread_mutex_lock(&enqueue->lock);
    if (--enqueue->deleting == 0)
        pthread_cond_signal(&enqueue->changed);
    pthread_mutex_unlock(&enqueue->lock);
}

static void submit_delete(struct notify_enqueue *enqueue, size_t i, int64_t deadline_ns)
{
    struct store_delete_outbox *del = &enqueue->deletes[i];

    store_delete_outbox_init(del, &enqueue->batch[i].notification_id, &enqueue->batch[i].task_id);
    del->call.done = deleted;
    del->call.context = enqueue;
    del->call.deadline_ns = deadline_ns;
    pthread_mutex_lock(&enqueue->lock);
    enqueue->deleting++;
    pthread_mutex_unlock(&enqueue->lock);
    if (store_submit(enqueue->store, &del->call))
        deleted(&del->call);
}

/* The rows go, and with each row its key: from then on nobody can publish the message again. */
static void forget_batch(struct notify_enqueue *enqueue, size_t count)
{
    int64_t deadline_ns = clock_monotonic_ns() + DELETE_TIMEOUT_NS;
    const char *unique[BATCH_MAX];
    size_t gone = 0;

    for (size_t i = 0; i < count; i++)
        submit_delete(enqueue, i, deadline_ns);
    pthread_mutex_lock(&enqueue->lock);
    while (enqueue->deleting > 0)
        pthread_cond_wait(&enqueue->changed, &enqueue->lock);
    pthread_mutex_unlock(&enqueue->lock);
    for (size_t i = 0; i < count; i++) {
        if (enqueue->deletes[i].call.error.code == CELERIAC_OK)
            unique[gone++] = enqueue->texts[i].unique;
        store_call_release(&enqueue->deletes[i].call);
    }
    /* A key that stays behind expires by itself. */
    if (celeriac_client_forget_unique(enqueue->client, unique, gone, NULL))
        atomic_fetch_add(&enqueue->failures, 1);
}

static void note_broker(struct notify_enqueue *enqueue, enum notify_broker state)
{
    atomic_store(&enqueue->broker, state);
    enqueue->contact_ns = clock_monotonic_ns();
}

static void try_broker(struct notify_enqueue *enqueue)
{
    const char *const key = CONTACT_KEY;

    note_broker(enqueue,
                celeriac_client_forget_unique(enqueue->client, &key, 1, NULL) == CELERIAC_OK
                    ? NOTIFY_BROKER_REACHED
                    : NOTIFY_BROKER_AWAY);
}

/* False when the broker does not take them: they stay in the outbox. */
static bool try_batch(struct notify_enqueue *enqueue, size_t count)
{
    struct celeriac_error err = {0};

    if (send_batch(enqueue, count, &err)) {
        atomic_fetch_add(&enqueue->failures, 1);
        note_broker(enqueue, NOTIFY_BROKER_AWAY);
        if (!enqueue->away_reported)
            log_error("notify", "cannot publish; accepted notifications wait in the outbox",
                      LOG_ERR(&err));
        enqueue->away_reported = true;
        return false;
    }
    if (enqueue->away_reported)
        log_info("notify", "publishing again");
    enqueue->away_reported = false;
    note_broker(enqueue, NOTIFY_BROKER_REACHED);
    atomic_fetch_add(&enqueue->published, count);
    forget_batch(enqueue, count);
    return true;
}

/* Publishes the batch, which is empty afterwards. False as above. */
static bool publish_batch(struct notify_enqueue *enqueue, size_t count)
{
    bool published = count == 0 || try_batch(enqueue, count);

    for (size_t i = 0; i < count; i++)
        notify_publication_release(&enqueue->batch[i]);
    return published;
}

/* ---- the thread ---------------------------------------------------------------------------- */

/* Waits until there is something to publish, the next sweep is due, or the end. */
static size_t wait_for_work(struct notify_enqueue *enqueue, int64_t sweep_ns, bool *stopping)
{
    size_t count;
    bool in_time = true;

    pthread_mutex_lock(&enqueue->lock);
    while (notify_publications_count(enqueue->waiting) == 0 && !enqueue->revoke_now &&
           !enqueue->stopping && in_time)
        in_time = monotonic_cond_wait(&enqueue->changed, &enqueue->lock, sweep_ns);
    count = notify_publications_take(enqueue->waiting, enqueue->batch, BATCH_MAX);
    *stopping = enqueue->stopping;
    pthread_mutex_unlock(&enqueue->lock);
    return count;
}

/*
 * Makes outbox rows the batch; returns how many. What there is no memory for is taken again when
 * its hold has ended.
 */
static size_t take_rows(struct notify_enqueue *enqueue, const struct store_outbox_row *rows,
                        size_t count)
{
    size_t copied = 0;

    for (size_t i = 0; i < count; i++)
        copied += notify_publication_copy(
            &enqueue->batch[copied],
            &(struct notify_publication){.notification_id = rows[i].notification_id,
                                         .task_id = rows[i].task_id,
                                         .eta_us = rows[i].eta_us,
                                         .headers_json = rows[i].headers.ptr});
    return copied;
}

/*
 * Publishes what others, or we ourselves in worse times, have left in the outbox. Returns whether
 * there may be more right now.
 */
static bool sweep(struct notify_enqueue *enqueue)
{
    struct store_take_outbox take;
    size_t taken = 0, count = 0;

    store_take_outbox_init(&take, BATCH_MAX);
    take.call.deadline_ns = clock_monotonic_ns() + SWEEP_TIMEOUT_NS;
    if (store_run(enqueue->store, &take.call) == CELERIAC_OK) {
        taken = take.count;
        count = take_rows(enqueue, take.rows, taken);
        enqueue->is_quiet = enqueue->is_quiet && taken == 0;
    } else {
        enqueue->is_quiet = false;
    }
    store_call_release(&take.call);
    if (count == 0 || !publish_batch(enqueue, count))
        return false;
    atomic_fetch_add(&enqueue->swept, count);
    log_info("notify", "published from the outbox", LOG_INT("notifications", count));
    return taken == BATCH_MAX;
}

/* Removes answers that nobody may ask for any more. One that cannot be done now will be later. */
static void forget_answers(struct notify_enqueue *enqueue)
{
    struct store_sweep_answers sweep;
    int64_t now_ns = clock_monotonic_ns();

    if (now_ns < enqueue->forget_answers_ns)
        return;
    enqueue->forget_answers_ns = now_ns + FORGET_ANSWERS_NS;
    store_sweep_answers_init(&sweep, STORE_SWEEP_ANSWERS_MAX);
    sweep.call.deadline_ns = now_ns + SWEEP_TIMEOUT_NS;
    if (store_run(enqueue->store, &sweep.call) != CELERIAC_OK)
        log_debug("notify", "cannot remove old answers now", LOG_ERR(&sweep.call.error));
    else if (sweep.removed == STORE_SWEEP_ANSWERS_MAX)
        enqueue->forget_answers_ns = now_ns; /* there are more, as many as there were requests */
    store_call_release(&sweep.call);
}

/* Publishes again what has no message. */
static void publish_lost(struct notify_enqueue *enqueue, const struct store_reconcile *lost)
{
    if (lost->count == 0)
        return;
    log_warning("notify", "publishing again what has no message",
                LOG_INT("notifications", lost->count), LOG_INT("messages", lost->backlog));
    (void)publish_batch(enqueue, take_rows(enqueue, lost->rows, lost->count));
}

/*
 * Publishes again what seems to have no message any more: a broker that was emptied, or came back
 * with older data. Counted are messages first and notifications then, so that what is sent in
 * between cannot look lost.
 */
static void reconcile(struct notify_enqueue *enqueue)
{
    int64_t now_ns = clock_monotonic_ns();
    const struct store_reconcile *lost = notify_reconciler_take(enqueue->reconciler, now_ns);
    struct celeriac_backlog backlog;

    if (lost)
        publish_lost(enqueue, lost);
    if (!notify_reconciler_is_due(enqueue->reconciler, now_ns))
        return;
    /* While the broker is away nothing is known to be lost. */
    if (celeriac_client_backlog(enqueue->client, enqueue->queue, &backlog, NULL))
        notify_reconciler_postpone(enqueue->reconciler, now_ns);
    else
        notify_reconciler_begin(enqueue->reconciler, backlog.waiting + backlog.unacked, now_ns);
}

/* Tells workers what not to execute. What cannot be told now is told with the next sweep. */
static void revoke(struct notify_enqueue *enqueue)
{
    const char *ids[REVOKES_MAX];
    struct celeriac_error err = {0};
    size_t count;
    bool is_new;

    pthread_mutex_lock(&enqueue->lock);
    count = enqueue->revoke_count;
    is_new = enqueue->revoke_now;
    memcpy(enqueue->revoking, enqueue->revokes, count * sizeof enqueue->revokes[0]);
    enqueue->revoke_now = false;
    pthread_mutex_unlock(&enqueue->lock);
    for (size_t i = 0; i < count; i++) {
        uuid_format(&enqueue->revoking[i], enqueue->revoke_texts[i]);
        ids[i] = enqueue->revoke_texts[i];
    }
    if (count == 0)
        return;
    if (celeriac_client_revoke(enqueue->client, ids, count, &err)) {
        if (is_new)
            log_warning("notify", "cannot tell workers what was cancelled", LOG_ERR(&err));
        return;
    }
    pthread_mutex_lock(&enqueue->lock);
    enqueue->revoke_count -= count;
    memmove(enqueue->revokes, enqueue->revokes + count,
            enqueue->revoke_count * sizeof enqueue->revokes[0]);
    pthread_mutex_unlock(&enqueue->lock);
}

void notify_enqueue_revoke(struct notify_enqueue *enqueue, const struct uuid *notification_id)
{
    pthread_mutex_lock(&enqueue->lock);
    if (enqueue->revoke_count < REVOKES_MAX && !enqueue->stopping) {
        enqueue->revokes[enqueue->revoke_count++] = *notification_id;
        enqueue->revoke_now = true;
    }
    pthread_mutex_unlock(&enqueue->lock);
    pthread_cond_signal(&enqueue->changed);
}

int64_t notify_enqueue_pause_ns(int64_t last_ns, int64_t sweep_ns, int64_t idle_ns, bool is_quiet)
{
    if (!is_quiet || idle_ns <= sweep_ns)
        return sweep_ns;
    return last_ns < idle_ns / 2 ? last_ns * 2 : idle_ns;
}

/* Whether the last round found nothing, and nothing waits for the next one. */
static bool is_quiet(struct notify_enqueue *enqueue)
{
    size_t revokes;

    pthread_mutex_lock(&enqueue->lock);
    revokes = enqueue->revoke_count;
    pthread_mutex_unlock(&enqueue->lock);
    return enqueue->is_quiet && revokes == 0 && enqueue->forget_answers_ns > clock_monotonic_ns() &&
           atomic_load(&enqueue->broker) == NOTIFY_BROKER_REACHED;
}

static void *run(void *argument)
{
    struct notify_enqueue *enqueue = argument;
    int64_t sweep_ns = clock_monotonic_ns();
    int64_t pause_ns = enqueue->sweep_ns;
    bool stopping = false;

    while (!stopping) {
        size_t count = wait_for_work(enqueue, sweep_ns, &stopping);

        atomic_store(&enqueue->round_ns, clock_monotonic_ns());
        revoke(enqueue);
        if (count > 0) {
            /* What a broker that is away does not take at the end is left to the sweeper. */
            if (!publish_batch(enqueue, count) && stopping)
                break;
            stopping = false; /* until nothing waits any more */
        }
        if (!stopping && clock_monotonic_ns() >= sweep_ns) {
            bool more;

            enqueue->is_quiet = true;
            more = sweep(enqueue);
            if (clock_monotonic_ns() - enqueue->contact_ns >= CONTACT_NS)
                try_broker(enqueue);
            forget_answers(enqueue);
            reconcile(enqueue);
            pause_ns = notify_enqueue_pause_ns(pause_ns, enqueue->sweep_ns, enqueue->idle_sweep_ns,
                                               is_quiet(enqueue));
            sweep_ns = clock_monotonic_ns() + (more ? 0 : pause_ns);
        }
    }
    return NULL;
}

void notify_enqueue_publish(struct notify_enqueue *enqueue,
                            const struct notify_publication *publications, size_t count)
{
    bool was_empty, has_some;

    pthread_mutex_lock(&enqueue->lock);
    was_empty = notify_publications_count(enqueue->waiting) == 0;
    for (size_t i = 0; i < count && !enqueue->stopping; i++) {
        if (!notify_publications_put(enqueue->waiting, &publications[i]))
            break;
    }
    has_some = notify_publications_count(enqueue->waiting) > 0;
    pthread_mutex_unlock(&enqueue->lock);
    if (was_empty && has_some)
        pthread_cond_signal(&enqueue->changed);
}

void notify_enqueue_get_stats(struct notify_enqueue *enqueue, struct notify_enqueue_stats *stats)
{
    *stats = (struct notify_enqueue_stats){
        .published = atomic_load(&enqueue->published),
        .swept = atomic_load(&enqueue->swept),
        .failures = atomic_load(&enqueue->failures),
        .broker = (enum notify_broker)atomic_load(&enqueue->broker),
        .round_ns = atomic_load(&enqueue->round_ns),
    };
}

/* ---- life ---------------------------------------------------------------------------------- */

static enum celeriac_err start_thread(struct notify_enqueue *enqueue, struct celeriac_error *err)
{
    atomic_store(&enqueue->round_ns, clock_monotonic_ns());
    enqueue->contact_ns = INT64_MIN / 2; /* as if long ago */
    if (pthread_create(&enqueue->thread, NULL, run, enqueue))
        return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "cannot start the publisher's thread");
    enqueue->thread_started = true;
    pthread_setname_np(enqueue->thread, "enqueue");
    return CELERIAC_OK;
}

enum celeriac_err notify_enqueue_create(const struct notify_enqueue_options *options,
                                        struct notify_enqueue **enqueue, struct celeriac_error *err)
{
    struct notify_enqueue *e = mem_calloc(1, sizeof *e);
    const struct celeriac_client_options client = {
        .broker_url = options->broker_url,
        .broker_transport_options = options->broker_transport_options,
        .broker_use_ssl = options->broker_use_ssl,
        .broker_failover_strategy = options->broker_failover_strategy,
    };
    enum celeriac_err code;

    if (!e)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    e->store = options->store;
    e->sweep_ns = (int64_t)(options->sweep_ms ? options->sweep_ms : SWEEP_DEFAULT_MS) * NS_PER_MS;
    e->idle_sweep_ns = (int64_t)options->idle_sweep_ms * NS_PER_MS;
    e->queue = mem_dup(options->queue ? options->queue : NOTIFY_QUEUE);
    pthread_mutex_init(&e->lock, NULL);
    monotonic_cond_init(&e->changed);
    if (!e->queue || notify_publications_create(&e->waiting) ||
        notify_reconciler_create(e->store, options->reconcile_after_s, &e->reconciler))
        code = celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    else
        code = celeriac_client_create(&client, &e->client, err);
    if (code == CELERIAC_OK)
        code = start_thread(e, err);
    if (code) {
        notify_enqueue_destroy(e);
        return code;
    }
    *enqueue = e;
    return CELERIAC_OK;
}

void notify_enqueue_destroy(struct notify_enqueue *enqueue)
{
    if (!enqueue)
        return;
    if (enqueue->thread_started) {
        pthread_mutex_lock(&enqueue->lock);
        enqueue->stopping = true;
        pthread_mutex_unlock(&enqueue->lock);
        pthread_cond_signal(&enqueue->changed);
        pthread_join(enqueue->thread, NULL);
    }
    notify_reconciler_destroy(enqueue->reconciler);
    celeriac_client_destroy(enqueue->client);
    pthread_cond_destroy(&enqueue->changed);
    pthread_mutex_destroy(&enqueue->lock);
    notify_publications_destroy(enqueue->waiting);
    mem_free(enqueue->queue);
    mem_free(enqueue);
}
