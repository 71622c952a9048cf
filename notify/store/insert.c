#include "notify/store/insert.h"

#include <string.h>

#include "base/random.h"
#include "notify/store/bind.h"
#include "notify/store/idempotency_row.h"
#include "notify/store/kinds.h"
#include "notify/store/notifications.h"
#include "notify/store/outbox.h"
#include "notify/store/sql.h"
#include "notify/store/text.h"

/* Columns of sql/insert_notification.sql. */
enum { COLUMN_ASKED, COLUMN_WINNER, COLUMN_DIGEST };

#define FIELD(name) offsetof(struct store_insert_notification, name)

static struct store_insert_notification *insert_of(struct store_call *call)
{
    return (struct store_insert_notification *)call;
}

static struct store_insert_batch *batch_of(struct store_call *call)
{
    return (struct store_insert_batch *)call;
}

static enum celeriac_err check_row(const struct store_new_notification *row,
                                   struct celeriac_error *err)
{
    enum celeriac_err rc;

    if (row->created_at_us == STORE_NO_TIME)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "created_at: is missing");
    rc = store_text_check(row->channel, "channel", 1, STORE_CHANNEL_MAX, err);
    if (rc == CELERIAC_OK)
        rc = store_text_check(row->to, "to", 1, STORE_TO_MAX, err);
    if (rc == CELERIAC_OK)
        rc = store_text_check_json(row->data, "data", 1, STORE_DATA_MAX, err);
    if (rc == CELERIAC_OK)
        rc = store_text_check_json(row->headers, "headers", 0, STORE_HEADERS_MAX, err);
    return rc;
}

static size_t row_bytes(const struct store_new_notification *row)
{
    return sizeof *row + row->channel.len + row->to.len + row->data.len + row->headers.len;
}

static enum celeriac_err check_key(const struct store_idempotency *i, struct celeriac_error *err)
{
    return i->key.len == 0 ? CELERIAC_OK : store_idempotency_check(i, true, err);
}

static enum celeriac_err check_insert(struct store_call *call)
{
    struct store_insert_notification *in = insert_of(call);
    enum celeriac_err rc = check_row(&in->row, &call->error);

    bool is_plain = in->idempotency.key.len == 0 && in->row.simulated_at_us == STORE_NO_TIME;
    call->own.kind = is_plain ? &store_kind_insert_plain : &store_kind_insert_notification;
    call->own.bytes = row_bytes(&in->row) + in->idempotency.document.len;
    return rc == CELERIAC_OK ? check_key(&in->idempotency, &call->error) : rc;
}

static enum celeriac_err check_batch(struct store_call *call)
{
    struct store_insert_batch *batch = batch_of(call);
    enum celeriac_err rc = check_key(&batch->idempotency, &call->error);

    if (batch->count < 1 || batch->count > STORE_BATCH_INSERT_MAX)
        return celeriac_error_set(&call->error, CELERIAC_ERR_VALUE, "rows: not between 1 and %d",
                                  STORE_BATCH_INSERT_MAX);
    call->own.bytes = batch->idempotency.document.len;
    for (size_t i = 0; rc == CELERIAC_OK && i < batch->count; i++) {
        call->own.bytes += row_bytes(&batch->rows[i]);
        rc = check_row(&batch->rows[i], &call->error);
    }
    return rc;
}

/* ---- one ----------------------------------------------------------------------------------- */

/* The parameters that both statements begin with. */
static void bind_rows(struct store_params *p, const struct store_set *set)
{
    store_bind_uuids(p, set, FIELD(row.id));
    store_bind_uuids(p, set, FIELD(row.task_id));
    store_bind_uuids(p, set, FIELD(tenant_id));
    store_bind_ids(p, set, FIELD(row.template_id));
    store_bind_times(p, set, FIELD(row.created_at_us));
    store_bind_texts(p, set, FIELD(row.channel));
    store_bind_texts(p, set, FIELD(row.to));
    store_bind_texts(p, set, FIELD(row.data));
    store_bind_times(p, set, FIELD(row.eta_us));
    store_bind_times(p, set, FIELD(row.publish_at_us));
}

static void bind_plain(struct store_params *p, struct store_call **calls, size_t count,
                       const struct store_context *context)
{
    struct store_set set = store_each_once(calls, count, FIELD(row.id));

    (void)context;
    bind_rows(p, &set);
    store_bind_texts(p, &set, FIELD(row.headers));
}

static void bind_insert(struct store_params *p, struct store_call **calls, size_t count,
                        const struct store_context *context)
{
    struct store_set set = store_each_once(calls, count, FIELD(row.id));

    (void)context;
    bind_rows(p, &set);
    store_bind_uuids(p, &set, FIELD(row.id)); /* which names its request too */
    store_bind_times(p, &set, FIELD(row.simulated_at_us));
    store_bind_uuids(p, &set, FIELD(row.id));
    store_bind_uuids(p, &set, FIELD(tenant_id));
    store_bind_texts(p, &set, FIELD(idempotency.key));
    store_bind_digests(p, &set, FIELD(idempotency.digest));
    store_bind_blobs(p, &set, FIELD(idempotency.document));
    store_bind_texts(p, &set, FIELD(row.headers));
}

/* Whether a row of the answer says that another request has the key. */
static bool is_lost(struct store_row r)
{
    struct uuid asked;
    struct uuid winner;

    store_row_uuid(r, COLUMN_ASKED, &asked);
    store_row_uuid(r, COLUMN_WINNER, &winner);
    return memcmp(&asked, &winner, sizeof asked) != 0;
}

static void take_insert(struct store_call **calls, size_t count, const PGresult *result)
{
    for (int i = 0; i < PQntuples(result); i++) {
        struct store_row r = {result, i};
        struct uuid asked;

        if (!is_lost(r))
            continue;
        store_row_uuid(r, COLUMN_ASKED, &asked);
        for (size_t c = 0; c < count; c++) {
            struct store_insert_notification *in = insert_of(calls[c]);

            if (memcmp(&in->row.id, &asked, sizeof asked) == 0)
                store_idempotency_take(&in->call, &in->idempotency, r, COLUMN_DIGEST);
        }
    }
}

/* ---- many ---------------------------------------------------------------------------------- */

typedef void put_fn(struct store_params *p, const void *field);

static void put_uuid(struct store_params *p, const void *field)
{
    store_params_uuid(p, field);
}

/* 0 is NULL: ids start at 1. */
static void put_id(struct store_params *p, const void *field)
{
    if (*(const int64_t *)field == 0)
        store_params_null(p);
    else
        store_params_int8(p, *(const int64_t *)field);
}

static void put_time(struct store_params *p, const void *field)
{
    store_params_time(p, *(const int64_t *)field);
}

static void put_text(struct store_params *p, const void *field)
{
    store_params_text(p, *(const struct span *)field);
}

#define OF_ROW(field) offsetof(struct store_new_notification, field), false
#define OF_BATCH(field) offsetof(struct store_insert_batch, field), true

/* A parameter that is an array with one element for each row. */
struct column {
    enum store_type type;
    put_fn *put;
    size_t offset;
    bool of_batch; /* the same for all rows */
};

/* The statement's first parameters, and its last. */
static const struct column columns[] = {
    {STORE_TYPE_UUID, put_uuid, OF_ROW(id)},
    {STORE_TYPE_UUID, put_uuid, OF_ROW(task_id)},
    {STORE_TYPE_UUID, put_uuid, OF_BATCH(tenant_id)},
    {STORE_TYPE_INT8, put_id, OF_ROW(template_id)},
    {STORE_TYPE_TIMESTAMPTZ, put_time, OF_ROW(created_at_us)},
    {STORE_TYPE_TEXT, put_text, OF_ROW(channel)},
    {STORE_TYPE_TEXT, put_text, OF_ROW(to)},
    {STORE_TYPE_TEXT, put_text, OF_ROW(data)},
    {STORE_TYPE_TIMESTAMPTZ, put_time, OF_ROW(eta_us)},
    {STORE_TYPE_TIMESTAMPTZ, put_time, OF_ROW(publish_at_us)},
    {STORE_TYPE_UUID, put_uuid, OF_BATCH(request)},
    {STORE_TYPE_TIMESTAMPTZ, put_time, OF_ROW(simulated_at_us)},
};
static const struct column headers_column = {STORE_TYPE_TEXT, put_text, OF_ROW(headers)};

static void bind_column(struct store_params *p, const struct store_insert_batch *batch,
                        const struct column *column)
{
    store_params_begin_array(p, column->type);
    for (size_t i = 0; i < batch->count; i++) {
        const void *of = column->of_batch ? (const void *)batch : &batch->rows[i];

        column->put(p, (const char *)of + column->offset);
    }
    store_params_end_array(p);
}

static void bind_key(struct store_params *p, const struct store_insert_batch *batch)
{
    store_params_begin_array(p, STORE_TYPE_UUID);
    store_params_uuid(p, &batch->request);
    store_params_end_array(p);
    store_params_begin_array(p, STORE_TYPE_UUID);
    store_params_uuid(p, &batch->tenant_id);
    store_params_end_array(p);
    store_params_begin_array(p, STORE_TYPE_TEXT);
    store_params_text(p, batch->idempotency.key);
    store_params_end_array(p);
    store_params_begin_array(p, STORE_TYPE_BYTEA);
    store_params_digest(p, &batch->idempotency.digest);
    store_params_end_array(p);
    store_params_begin_array(p, STORE_TYPE_BYTEA);
    store_params_bytes(p, batch->idempotency.document);
    store_params_end_array(p);
}

static void bind_batch(struct store_params *p, struct store_call **calls, size_t count,
                       const struct store_context *context)
{
    const struct store_insert_batch *batch = batch_of(calls[0]);

    (void)count;
    (void)context;
    for (size_t c = 0; c < sizeof columns / sizeof columns[0]; c++)
        bind_column(p, batch, &columns[c]);
    bind_key(p, batch);
    bind_column(p, batch, &headers_column);
}

static void take_batch(struct store_call **calls, size_t count, const PGresult *result)
{
    struct store_insert_batch *batch = batch_of(calls[0]);
    struct store_row r = {result, 0};

    (void)count;
    if (PQntuples(result) > 0 && is_lost(r))
        store_idempotency_take(&batch->call, &batch->idempotency, r, COLUMN_DIGEST);
}

const struct store_kind store_kind_insert_notification = {
    .id = STORE_KIND_INSERT_NOTIFICATION,
    .name = "insert_notification",
    .sql = store_sql_insert_notification,
    .combined = true,
    .json_field = "data",
    .check = check_insert,
    .bind = bind_insert,
    .take = take_insert,
};

const struct store_kind store_kind_insert_plain = {
    .id = STORE_KIND_INSERT_PLAIN,
    .name = "insert_plain",
    .sql = store_sql_insert_plain,
    .combined = true,
    .json_field = "data",
    .check = check_insert,
    .bind = bind_plain,
};

const struct store_kind store_kind_insert_batch = {
    .id = STORE_KIND_INSERT_BATCH,
    .name = "insert_batch",
    .sql = store_sql_insert_notification,
    .json_field = "data",
    .check = check_batch,
    .bind = bind_batch,
    .take = take_batch,
};

void store_new_notification_init(struct store_new_notification *row)
{
    memset(row, 0, sizeof *row);
    row->created_at_us = STORE_NO_TIME;
    row->eta_us = STORE_NO_TIME;
    row->publish_at_us = STORE_NO_TIME;
    row->simulated_at_us = STORE_NO_TIME;
}

void store_insert_notification_init(struct store_insert_notification *insert)
{
    memset(insert, 0, sizeof *insert);
    store_call_init(&insert->call, &store_kind_insert_notification);
    store_new_notification_init(&insert->row);
}

void store_insert_batch_init(struct store_insert_batch *batch, const struct uuid *tenant_id)
{
    uint8_t random[sizeof batch->request.bytes];

    memset(batch, 0, sizeof *batch);
    store_call_init(&batch->call, &store_kind_insert_batch);
    batch->tenant_id = *tenant_id;
    random_bytes(random, sizeof random);
    uuid_from_random(random, &batch->request);
}
