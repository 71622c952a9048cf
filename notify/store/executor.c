/* A connection's thread: connect, take a batch, run it, again. */

#include "base/clock.h"
#include "base/log.h"
#include "base/monotonic_cond.h"
#include "notify/store/combine.h"

static bool is_stopping(struct store *s)
{
    pthread_mutex_lock(&s->lock);
    bool stopping = s->stopping;
    pthread_mutex_unlock(&s->lock);
    return stopping;
}

/* Waits before the next attempt to connect; store_stop() ends it early. */
static void pause_before_retry(struct store *s, int64_t ns)
{
    int64_t when = clock_monotonic_ns() + ns;
    bool in_time = true;
    pthread_mutex_lock(&s->lock);
    while (!s->stopping && in_time)
        in_time = monotonic_cond_wait(&s->change, &s->lock, when);
    pthread_mutex_unlock(&s->lock);
}

/* Notes a failed attempt; logs it when it is news. */
static void note_trouble(struct store_thread *t, const struct celeriac_error *err)
{
    struct store *s = t->store;
    pthread_mutex_lock(&s->lock);
    bool is_news = s->trouble.code == CELERIAC_OK;
    s->trouble = *err;
    pthread_cond_broadcast(&s->change);
    pthread_mutex_unlock(&s->lock);
    if (is_news)
        log_error("store", "database not usable, trying again", LOG_INT("connection", t->number),
                  LOG_ERR(err));
}

static void note_connected(struct store_thread *t)
{
    struct store *s = t->store;
    pthread_mutex_lock(&s->lock);
    celeriac_error_clear(&s->trouble);
    s->stats.connects++;
    s->stats.connected++;
    store_release_held(s, t->number);
    /* Others judge us by our signs of life: give one before anything else. */
    store_beat_now(s);
    pthread_cond_broadcast(&s->change);
    pthread_mutex_unlock(&s->lock);
    log_info("store", "connected to the database", LOG_INT("connection", t->number),
             LOG_INT("server_pid", t->former.pid));
}

static void open_connection(struct store_thread *t)
{
    struct celeriac_error err = {0};
    /* After a loss the first attempt follows at once. */
    if (t->failures > 1)
        pause_before_retry(t->store, store_backoff_ns(t->failures - 2));
    if (is_stopping(t->store))
        return;
    enum celeriac_err rc =
        store_conn_open(t->store->login, t->store->timeout_ns, &t->former, &t->conn, &err);
    if (rc != CELERIAC_OK) {
        t->failures++;
        note_trouble(t, &err);
        return;
    }
    t->former = store_conn_backend(t->conn);
    note_connected(t);
}

static void close_connection(struct store_thread *t)
{
    store_conn_close(t->conn);
    t->conn = NULL;
    pthread_mutex_lock(&t->store->lock);
    t->store->stats.connected--;
    pthread_mutex_unlock(&t->store->lock);
}

static void drop_connection(struct store_thread *t, const char *reason)
{
    close_connection(t);
    log_warning("store", "connection to the database lost", LOG_INT("connection", t->number),
                LOG_STR("reason", reason));
}

static void log_run(const struct store_batch *batch, const struct store_run *run)
{
    if (!run->failure.text[0] || run->outcome != STORE_OUTCOME_OK)
        return;
    /* What the data are to blame for is the caller's to report. */
    if (run->failure.fate == STORE_FATE_REFUSE)
        log_info("store", "row refused", LOG_STR("kind", batch->kind->name),
                 LOG_INT("calls", batch->count), LOG_STR("error", run->failure.text));
    else
        log_warning("store", "statement failed, trying again", LOG_STR("kind", batch->kind->name),
                    LOG_INT("calls", batch->count), LOG_STR("error", run->failure.text));
}

/* Runs the batch that was taken; closes the connection when it is of no more use. */
static void run_batch(struct store_thread *t)
{
    struct store_run run;
    struct store_pipeline *line = store_conn_pipeline(t->conn);
    store_batch_run(line, &t->params, &t->store->context, &t->batch, &run);
    log_run(&t->batch, &run);
    if (run.outcome == STORE_OUTCOME_OK) {
        t->failures = 0;
    } else {
        t->failures++;
        drop_connection(t, run.failure.text);
    }
    store_finish_batch(t->store, &t->batch, &run, t->number);
}

/* Hands a batch back that cannot be sent: the server ended the idle connection. */
static void return_batch(struct store_thread *t)
{
    struct store_run run = {.outcome = STORE_OUTCOME_LOST};
    for (size_t i = 0; i < t->batch.count; i++)
        t->batch.states[i] = STORE_CALL_OPEN;
    drop_connection(t, "ended by the server while idle");
    store_finish_batch(t->store, &t->batch, &run, t->number);
}

void *store_executor_main(void *thread)
{
    struct store_thread *t = thread;
    while (!is_stopping(t->store)) {
        if (!t->conn) {
            open_connection(t);
            continue;
        }
        if (!store_next_batch(t->store, &t->batch))
            break;
        if (store_pipeline_is_dead(store_conn_pipeline(t->conn)))
            return_batch(t);
        else
            run_batch(t);
    }
    if (t->conn)
        close_connection(t);
    return NULL;
}
