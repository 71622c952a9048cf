#include "notify/store/outbox.h"

#include <stddef.h>
#include <string.h>

#include "notify/store/bind.h"
#include "notify/store/kinds.h"
#include "notify/store/outbox_row.h"
#include "notify/store/row.h"
#include "notify/store/sql.h"

/* Columns of sql/take_outbox.sql. */
enum { COLUMN_NOTIFICATION, COLUMN_TASK, COLUMN_CREATED, COLUMN_ETA, COLUMN_HEADERS };

static struct store_take_outbox *take_of(struct store_call *call)
{
    return (struct store_take_outbox *)call;
}

static enum celeriac_err check_take(struct store_call *call)
{
    uint32_t limit = take_of(call)->limit;
    if (limit < 1 || limit > STORE_OUTBOX_TAKE_MAX)
        return celeriac_error_set(&call->error, CELERIAC_ERR_VALUE, "limit: not between 1 and %d",
                                  STORE_OUTBOX_TAKE_MAX);
    return CELERIAC_OK;
}

static void bind_take(struct store_params *p, struct store_call **calls, size_t count,
                      const struct store_context *context)
{
    (void)count;
    (void)context;
    store_params_int8(p, take_of(calls[0])->limit);
}

void store_outbox_copy(void *row, struct store_row r, struct store_block *block)
{
    struct store_outbox_row *to = row;
    (void)block;
    store_row_uuid(r, COLUMN_NOTIFICATION, &to->notification_id);
    store_row_uuid(r, COLUMN_TASK, &to->task_id);
    to->created_at_us = store_row_time(r, COLUMN_CREATED);
    to->eta_us = store_row_time(r, COLUMN_ETA);
}

static void copy_row(void *row, struct store_row r, struct store_block *block)
{
    struct store_outbox_row *to = row;
    store_outbox_copy(row, r, block);
    to->headers = store_block_column(block, r, COLUMN_HEADERS);
}

static void take_rows(struct store_call **calls, size_t count, const PGresult *result)
{
    struct store_take_outbox *take = take_of(calls[0]);
    (void)count;
    take->rows = store_take_rows(&take->call, result, sizeof *take->rows, copy_row, &take->count);
}

static void bind_delete(struct store_params *p, struct store_call **calls, size_t count,
                        const struct store_context *context)
{
    (void)context;
    size_t id = offsetof(struct store_delete_outbox, notification_id);
    size_t task = offsetof(struct store_delete_outbox, task_id);
    struct store_set set = store_each_once(calls, count, task);
    store_bind_uuids(p, &set, id);
    store_bind_uuids(p, &set, task);
}

const struct store_kind store_kind_take_outbox = {
    .id = STORE_KIND_TAKE_OUTBOX,
    .name = "take_outbox",
    .sql = store_sql_take_outbox,
    .check = check_take,
    .bind = bind_take,
    .take = take_rows,
};

const struct store_kind store_kind_delete_outbox = {
    .id = STORE_KIND_DELETE_OUTBOX,
    .name = "delete_outbox",
    .sql = store_sql_delete_outbox,
    .combined = true,
    .bind = bind_delete,
};

void store_take_outbox_init(struct store_take_outbox *take, uint32_t limit)
{
    memset(take, 0, sizeof *take);
    store_call_init(&take->call, &store_kind_take_outbox);
    take->limit = limit;
}

void store_delete_outbox_init(struct store_delete_outbox *del, const struct uuid *notification_id,
                              const struct uuid *task_id)
{
    memset(del, 0, sizeof *del);
    store_call_init(&del->call, &store_kind_delete_outbox);
    del->notification_id = *notification_id;
    del->task_id = *task_id;
}
