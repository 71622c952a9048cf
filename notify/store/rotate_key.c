/* The calls of api_keys.h that replace a key. */
#include <string.h>

#include "notify/store/api_keys.h"
#include "notify/store/kinds.h"
#include "notify/store/row.h"
#include "notify/store/sql.h"
#include "notify/store/text.h"

/* Columns of sql/get_key.sql and sql/rotate_key.sql. */
enum { COLUMN_REPLACEABLE, COLUMN_TEST };
enum { COLUMN_ID, COLUMN_NAME, COLUMN_ENDS };

static struct store_get_key *get_of(struct store_call *call)
{
    return (struct store_get_key *)call;
}

static struct store_rotate_key *rotate_of(struct store_call *call)
{
    return (struct store_rotate_key *)call;
}

static void bind_get(struct store_params *p, struct store_call **calls, size_t count,
                     const struct store_context *context)
{
    (void)count;
    (void)context;
    store_params_uuid(p, &get_of(calls[0])->tenant_id);
    store_params_int8(p, get_of(calls[0])->key_id);
}

static void take_get(struct store_call **calls, size_t count, const PGresult *result)
{
    struct store_get_key *get = get_of(calls[0]);
    struct store_row r = {result, 0};
    (void)count;
    if (PQntuples(result) == 0) {
        store_call_not_found(calls[0], "key");
        return;
    }
    get->is_replaceable = store_row_bool(r, COLUMN_REPLACEABLE);
    get->is_mode_known = !store_row_is_null(r, COLUMN_TEST);
    get->is_test = store_row_bool(r, COLUMN_TEST);
}

static enum celeriac_err check_rotate(struct store_call *call)
{
    struct store_rotate_key *rotate = rotate_of(call);
    call->own.bytes = sizeof *rotate + rotate->key_hash.len;
    if (rotate->created_at_us == STORE_NO_TIME)
        return celeriac_error_set(&call->error, CELERIAC_ERR_VALUE, "created_at: is missing");
    if (rotate->grace_seconds < 0 || rotate->grace_seconds > STORE_KEY_GRACE_MAX)
        return celeriac_error_set(&call->error, CELERIAC_ERR_VALUE,
                                  "grace_seconds: not between 0 and %lld",
                                  (long long)STORE_KEY_GRACE_MAX);
    return store_text_check(rotate->key_hash, "key_hash", 1, STORE_KEY_HASH_MAX, &call->error);
}

static void bind_rotate(struct store_params *p, struct store_call **calls, size_t count,
                        const struct store_context *context)
{
    const struct store_rotate_key *rotate = rotate_of(calls[0]);
    (void)count;
    (void)context;
    store_params_uuid(p, &rotate->tenant_id);
    store_params_int8(p, rotate->old_id);
    store_params_bytes(p, rotate->key_hash);
    store_params_time(p, rotate->created_at_us);
    store_params_digest(p, &rotate->digest);
    store_params_bool(p, rotate->is_test);
    store_params_int8(p, rotate->grace_seconds);
}

static void copy_rotated(void *call, struct store_row r, struct store_block *block)
{
    struct store_rotate_key *rotate = rotate_of(call);
    rotate->key_id = store_row_int8(r, COLUMN_ID);
    rotate->name = store_block_column(block, r, COLUMN_NAME);
    rotate->old_ends_us = store_row_time(r, COLUMN_ENDS);
}

static void take_rotate(struct store_call **calls, size_t count, const PGresult *result)
{
    (void)count;
    store_take_first(calls[0], result, "key", copy_rotated, calls[0]);
}

const struct store_kind store_kind_get_key = {
    .id = STORE_KIND_GET_KEY,
    .name = "get_key",
    .sql = store_sql_get_key,
    .bind = bind_get,
    .take = take_get,
};

const struct store_kind store_kind_rotate_key = {
    .id = STORE_KIND_ROTATE_KEY,
    .name = "rotate_key",
    .sql = store_sql_rotate_key,
    .check = check_rotate,
    .bind = bind_rotate,
    .take = take_rotate,
};

void store_get_key_init(struct store_get_key *get, const struct uuid *tenant_id, int64_t key_id)
{
    memset(get, 0, sizeof *get);
    store_call_init(&get->call, &store_kind_get_key);
    get->tenant_id = *tenant_id;
    get->key_id = key_id;
}

void store_rotate_key_init(struct store_rotate_key *rotate)
{
    memset(rotate, 0, sizeof *rotate);
    store_call_init(&rotate->call, &store_kind_rotate_key);
    rotate->created_at_us = STORE_NO_TIME;
}
