#include "notify/store/cancel.h"

#include <string.h>

#include "notify/store/kinds.h"
#include "notify/store/row.h"
#include "notify/store/sql.h"

/* Column of sql/cancel_notification.sql. */
enum { COLUMN_MAY_HAVE_MESSAGE };

static struct store_cancel_notification *cancel_of(struct store_call *call)
{
    return (struct store_cancel_notification *)call;
}

static void bind_cancel(struct store_params *p, struct store_call **calls, size_t count,
                        const struct store_context *context)
{
    const struct store_cancel_notification *cancel = cancel_of(calls[0]);

    (void)count;
    (void)context;
    store_params_uuid(p, &cancel->tenant_id);
    store_params_uuid(p, &cancel->id);
}

static void take_cancel(struct store_call **calls, size_t count, const PGresult *result)
{
    struct store_cancel_notification *cancel = cancel_of(calls[0]);

    (void)count;
    if (PQntuples(result) == 0)
        store_call_not_found(&cancel->call, "pending notification");
    else
        cancel->may_have_message =
            store_row_bool((struct store_row){result, 0}, COLUMN_MAY_HAVE_MESSAGE);
}

const struct store_kind store_kind_cancel_notification = {
    .id = STORE_KIND_CANCEL_NOTIFICATION,
    .name = "cancel_notification",
    .sql = store_sql_cancel_notification,
    .bind = bind_cancel,
    .take = take_cancel,
};

void store_cancel_notification_init(struct store_cancel_notification *cancel,
                                    const struct uuid *tenant_id, const struct uuid *id)
{
    memset(cancel, 0, sizeof *cancel);
    store_call_init(&cancel->call, &store_kind_cancel_notification);
    cancel->tenant_id = *tenant_id;
    cancel->id = *id;
}
