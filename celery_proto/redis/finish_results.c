#include "celery_proto/redis/finish_results.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "celery_proto/codec/keys.h"
#include "celery_proto/redis/result_backlog.h"
#include "celery_proto/redis/result_state.h"
#include "celery_proto/redis/script.h"
#include "celery_proto/redis/unheard.h"

/* Longest key of a result: a prefix of 256 bytes, a name and an id. */
#define KEY_MAX ((size_t)1024)

/* Records of one attempt to write the backlog. */
#define FLUSH_MAX 256

/* Pauses between attempts, doubling. Each attempt may cost the finisher a timeout of the store. */
#define RETRY_FIRST_NS (200 * NS_PER_MS)
#define RETRY_LAST_NS (10 * NS_PER_SEC)

/* A results server of its own gets less patience than the broker: nothing depends on it. */
#define CONNECT_TIMEOUT_MS 500
#define IO_TIMEOUT_MS 1000

struct finish_results {
    struct cel_result_store *store;
    struct result_backlog *backlog;
    bool is_shared;
    int64_t retry_pause_ns;
    int64_t retry_ns; /* when the next attempt is due */
    struct unheard unheard;
    enum result_outcome outcomes[FLUSH_MAX];
    struct cel_result_record records[FLUSH_MAX];
};

enum celeriac_err finish_results_create(const struct cel_result_store_options *options,
                                        const struct cel_broker_url *broker,
                                        struct finish_results **results, struct celeriac_error *err)
{
    struct cel_result_store_options own = *options;
    struct finish_results *r = mem_calloc(1, sizeof *r);
    if (r == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for results");
    enum celeriac_err code = result_backlog_create(&r->backlog);
    if (code != CELERIAC_OK)
        (void)celeriac_error_set(err, code, "no memory for results");
    if (code == CELERIAC_OK && own.conn.url != NULL) {
        r->is_shared = cel_broker_url_same(own.conn.url, broker);
        if (own.conn.connect_timeout_ms == 0)
            own.conn.connect_timeout_ms = CONNECT_TIMEOUT_MS;
        if (own.conn.io_timeout_ms == 0)
            own.conn.io_timeout_ms = IO_TIMEOUT_MS;
        code = cel_result_store_create(&own, &r->store, err);
    }
    if (code != CELERIAC_OK) {
        finish_results_destroy(r);
        return code;
    }
    *results = r;
    return CELERIAC_OK;
}

void finish_results_destroy(struct finish_results *results)
{
    if (results == NULL)
        return;
    if (results->backlog != NULL && result_backlog_count(results->backlog) > 0)
        log_warning("redis", "results were not written",
                    LOG_INT("count", result_backlog_count(results->backlog)));
    cel_result_store_destroy(results->store);
    result_backlog_destroy(results->backlog);
    mem_free(results);
}

bool finish_results_is_on(const struct finish_results *results)
{
    return results->store != NULL;
}

bool finish_results_is_shared(const struct finish_results *results)
{
    return results->is_shared;
}

/* Whether nothing waits: what comes now may be written before the moves. */
static bool is_healthy(const struct finish_results *results)
{
    return result_backlog_count(results->backlog) == 0;
}

static void defer(struct finish_results *results, const struct cel_result_record *record)
{
    result_backlog_add(results->backlog, record);
}

/* The server could not write: the next attempt comes after a growing pause. */
static void note_failure(struct finish_results *results, const char *text)
{
    if (results->retry_pause_ns == 0)
        log_warning("redis", "results cannot be written, they wait", LOG_STR("error", text));
    results->retry_pause_ns =
        results->retry_pause_ns == 0 ? RETRY_FIRST_NS : results->retry_pause_ns * 2;
    if (results->retry_pause_ns > RETRY_LAST_NS)
        results->retry_pause_ns = RETRY_LAST_NS;
    results->retry_ns = clock_monotonic_ns() + results->retry_pause_ns;
}

static void settle(struct finish_results *results, const struct cel_result_record *record,
                   enum result_outcome outcome)
{
    if (outcome == RESULT_LATER)
        defer(results, record);
    if (outcome == RESULT_REFUSED) {
        result_backlog_count_dropped(results->backlog, 1);
        log_error("redis", "a result was refused and is lost", LOG_SPAN("task", record->task_id));
    }
    if (outcome == RESULT_UNHEARD && record->may_be_missed)
        unheard_add(&results->unheard, record->task_id, clock_monotonic_ns());
}

void finish_results_judge(struct finish_results *results, const struct cel_result_record *record,
                          const struct redisReply *reply)
{
    enum result_outcome outcome =
        cel_result_is_storable(record) ? cel_result_outcome(reply) : RESULT_REFUSED;
    if (outcome == RESULT_LATER && is_healthy(results))
        note_failure(results, "the server refuses to write");
    settle(results, record, outcome);
}

static void put_some(struct finish_results *results, const struct cel_result_record *records,
                     size_t count)
{
    struct celeriac_error err = {0};
    enum celeriac_err code =
        cel_result_put_each(results->store, records, count, results->outcomes, &err);
    if (code != CELERIAC_OK)
        note_failure(results, err.text);
    for (size_t i = 0; i < count; i++)
        settle(results, &records[i], code == CELERIAC_OK ? results->outcomes[i] : RESULT_LATER);
}

void finish_results_put(struct finish_results *results, const struct cel_result_record *records,
                        size_t count)
{
    while (count > 0) {
        size_t some = count < FLUSH_MAX ? count : FLUSH_MAX;
        if (is_healthy(results)) {
            put_some(results, records, some);
        } else {
            for (size_t i = 0; i < some; i++)
                defer(results, &records[i]);
        }
        records += some;
        count -= some;
    }
}

void finish_results_flush(struct finish_results *results, int64_t *next_ns)
{
    *next_ns = -1;
    while (!is_healthy(results)) {
        struct celeriac_error err = {0};
        *next_ns = results->retry_ns;
        if (clock_monotonic_ns() < results->retry_ns)
            return;
        size_t count = result_backlog_peek(results->backlog, results->records, FLUSH_MAX);
        enum celeriac_err code =
            cel_result_put_each(results->store, results->records, count, results->outcomes, &err);
        if (code != CELERIAC_OK || results->outcomes[0] == RESULT_LATER) {
            note_failure(results, err.text);
            *next_ns = results->retry_ns;
            return;
        }
        /* Records are borrowed from the backlog: those to be deferred again are copied first. */
        for (size_t i = 0; i < count; i++)
            settle(results, &results->records[i], results->outcomes[i]);
        result_backlog_remove(results->backlog, count);
        *next_ns = -1;
    }
    if (results->retry_pause_ns != 0)
        log_info("redis", "results are written again");
    results->retry_pause_ns = 0;
}

static enum celeriac_err write_announce(struct cel_pipeline *p, const struct cel_keys *keys,
                                        const struct span *ids, size_t count)
{
    struct strbuf key;
    strbuf_init(&key, KEY_MAX);
    cel_script_begin(p, &cel_script_announce, count, 0);
    for (size_t i = 0; i < count && strbuf_status(&key) == CELERIAC_OK; i++) {
        strbuf_clear(&key);
        cel_key_result(keys, ids[i], &key);
        cel_pipeline_arg(p, strbuf_span(&key));
    }
    enum celeriac_err code = strbuf_status(&key);
    strbuf_close(&key);
    return code;
}

static void announce(struct finish_results *results, struct cel_conn *conn, const struct span *ids,
                     size_t count)
{
    struct celeriac_error err = {0};
    struct cel_pipeline p;
    cel_pipeline_init(&p);
    enum celeriac_err code = write_announce(&p, results->store->keys, ids, count);
    if (code == CELERIAC_OK)
        code = cel_script_run(&p, conn, &cel_script_announce, &err);
    if (code != CELERIAC_OK)
        log_debug("redis", "results could not be announced again", LOG_ERR(&err),
                  LOG_INT("count", count));
    cel_pipeline_close(&p);
}

int64_t finish_results_announce(struct finish_results *results, struct cel_conn *shared)
{
    struct span ids[UNHEARD_BATCH_MAX];
    size_t count = unheard_take(&results->unheard, clock_monotonic_ns(), ids);
    if (count > 0) {
        struct cel_conn *conn = results->is_shared ? shared : results->store->conn;
        /* Nobody is worse off than without a second announcement: a server that is away is not
         * waited for. */
        if (cel_conn_is_connected(conn))
            announce(results, conn, ids, count);
    }
    return unheard_due(&results->unheard);
}

uint64_t finish_results_dropped(const struct finish_results *results)
{
    return result_backlog_dropped(results->backlog);
}
