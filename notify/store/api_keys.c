#include "notify/store/api_keys.h"

#include <string.h>

#include "notify/store/kinds.h"
#include "notify/store/row.h"
#include "notify/store/sql.h"
#include "notify/store/text.h"

/* Columns of sql/list_keys.sql. */
enum { COLUMN_ID, COLUMN_NAME, COLUMN_ACTIVE, COLUMN_CREATED, COLUMN_USED };

static struct store_create_key *create_of(struct store_call *call)
{
    return (struct store_create_key *)call;
}

static struct store_list_keys *list_of(struct store_call *call)
{
    return (struct store_list_keys *)call;
}

static enum celeriac_err check_create(struct store_call *call)
{
    struct store_create_key *create = create_of(call);
    struct celeriac_error *err = &call->error;
    call->own.bytes = sizeof *create + create->name.len + create->key_hash.len;
    if (create->created_at_us == STORE_NO_TIME)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "created_at: is missing");
    enum celeriac_err rc = store_text_check(create->name, "name", 0, STORE_KEY_NAME_MAX, err);
    if (rc == CELERIAC_OK)
        rc = store_text_check(create->key_hash, "key_hash", 1, STORE_KEY_HASH_MAX, err);
    return rc;
}

static void bind_create(struct store_params *p, struct store_call **calls, size_t count,
                        const struct store_context *context)
{
    const struct store_create_key *create = create_of(calls[0]);
    (void)count;
    (void)context;
    store_params_uuid(p, &create->tenant_id);
    store_params_bytes(p, create->key_hash);
    store_params_text(p, create->name);
    store_params_time(p, create->created_at_us);
    store_params_digest(p, &create->digest);
    store_params_bool(p, create->is_test);
}

static void take_create(struct store_call **calls, size_t count, const PGresult *result)
{
    (void)count;
    if (PQntuples(result) == 0)
        store_call_not_found(calls[0], "tenant");
    else
        create_of(calls[0])->key_id = store_row_int8((struct store_row){result, 0}, 0);
}

static void copy_row(void *row, struct store_row r, struct store_block *block)
{
    struct store_api_key *to = row;
    to->id = store_row_int8(r, COLUMN_ID);
    to->name = store_block_column(block, r, COLUMN_NAME);
    to->is_active = store_row_bool(r, COLUMN_ACTIVE);
    to->created_at_us = store_row_time(r, COLUMN_CREATED);
    to->last_used_at_us = store_row_time(r, COLUMN_USED);
}

static void bind_list(struct store_params *p, struct store_call **calls, size_t count,
                      const struct store_context *context)
{
    const struct store_list_keys *list = list_of(calls[0]);
    (void)count;
    (void)context;
    store_params_uuid(p, &list->tenant_id);
    if (list->before_id == 0)
        store_params_null(p);
    else
        store_params_int8(p, list->before_id);
    store_params_int8(p, STORE_KEY_PAGE_MAX);
}

static void take_list(struct store_call **calls, size_t count, const PGresult *result)
{
    struct store_list_keys *list = list_of(calls[0]);
    (void)count;
    list->rows = store_take_rows(&list->call, result, sizeof *list->rows, copy_row, &list->count);
}

static void bind_deactivate(struct store_params *p, struct store_call **calls, size_t count,
                            const struct store_context *context)
{
    const struct store_deactivate_key *off = (const struct store_deactivate_key *)calls[0];
    (void)count;
    (void)context;
    store_params_uuid(p, &off->tenant_id);
    store_params_int8(p, off->key_id);
}

static void take_deactivate(struct store_call **calls, size_t count, const PGresult *result)
{
    (void)count;
    if (PQntuples(result) == 0)
        store_call_not_found(calls[0], "key");
}

const struct store_kind store_kind_create_key = {
    .id = STORE_KIND_CREATE_KEY,
    .name = "create_key",
    .sql = store_sql_create_key,
    .on_dangling = CELERIAC_ERR_NOT_FOUND,
    .check = check_create,
    .bind = bind_create,
    .take = take_create,
};

const struct store_kind store_kind_list_keys = {
    .id = STORE_KIND_LIST_KEYS,
    .name = "list_keys",
    .sql = store_sql_list_keys,
    .bind = bind_list,
    .take = take_list,
};

const struct store_kind store_kind_deactivate_key = {
    .id = STORE_KIND_DEACTIVATE_KEY,
    .name = "deactivate_key",
    .sql = store_sql_deactivate_key,
    .bind = bind_deactivate,
    .take = take_deactivate,
};

void store_create_key_init(struct store_create_key *create)
{
    memset(create, 0, sizeof *create);
    store_call_init(&create->call, &store_kind_create_key);
    create->created_at_us = STORE_NO_TIME;
}

void store_list_keys_init(struct store_list_keys *list, const struct uuid *tenant_id)
{
    memset(list, 0, sizeof *list);
    store_call_init(&list->call, &store_kind_list_keys);
    list->tenant_id = *tenant_id;
}

void store_deactivate_key_init(struct store_deactivate_key *off, const struct uuid *tenant_id,
                               int64_t key_id)
{
    memset(off, 0, sizeof *off);
    store_call_init(&off->call, &store_kind_deactivate_key);
    off->tenant_id = *tenant_id;
    off->key_id = key_id;
}
