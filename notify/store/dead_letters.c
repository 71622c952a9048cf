#include "notify/store/dead_letters.h"

#include <string.h>

#include "notify/store/kinds.h"
#include "notify/store/notifications.h"
#include "notify/store/row.h"
#include "notify/store/sql.h"

/* Columns of sql/list_dead_letters.sql and sql/get_dead_letter.sql. */
enum {
    COLUMN_ID,
    COLUMN_NOTIFICATION,
    COLUMN_CHANNEL,
    COLUMN_TO,
    COLUMN_REASON,
    COLUMN_RETRIES,
    COLUMN_CREATED
};

static struct store_list_dead_letters *list_of(struct store_call *call)
{
    return (struct store_list_dead_letters *)call;
}

static void copy_row(struct store_dead_letter_row *to, struct store_row r,
                     struct store_block *block)
{
    store_row_uuid(r, COLUMN_ID, &to->id);
    store_row_uuid(r, COLUMN_NOTIFICATION, &to->notification_id);
    to->channel = store_block_column(block, r, COLUMN_CHANNEL);
    to->to = store_block_column(block, r, COLUMN_TO);
    to->reason = store_block_column(block, r, COLUMN_REASON);
    to->retry_count = store_row_int4(r, COLUMN_RETRIES);
    to->created_at_us = store_row_time(r, COLUMN_CREATED);
}

static enum celeriac_err check_list(struct store_call *call)
{
    if (list_of(call)->limit > STORE_LIST_MAX)
        return celeriac_error_set(&call->error, CELERIAC_ERR_VALUE, "limit: more than %d",
                                  STORE_LIST_MAX);
    return CELERIAC_OK;
}

static void bind_list(struct store_params *p, struct store_call **calls, size_t count,
                      const struct store_context *context)
{
    const struct store_list_dead_letters *list = list_of(calls[0]);
    (void)count;
    (void)context;
    store_params_uuid(p, &list->tenant_id);
    store_params_time(p, list->before_created_at_us);
    store_params_uuid(p, &list->before_id);
    store_params_int8(p, list->limit);
    store_params_time(p, list->created_after_us);
    store_params_time(p, list->created_before_us);
}

static void take_list(struct store_call **calls, size_t count, const PGresult *result)
{
    struct store_list_dead_letters *list = list_of(calls[0]);
    int rows = PQntuples(result);
    void *memory;
    struct store_block block;
    (void)count;
    if (store_block_create(&list->call, result, 0, rows, sizeof(struct store_dead_letter_row),
                           &memory, &block) != CELERIAC_OK) {
        store_call_no_memory(&list->call);
        return;
    }
    struct store_dead_letter_row *to = memory;
    for (int i = 0; i < rows; i++)
        copy_row(&to[i], (struct store_row){result, i}, &block);
    list->rows = to;
    list->count = (size_t)rows;
}

static void bind_get(struct store_params *p, struct store_call **calls, size_t count,
                     const struct store_context *context)
{
    const struct store_get_dead_letter *get = (const struct store_get_dead_letter *)calls[0];
    (void)count;
    (void)context;
    store_params_uuid(p, &get->tenant_id);
    store_params_uuid(p, &get->id);
}

static void take_get(struct store_call **calls, size_t count, const PGresult *result)
{
    struct store_get_dead_letter *get = (struct store_get_dead_letter *)calls[0];
    void *memory;
    struct store_block block;
    (void)count;
    if (PQntuples(result) == 0)
        store_call_not_found(&get->call, "dead letter");
    else if (store_block_create(&get->call, result, 0, 1, 0, &memory, &block) != CELERIAC_OK)
        store_call_no_memory(&get->call);
    else
        copy_row(&get->row, (struct store_row){result, 0}, &block);
}

const struct store_kind store_kind_get_dead_letter = {
    .id = STORE_KIND_GET_DEAD_LETTER,
    .name = "get_dead_letter",
    .sql = store_sql_get_dead_letter,
    .bind = bind_get,
    .take = take_get,
};

const struct store_kind store_kind_list_dead_letters = {
    .id = STORE_KIND_LIST_DEAD_LETTERS,
    .name = "list_dead_letters",
    .sql = store_sql_list_dead_letters,
    .prelude = store_sql_custom_plan,
    .check = check_list,
    .bind = bind_list,
    .take = take_list,
};

void store_list_dead_letters_init(struct store_list_dead_letters *list,
                                  const struct uuid *tenant_id, uint32_t limit)
{
    memset(list, 0, sizeof *list);
    store_call_init(&list->call, &store_kind_list_dead_letters);
    list->tenant_id = *tenant_id;
    list->created_after_us = STORE_NO_TIME;
    list->created_before_us = STORE_NO_TIME;
    list->before_created_at_us = STORE_NO_TIME;
    list->limit = limit;
}

void store_get_dead_letter_init(struct store_get_dead_letter *get, const struct uuid *tenant_id,
                                const struct uuid *id)
{
    memset(get, 0, sizeof *get);
    store_call_init(&get->call, &store_kind_get_dead_letter);
    get->tenant_id = *tenant_id;
    get->id = *id;
}
