#include "notify/store/webhook_endpoints.h"

#include <string.h>

#include "base/random.h"
#include "notify/store/idempotency_row.h"
#include "notify/store/kinds.h"
#include "notify/store/row.h"
#include "notify/store/sql.h"
#include "notify/store/text.h"

/* sql/columns/webhook.sql. */
enum {
    COLUMN_ID,
    COLUMN_URL,
    COLUMN_DESCRIPTION,
    COLUMN_EVENTS, /* one for each, in their order */
    COLUMN_ACTIVE = COLUMN_EVENTS + STORE_WEBHOOK_EVENT_COUNT,
    COLUMN_REASON,
    COLUMN_FAILING,
    COLUMN_PAUSED,
    COLUMN_OLD_SECRET,
    COLUMN_CREATED,
    COLUMN_UPDATED,
    /* of sql/create_webhook.sql only */
    COLUMN_DIGEST,
    COLUMN_SECRET
};

/* Bytes of the longest secret, far beyond those that are made. */
#define SECRET_MAX 255

const char *store_webhook_event_name(enum store_webhook_event event)
{
    return event == STORE_WEBHOOK_FAILED ? "notification.failed" : "notification.sent";
}

static struct store_get_webhooks *get_of(struct store_call *call)
{
    return (struct store_get_webhooks *)call;
}

static struct store_put_webhook *put_of(struct store_call *call)
{
    return (struct store_put_webhook *)call;
}

static struct store_rotate_webhook *rotate_of(struct store_call *call)
{
    return (struct store_rotate_webhook *)call;
}

static void copy_row(void *row, struct store_row r, struct store_block *block)
{
    struct store_webhook *to = row;
    store_row_uuid(r, COLUMN_ID, &to->id);
    to->url = store_block_column(block, r, COLUMN_URL);
    to->description = store_block_column(block, r, COLUMN_DESCRIPTION);
    to->events = 0;
    for (int i = 0; i < STORE_WEBHOOK_EVENT_COUNT; i++)
        to->events |= store_row_bool(r, COLUMN_EVENTS + i) ? UINT32_C(1) << i : 0;
    to->is_active = store_row_bool(r, COLUMN_ACTIVE);
    to->disabled_reason = store_block_column(block, r, COLUMN_REASON);
    to->failing_since_us = store_row_time(r, COLUMN_FAILING);
    to->paused_until_us = store_row_time(r, COLUMN_PAUSED);
    to->old_secret_until_us = store_row_time(r, COLUMN_OLD_SECRET);
    to->created_at_us = store_row_time(r, COLUMN_CREATED);
    to->updated_at_us = store_row_time(r, COLUMN_UPDATED);
}

static void bind_get(struct store_params *p, struct store_call **calls, size_t count,
                     const struct store_context *context)
{
    const struct store_get_webhooks *get = get_of(calls[0]);
    (void)count;
    (void)context;
    store_params_uuid(p, &get->tenant_id);
    if (get->is_one)
        store_params_uuid(p, &get->id);
    else
        store_params_null(p);
}

static void take_get(struct store_call **calls, size_t count, const PGresult *result)
{
    struct store_get_webhooks *get = get_of(calls[0]);
    (void)count;
    if (PQntuples(result) == 0 && get->is_one)
        store_call_not_found(&get->call, "webhook");
    else
        get->rows = store_take_rows(&get->call, result, sizeof *get->rows, copy_row, &get->count);
}

static enum celeriac_err check_update(struct store_call *call)
{
    const struct store_put_webhook *put = put_of(call);
    enum celeriac_err rc = CELERIAC_OK;
    call->own.bytes = sizeof *put + put->url.len + put->description.len;
    if (put->url.ptr)
        rc = store_text_check_bytes(put->url, "url", 1, STORE_WEBHOOK_URL_MAX, &call->error);
    if (rc == CELERIAC_OK && put->description.ptr)
        rc = store_text_check(put->description, "description", 0, STORE_WEBHOOK_DESCRIPTION_MAX,
                              &call->error);
    return rc;
}

static enum celeriac_err check_create(struct store_call *call)
{
    const struct store_put_webhook *put = put_of(call);
    enum celeriac_err rc = check_update(call);
    if (rc != CELERIAC_OK)
        return rc;
    if (!put->url.ptr)
        return celeriac_error_set(&call->error, CELERIAC_ERR_VALUE, "url: is missing");
    if (put->events == 0)
        return celeriac_error_set(&call->error, CELERIAC_ERR_VALUE, "events: are missing");
    rc = store_text_check(put->secret, "secret", 1, SECRET_MAX, &call->error);
    if (rc == CELERIAC_OK && put->idempotency.key.len > 0)
        rc = store_idempotency_check(&put->idempotency, false, &call->error);
    return rc;
}

static void bind_events(struct store_params *p, uint32_t events)
{
    if (events == 0) {
        store_params_null(p);
        return;
    }
    store_params_begin_array(p, STORE_TYPE_TEXT);
    for (int i = 0; i < STORE_WEBHOOK_EVENT_COUNT; i++) {
        if (events & UINT32_C(1) << i)
            store_params_text(p, span_of(store_webhook_event_name((enum store_webhook_event)i)));
    }
    store_params_end_array(p);
}

static void bind_create(struct store_params *p, struct store_call **calls, size_t count,
                        const struct store_context *context)
{
    const struct store_put_webhook *put = put_of(calls[0]);
    (void)count;
    (void)context;
    store_params_uuid(p, &put->tenant_id);
    store_params_uuid(p, &put->id);
    store_params_text(p, put->url);
    store_params_text(p, put->description);
    bind_events(p, put->events);
    store_params_text(p, put->secret);
    store_params_int8(p, STORE_WEBHOOKS_MAX);
    store_params_text(p, put->idempotency.key);
    store_params_digest(p, &put->idempotency.digest);
}

static void copy_known(void *to, struct store_row r, struct store_block *block)
{
    struct store_put_webhook *put = to;
    copy_row(&put->row, r, block);
    put->idempotency.answer = store_block_column(block, r, COLUMN_SECRET);
}

/* What a request finds whose key was known: the webhook that it has made before, if it is that. */
static void take_known(struct store_put_webhook *put, struct store_row r)
{
    if (!store_idempotency_is_same(&put->idempotency, r, COLUMN_DIGEST))
        return;
    if (store_row_is_null(r, COLUMN_ID))
        store_call_not_found(&put->call, "webhook");
    else
        store_take_row(&put->call, r, copy_known, put);
}

static void take_create(struct store_call **calls, size_t count, const PGresult *result)
{
    struct store_put_webhook *put = put_of(calls[0]);
    struct store_row r = {result, 0};
    struct uuid id;
    (void)count;
    if (PQntuples(result) == 0) {
        (void)celeriac_error_set(&put->call.error, CELERIAC_ERR_EXISTS, "webhooks: %d are there",
                                 STORE_WEBHOOKS_MAX);
        return;
    }
    store_row_uuid(r, COLUMN_ID, &id);
    if (memcmp(&id, &put->id, sizeof id) == 0)
        store_take_row(&put->call, r, copy_row, &put->row);
    else
        take_known(put, r);
}

static void bind_update(struct store_params *p, struct store_call **calls, size_t count,
                        const struct store_context *context)
{
    const struct store_put_webhook *put = put_of(calls[0]);
    (void)count;
    (void)context;
    store_params_uuid(p, &put->tenant_id);
    store_params_uuid(p, &put->id);
    store_params_bytes(p, put->url);
    store_params_bytes(p, put->description);
    bind_events(p, put->events);
    if (put->sets_active)
        store_params_bool(p, put->is_active);
    else
        store_params_null(p);
}

static void take_update(struct store_call **calls, size_t count, const PGresult *result)
{
    (void)count;
    store_take_first(calls[0], result, "webhook", copy_row, &put_of(calls[0])->row);
}

static void bind_delete(struct store_params *p, struct store_call **calls, size_t count,
                        const struct store_context *context)
{
    const struct store_delete_webhook *del = (const struct store_delete_webhook *)calls[0];
    (void)count;
    (void)context;
    store_params_uuid(p, &del->tenant_id);
    store_params_uuid(p, &del->id);
}

/* A call that is repeated after a commit of unknown outcome may have deleted it before. */
static void take_delete(struct store_call **calls, size_t count, const PGresult *result)
{
    (void)count;
    if (PQntuples(result) == 0 && calls[0]->own.attempts < 2)
        store_call_not_found(calls[0], "webhook");
}

static enum celeriac_err check_rotate(struct store_call *call)
{
    const struct store_rotate_webhook *rotate = rotate_of(call);
    if (rotate->grace_seconds < 0 || rotate->grace_seconds > STORE_WEBHOOK_GRACE_MAX)
        return celeriac_error_set(&call->error, CELERIAC_ERR_VALUE,
                                  "grace_seconds: not between 0 and %lld",
                                  (long long)STORE_WEBHOOK_GRACE_MAX);
    return store_text_check(rotate->secret, "secret", 1, SECRET_MAX, &call->error);
}

static void bind_rotate(struct store_params *p, struct store_call **calls, size_t count,
                        const struct store_context *context)
{
    const struct store_rotate_webhook *rotate = rotate_of(calls[0]);
    (void)count;
    (void)context;
    store_params_uuid(p, &rotate->tenant_id);
    store_params_uuid(p, &rotate->id);
    store_params_text(p, rotate->secret);
    store_params_int8(p, rotate->grace_seconds);
}

static void take_rotate(struct store_call **calls, size_t count, const PGresult *result)
{
    (void)count;
    store_take_first(calls[0], result, "webhook", copy_row, &rotate_of(calls[0])->row);
}

const struct store_kind store_kind_get_webhooks = {
    .id = STORE_KIND_GET_WEBHOOKS,
    .name = "get_webhooks",
    .sql = store_sql_get_webhooks,
    .bind = bind_get,
    .take = take_get,
};

const struct store_kind store_kind_create_webhook = {
    .id = STORE_KIND_CREATE_WEBHOOK,
    .name = "create_webhook",
    .sql = store_sql_create_webhook,
    .prelude = store_sql_lock_webhooks,
    .prelude_params = 1,
    .check = check_create,
    .bind = bind_create,
    .take = take_create,
};

const struct store_kind store_kind_update_webhook = {
    .id = STORE_KIND_UPDATE_WEBHOOK,
    .name = "update_webhook",
    .sql = store_sql_update_webhook,
    .check = check_update,
    .bind = bind_update,
    .take = take_update,
};

const struct store_kind store_kind_delete_webhook = {
    .id = STORE_KIND_DELETE_WEBHOOK,
    .name = "delete_webhook",
    .sql = store_sql_delete_webhook,
    .bind = bind_delete,
    .take = take_delete,
};

const struct store_kind store_kind_rotate_webhook = {
    .id = STORE_KIND_ROTATE_WEBHOOK,
    .name = "rotate_webhook",
    .sql = store_sql_rotate_webhook,
    .check = check_rotate,
    .bind = bind_rotate,
    .take = take_rotate,
};

void store_get_webhooks_init(struct store_get_webhooks *get, const struct uuid *tenant_id,
                             const struct uuid *id)
{
    memset(get, 0, sizeof *get);
    store_call_init(&get->call, &store_kind_get_webhooks);
    get->tenant_id = *tenant_id;
    get->is_one = id;
    if (id)
        get->id = *id;
}

static void init_put(struct store_put_webhook *put, const struct store_kind *kind,
                     const struct uuid *tenant_id, const struct uuid *id)
{
    memset(put, 0, sizeof *put);
    store_call_init(&put->call, kind);
    put->tenant_id = *tenant_id;
    put->id = *id;
}

void store_create_webhook_init(struct store_put_webhook *put, const struct uuid *tenant_id)
{
    uint8_t random[sizeof put->id.bytes];
    struct uuid id;

    random_bytes(random, sizeof random);
    uuid_from_random(random, &id);
    init_put(put, &store_kind_create_webhook, tenant_id, &id);
}

void store_update_webhook_init(struct store_put_webhook *put, const struct uuid *tenant_id,
                               const struct uuid *id)
{
    init_put(put, &store_kind_update_webhook, tenant_id, id);
}

void store_delete_webhook_init(struct store_delete_webhook *del, const struct uuid *tenant_id,
                               const struct uuid *id)
{
    memset(del, 0, sizeof *del);
    store_call_init(&del->call, &store_kind_delete_webhook);
    del->tenant_id = *tenant_id;
    del->id = *id;
}

void store_rotate_webhook_init(struct store_rotate_webhook *rotate, const struct uuid *tenant_id,
                               const struct uuid *id, struct span secret, int64_t grace_seconds)
{
    memset(rotate, 0, sizeof *rotate);
    store_call_init(&rotate->call, &store_kind_rotate_webhook);
    rotate->tenant_id = *tenant_id;
    rotate->id = *id;
    rotate->secret = secret;
    rotate->grace_seconds = grace_seconds;
}
