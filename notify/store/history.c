#include "notify/store/history.h"

#include <string.h>

#include "notify/store/kinds.h"
#include "notify/store/row.h"
#include "notify/store/sql.h"

/* Columns of sql/get_history.sql. */
enum { COLUMN_KIND, COLUMN_AT, COLUMN_DETAIL };

static struct store_get_history *history_of(struct store_call *call)
{
    return (struct store_get_history *)call;
}

static void copy_row(void *row, struct store_row r, struct store_block *block)
{
    struct store_event *to = row;
    to->kind = (enum store_event_kind)store_row_int4(r, COLUMN_KIND);
    to->at_us = store_row_time(r, COLUMN_AT);
    to->detail = store_block_column(block, r, COLUMN_DETAIL);
}

static void bind_get(struct store_params *p, struct store_call **calls, size_t count,
                     const struct store_context *context)
{
    const struct store_get_history *get = history_of(calls[0]);
    (void)count;
    (void)context;
    store_params_uuid(p, &get->notification_id);
    store_params_uuid(p, &get->tenant_id);
    store_params_int8(p, STORE_HISTORY_MAX);
}

static void take_get(struct store_call **calls, size_t count, const PGresult *result)
{
    struct store_get_history *get = history_of(calls[0]);
    (void)count;
    if (PQntuples(result) == 0)
        store_call_not_found(&get->call, "notification");
    else
        get->rows = store_take_rows(&get->call, result, sizeof *get->rows, copy_row, &get->count);
}

const struct store_kind store_kind_get_history = {
    .id = STORE_KIND_GET_HISTORY,
    .name = "get_history",
    .sql = store_sql_get_history,
    .bind = bind_get,
    .take = take_get,
};

void store_get_history_init(struct store_get_history *get, const struct uuid *tenant_id,
                            const struct uuid *notification_id)
{
    memset(get, 0, sizeof *get);
    store_call_init(&get->call, &store_kind_get_history);
    get->tenant_id = *tenant_id;
    get->notification_id = *notification_id;
}
