/*
 * What is published, forgotten, swept and left. Broker and store are scripts here, so that each can
 * fail in the middle; tests/integration/api/rest_faults_test.py has the real ones.
 */
#include "notify/enqueue.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/span.h"
#include "celeriac/client.h"
#include "notify/store/idempotency.h"
#include "notify/store/outbox.h"
#include "notify/store/reconcile.h"

/* Most ids that a script remembers. */
#define SEEN_MAX 4096

/* ---- the scripts; guarded by the lock ---------------------------------------------------------
 */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* The headers of those messages that have some. */
static const char script_headers[] = "{\"traceparent\": \"00-1-2-01\"}";

static struct {
    bool broker_away;
    bool store_refuses; /* deletions end with a timeout */
    bool store_full;    /* deletions are not even taken */
    bool store_away;    /* sweeps end with a timeout */
    size_t in_outbox;   /* rows that sweeps find, once each */
    size_t messages;    /* that the broker has, half of them taken */
    size_t lost;        /* rows that a reconciliation finds, once each */
    size_t old_answers; /* that sweeps find */
    size_t answer_sweeps;
    size_t revoked, reconciled;
    bool slow_database;           /* a reconciliation does not end */
    struct store_reconcile asked; /* the last reconciliation */
    bool held;                    /* sending waits until this is false */
    bool slow;                    /* sending takes 20 ms, as with a broker that is silent */
    /* what happened */
    size_t with_headers; /* messages that had headers */
    size_t batches, sent, deleted, forgotten, sweeps, largest, attempts, contacts;
    unsigned char seen[SEEN_MAX]; /* by the number in the id */
} script;

static void set_bool(bool *flag, bool value)
{
    pthread_mutex_lock(&lock);
    *flag = value;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

/* Waits until a counter has reached a number. */
static void await(const size_t *counter, size_t number)
{
    struct timespec until;
    int rc = 0;
    (void)timespec_get(&until, TIME_UTC);
    until.tv_sec += 60;
    pthread_mutex_lock(&lock);
    while (*counter < number && rc == 0)
        rc = pthread_cond_timedwait(&changed, &lock, &until);
    size_t reached = *counter;
    pthread_mutex_unlock(&lock);
    assert_true(reached >= number);
}

static struct uuid id_of(size_t number)
{
    struct uuid id = {{0}};
    id.bytes[14] = (uint8_t)(number >> 8);
    id.bytes[15] = (uint8_t)number;
    return id;
}

enum celeriac_err celeriac_client_create(const struct celeriac_client_options *options,
                                         struct celeriac_client **client,
                                         struct celeriac_error *err)
{
    if (options->broker_url && strcmp(options->broker_url, "bad") == 0)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "bad URL");
    *client = NULL;
    return CELERIAC_OK;
}

void celeriac_client_destroy(struct celeriac_client *client)
{
    assert_null(client);
}

/* Checks one message and notes it by the number at the end of its ids. */
static void take_message(const struct celeriac_send *send)
{
    size_t len = strlen(send->args_json);
    unsigned number = 0;
    assert_string_equal(send->task, "notifications.tasks.send_notification_task");
    assert_string_equal(send->queue, "celery");
    assert_int_equal(len, 40);
    assert_memory_equal(send->args_json, "[\"00000000-0000-0000-0000-00000000", 34);
    for (size_t i = len - 6; i < len - 2; i++)
        number =
            number * 16 + (unsigned)(send->args_json[i] <= '9' ? send->args_json[i] - '0'
                                                               : send->args_json[i] - 'a' + 10);
    /* The task's id is the notification's, the key is made of the publication's. */
    assert_memory_equal(send->id, send->args_json + 2, 36);
    assert_memory_equal(send->unique_key, "celeriac.outbox.01000000-", 25);
    assert_string_equal(send->unique_key + 25, send->id + 9);
    assert_int_equal(send->eta_us, number >= 2000 && number % 2 ? 1000 + number : 0);
    assert_true(send->unique_seconds >= 3600);
    if (send->headers_json && send->headers_json[0] != 'x') {
        assert_string_equal(send->headers_json, script_headers);
        script.with_headers++;
    }
    script.seen[number]++;
}

enum celeriac_err celeriac_client_send(struct celeriac_client *client,
                                       const struct celeriac_send *sends, size_t count,
                                       char (*ids)[CELERIAC_TASK_ID_SIZE],
                                       struct celeriac_error *err)
{
    enum celeriac_err rc = CELERIAC_OK;
    (void)client;
    assert_null(ids);
    pthread_mutex_lock(&lock);
    script.attempts++;
    pthread_cond_broadcast(&changed);
    while (script.held)
        pthread_cond_wait(&changed, &lock);
    if (script.slow) {
        const struct timespec pause = {.tv_nsec = 20 * NS_PER_MS};
        (void)nanosleep(&pause, NULL);
    }
    if (script.broker_away) {
        rc = celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE, "away");
    } else {
        for (size_t i = 0; i < count; i++)
            take_message(&sends[i]);
        script.batches++;
        script.sent += count;
        if (count > script.largest)
            script.largest = count;
    }
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return rc;
}

enum celeriac_err celeriac_client_forget_unique(struct celeriac_client *client,
                                                const char *const *keys, size_t count,
                                                struct celeriac_error *err)
{
    enum celeriac_err rc = CELERIAC_OK;
    (void)client;
    (void)err;
    pthread_mutex_lock(&lock);
    if (count == 1 && strcmp(keys[0], "celeriac.contact") == 0) {
        script.contacts++;
        rc = script.broker_away ? CELERIAC_ERR_UNAVAILABLE : CELERIAC_OK;
    } else {
        for (size_t i = 0; i < count; i++)
            assert_memory_equal(keys[i], "celeriac.outbox.01000000-", 25);
        script.forgotten += count;
    }
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return rc;
}

enum celeriac_err celeriac_client_backlog(struct celeriac_client *client, const char *queue,
                                          struct celeriac_backlog *backlog,
                                          struct celeriac_error *err)
{
    enum celeriac_err rc = CELERIAC_OK;
    (void)client;
    assert_string_equal(queue, "celery");
    pthread_mutex_lock(&lock);
    if (script.broker_away)
        rc = celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE, "away");
    else
        *backlog = (struct celeriac_backlog){.waiting = script.messages - script.messages / 2,
                                             .unacked = script.messages / 2};
    pthread_mutex_unlock(&lock);
    return rc;
}

enum celeriac_err celeriac_client_revoke(struct celeriac_client *client, const char *const *ids,
                                         size_t count, struct celeriac_error *err)
{
    enum celeriac_err rc = CELERIAC_OK;
    (void)client;
    pthread_mutex_lock(&lock);
    script.attempts++;
    if (script.broker_away) {
        rc = celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE, "away");
    } else {
        for (size_t i = 0; i < count; i++)
            assert_memory_equal(ids[i], "00000000-0000-0000-0000-00000000", 32);
        script.revoked += count;
    }
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return rc;
}

/* Calls that the broker's and the outbox' scripts do not know. */
static struct store_sweep_answers *answers_call;
static struct store_reconcile *reconcile_call;

void store_reconcile_init(struct store_reconcile *reconcile)
{
    memset(reconcile, 0, sizeof *reconcile);
    reconcile_call = reconcile;
}

static void run_reconcile(struct store_reconcile *reconcile)
{
    static struct store_outbox_row rows[STORE_OUTBOX_TAKE_MAX];
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < script.lost; i++) {
        rows[i] = (struct store_outbox_row){.notification_id = id_of(1000 + i),
                                            .task_id = id_of(1000 + i),
                                            .eta_us = STORE_NO_TIME};
        rows[i].task_id.bytes[0] = 1;
    }
    script.asked = *reconcile;
    /* All of them are suspects first. */
    bool again = reconcile->suspect_count > 0;
    for (size_t i = 0; i < reconcile->suspect_count; i++)
        assert_memory_equal(&reconcile->suspects[i], &rows[i].notification_id, sizeof(struct uuid));
    assert_int_equal(again ? reconcile->suspect_count : script.lost, script.lost);
    reconcile->rows = rows;
    reconcile->count = again ? script.lost : 0;
    reconcile->found = rows;
    reconcile->found_count = again ? 0 : script.lost;
    if (again)
        script.lost = 0;
    script.reconciled++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

void store_delete_outbox_init(struct store_delete_outbox *del, const struct uuid *notification_id,
                              const struct uuid *task_id)
{
    memset(del, 0, sizeof *del);
    del->notification_id = *notification_id;
    del->task_id = *task_id;
}

void store_take_outbox_init(struct store_take_outbox *take, uint32_t limit)
{
    answers_call = NULL; /* both lie on the stack of the one thread */
    memset(take, 0, sizeof *take);
    take->limit = limit;
}

void store_sweep_answers_init(struct store_sweep_answers *sweep, uint32_t limit)
{
    memset(sweep, 0, sizeof *sweep);
    sweep->limit = limit;
    answers_call = sweep;
}

enum celeriac_err store_submit(struct store *s, struct store_call *call)
{
    (void)s;
    if (reconcile_call && call == &reconcile_call->call) {
        run_reconcile(reconcile_call);
        if (!script.slow_database)
            call->done(call);
        return CELERIAC_OK;
    }
    pthread_mutex_lock(&lock);
    bool full = script.store_full;
    bool refuses = script.store_refuses;
    if (!full && !refuses)
        script.deleted++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    if (full)
        return celeriac_error_set(&call->error, CELERIAC_ERR_LIMIT, "full");
    if (refuses)
        (void)celeriac_error_set(&call->error, CELERIAC_ERR_TIMEOUT, "late");
    call->done(call);
    return CELERIAC_OK;
}

/* A sweep: rows numbered from 2000 on. */
enum celeriac_err store_run(struct store *s, struct store_call *call)
{
    static struct store_outbox_row rows[STORE_OUTBOX_TAKE_MAX];
    if (answers_call && call == &answers_call->call) {
        pthread_mutex_lock(&lock);
        answers_call->removed =
            (uint32_t)(script.old_answers < answers_call->limit ? script.old_answers
                                                                : answers_call->limit);
        script.old_answers -= answers_call->removed;
        script.answer_sweeps++;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
        return CELERIAC_OK;
    }
    struct store_take_outbox *take = (struct store_take_outbox *)call;
    (void)s;
    assert_true(call->deadline_ns > 0);
    pthread_mutex_lock(&lock);
    size_t count = script.in_outbox < take->limit ? script.in_outbox : take->limit;
    for (size_t i = 0; i < count; i++) {
        rows[i].notification_id = id_of(2000 + i);
        rows[i].task_id = id_of(2000 + i);
        rows[i].task_id.bytes[0] = 1;
        rows[i].headers = i % 3 ? (struct span){NULL, 0} : span_of(script_headers);
        rows[i].eta_us = i % 2 ? (int64_t)(3000 + i) : STORE_NO_TIME;
    }
    script.in_outbox -= count;
    take->rows = rows;
    take->count = count;
    script.sweeps++;
    enum celeriac_err rc = script.store_away ? CELERIAC_ERR_TIMEOUT : CELERIAC_OK;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return rc;
}

void store_call_release(struct store_call *call)
{
    (void)call;
}

/* ---- tests ------------------------------------------------------------------------------------
 */

static int set_up(void **state)
{
    (void)state;
    memset(&script, 0, sizeof script);
    return 0;
}

static struct notify_enqueue *start(unsigned sweep_ms)
{
    const struct notify_enqueue_options options = {.sweep_ms = sweep_ms};
    struct notify_enqueue *e = NULL;
    assert_int_equal(notify_enqueue_create(&options, &e, NULL), CELERIAC_OK);
    return e;
}

static void publish_with(struct notify_enqueue *e, size_t number, const char *headers)
{
    struct uuid id = id_of(number);
    struct notify_publication publication = {
        .notification_id = id, .task_id = id, .eta_us = STORE_NO_TIME, .headers_json = headers};
    publication.task_id.bytes[0] = 1;
    notify_enqueue_publish(e, &publication, 1);
}

static void publish(struct notify_enqueue *e, size_t number)
{
    publish_with(e, number, NULL);
}

static void accepted_is_published_and_forgotten(void **state)
{
    struct notify_enqueue *e = start(60000);
    struct notify_enqueue_stats stats;
    (void)state;
    for (size_t i = 0; i < 10; i++)
        publish(e, i);
    await(&script.forgotten, 10);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(script.seen[i], 1);
    assert_int_equal(script.deleted, 10);
    notify_enqueue_get_stats(e, &stats);
    assert_int_equal(stats.published, 10);
    assert_int_equal(stats.swept, 0);
    assert_int_equal(stats.failures, 0);
    notify_enqueue_destroy(e);
}

/* What comes while a batch is on its way is the next batch, up to its limit. */
static void batches_grow_to_their_limit(void **state)
{
    struct notify_enqueue *e = start(60000);
    (void)state;
    set_bool(&script.held, true);
    publish(e, 0);
    await(&script.attempts, 1);
    for (size_t i = 1; i <= 1500; i++)
        publish(e, i);
    set_bool(&script.held, false);
    await(&script.forgotten, 1501);
    notify_enqueue_destroy(e);
    assert_int_equal(script.batches, 3);
    assert_int_equal(script.largest, 1000);
    for (size_t i = 0; i <= 1500; i++)
        assert_int_equal(script.seen[i], 1);
}

static void outbox_is_swept_until_it_is_empty(void **state)
{
    struct notify_enqueue_stats stats;
    (void)state;
    script.in_outbox = 1500;
    struct notify_enqueue *e = start(60000);
    await(&script.forgotten, 1500);
    notify_enqueue_get_stats(e, &stats);
    notify_enqueue_destroy(e);
    assert_int_equal(stats.published, 1500);
    assert_true(script.sweeps >= 2);
    assert_int_equal(script.deleted, 1500);
}

static void pauses_grow_while_it_is_quiet(void **state)
{
    (void)state;
    assert_int_equal(notify_enqueue_pause_ns(10, 10, 50, true), 20);
    assert_int_equal(notify_enqueue_pause_ns(20, 10, 50, true), 40);
    assert_int_equal(notify_enqueue_pause_ns(40, 10, 50, true), 50);
    assert_int_equal(notify_enqueue_pause_ns(50, 10, 50, true), 50);
    assert_int_equal(notify_enqueue_pause_ns(50, 10, 50, false), 10);
    assert_int_equal(notify_enqueue_pause_ns(10, 10, 0, true), 10);
    assert_int_equal(notify_enqueue_pause_ns(10, 10, 10, true), 10);
    assert_int_equal(notify_enqueue_pause_ns(10, 10, INT64_MAX, true), 20);
}

/* While somebody may wait for the next sweep it comes as soon as ever, else this would take hours.
 */
static void no_pause_grows_while_something_is_away(void **state)
{
    const struct notify_enqueue_options options = {.sweep_ms = 10, .idle_sweep_ms = 60000000};
    (void)state;
    for (int what = 0; what < 2; what++) {
        struct notify_enqueue *e = NULL;
        (void)set_up(NULL);
        set_bool(what == 0 ? &script.broker_away : &script.store_away, true);
        assert_int_equal(notify_enqueue_create(&options, &e, NULL), CELERIAC_OK);
        await(&script.sweeps, 24);
        notify_enqueue_destroy(e);
    }
}

/* A broker that is away: the rows stay, and sweeps go on. */
static void broker_that_is_away_loses_nothing(void **state)
{
    struct notify_enqueue_stats stats;
    struct notify_enqueue *e = start(10);
    (void)state;
    set_bool(&script.broker_away, true);
    publish(e, 5);
    await(&script.attempts, 1);
    await(&script.sweeps, 3);
    assert_int_equal(script.deleted, 0);
    assert_int_equal(script.forgotten, 0);
    pthread_mutex_lock(&lock);
    script.broker_away = false;
    script.in_outbox = 1;
    pthread_mutex_unlock(&lock);
    await(&script.forgotten, 1);
    /* The sweep is counted when it is over, which the next one shows. */
    pthread_mutex_lock(&lock);
    size_t sweeps = script.sweeps;
    pthread_mutex_unlock(&lock);
    await(&script.sweeps, sweeps + 1);
    notify_enqueue_get_stats(e, &stats);
    assert_int_equal(stats.failures, 1);
    assert_int_equal(stats.swept + script.seen[5], 1);
    notify_enqueue_destroy(e);
}

/* Those of swept rows too; the caller's memory is not needed any more. */
static void headers_go_with_their_message(void **state)
{
    (void)state;
    struct notify_enqueue *e = start(60000);
    for (size_t i = 0; i < 10; i++) {
        char headers[sizeof script_headers];
        memcpy(headers, script_headers, sizeof headers);
        publish_with(e, i, i % 2 ? headers : NULL);
        memset(headers, 'x', sizeof headers - 1);
    }
    await(&script.forgotten, 10);
    notify_enqueue_destroy(e);
    assert_int_equal(script.with_headers, 5);
    (void)set_up(NULL);
    script.in_outbox = 10;
    e = start(60000);
    await(&script.forgotten, 10);
    notify_enqueue_destroy(e);
    assert_int_equal(script.with_headers, 4);
}

/* It is left to the sweeper, and does not keep the next one. */
static void what_cannot_wait_is_left(void **state)
{
    (void)state;
    struct notify_enqueue *e = start(60000);
    await(&script.sweeps, 1);
    set_bool(&script.held, true);
    publish(e, 0);
    await(&script.attempts, 1);
    mem_fail_at(1);
    publish_with(e, 1, script_headers);
    mem_fail_at(0);
    publish_with(e, 2, script_headers);
    set_bool(&script.held, false);
    await(&script.forgotten, 2);
    notify_enqueue_destroy(e);
    assert_int_equal(script.seen[1], 0);
    assert_int_equal(script.seen[2], 1);
}

/* With nothing to publish the broker is tried all the same, and the thread goes round. */
static void idle_it_knows_the_broker(void **state)
{
    (void)state;
    for (int away = 0; away < 2; away++) {
        struct notify_enqueue_stats stats;
        int64_t began = clock_monotonic_ns();
        (void)set_up(NULL);
        set_bool(&script.broker_away, away);
        struct notify_enqueue *e = start(10);
        await(&script.contacts, 1);
        await(&script.sweeps, 3);
        notify_enqueue_get_stats(e, &stats);
        assert_int_equal(stats.broker, away ? NOTIFY_BROKER_AWAY : NOTIFY_BROKER_REACHED);
        assert_true(stats.round_ns >= began && stats.round_ns <= clock_monotonic_ns());
        assert_int_equal(script.contacts, 1);
        notify_enqueue_destroy(e);
    }
}

/*
 * A row that could not be deleted will be found again; its key must stay, so that publishing it
 * again does nothing.
 */
static void key_stays_while_its_row_does(void **state)
{
    (void)state;
    for (int full = 0; full < 2; full++) {
        (void)set_up(NULL);
        script.store_full = full;
        script.store_refuses = !full;
        struct notify_enqueue *e = start(60000);
        publish(e, 1);
        await(&script.sent, 1);
        notify_enqueue_destroy(e);
        assert_int_equal(script.deleted, 0);
        assert_int_equal(script.forgotten, 0);
    }
}

/* What waits at the end is published, unless the broker is away. */
static void end_publishes_what_waits(void **state)
{
    struct notify_enqueue *e = start(60000);
    (void)state;
    for (size_t i = 0; i < 1200; i++)
        publish(e, i);
    notify_enqueue_destroy(e);
    assert_int_equal(script.sent, 1200);
    (void)set_up(NULL);
    set_bool(&script.broker_away, true);
    e = start(60000);
    for (size_t i = 0; i < 1200; i++)
        publish(e, i);
    notify_enqueue_destroy(e);
    assert_int_equal(script.sent, 0);
    notify_enqueue_destroy(NULL);
}

/* Each batch costs the client's patience with a broker that is silent: not all of them do. */
static void end_does_not_wait_for_a_silent_broker(void **state)
{
    struct notify_enqueue *e = start(60000);
    (void)state;
    set_bool(&script.broker_away, true);
    set_bool(&script.slow, true);
    set_bool(&script.held, true);
    publish(e, 0);
    await(&script.attempts, 1);
    for (size_t i = 0; i < NOTIFY_PUBLICATIONS_MAX; i++)
        publish(e, i % 1000);
    set_bool(&script.held, false);
    notify_enqueue_destroy(e);
    assert_in_range(script.attempts, 2, 30);
}

/* More than memory is meant for is left to the sweeper. */
static void no_more_wait_than_allowed(void **state)
{
    struct notify_enqueue *e = start(60000);
    (void)state;
    set_bool(&script.held, true);
    publish(e, 0);
    await(&script.attempts, 1);
    for (size_t i = 0; i < NOTIFY_PUBLICATIONS_MAX + 5; i++)
        publish(e, 1 + i % 1000);
    set_bool(&script.held, false);
    await(&script.sent, 1 + NOTIFY_PUBLICATIONS_MAX);
    notify_enqueue_destroy(e);
    assert_int_equal(script.sent, 1 + NOTIFY_PUBLICATIONS_MAX);
}

/* The thread starts last, so no other thread allocates while requests fail. */
static void want_of_memory_at_the_start(void **state)
{
    struct notify_enqueue *e = NULL;
    struct notify_enqueue_options options = {.broker_url = "bad"};
    struct celeriac_error err = {0};
    size_t n = 1;
    (void)state;
    assert_int_equal(notify_enqueue_create(&options, &e, &err), CELERIAC_ERR_VALUE);
    assert_string_equal(err.text, "bad URL");
    options.broker_url = NULL;
    for (;; n++) {
        mem_fail_at(n);
        enum celeriac_err rc = notify_enqueue_create(&options, &e, NULL);
        mem_fail_at(0);
        if (rc == CELERIAC_OK)
            break;
        assert_int_equal(rc, CELERIAC_ERR_MEMORY);
        assert_null(e);
    }
    assert_int_equal(n, 6);
    notify_enqueue_destroy(e);
}

static struct notify_enqueue *start_reconciler(void)
{
    const struct notify_enqueue_options options = {.sweep_ms = 10, .reconcile_after_s = 77};
    struct notify_enqueue *e = NULL;
    assert_int_equal(notify_enqueue_create(&options, &e, NULL), CELERIAC_OK);
    return e;
}

static void what_was_lost_is_published_again(void **state)
{
    (void)state;
    script.lost = 3;
    script.messages = 7;
    struct notify_enqueue *e = start_reconciler();
    await(&script.forgotten, 3);
    assert_int_equal(script.reconciled, 2);
    notify_enqueue_destroy(e);
    for (size_t i = 1000; i < 1003; i++)
        assert_int_equal(script.seen[i], 1);
    assert_int_equal(script.asked.backlog, 7);
    assert_int_equal(script.asked.missing_max, 900);
    assert_int_equal(script.asked.overdue_seconds, 77);
    assert_int_equal(script.asked.overdue_max, 100);
    assert_true(script.asked.call.deadline_ns > 0);
}

/* Behind a long backlog only what is overdue is published again; an absent broker tells nothing. */
static void long_backlogs_are_not_compared(void **state)
{
    (void)state;
    script.messages = STORE_RECONCILE_BACKLOG_MAX;
    struct notify_enqueue *e = start_reconciler();
    await(&script.reconciled, 1);
    notify_enqueue_destroy(e);
    assert_int_equal(script.asked.backlog, STORE_RECONCILE_BACKLOG_MAX);
    assert_int_equal(script.asked.missing_max, 0);
    assert_int_equal(script.asked.overdue_max, 100);
    (void)set_up(NULL);
    set_bool(&script.broker_away, true);
    e = start_reconciler();
    await(&script.sweeps, 3);
    notify_enqueue_destroy(e);
    assert_int_equal(script.reconciled, 0);
}

/* A database that takes its time for a comparison keeps nobody's notification waiting. */
static void comparing_delays_nothing(void **state)
{
    (void)state;
    script.slow_database = true;
    struct notify_enqueue *e = start_reconciler();
    await(&script.reconciled, 1);
    publish(e, 1);
    await(&script.forgotten, 1);
    reconcile_call->call.done(&reconcile_call->call);
    notify_enqueue_destroy(e);
    assert_int_equal(script.reconciled, 1);
}

/* As fast as requests with keys can come, not a thousand a minute. */
static void old_answers_go_until_there_are_none(void **state)
{
    (void)state;
    script.old_answers = 3 * STORE_SWEEP_ANSWERS_MAX + 1;
    struct notify_enqueue *e = start(10);
    await(&script.answer_sweeps, 4);
    await(&script.sweeps, 10);
    notify_enqueue_destroy(e);
    assert_int_equal(script.old_answers, 0);
    assert_int_equal(script.answer_sweeps, 4);
}

static void workers_reconcile_nothing(void **state)
{
    (void)state;
    struct notify_enqueue *e = start(10);
    await(&script.sweeps, 3);
    notify_enqueue_destroy(e);
    assert_int_equal(script.reconciled, 0);
}

/* Waits until the thread has gone round some times more. */
static void await_rounds(void)
{
    pthread_mutex_lock(&lock);
    size_t sweeps = script.sweeps;
    pthread_mutex_unlock(&lock);
    await(&script.sweeps, sweeps + 3);
}

/* At once, or when the broker is back. */
static void revocations_are_told(void **state)
{
    (void)state;
    struct notify_enqueue *e = start(10);
    struct uuid id = id_of(1);
    notify_enqueue_revoke(e, &id);
    await(&script.revoked, 1);
    await_rounds();
    set_bool(&script.broker_away, true);
    for (size_t i = 0; i < CELERIAC_REVOKE_MAX + 10; i++)
        notify_enqueue_revoke(e, &id);
    await(&script.attempts, 3);
    set_bool(&script.broker_away, false);
    await(&script.revoked, 1 + CELERIAC_REVOKE_MAX);
    await_rounds();
    notify_enqueue_destroy(e);
    assert_int_equal(script.revoked, 1 + CELERIAC_REVOKE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(accepted_is_published_and_forgotten, set_up),
        cmocka_unit_test_setup(headers_go_with_their_message, set_up),
        cmocka_unit_test_setup(what_cannot_wait_is_left, set_up),
        cmocka_unit_test_setup(idle_it_knows_the_broker, set_up),
        cmocka_unit_test_setup(batches_grow_to_their_limit, set_up),
        cmocka_unit_test_setup(outbox_is_swept_until_it_is_empty, set_up),
        cmocka_unit_test(pauses_grow_while_it_is_quiet),
        cmocka_unit_test_setup(no_pause_grows_while_something_is_away, set_up),
        cmocka_unit_test_setup(broker_that_is_away_loses_nothing, set_up),
        cmocka_unit_test_setup(key_stays_while_its_row_does, set_up),
        cmocka_unit_test_setup(end_publishes_what_waits, set_up),
        cmocka_unit_test_setup(end_does_not_wait_for_a_silent_broker, set_up),
        cmocka_unit_test_setup(no_more_wait_than_allowed, set_up),
        cmocka_unit_test_setup(want_of_memory_at_the_start, set_up),
        cmocka_unit_test_setup(what_was_lost_is_published_again, set_up),
        cmocka_unit_test_setup(long_backlogs_are_not_compared, set_up),
        cmocka_unit_test_setup(comparing_delays_nothing, set_up),
        cmocka_unit_test_setup(old_answers_go_until_there_are_none, set_up),
        cmocka_unit_test_setup(workers_reconcile_nothing, set_up),
        cmocka_unit_test_setup(revocations_are_told, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
