#include "notify/store/template_versions.h"

#include <string.h>

#include "notify/store/kinds.h"
#include "notify/store/page.h"
#include "notify/store/row.h"
#include "notify/store/sql.h"

/* Columns of sql/list_template_versions.sql. */
enum {
    COLUMN_VERSION,
    COLUMN_NAME,
    COLUMN_CHANNEL,
    COLUMN_SUBJECT,
    COLUMN_BODY,
    COLUMN_VARIABLES,
    COLUMN_WRITTEN
};

static struct store_list_template_versions *list_of(struct store_call *call)
{
    return (struct store_list_template_versions *)call;
}

static void copy_row(void *row, struct store_row r, struct store_block *block)
{
    struct store_template_version *to = row;
    to->version = store_row_int4(r, COLUMN_VERSION);
    to->name = store_block_column(block, r, COLUMN_NAME);
    to->channel = store_block_column(block, r, COLUMN_CHANNEL);
    to->subject = store_block_column(block, r, COLUMN_SUBJECT);
    to->body = store_block_column(block, r, COLUMN_BODY);
    to->variables = store_block_column(block, r, COLUMN_VARIABLES);
    to->written_at_us = store_row_time(r, COLUMN_WRITTEN);
}

static void bind_list(struct store_params *p, struct store_call **calls, size_t count,
                      const struct store_context *context)
{
    const struct store_list_template_versions *list = list_of(calls[0]);
    (void)count;
    (void)context;
    store_params_uuid(p, &list->tenant_id);
    store_params_int8(p, list->template_id);
    store_params_int8(p, STORE_LIST_BYTES_MAX);
}

static void take_list(struct store_call **calls, size_t count, const PGresult *result)
{
    struct store_list_template_versions *list = list_of(calls[0]);
    (void)count;
    if (PQntuples(result) == 0)
        store_call_not_found(&list->call, "template");
    else
        list->rows =
            store_take_rows(&list->call, result, sizeof *list->rows, copy_row, &list->count);
}

static void bind_restore(struct store_params *p, struct store_call **calls, size_t count,
                         const struct store_context *context)
{
    const struct store_restore_template *restore = (const struct store_restore_template *)calls[0];
    (void)count;
    (void)context;
    store_params_uuid(p, &restore->tenant_id);
    store_params_int8(p, restore->template_id);
    store_params_int4(p, restore->version);
    store_params_time(p, restore->updated_at_us);
}

static void take_restore(struct store_call **calls, size_t count, const PGresult *result)
{
    (void)count;
    if (PQntuples(result) == 0)
        store_call_not_found(calls[0], "version");
}

const struct store_kind store_kind_list_template_versions = {
    .id = STORE_KIND_LIST_TEMPLATE_VERSIONS,
    .name = "list_template_versions",
    .sql = store_sql_list_template_versions,
    .bind = bind_list,
    .take = take_list,
};

const struct store_kind store_kind_restore_template = {
    .id = STORE_KIND_RESTORE_TEMPLATE,
    .name = "restore_template",
    .sql = store_sql_restore_template,
    .prelude = store_sql_lock_template,
    .prelude_params = 2,
    .on_duplicate = CELERIAC_ERR_EXISTS,
    .bind = bind_restore,
    .take = take_restore,
};

void store_list_template_versions_init(struct store_list_template_versions *list,
                                       const struct uuid *tenant_id, int64_t template_id)
{
    memset(list, 0, sizeof *list);
    store_call_init(&list->call, &store_kind_list_template_versions);
    list->tenant_id = *tenant_id;
    list->template_id = template_id;
}

void store_restore_template_init(struct store_restore_template *restore,
                                 const struct uuid *tenant_id, int64_t template_id, int32_t version,
                                 int64_t updated_at_us)
{
    memset(restore, 0, sizeof *restore);
    store_call_init(&restore->call, &store_kind_restore_template);
    restore->tenant_id = *tenant_id;
    restore->template_id = template_id;
    restore->version = version;
    restore->updated_at_us = updated_at_us;
}
