#include "notify/store/dead_letters.h"

#include <string.h>

#include "notify/store/bind.h"
#include "notify/store/kinds.h"
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

static void copy_row(void *row, struct store_row r, struct store_block *block)
{
    struct store_dead_letter_row *to = row;
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
    return store_page_check(&list_of(call)->page, &call->error);
}

static void bind_list(struct store_params *p, struct store_call **calls, size_t count,
                      const struct store_context *context)
{
    const struct store_list_dead_letters *list = list_of(calls[0]);
    (void)count;
    (void)context;
    store_params_uuid(p, &list->tenant_id);
    store_bind_page(p, &list->page);
}

static void take_list(struct store_call **calls, size_t count, const PGresult *result)
{
    struct store_list_dead_letters *list = list_of(calls[0]);
    (void)count;
    list->rows = store_take_rows(&list->call, result, sizeof *list->rows, copy_row, &list->count);
    list->next = store_take_next(&list->page, result, false, COLUMN_CREATED, COLUMN_ID);
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
    (void)count;
    store_take_first(&get->call, result, "dead letter", copy_row, &get->row);
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
                                  const struct uuid *tenant_id, const struct store_page *page)
{
    memset(list, 0, sizeof *list);
    store_call_init(&list->call, &store_kind_list_dead_letters);
    list->tenant_id = *tenant_id;
    list->page = *page;
    list->next.created_at_us = STORE_NO_TIME;
}

void store_get_dead_letter_init(struct store_get_dead_letter *get, const struct uuid *tenant_id,
                                const struct uuid *id)
{
    memset(get, 0, sizeof *get);
    store_call_init(&get->call, &store_kind_get_dead_letter);
    get->tenant_id = *tenant_id;
    get->id = *id;
}
