#include "notify/store/tenants.h"

#include <stddef.h>
#include <string.h>

#include "notify/store/api_keys.h"
#include "notify/store/bind.h"
#include "notify/store/kinds.h"
#include "notify/store/row.h"
#include "notify/store/sql.h"
#include "notify/store/text.h"

/* Columns of sql/get_tenant.sql after the first. */
enum { COLUMN_ID = 1, COLUMN_NAME, COLUMN_EMAIL, COLUMN_ACTIVE, COLUMN_CREATED, COLUMN_UPDATED };

static struct store_register_tenant *register_of(struct store_call *call)
{
    return (struct store_register_tenant *)call;
}

static enum celeriac_err check_register(struct store_call *call)
{
    struct store_register_tenant *reg = register_of(call);
    struct celeriac_error *err = &call->error;
    call->own.bytes = sizeof *reg + reg->name.len + reg->email.len;
    if (reg->created_at_us == STORE_NO_TIME)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "created_at: is missing");
    enum celeriac_err rc = store_text_check(reg->name, "name", 1, STORE_TENANT_NAME_MAX, err);
    if (rc == CELERIAC_OK)
        rc = store_text_check(reg->email, "email", 1, STORE_TENANT_EMAIL_MAX, err);
    if (rc == CELERIAC_OK)
        rc = store_text_check(reg->key_name, "key_name", 0, STORE_KEY_NAME_MAX, err);
    if (rc == CELERIAC_OK)
        rc = store_text_check(reg->key_hash, "key_hash", 1, STORE_KEY_HASH_MAX, err);
    return rc;
}

static void bind_register(struct store_params *p, struct store_call **calls, size_t count,
                          const struct store_context *context)
{
    const struct store_register_tenant *reg = register_of(calls[0]);
    (void)count;
    (void)context;
    store_params_bytes(p, reg->email);
    store_params_uuid(p, &reg->tenant_id);
    store_params_bytes(p, reg->name);
    store_params_bytes(p, reg->key_hash);
    store_params_text(p, reg->key_name);
    store_params_digest(p, &reg->digest);
    store_params_time(p, reg->created_at_us);
}

static void take_register(struct store_call **calls, size_t count, const PGresult *result)
{
    (void)count;
    if (PQntuples(result) == 0)
        (void)celeriac_error_set(&calls[0]->error, CELERIAC_ERR_EXISTS,
                                 "email: a tenant has it already");
    else
        register_of(calls[0])->key_id = store_row_int8((struct store_row){result, 0}, 0);
}

static void bind_get(struct store_params *p, struct store_call **calls, size_t count,
                     const struct store_context *context)
{
    (void)context;
    struct store_set set = store_all(calls, count);
    store_bind_uuids(p, &set, offsetof(struct store_get_tenant, tenant_id));
}

static void copy_row(void *to, struct store_row r, struct store_block *block)
{
    struct store_tenant *row = to;
    store_row_uuid(r, COLUMN_ID, &row->id);
    row->name = store_block_column(block, r, COLUMN_NAME);
    row->email = store_block_column(block, r, COLUMN_EMAIL);
    row->is_active = store_row_bool(r, COLUMN_ACTIVE);
    row->created_at_us = store_row_time(r, COLUMN_CREATED);
    row->updated_at_us = store_row_time(r, COLUMN_UPDATED);
}

static void take_get(struct store_call **calls, size_t count, const PGresult *result)
{
    for (int i = 0; i < PQntuples(result); i++) {
        struct store_row r = {result, i};
        struct store_call *call = store_row_call(r, calls, count);
        if (call)
            store_take_row(call, r, copy_row, &((struct store_get_tenant *)call)->row);
    }
    for (size_t i = 0; i < count; i++) {
        if (!calls[i]->own.block)
            store_call_not_found(calls[i], "tenant");
    }
}

const struct store_kind store_kind_register_tenant = {
    .id = STORE_KIND_REGISTER_TENANT,
    .name = "register_tenant",
    .sql = store_sql_register_tenant,
    .prelude = store_sql_lock_email,
    .prelude_params = 1,
    .check = check_register,
    .bind = bind_register,
    .take = take_register,
};

const struct store_kind store_kind_get_tenant = {
    .id = STORE_KIND_GET_TENANT,
    .name = "get_tenant",
    .sql = store_sql_get_tenant,
    .combined = true,
    .bind = bind_get,
    .take = take_get,
};

void store_register_tenant_init(struct store_register_tenant *reg)
{
    memset(reg, 0, sizeof *reg);
    store_call_init(&reg->call, &store_kind_register_tenant);
    reg->created_at_us = STORE_NO_TIME;
}

void store_get_tenant_init(struct store_get_tenant *get, const struct uuid *tenant_id)
{
    memset(get, 0, sizeof *get);
    store_call_init(&get->call, &store_kind_get_tenant);
    get->tenant_id = *tenant_id;
}
