#include "notify/store/notifications.h"

#include <stddef.h>
#include <string.h>

#include "notify/store/bind.h"
#include "notify/store/kinds.h"
#include "notify/store/row.h"
#include "notify/store/sql.h"
#include "notify/store/text.h"

/* Columns of sql/get_notification.sql and of both lists after the first. */
enum {
    COLUMN_ID = 1,
    COLUMN_CHANNEL,
    COLUMN_TO,
    COLUMN_TEMPLATE,
    COLUMN_TEMPLATE_NAME,
    COLUMN_DATA,
    COLUMN_STATUS,
    COLUMN_ERROR,
    COLUMN_CREATED,
    COLUMN_UPDATED,
    COLUMN_SENT
};

/* First column of sql/list_notifications.sql and sql/list_newest.sql. */
enum { COLUMN_TOTAL };

static struct store_get_notification *get_of(struct store_call *call)
{
    return (struct store_get_notification *)call;
}

static struct store_list_notifications *list_of(struct store_call *call)
{
    return (struct store_list_notifications *)call;
}

static void copy_row(void *row, struct store_row r, struct store_block *block)
{
    struct store_notification *n = row;
    store_row_uuid(r, COLUMN_ID, &n->id);
    n->channel = store_block_column(block, r, COLUMN_CHANNEL);
    n->to = store_block_column(block, r, COLUMN_TO);
    n->template_id = store_row_int8(r, COLUMN_TEMPLATE);
    n->template_name = store_block_column(block, r, COLUMN_TEMPLATE_NAME);
    n->data = store_block_column(block, r, COLUMN_DATA);
    n->status = store_block_column(block, r, COLUMN_STATUS);
    n->error_message = store_block_column(block, r, COLUMN_ERROR);
    n->created_at_us = store_row_time(r, COLUMN_CREATED);
    n->updated_at_us = store_row_time(r, COLUMN_UPDATED);
    n->sent_at_us = store_row_time(r, COLUMN_SENT);
}

static void bind_get(struct store_params *p, struct store_call **calls, size_t count,
                     const struct store_context *context)
{
    (void)context;
    struct store_set set = store_all(calls, count);
    store_bind_uuids(p, &set, offsetof(struct store_get_notification, id));
    store_bind_uuids(p, &set, offsetof(struct store_get_notification, tenant_id));
}

static void take_get(struct store_call **calls, size_t count, const PGresult *result)
{
    for (int i = 0; i < PQntuples(result); i++) {
        struct store_row r = {result, i};
        struct store_call *call = store_row_call(r, calls, count);
        if (call)
            store_take_row(call, r, copy_row, &get_of(call)->row);
    }
    for (size_t i = 0; i < count; i++) {
        if (!calls[i]->own.block)
            store_call_not_found(calls[i], "notification");
    }
}

static bool is_unfiltered(const struct store_list_notifications *list)
{
    return list->status.len == 0 && list->channel.len == 0 &&
           list->page.created_after_us == STORE_NO_TIME &&
           list->page.created_before_us == STORE_NO_TIME &&
           list->page.after.created_at_us == STORE_NO_TIME;
}

static enum celeriac_err check_list(struct store_call *call)
{
    struct store_list_notifications *list = list_of(call);
    enum celeriac_err rc = store_page_check(&list->page, &call->error);
    if (rc == CELERIAC_OK)
        rc = store_text_check(list->status, "status", 0, STORE_STATUS_MAX, &call->error);
    if (rc == CELERIAC_OK)
        rc = store_text_check(list->channel, "channel", 0, STORE_CHANNEL_MAX, &call->error);
    call->own.kind = is_unfiltered(list) ? &store_kind_list_newest : &store_kind_list_notifications;
    return rc;
}

static void bind_list(struct store_params *p, struct store_call **calls, size_t count,
                      const struct store_context *context)
{
    const struct store_list_notifications *list = list_of(calls[0]);
    (void)count;
    (void)context;
    store_params_uuid(p, &list->tenant_id);
    store_bind_filter(p, list->status);
    store_bind_filter(p, list->channel);
    store_bind_page(p, &list->page);
    store_params_int8(p, STORE_LIST_BYTES_MAX);
}

static void bind_newest(struct store_params *p, struct store_call **calls, size_t count,
                        const struct store_context *context)
{
    const struct store_list_notifications *list = list_of(calls[0]);
    (void)count;
    (void)context;
    store_params_uuid(p, &list->tenant_id);
    store_params_int8(p, list->page.limit);
    store_params_int8(p, STORE_LIST_BYTES_MAX);
}

static void take_list(struct store_call **calls, size_t count, const PGresult *result)
{
    struct store_list_notifications *list = list_of(calls[0]);
    (void)count;
    list->rows = store_take_rows(&list->call, result, sizeof *list->rows, copy_row, &list->count);
    bool is_cut = list->count > 0 && store_row_int8((struct store_row){result, 0}, COLUMN_TOTAL) !=
                                         (int64_t)list->count;
    list->next = store_take_next(&list->page, result, is_cut, COLUMN_CREATED, COLUMN_ID);
}

const struct store_kind store_kind_get_notification = {
    .id = STORE_KIND_GET_NOTIFICATION,
    .name = "get_notification",
    .sql = store_sql_get_notification,
    .combined = true,
    .bind = bind_get,
    .take = take_get,
};

const struct store_kind store_kind_list_newest = {
    .id = STORE_KIND_LIST_NEWEST,
    .name = "list_newest",
    .sql = store_sql_list_newest,
    .check = check_list,
    .bind = bind_newest,
    .take = take_list,
};

const struct store_kind store_kind_list_notifications = {
    .id = STORE_KIND_LIST_NOTIFICATIONS,
    .name = "list_notifications",
    .sql = store_sql_list_notifications,
    .prelude = store_sql_custom_plan,
    .check = check_list,
    .bind = bind_list,
    .take = take_list,
};

void store_get_notification_init(struct store_get_notification *get, const struct uuid *tenant_id,
                                 const struct uuid *id)
{
    memset(get, 0, sizeof *get);
    store_call_init(&get->call, &store_kind_get_notification);
    get->tenant_id = *tenant_id;
    get->id = *id;
}

void store_list_notifications_init(struct store_list_notifications *list,
                                   const struct uuid *tenant_id, const struct store_page *page)
{
    memset(list, 0, sizeof *list);
    store_call_init(&list->call, &store_kind_list_notifications);
    list->tenant_id = *tenant_id;
    list->page = *page;
    list->next.created_at_us = STORE_NO_TIME;
}
