#include "notify/store/reconcile.h"

#include <string.h>

#include "notify/store/kinds.h"
#include "notify/store/outbox_row.h"
#include "notify/store/sql.h"

static struct store_reconcile *reconcile_of(struct store_call *call)
{
    return (struct store_reconcile *)call;
}

static enum celeriac_err check(struct store_call *call)
{
    const struct store_reconcile *reconcile = reconcile_of(call);

    if (reconcile->backlog > STORE_RECONCILE_BACKLOG_MAX)
        return celeriac_error_set(&call->error, CELERIAC_ERR_VALUE, "backlog: more than %d",
                                  STORE_RECONCILE_BACKLOG_MAX);
    if (reconcile->missing_max > STORE_RECONCILE_MAX ||
        reconcile->overdue_max > STORE_RECONCILE_MAX - reconcile->missing_max ||
        reconcile->suspect_count > STORE_RECONCILE_MAX)
        return celeriac_error_set(&call->error, CELERIAC_ERR_VALUE, "limits: more than %d",
                                  STORE_RECONCILE_MAX);
    return CELERIAC_OK;
}

static void bind(struct store_params *p, struct store_call **calls, size_t count,
                 const struct store_context *context)
{
    const struct store_reconcile *reconcile = reconcile_of(calls[0]);

    (void)count;
    (void)context;
    store_params_int8(p, reconcile->backlog);
    store_params_int8(p, reconcile->missing_max);
    store_params_int8(p, reconcile->overdue_seconds);
    store_params_int8(p, reconcile->overdue_max);
    store_params_begin_array(p, STORE_TYPE_UUID);
    for (size_t i = 0; i < reconcile->suspect_count; i++)
        store_params_uuid(p, &reconcile->suspects[i]);
    store_params_end_array(p);
}

static void take(struct store_call **calls, size_t count, const PGresult *result)
{
    struct store_reconcile *reconcile = reconcile_of(calls[0]);

    (void)count;
    reconcile->rows = store_take_rows(&reconcile->call, result, sizeof *reconcile->rows,
                                      store_outbox_copy, &reconcile->count);
    /* What has a publication comes first. */
    while (reconcile->count > 0 &&
           reconcile->rows[reconcile->count - 1].created_at_us == STORE_NO_TIME) {
        reconcile->count--;
        reconcile->found_count++;
    }
    reconcile->found = reconcile->rows + reconcile->count;
}

const struct store_kind store_kind_reconcile = {
    .id = STORE_KIND_RECONCILE,
    .name = "reconcile",
    .sql = store_sql_reconcile,
    .prelude = store_sql_long_reading,
    .is_slow = true,
    .patience_ns = STORE_LONG_READING_NS,
    .check = check,
    .bind = bind,
    .take = take,
};

void store_reconcile_init(struct store_reconcile *reconcile)
{
    memset(reconcile, 0, sizeof *reconcile);
    store_call_init(&reconcile->call, &store_kind_reconcile);
}
