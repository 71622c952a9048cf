#include "notify/store/templates.h"

#include <stddef.h>
#include <string.h>

#include "notify/store/bind.h"
#include "notify/store/kinds.h"
#include "notify/store/page.h"
#include "notify/store/row.h"
#include "notify/store/sql.h"
#include "notify/store/text.h"

/* Columns of sql/get_template.sql and sql/list_templates.sql. */
enum {
    COLUMN_ID,
    COLUMN_NAME,
    COLUMN_CHANNEL,
    COLUMN_SUBJECT,
    COLUMN_BODY,
    COLUMN_VARIABLES,
    COLUMN_ACTIVE,
    COLUMN_CREATED,
    COLUMN_UPDATED,
    COLUMN_TOTAL /* list_templates only */
};

static struct store_find_template *find_of(struct store_call *call)
{
    return (struct store_find_template *)call;
}

static struct store_get_template *get_of(struct store_call *call)
{
    return (struct store_get_template *)call;
}

static struct store_list_templates *list_of(struct store_call *call)
{
    return (struct store_list_templates *)call;
}

static enum celeriac_err check_find(struct store_call *call)
{
    call->own.bytes = sizeof(struct store_find_template) + find_of(call)->name.len;
    return CELERIAC_OK;
}

/* By name or by id: the other is NULL, as is a text that cannot be a name. */
static void bind_find(struct store_params *p, struct store_call **calls, size_t count,
                      const struct store_context *context)
{
    (void)context;
    struct store_set set = store_all(calls, count);
    store_bind_uuids(p, &set, offsetof(struct store_find_template, tenant_id));
    store_params_begin_array(p, STORE_TYPE_TEXT);
    for (size_t i = 0; i < count; i++) {
        struct span name = find_of(calls[i])->name;
        bool fits = name.len > 0 && name.len <= STORE_TEMPLATE_NAME_MAX * 4;
        if (fits && store_text_is_storable(name))
            store_params_bytes(p, name);
        else
            store_params_null(p);
    }
    store_params_end_array(p);
    store_params_begin_array(p, STORE_TYPE_INT8);
    for (size_t i = 0; i < count; i++) {
        if (find_of(calls[i])->name.len == 0)
            store_params_int8(p, find_of(calls[i])->template_id);
        else
            store_params_null(p);
    }
    store_params_end_array(p);
}

static void take_find(struct store_call **calls, size_t count, const PGresult *result)
{
    for (size_t i = 0; i < count; i++)
        find_of(calls[i])->found_id = 0;
    for (int i = 0; i < PQntuples(result); i++) {
        struct store_row r = {result, i};
        struct store_call *call = store_row_call(r, calls, count);
        if (call)
            find_of(call)->found_id = store_row_int8(r, 1);
    }
    for (size_t i = 0; i < count; i++) {
        if (find_of(calls[i])->found_id == 0)
            store_call_not_found(calls[i], "template");
    }
}

static void copy_row(void *row, struct store_row r, struct store_block *block)
{
    struct store_template *t = row;
    t->id = store_row_int8(r, COLUMN_ID);
    t->name = store_block_column(block, r, COLUMN_NAME);
    t->channel = store_block_column(block, r, COLUMN_CHANNEL);
    t->subject = store_block_column(block, r, COLUMN_SUBJECT);
    t->body = store_block_column(block, r, COLUMN_BODY);
    t->variables = store_block_column(block, r, COLUMN_VARIABLES);
    t->is_active = store_row_bool(r, COLUMN_ACTIVE);
    t->created_at_us = store_row_time(r, COLUMN_CREATED);
    t->updated_at_us = store_row_time(r, COLUMN_UPDATED);
}

static void bind_get(struct store_params *p, struct store_call **calls, size_t count,
                     const struct store_context *context)
{
    (void)count;
    (void)context;
    store_params_uuid(p, &get_of(calls[0])->tenant_id);
    store_params_int8(p, get_of(calls[0])->template_id);
}

static void take_get(struct store_call **calls, size_t count, const PGresult *result)
{
    struct store_get_template *get = get_of(calls[0]);
    (void)count;
    store_take_first(&get->call, result, "template", copy_row, &get->row);
}

static void bind_list(struct store_params *p, struct store_call **calls, size_t count,
                      const struct store_context *context)
{
    const struct store_list_templates *list = list_of(calls[0]);
    (void)count;
    (void)context;
    store_params_uuid(p, &list->tenant_id);
    store_params_time(p, list->before_created_at_us);
    store_params_int8(p, list->before_id);
    store_params_int8(p, STORE_LIST_MAX);
    store_params_int8(p, STORE_LIST_BYTES_MAX);
}

static void take_list(struct store_call **calls, size_t count, const PGresult *result)
{
    struct store_list_templates *list = list_of(calls[0]);
    int rows = PQntuples(result);
    (void)count;
    list->rows = store_take_rows(&list->call, result, sizeof *list->rows, copy_row, &list->count);
    list->complete =
        rows < STORE_LIST_MAX &&
        (rows == 0 || store_row_int8((struct store_row){result, 0}, COLUMN_TOTAL) == rows);
}

const struct store_kind store_kind_find_template = {
    .id = STORE_KIND_FIND_TEMPLATE,
    .name = "find_template",
    .sql = store_sql_find_template,
    .combined = true,
    .check = check_find,
    .bind = bind_find,
    .take = take_find,
};

const struct store_kind store_kind_get_template = {
    .id = STORE_KIND_GET_TEMPLATE,
    .name = "get_template",
    .sql = store_sql_get_template,
    .bind = bind_get,
    .take = take_get,
};

const struct store_kind store_kind_list_templates = {
    .id = STORE_KIND_LIST_TEMPLATES,
    .name = "list_templates",
    .sql = store_sql_list_templates,
    .prelude = store_sql_custom_plan,
    .bind = bind_list,
    .take = take_list,
};

void store_find_template_init(struct store_find_template *find, const struct uuid *tenant_id,
                              struct span name, int64_t template_id)
{
    memset(find, 0, sizeof *find);
    store_call_init(&find->call, &store_kind_find_template);
    find->tenant_id = *tenant_id;
    find->name = name;
    find->template_id = template_id;
}

void store_get_template_init(struct store_get_template *get, const struct uuid *tenant_id,
                             int64_t template_id)
{
    memset(get, 0, sizeof *get);
    store_call_init(&get->call, &store_kind_get_template);
    get->tenant_id = *tenant_id;
    get->template_id = template_id;
}

void store_list_templates_init(struct store_list_templates *list, const struct uuid *tenant_id)
{
    memset(list, 0, sizeof *list);
    store_call_init(&list->call, &store_kind_list_templates);
    list->tenant_id = *tenant_id;
    list->before_created_at_us = STORE_NO_TIME;
}
