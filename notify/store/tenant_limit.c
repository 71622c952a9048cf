#include "notify/store/tenant_limit.h"

#include <string.h>

#include "notify/store/kinds.h"
#include "notify/store/row.h"
#include "notify/store/sql.h"

/* Columns of sql/tenant_limit.sql. */
enum { COLUMN_MILLI, COLUMN_BURST };

static struct store_tenant_limit *limit_of(struct store_call *call)
{
    return (struct store_tenant_limit *)call;
}

static enum celeriac_err check_limit(struct store_call *call)
{
    const struct store_tenant_limit *limit = limit_of(call);

    call->own.bytes = sizeof *limit;
    if (limit->change != STORE_LIMIT_SET)
        return CELERIAC_OK;
    if (limit->milli < STORE_LIMIT_MILLI_MIN || limit->milli > STORE_LIMIT_MILLI_MAX)
        return celeriac_error_set(&call->error, CELERIAC_ERR_VALUE, "per_second: out of range");
    if (limit->burst < STORE_LIMIT_BURST_MIN || limit->burst > STORE_LIMIT_BURST_MAX)
        return celeriac_error_set(&call->error, CELERIAC_ERR_VALUE, "burst: out of range");
    return CELERIAC_OK;
}

static void bind_limit(struct store_params *p, struct store_call **calls, size_t count,
                       const struct store_context *context)
{
    const struct store_tenant_limit *limit = limit_of(calls[0]);

    (void)count;
    (void)context;
    store_params_uuid(p, &limit->tenant_id);
    store_params_int4(p, (int32_t)limit->change);
    store_params_int8(p, limit->milli);
    store_params_int4(p, limit->burst);
}

static void take_limit(struct store_call **calls, size_t count, const PGresult *result)
{
    struct store_tenant_limit *limit = limit_of(calls[0]);
    const struct store_row r = {result, 0};

    (void)count;
    if (PQntuples(result) == 0) {
        store_call_not_found(&limit->call, "tenant");
        return;
    }
    limit->milli = store_row_is_null(r, COLUMN_MILLI) ? 0 : store_row_int8(r, COLUMN_MILLI);
    limit->burst = store_row_is_null(r, COLUMN_BURST) ? 0 : store_row_int4(r, COLUMN_BURST);
}

const struct store_kind store_kind_tenant_limit = {
    .id = STORE_KIND_TENANT_LIMIT,
    .name = "tenant_limit",
    .sql = store_sql_tenant_limit,
    .check = check_limit,
    .bind = bind_limit,
    .take = take_limit,
};

void store_tenant_limit_init(struct store_tenant_limit *limit, const struct uuid *tenant_id)
{
    memset(limit, 0, sizeof *limit);
    store_call_init(&limit->call, &store_kind_tenant_limit);
    limit->tenant_id = *tenant_id;
}
