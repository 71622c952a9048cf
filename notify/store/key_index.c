/* The calls of api_keys.h that find keys by their digests. */
#include <stddef.h>
#include <string.h>

#include "notify/store/api_keys.h"
#include "notify/store/bind.h"
#include "notify/store/kinds.h"
#include "notify/store/row.h"
#include "notify/store/sql.h"
#include "notify/store/text.h"

/* Columns of sql/find_key.sql after the first. */
enum {
    COLUMN_KEY = 1,
    COLUMN_KEY_ACTIVE,
    COLUMN_TENANT,
    COLUMN_NAME,
    COLUMN_EMAIL,
    COLUMN_ACTIVE,
    COLUMN_CREATED,
    COLUMN_UPDATED,
    COLUMN_EXPIRES,
    COLUMN_LIMIT,
    COLUMN_BURST
};

/* Columns of sql/list_unindexed_keys.sql. */
enum { COLUMN_PAGE_KEY, COLUMN_PAGE_HASH, COLUMN_PAGE_TENANT, COLUMN_PAGE_USED };

static struct store_find_key *find_of(struct store_call *call)
{
    return (struct store_find_key *)call;
}

static struct store_list_unindexed_keys *list_of(struct store_call *call)
{
    return (struct store_list_unindexed_keys *)call;
}

static void bind_find(struct store_params *p, struct store_call **calls, size_t count,
                      const struct store_context *context)
{
    (void)context;
    struct store_set set = store_all(calls, count);
    store_bind_digests(p, &set, offsetof(struct store_find_key, digest));
}

static void copy_found(void *call, struct store_row r, struct store_block *block)
{
    struct store_find_key *find = find_of(call);
    find->key_id = store_row_int8(r, COLUMN_KEY);
    find->key_is_active = store_row_bool(r, COLUMN_KEY_ACTIVE);
    store_row_uuid(r, COLUMN_TENANT, &find->tenant.id);
    find->tenant.name = store_block_column(block, r, COLUMN_NAME);
    find->tenant.email = store_block_column(block, r, COLUMN_EMAIL);
    find->tenant.is_active = store_row_bool(r, COLUMN_ACTIVE);
    find->tenant.created_at_us = store_row_time(r, COLUMN_CREATED);
    find->tenant.updated_at_us = store_row_time(r, COLUMN_UPDATED);
    find->expires_in_us = STORE_NO_TIME;
    if (!store_row_is_null(r, COLUMN_EXPIRES))
        find->expires_in_us = store_row_int8(r, COLUMN_EXPIRES);
    find->limit_milli = store_row_int8(r, COLUMN_LIMIT);
    find->limit_burst = store_row_int4(r, COLUMN_BURST);
}

static void take_find(struct store_call **calls, size_t count, const PGresult *result)
{
    for (int i = 0; i < PQntuples(result); i++) {
        struct store_row r = {result, i};
        struct store_call *call = store_row_call(r, calls, count);
        if (call)
            store_take_row(call, r, copy_found, call);
    }
    for (size_t i = 0; i < count; i++) {
        if (!calls[i]->own.block)
            store_call_not_found(calls[i], "key");
    }
}

static enum celeriac_err check_add(struct store_call *call)
{
    const struct store_add_digest *add = (const struct store_add_digest *)call;
    call->own.bytes = sizeof add->digest + add->key_hash.len;
    return store_text_check(add->key_hash, "key_hash", 1, STORE_KEY_HASH_MAX, &call->error);
}

static void bind_add(struct store_params *p, struct store_call **calls, size_t count,
                     const struct store_context *context)
{
    (void)context;
    struct store_set set = store_all(calls, count);
    store_bind_digests(p, &set, offsetof(struct store_add_digest, digest));
    store_bind_int8s(p, &set, offsetof(struct store_add_digest, key_id));
    store_bind_texts(p, &set, offsetof(struct store_add_digest, key_hash));
}

static void take_add(struct store_call **calls, size_t count, const PGresult *result)
{
    /* The rows are the numbers of the calls whose key is there, in their order. */
    int row = 0;
    for (size_t i = 0; i < count; i++) {
        struct store_row r = {result, row};
        if (row < PQntuples(result) && store_row_call(r, calls, count) == calls[i])
            row++;
        else
            store_call_not_found(calls[i], "key");
    }
}

static enum celeriac_err check_list(struct store_call *call)
{
    uint32_t limit = list_of(call)->limit;
    if (limit < 1 || limit > STORE_KEY_PAGE_MAX)
        return celeriac_error_set(&call->error, CELERIAC_ERR_VALUE, "limit: not between 1 and %d",
                                  STORE_KEY_PAGE_MAX);
    return CELERIAC_OK;
}

static void copy_row(void *row, struct store_row r, struct store_block *block)
{
    struct store_key_hash *to = row;
    to->key_id = store_row_int8(r, COLUMN_PAGE_KEY);
    to->key_hash = store_block_column(block, r, COLUMN_PAGE_HASH);
    store_row_uuid(r, COLUMN_PAGE_TENANT, &to->tenant_id);
    to->last_used_at_us = store_row_time(r, COLUMN_PAGE_USED);
}

static void bind_list(struct store_params *p, struct store_call **calls, size_t count,
                      const struct store_context *context)
{
    (void)count;
    (void)context;
    store_params_int8(p, list_of(calls[0])->after_id);
    store_params_int8(p, list_of(calls[0])->limit);
}

static void take_list(struct store_call **calls, size_t count, const PGresult *result)
{
    struct store_list_unindexed_keys *list = list_of(calls[0]);
    (void)count;
    list->rows = store_take_rows(&list->call, result, sizeof *list->rows, copy_row, &list->count);
}

const struct store_kind store_kind_find_key = {
    .id = STORE_KIND_FIND_KEY,
    .name = "find_key",
    .sql = store_sql_find_key,
    .combined = true,
    .bind = bind_find,
    .take = take_find,
};

const struct store_kind store_kind_add_digest = {
    .id = STORE_KIND_ADD_DIGEST,
    .name = "add_digest",
    .sql = store_sql_add_digest,
    .combined = true,
    .check = check_add,
    .bind = bind_add,
    .take = take_add,
};

const struct store_kind store_kind_list_unindexed_keys = {
    .id = STORE_KIND_LIST_UNINDEXED_KEYS,
    .name = "list_unindexed_keys",
    .sql = store_sql_list_unindexed_keys,
    .check = check_list,
    .bind = bind_list,
    .take = take_list,
};

void store_find_key_init(struct store_find_key *find, const struct store_digest *digest)
{
    memset(find, 0, sizeof *find);
    store_call_init(&find->call, &store_kind_find_key);
    find->digest = *digest;
}

void store_add_digest_init(struct store_add_digest *add, const struct store_digest *digest,
                           int64_t key_id, struct span key_hash)
{
    memset(add, 0, sizeof *add);
    store_call_init(&add->call, &store_kind_add_digest);
    add->digest = *digest;
    add->key_id = key_id;
    add->key_hash = key_hash;
}

void store_list_unindexed_keys_init(struct store_list_unindexed_keys *list, int64_t after_id,
                                    uint32_t limit)
{
    memset(list, 0, sizeof *list);
    store_call_init(&list->call, &store_kind_list_unindexed_keys);
    list->after_id = after_id;
    list->limit = limit;
}
