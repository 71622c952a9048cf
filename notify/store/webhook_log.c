#include "notify/store/webhook_log.h"

#include <string.h>

#include "base/random.h"
#include "notify/store/bind.h"
#include "notify/store/kinds.h"
#include "notify/store/notifications.h"
#include "notify/store/row.h"
#include "notify/store/sql.h"
#include "notify/store/text.h"

/* The payload, then sql/columns/webhook_message.sql. */
enum {
    COLUMN_PAYLOAD,
    COLUMN_ID,
    COLUMN_WEBHOOK,
    COLUMN_NOTIFICATION,
    COLUMN_EVENT,
    COLUMN_STATUS,
    COLUMN_ATTEMPTS,
    COLUMN_RESPONSE,
    COLUMN_ERROR,
    COLUMN_CREATED,
    COLUMN_LAST_ATTEMPT,
    COLUMN_DELIVERED,
    COLUMN_NEXT_ATTEMPT
};

static struct store_list_webhook_messages *list_of(struct store_call *call)
{
    return (struct store_list_webhook_messages *)call;
}

static struct store_webhook_message_call *one_of(struct store_call *call)
{
    return (struct store_webhook_message_call *)call;
}

static struct store_test_webhook *test_of(struct store_call *call)
{
    return (struct store_test_webhook *)call;
}

static void copy_row(void *row, struct store_row r, struct store_block *block)
{
    struct store_webhook_message *to = row;
    store_row_uuid(r, COLUMN_ID, &to->id);
    store_row_uuid(r, COLUMN_WEBHOOK, &to->webhook_id);
    store_row_uuid(r, COLUMN_NOTIFICATION, &to->notification_id);
    to->event = store_block_column(block, r, COLUMN_EVENT);
    to->status = store_block_column(block, r, COLUMN_STATUS);
    to->attempts = store_row_int4(r, COLUMN_ATTEMPTS);
    to->response_status = store_row_int4(r, COLUMN_RESPONSE);
    to->error = store_block_column(block, r, COLUMN_ERROR);
    to->created_at_us = store_row_time(r, COLUMN_CREATED);
    to->last_attempt_at_us = store_row_time(r, COLUMN_LAST_ATTEMPT);
    to->delivered_at_us = store_row_time(r, COLUMN_DELIVERED);
    to->next_attempt_at_us = store_row_time(r, COLUMN_NEXT_ATTEMPT);
    to->payload = store_block_column(block, r, COLUMN_PAYLOAD);
}

static enum celeriac_err check_list(struct store_call *call)
{
    const struct store_list_webhook_messages *list = list_of(call);
    enum celeriac_err rc = store_page_check(&list->page, &call->error);
    if (rc != CELERIAC_OK)
        return rc;
    return store_text_check(list->status, "status", 0, STORE_STATUS_MAX, &call->error);
}

static void bind_list(struct store_params *p, struct store_call **calls, size_t count,
                      const struct store_context *context)
{
    const struct store_list_webhook_messages *list = list_of(calls[0]);
    (void)count;
    (void)context;
    store_params_uuid(p, &list->tenant_id);
    store_params_uuid(p, &list->webhook_id);
    store_bind_filter(p, list->status);
    store_bind_page(p, &list->page);
}

static void take_list(struct store_call **calls, size_t count, const PGresult *result)
{
    struct store_list_webhook_messages *list = list_of(calls[0]);
    (void)count;
    list->rows = store_take_rows(&list->call, result, sizeof *list->rows, copy_row, &list->count);
    list->next = store_take_next(&list->page, result, false, COLUMN_CREATED, COLUMN_ID);
}

static void bind_one(struct store_params *p, struct store_call **calls, size_t count,
                     const struct store_context *context)
{
    (void)count;
    (void)context;
    store_params_uuid(p, &one_of(calls[0])->tenant_id);
    store_params_uuid(p, &one_of(calls[0])->id);
}

static void take_one(struct store_call **calls, size_t count, const PGresult *result)
{
    (void)count;
    store_take_first(calls[0], result, "message", copy_row, &one_of(calls[0])->row);
}

static void bind_test(struct store_params *p, struct store_call **calls, size_t count,
                      const struct store_context *context)
{
    const struct store_test_webhook *test = test_of(calls[0]);
    (void)count;
    (void)context;
    store_params_uuid(p, &test->tenant_id);
    store_params_uuid(p, &test->webhook_id);
    store_params_uuid(p, &test->id);
    store_params_text(p, SPAN(STORE_WEBHOOK_TEST_EVENT));
    store_params_int8(p, STORE_WEBHOOK_TESTS_MAX);
}

static void take_test(struct store_call **calls, size_t count, const PGresult *result)
{
    (void)count;
    if (PQntuples(result) == 0)
        (void)celeriac_error_set(&calls[0]->error, CELERIAC_ERR_EXISTS,
                                 "webhook: is off, or %d test events wait",
                                 STORE_WEBHOOK_TESTS_MAX);
    else
        store_take_row(calls[0], (struct store_row){result, 0}, copy_row, &test_of(calls[0])->row);
}

const struct store_kind store_kind_list_webhook_messages = {
    .id = STORE_KIND_LIST_WEBHOOK_MESSAGES,
    .name = "list_webhook_messages",
    .sql = store_sql_list_webhook_messages,
    .prelude = store_sql_custom_plan,
    .check = check_list,
    .bind = bind_list,
    .take = take_list,
};

const struct store_kind store_kind_get_webhook_message = {
    .id = STORE_KIND_GET_WEBHOOK_MESSAGE,
    .name = "get_webhook_message",
    .sql = store_sql_get_webhook_message,
    .bind = bind_one,
    .take = take_one,
};

const struct store_kind store_kind_retry_webhook_message = {
    .id = STORE_KIND_RETRY_WEBHOOK_MESSAGE,
    .name = "retry_webhook_message",
    .sql = store_sql_retry_webhook_message,
    .bind = bind_one,
    .take = take_one,
};

const struct store_kind store_kind_test_webhook = {
    .id = STORE_KIND_TEST_WEBHOOK,
    .name = "test_webhook",
    .sql = store_sql_test_webhook,
    /* Or those that ask at one moment would not count each other. */
    .prelude = store_sql_lock_webhooks,
    .prelude_params = 1,
    .bind = bind_test,
    .take = take_test,
};

void store_list_webhook_messages_init(struct store_list_webhook_messages *list,
                                      const struct uuid *tenant_id, const struct uuid *webhook_id,
                                      const struct store_page *page)
{
    memset(list, 0, sizeof *list);
    store_call_init(&list->call, &store_kind_list_webhook_messages);
    list->tenant_id = *tenant_id;
    list->webhook_id = *webhook_id;
    list->page = *page;
    list->next.created_at_us = STORE_NO_TIME;
}

static void init_one(struct store_webhook_message_call *one, const struct store_kind *kind,
                     const struct uuid *tenant_id, const struct uuid *id)
{
    memset(one, 0, sizeof *one);
    store_call_init(&one->call, kind);
    one->tenant_id = *tenant_id;
    one->id = *id;
}

void store_get_webhook_message_init(struct store_webhook_message_call *get,
                                    const struct uuid *tenant_id, const struct uuid *id)
{
    init_one(get, &store_kind_get_webhook_message, tenant_id, id);
}

void store_retry_webhook_message_init(struct store_webhook_message_call *retry,
                                      const struct uuid *tenant_id, const struct uuid *id)
{
    init_one(retry, &store_kind_retry_webhook_message, tenant_id, id);
}

void store_test_webhook_init(struct store_test_webhook *test, const struct uuid *tenant_id,
                             const struct uuid *webhook_id)
{
    uint8_t random[sizeof test->id.bytes];

    memset(test, 0, sizeof *test);
    store_call_init(&test->call, &store_kind_test_webhook);
    test->tenant_id = *tenant_id;
    test->webhook_id = *webhook_id;
    random_bytes(random, sizeof random);
    uuid_from_random(random, &test->id);
}
