#include "notify/store/idempotency.h"

#include <string.h>

#include "notify/store/bind.h"
#include "notify/store/idempotency_row.h"
#include "notify/store/kinds.h"
#include "notify/store/sql.h"
#include "notify/store/text.h"

/* Columns of sql/find_answer.sql after the call's number. */
enum { COLUMN_DIGEST = 1 };

static struct store_find_answer *find_of(struct store_call *call)
{
    return (struct store_find_answer *)call;
}

enum celeriac_err store_idempotency_check(const struct store_idempotency *i, bool with_document,
                                          struct celeriac_error *err)
{
    if (with_document && (i->document.len == 0 || i->document.len > STORE_ANSWER_MAX))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "document: not between 1 and %zu bytes",
                                  STORE_ANSWER_MAX);
    return store_text_check(i->key, "idempotency key", 1, STORE_IDEMPOTENCY_KEY_MAX, err);
}

bool store_idempotency_is_same(struct store_idempotency *i, struct store_row r, int digest_column)
{
    struct span digest = store_row_span(r, digest_column);
    bool is_same = digest.len == sizeof i->digest.bytes &&
                   memcmp(digest.ptr, i->digest.bytes, digest.len) == 0;

    i->repeat = is_same ? STORE_REPEAT_SAME : STORE_REPEAT_OTHER;
    return is_same;
}

void store_idempotency_take(struct store_call *call, struct store_idempotency *i,
                            struct store_row r, int digest_column)
{
    struct store_block block;
    void *rows;

    if (!store_idempotency_is_same(i, r, digest_column))
        return;
    if (store_block_create(call, r.result, r.row, 1, 0, &rows, &block) != CELERIAC_OK) {
        store_call_no_memory(call);
        return;
    }
    i->answer = store_block_column(&block, r, digest_column + 1);
}

static enum celeriac_err check_find(struct store_call *call)
{
    return store_idempotency_check(&find_of(call)->idempotency, false, &call->error);
}

static void bind_find(struct store_params *p, struct store_call **calls, size_t count,
                      const struct store_context *context)
{
    struct store_set set = store_all(calls, count);

    (void)context;
    store_bind_uuids(p, &set, offsetof(struct store_find_answer, tenant_id));
    store_bind_texts(p, &set, offsetof(struct store_find_answer, idempotency.key));
}

static void take_find(struct store_call **calls, size_t count, const PGresult *result)
{
    for (int i = 0; i < PQntuples(result); i++) {
        struct store_row r = {result, i};
        struct store_call *call = store_row_call(r, calls, count);

        if (call)
            store_idempotency_take(call, &find_of(call)->idempotency, r, COLUMN_DIGEST);
    }
}

static enum celeriac_err check_sweep(struct store_call *call)
{
    uint32_t limit = ((struct store_sweep_answers *)call)->limit;

    if (limit < 1 || limit > STORE_SWEEP_ANSWERS_MAX)
        return celeriac_error_set(&call->error, CELERIAC_ERR_VALUE, "limit: not between 1 and %d",
                                  STORE_SWEEP_ANSWERS_MAX);
    return CELERIAC_OK;
}

static void bind_sweep(struct store_params *p, struct store_call **calls, size_t count,
                       const struct store_context *context)
{
    (void)count;
    (void)context;
    store_params_int8(p, ((const struct store_sweep_answers *)calls[0])->limit);
}

static void take_sweep(struct store_call **calls, size_t count, const PGresult *result)
{
    (void)count;
    ((struct store_sweep_answers *)calls[0])->removed = (uint32_t)PQntuples(result);
}

const struct store_kind store_kind_find_answer = {
    .id = STORE_KIND_FIND_ANSWER,
    .name = "find_answer",
    .sql = store_sql_find_answer,
    .combined = true,
    .check = check_find,
    .bind = bind_find,
    .take = take_find,
};

const struct store_kind store_kind_sweep_answers = {
    .id = STORE_KIND_SWEEP_ANSWERS,
    .name = "sweep_answers",
    .sql = store_sql_sweep_answers,
    .check = check_sweep,
    .bind = bind_sweep,
    .take = take_sweep,
};

void store_find_answer_init(struct store_find_answer *find, const struct uuid *tenant_id)
{
    memset(find, 0, sizeof *find);
    store_call_init(&find->call, &store_kind_find_answer);
    find->tenant_id = *tenant_id;
}

void store_sweep_answers_init(struct store_sweep_answers *sweep, uint32_t limit)
{
    memset(sweep, 0, sizeof *sweep);
    store_call_init(&sweep->call, &store_kind_sweep_answers);
    sweep->limit = limit;
}
