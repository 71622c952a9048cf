#include "notify/webhook_feed.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/monotonic_cond.h"
#include "base/uuid.h"
#include "celeriac/client.h"
#include "notify/store/webhooks.h"
#include "notify/webhook_task.h"

/* Messages of one round trip. */
#define BATCH_MAX 500

#define LOOK_DEFAULT_MS 2000

/* How often the work of Python workers is looked for, and what ended long ago is removed. */
#define SCAN_NS (5 * NS_PER_SEC)
#define SWEEP_NS (60 * NS_PER_SEC)

/* Deadline of one call of the store: what it cannot do now it does at the next look. */
#define CALL_TIMEOUT_NS (4 * NS_PER_SEC)

/*
 * How long a publication is remembered: not as long as it counts as being on the broker, else what
 * was lost there could not be published at the end of that time.
 */
#define UNIQUE_SECONDS (STORE_WEBHOOKS_LEASE_S - 60)

/* Batches in a row before other chores have their turn, of which the table must not be without. */
#define BATCHES_MAX 20

/* Characters of ["id","id"] and of a unique key, with their NULs. */
#define ARGS_SIZE (2 * UUID_LEN + 8)
#define UNIQUE_SIZE (sizeof "celeriac.webhook." + UUID_LEN + 12)

struct texts {
    char args[ARGS_SIZE];
    char unique[UNIQUE_SIZE];
};

struct notify_webhook_feed {
    struct store *store;
    struct celeriac_client *client;
    int64_t look_ns;
    pthread_t thread;
    bool thread_started;

    /* The thread's, as all until the lock. */
    struct store_webhook_row batch[BATCH_MAX]; /* taken, and not published yet */
    size_t count;
    struct texts texts[BATCH_MAX];
    struct celeriac_send sends[BATCH_MAX];
    bool away_reported;
    int64_t scan_ns; /* when to do it next */
    int64_t sweep_ns;
    bool has_webhooks; /* some tenant has one, or may have: else only the scan looks for them */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool woken;
    bool stopping;

    atomic_uint_fast64_t published, failures, found;
};

/* ---- publishing ---------------------------------------------------------------------------- */

static void write_texts(const struct store_webhook_row *row, struct texts *texts)
{
    char id[UUID_SIZE];
    char webhook[UUID_SIZE];

    uuid_format(&row->id, id);
    uuid_format(&row->webhook_id, webhook);
    (void)snprintf(texts->args, sizeof texts->args, "[\"%s\",\"%s\"]", id, webhook);
    (void)snprintf(texts->unique, sizeof texts->unique, "celeriac.webhook.%s.%d", id,
                   (int)row->turn);
}

/* False when the broker does not take them: the batch stays, for the next time. */
static bool publish(struct notify_webhook_feed *feed)
{
    struct celeriac_error err = {0};

    for (size_t i = 0; i < feed->count; i++) {
        write_texts(&feed->batch[i], &feed->texts[i]);
        feed->sends[i] = (struct celeriac_send){
            .task = NOTIFY_WEBHOOK_TASK_NAME,
            .args_json = feed->texts[i].args,
            .queue = NOTIFY_WEBHOOK_QUEUE,
            .ignore_result = true,
            .unique_key = feed->texts[i].unique,
            .unique_seconds = UNIQUE_SECONDS,
        };
    }
    if (celeriac_client_send(feed->client, feed->sends, feed->count, NULL, &err)) {
        atomic_fetch_add(&feed->failures, 1);
        if (!feed->away_reported)
            log_error("webhook", "cannot publish; messages wait in the table", LOG_ERR(&err));
        feed->away_reported = true;
        return false;
    }
    if (feed->away_reported)
        log_info("webhook", "publishing again");
    feed->away_reported = false;
    atomic_fetch_add(&feed->published, feed->count);
    feed->count = 0;
    return true;
}

/* Makes what is due the batch; returns whether there may be more. */
static bool take(struct notify_webhook_feed *feed)
{
    struct store_take_webhooks due;
    bool more = false;

    store_take_webhooks_init(&due, BATCH_MAX);
    due.call.deadline_ns = clock_monotonic_ns() + CALL_TIMEOUT_NS;
    if (store_run(feed->store, &due.call) != CELERIAC_OK) {
        log_debug("webhook", "cannot look for messages now", LOG_ERR(&due.call.error));
    } else {
        memcpy(feed->batch, due.rows, due.count * sizeof feed->batch[0]);
        feed->count = due.count;
        more = due.more;
    }
    store_call_release(&due.call);
    return more;
}

static bool is_stopping(struct notify_webhook_feed *feed)
{
    bool stopping;

    pthread_mutex_lock(&feed->lock);
    stopping = feed->stopping;
    pthread_mutex_unlock(&feed->lock);
    return stopping;
}

/*
 * Publishes what is due; returns whether there is more that can be published now. A batch that the
 * broker did not take comes first.
 */
static bool publish_due(struct notify_webhook_feed *feed)
{
    bool more = true;

    for (int i = 0; more && i < BATCHES_MAX && !is_stopping(feed); i++) {
        if (feed->count == 0)
            more = take(feed);
        if (feed->count > 0 && !publish(feed))
            return false;
    }
    return more;
}

/* ---- now and then -------------------------------------------------------------------------- */

static bool scan_once(struct notify_webhook_feed *feed)
{
    struct store_scan_webhooks scan;
    bool more = false;

    store_scan_webhooks_init(&scan);
    scan.call.deadline_ns = clock_monotonic_ns() + CALL_TIMEOUT_NS;
    if (store_run(feed->store, &scan.call) != CELERIAC_OK)
        log_debug("webhook", "cannot look for others' work now", LOG_ERR(&scan.call.error));
    else if (scan.looked)
        feed->has_webhooks = scan.has_webhooks;
    more = scan.more;
    if (scan.made > 0) {
        atomic_fetch_add(&feed->found, (uint64_t)scan.made);
        log_info("webhook", "found what others have sent or given up",
                 LOG_INT("messages", scan.made));
    }
    store_call_release(&scan.call);
    return more;
}

static bool sweep_once(struct notify_webhook_feed *feed)
{
    struct store_sweep_webhooks sweep;
    bool more;

    store_sweep_webhooks_init(&sweep);
    sweep.call.deadline_ns = clock_monotonic_ns() + CALL_TIMEOUT_NS;
    if (store_run(feed->store, &sweep.call) != CELERIAC_OK)
        log_debug("webhook", "cannot remove old messages now", LOG_ERR(&sweep.call.error));
    more = sweep.more;
    store_call_release(&sweep.call);
    return more;
}

/* One call each at a time, so that what is due is not kept waiting by a long way to go. */
static void do_chores(struct notify_webhook_feed *feed)
{
    int64_t now_ns = clock_monotonic_ns();

    if (now_ns >= feed->scan_ns)
        feed->scan_ns = scan_once(feed) ? now_ns : now_ns + SCAN_NS;
    if (now_ns >= feed->sweep_ns)
        feed->sweep_ns = sweep_once(feed) ? now_ns : now_ns + SWEEP_NS;
}

/* ---- the thread ---------------------------------------------------------------------------- */

/* Waits until there is news, or until the next look; false when it is to end. */
static bool wait_for_work(struct notify_webhook_feed *feed, int64_t until_ns)
{
    bool in_time = true;
    bool stopping;

    pthread_mutex_lock(&feed->lock);
    while (!feed->woken && !feed->stopping && in_time)
        in_time = monotonic_cond_wait(&feed->changed, &feed->lock, until_ns);
    feed->has_webhooks = feed->has_webhooks || feed->woken;
    feed->woken = false;
    stopping = feed->stopping;
    pthread_mutex_unlock(&feed->lock);
    return !stopping;
}

static void *run(void *argument)
{
    struct notify_webhook_feed *feed = argument;
    int64_t next_ns = clock_monotonic_ns();

    while (wait_for_work(feed, next_ns)) {
        bool had_webhooks = feed->has_webhooks;
        bool more = had_webhooks && publish_due(feed);

        do_chores(feed);
        more = more || (feed->has_webhooks && !had_webhooks);
        next_ns = clock_monotonic_ns();
        if (!feed->has_webhooks)
            next_ns = feed->scan_ns;
        else if (!more && feed->scan_ns > next_ns)
            next_ns += feed->look_ns;
    }
    return NULL;
}

void notify_webhook_feed_wake(struct notify_webhook_feed *feed)
{
    bool first;

    if (!feed)
        return;
    pthread_mutex_lock(&feed->lock);
    first = !feed->woken;
    feed->woken = true;
    pthread_mutex_unlock(&feed->lock);
    if (first)
        pthread_cond_signal(&feed->changed);
}

void notify_webhook_feed_get_stats(struct notify_webhook_feed *feed,
                                   struct notify_webhook_feed_stats *stats)
{
    *stats = (struct notify_webhook_feed_stats){
        .published = atomic_load(&feed->published),
        .failures = atomic_load(&feed->failures),
        .found = atomic_load(&feed->found),
    };
}

/* ---- life ---------------------------------------------------------------------------------- */

enum celeriac_err notify_webhook_feed_create(const struct notify_webhook_feed_options *options,
                                             struct notify_webhook_feed **feed,
                                             struct celeriac_error *err)
{
    struct notify_webhook_feed *f = mem_calloc(1, sizeof *f);
    const struct celeriac_client_options client = {
        .broker_url = options->broker_url,
        .broker_transport_options = options->broker_transport_options,
        .broker_use_ssl = options->broker_use_ssl,
        .broker_failover_strategy = options->broker_failover_strategy,
    };
    enum celeriac_err code;

    if (!f)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    f->store = options->store;
    f->has_webhooks = true;
    f->look_ns = (int64_t)(options->look_ms ? options->look_ms : LOOK_DEFAULT_MS) * NS_PER_MS;
    pthread_mutex_init(&f->lock, NULL);
    monotonic_cond_init(&f->changed);
    code = celeriac_client_create(&client, &f->client, err);
    if (code == CELERIAC_OK && pthread_create(&f->thread, NULL, run, f))
        code = celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "cannot start the thread of webhooks");
    if (code) {
        notify_webhook_feed_destroy(f);
        return code;
    }
    f->thread_started = true;
    pthread_setname_np(f->thread, "webhooks");
    *feed = f;
    return CELERIAC_OK;
}

void notify_webhook_feed_destroy(struct notify_webhook_feed *feed)
{
    if (!feed)
        return;
    if (feed->thread_started) {
        pthread_mutex_lock(&feed->lock);
        feed->stopping = true;
        pthread_mutex_unlock(&feed->lock);
        pthread_cond_signal(&feed->changed);
        pthread_join(feed->thread, NULL);
    }
    celeriac_client_destroy(feed->client);
    pthread_cond_destroy(&feed->changed);
    pthread_mutex_destroy(&feed->lock);
    mem_free(feed);
}
