#include "notify/store/webhooks.h"

#include <string.h>

#include "notify/store/kinds.h"
#include "notify/store/row.h"
#include "notify/store/sql.h"

/* Columns of sql/take_webhooks.sql, sql/begin_webhook.sql and sql/scan_webhooks.sql. */
enum { TAKEN_ID, TAKEN_WEBHOOK, TAKEN_TURN, TAKEN_PUBLISH };
enum { BEGUN_STATE, BEGUN_ATTEMPTS, BEGUN_PAYLOAD, BEGUN_URL, BEGUN_SECRET, BEGUN_OLD_SECRET };
enum { SCANNED_MADE, SCANNED_MORE, SCANNED_HAS_WEBHOOKS };

/* How many new notifications of all tenants are looked at in one call, and how many are watched:
 * each costs some ten microseconds, and the call must not take as long as the server allows. */
#define SCAN_NEW_MAX 5000
#define SCAN_WATCHED_MAX 2000

/* Messages removed in one call, old ones and those of deleted endpoints each. */
#define SWEEP_MAX 5000

/* ---- what is to be published --------------------------------------------------------------- */

static struct store_take_webhooks *take_of(struct store_call *call)
{
    return (struct store_take_webhooks *)call;
}

static enum celeriac_err check_take(struct store_call *call)
{
    uint32_t limit = take_of(call)->limit;

    if (limit < 1 || limit > STORE_WEBHOOKS_TAKE_MAX)
        return celeriac_error_set(&call->error, CELERIAC_ERR_VALUE, "limit: not between 1 and %d",
                                  STORE_WEBHOOKS_TAKE_MAX);
    return CELERIAC_OK;
}

static void bind_take(struct store_params *p, struct store_call **calls, size_t count,
                      const struct store_context *context)
{
    (void)count;
    (void)context;
    store_params_int8(p, take_of(calls[0])->limit);
    store_params_int8(p, STORE_WEBHOOKS_ON_BROKER);
    store_params_int8(p, STORE_WEBHOOKS_LEASE_S);
}

static void take_rows(struct store_call **calls, size_t count, const PGresult *result)
{
    struct store_take_webhooks *take = take_of(calls[0]);
    int found = PQntuples(result);
    struct store_block block;
    struct store_webhook_row *rows;
    void *memory;

    (void)count;
    if (store_block_create(&take->call, result, 0, found, sizeof *rows, &memory, &block)) {
        store_call_no_memory(&take->call);
        return;
    }
    rows = memory;
    for (int i = 0; i < found; i++) {
        struct store_row r = {result, i};

        if (!store_row_bool(r, TAKEN_PUBLISH))
            continue;
        store_row_uuid(r, TAKEN_ID, &rows[take->count].id);
        store_row_uuid(r, TAKEN_WEBHOOK, &rows[take->count].webhook_id);
        rows[take->count++].turn = store_row_int4(r, TAKEN_TURN);
    }
    take->rows = rows;
    take->more = found > 0 && (uint32_t)found >= take->limit;
}

const struct store_kind store_kind_take_webhooks = {
    .id = STORE_KIND_TAKE_WEBHOOKS,
    .name = "take_webhooks",
    .sql = store_sql_take_webhooks,
    .check = check_take,
    .bind = bind_take,
    .take = take_rows,
};

void store_take_webhooks_init(struct store_take_webhooks *take, uint32_t limit)
{
    memset(take, 0, sizeof *take);
    store_call_init(&take->call, &store_kind_take_webhooks);
    take->limit = limit;
}

/* ---- attempts ------------------------------------------------------------------------------ */

static struct store_begin_webhook *begin_of(struct store_call *call)
{
    return (struct store_begin_webhook *)call;
}

static void bind_begin(struct store_params *p, struct store_call **calls, size_t count,
                       const struct store_context *context)
{
    const struct store_begin_webhook *begin = begin_of(calls[0]);

    (void)count;
    (void)context;
    store_params_uuid(p, &begin->id);
    store_params_int8(p, begin->attempt_s);
}

static void take_begin(struct store_call **calls, size_t count, const PGresult *result)
{
    struct store_begin_webhook *begin = begin_of(calls[0]);
    const struct store_row r = {result, 0};
    struct store_block block;
    void *nothing;

    (void)count;
    if (PQntuples(result) == 0)
        return;
    if (store_block_create(&begin->call, result, 0, 1, 1, &nothing, &block)) {
        store_call_no_memory(&begin->call);
        return;
    }
    begin->state = (enum store_webhook_state)store_row_int4(r, BEGUN_STATE);
    begin->attempts = store_row_int4(r, BEGUN_ATTEMPTS);
    begin->payload = store_block_column(&block, r, BEGUN_PAYLOAD);
    begin->url = store_block_column(&block, r, BEGUN_URL);
    begin->secret = store_block_column(&block, r, BEGUN_SECRET);
    begin->old_secret = store_block_column(&block, r, BEGUN_OLD_SECRET);
}

const struct store_kind store_kind_begin_webhook = {
    .id = STORE_KIND_BEGIN_WEBHOOK,
    .name = "begin_webhook",
    .sql = store_sql_begin_webhook,
    .bind = bind_begin,
    .take = take_begin,
};

void store_begin_webhook_init(struct store_begin_webhook *begin, const struct uuid *id,
                              uint32_t attempt_s)
{
    memset(begin, 0, sizeof *begin);
    store_call_init(&begin->call, &store_kind_begin_webhook);
    begin->id = *id;
    begin->attempt_s = attempt_s;
}

static struct store_end_webhook *end_of(struct store_call *call)
{
    return (struct store_end_webhook *)call;
}

static enum celeriac_err check_end(struct store_call *call)
{
    const struct store_end_webhook *end = end_of(call);

    if (end->end < STORE_WEBHOOK_DELIVERED || end->end > STORE_WEBHOOK_GONE)
        return celeriac_error_set(&call->error, CELERIAC_ERR_VALUE, "end: is none");
    if (end->delay_s > STORE_WEBHOOKS_DELAY_MAX_S)
        return celeriac_error_set(&call->error, CELERIAC_ERR_VALUE, "delay: more than %d",
                                  STORE_WEBHOOKS_DELAY_MAX_S);
    return CELERIAC_OK;
}

static void bind_end(struct store_params *p, struct store_call **calls, size_t count,
                     const struct store_context *context)
{
    const struct store_end_webhook *end = end_of(calls[0]);

    (void)count;
    (void)context;
    store_params_uuid(p, &end->id);
    store_params_int4(p, (int32_t)end->end);
    if (end->response_status > 0)
        store_params_int4(p, end->response_status);
    else
        store_params_null(p);
    if (end->error.ptr)
        store_params_clean_text(p, end->error, STORE_WEBHOOKS_ERROR_MAX);
    else
        store_params_null(p);
    store_params_int8(p, end->delay_s);
    store_params_bool(p, end->by_broker);
    store_params_int8(p, STORE_WEBHOOKS_LEASE_S);
}

static void take_end(struct store_call **calls, size_t count, const PGresult *result)
{
    (void)count;
    end_of(calls[0])->switched_off = PQntuples(result) > 0;
}

const struct store_kind store_kind_end_webhook = {
    .id = STORE_KIND_END_WEBHOOK,
    .name = "end_webhook",
    .sql = store_sql_end_webhook,
    .check = check_end,
    .bind = bind_end,
    .take = take_end,
};

void store_end_webhook_init(struct store_end_webhook *end, const struct uuid *id)
{
    memset(end, 0, sizeof *end);
    store_call_init(&end->call, &store_kind_end_webhook);
    end->id = *id;
}

/* ---- what others did, and what is over ----------------------------------------------------- */

static void bind_scan(struct store_params *p, struct store_call **calls, size_t count,
                      const struct store_context *context)
{
    (void)calls;
    (void)count;
    (void)context;
    store_params_int8(p, SCAN_NEW_MAX);
    store_params_int8(p, SCAN_WATCHED_MAX);
}

static void take_scan(struct store_call **calls, size_t count, const PGresult *result)
{
    struct store_scan_webhooks *scan = (struct store_scan_webhooks *)calls[0];
    const struct store_row r = {result, 0};

    (void)count;
    if (PQntuples(result) == 0)
        return;
    scan->looked = true;
    scan->made = store_row_int8(r, SCANNED_MADE);
    scan->more = store_row_bool(r, SCANNED_MORE);
    scan->has_webhooks = store_row_bool(r, SCANNED_HAS_WEBHOOKS);
}

const struct store_kind store_kind_scan_webhooks = {
    .id = STORE_KIND_SCAN_WEBHOOKS,
    .name = "scan_webhooks",
    .sql = store_sql_scan_webhooks,
    .prelude = store_sql_custom_plan,
    .bind = bind_scan,
    .take = take_scan,
};

void store_scan_webhooks_init(struct store_scan_webhooks *scan)
{
    memset(scan, 0, sizeof *scan);
    store_call_init(&scan->call, &store_kind_scan_webhooks);
}

static void bind_sweep(struct store_params *p, struct store_call **calls, size_t count,
                       const struct store_context *context)
{
    (void)calls;
    (void)count;
    (void)context;
    store_params_int8(p, SWEEP_MAX);
}

static void take_sweep(struct store_call **calls, size_t count, const PGresult *result)
{
    (void)count;
    ((struct store_sweep_webhooks *)calls[0])->more = PQntuples(result) >= SWEEP_MAX;
}

const struct store_kind store_kind_sweep_webhooks = {
    .id = STORE_KIND_SWEEP_WEBHOOKS,
    .name = "sweep_webhooks",
    .sql = store_sql_sweep_webhooks,
    .bind = bind_sweep,
    .take = take_sweep,
};

void store_sweep_webhooks_init(struct store_sweep_webhooks *sweep)
{
    memset(sweep, 0, sizeof *sweep);
    store_call_init(&sweep->call, &store_kind_sweep_webhooks);
}

static void bind_measure(struct store_params *p, struct store_call **calls, size_t count,
                         const struct store_context *context)
{
    (void)calls;
    (void)count;
    (void)context;
    store_params_int8(p, STORE_WEBHOOKS_COUNT_MAX);
    store_params_int8(p, STORE_WEBHOOKS_ON_BROKER);
}

static void take_measure(struct store_call **calls, size_t count, const PGresult *result)
{
    struct store_measure_webhooks *measure = (struct store_measure_webhooks *)calls[0];
    const struct store_row r = {result, 0};

    (void)count;
    if (PQntuples(result) == 0)
        return;
    measure->rows = (uint64_t)store_row_int8(r, 0);
    measure->oldest_us = store_row_time(r, 1);
}

const struct store_kind store_kind_measure_webhooks = {
    .id = STORE_KIND_MEASURE_WEBHOOKS,
    .name = "measure_webhooks",
    .sql = store_sql_measure_webhooks,
    .bind = bind_measure,
    .take = take_measure,
};

void store_measure_webhooks_init(struct store_measure_webhooks *measure)
{
    memset(measure, 0, sizeof *measure);
    store_call_init(&measure->call, &store_kind_measure_webhooks);
    measure->oldest_us = STORE_NO_TIME;
}
