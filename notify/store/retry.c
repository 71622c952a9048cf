#include "notify/store/retry.h"

#include <string.h>

#include "base/random.h"
#include "notify/store/bind.h"
#include "notify/store/kinds.h"
#include "notify/store/notifications.h"
#include "notify/store/outbox_row.h"
#include "notify/store/row.h"
#include "notify/store/sql.h"
#include "notify/store/templates.h"
#include "notify/store/text.h"

/* Column of sql/retry_dead_letters.sql after those of an outbox row. */
enum { COLUMN_MORE = 4 };

static struct store_retry_dead_letters *retry_of(struct store_call *call)
{
    return (struct store_retry_dead_letters *)call;
}

static void make_name(struct uuid *name)
{
    uint8_t random[sizeof name->bytes];

    random_bytes(random, sizeof random);
    uuid_from_random(random, name);
}

static void bind_one(struct store_params *p, struct store_call **calls, size_t count,
                     const struct store_context *context)
{
    const struct store_retry_dead_letter *retry = (const struct store_retry_dead_letter *)calls[0];

    (void)count;
    (void)context;
    store_params_uuid(p, &retry->tenant_id);
    store_params_uuid(p, &retry->id);
    store_params_uuid(p, &retry->notification_id);
    store_params_uuid(p, &retry->task_id);
}

static void take_one(struct store_call **calls, size_t count, const PGresult *result)
{
    (void)count;
    if (PQntuples(result) == 0)
        store_call_not_found(calls[0], "dead letter");
}

static enum celeriac_err check_many(struct store_call *call)
{
    const struct store_retry_dead_letters *retry = retry_of(call);
    struct celeriac_error *err = &call->error;
    enum celeriac_err rc;

    if (retry->limit < 1 || retry->limit > STORE_RETRY_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "limit: not between 1 and %d",
                                  STORE_RETRY_MAX);
    rc = store_text_check(retry->channel, "channel", 0, STORE_CHANNEL_MAX, err);
    if (rc == CELERIAC_OK)
        rc = store_text_check(retry->template_name, "template", 0, STORE_TEMPLATE_NAME_MAX, err);
    if (rc == CELERIAC_OK)
        rc = store_text_check(retry->reason_contains, "reason_contains", 0, STORE_REASON_MAX, err);
    return rc;
}

static void bind_many(struct store_params *p, struct store_call **calls, size_t count,
                      const struct store_context *context)
{
    const struct store_retry_dead_letters *retry = retry_of(calls[0]);

    (void)count;
    (void)context;
    store_params_uuid(p, &retry->tenant_id);
    store_params_int8(p, retry->limit);
    store_bind_filter(p, retry->channel);
    store_bind_filter(p, retry->template_name);
    store_params_time(p, retry->created_after_us);
    store_params_time(p, retry->created_before_us);
    store_bind_filter(p, retry->reason_contains);
    store_params_uuid(p, &retry->request);
}

static void take_many(struct store_call **calls, size_t count, const PGresult *result)
{
    struct store_retry_dead_letters *retry = retry_of(calls[0]);

    (void)count;
    retry->rows = store_take_rows(&retry->call, result, sizeof *retry->rows, store_outbox_copy,
                                  &retry->count);
    retry->more =
        PQntuples(result) > 0 && store_row_bool((struct store_row){result, 0}, COLUMN_MORE);
}

const struct store_kind store_kind_retry_dead_letter = {
    .id = STORE_KIND_RETRY_DEAD_LETTER,
    .name = "retry_dead_letter",
    .sql = store_sql_retry_dead_letter,
    .bind = bind_one,
    .take = take_one,
};

const struct store_kind store_kind_retry_dead_letters = {
    .id = STORE_KIND_RETRY_DEAD_LETTERS,
    .name = "retry_dead_letters",
    .sql = store_sql_retry_dead_letters,
    .prelude = store_sql_long_reading,
    .is_slow = true,
    .patience_ns = STORE_LONG_READING_NS,
    .check = check_many,
    .bind = bind_many,
    .take = take_many,
};

void store_retry_dead_letter_init(struct store_retry_dead_letter *retry,
                                  const struct uuid *tenant_id, const struct uuid *id,
                                  const struct uuid *notification_id)
{
    memset(retry, 0, sizeof *retry);
    store_call_init(&retry->call, &store_kind_retry_dead_letter);
    retry->tenant_id = *tenant_id;
    retry->id = *id;
    retry->notification_id = *notification_id;
    make_name(&retry->task_id);
}

void store_retry_dead_letters_init(struct store_retry_dead_letters *retry,
                                   const struct uuid *tenant_id, uint32_t limit)
{
    memset(retry, 0, sizeof *retry);
    store_call_init(&retry->call, &store_kind_retry_dead_letters);
    retry->tenant_id = *tenant_id;
    make_name(&retry->request);
    retry->limit = limit;
    retry->created_after_us = STORE_NO_TIME;
    retry->created_before_us = STORE_NO_TIME;
}
