/* What is delivered to a tenant's webhooks: tried, looked at, delivered again. */
#include "api/handlers.h"
#include "api/list_query.h"
#include "api/reply.h"
#include "api/request_fields.h"
#include "api/webhook_document.h"

/* ---- the list -------------------------------------------------------------------------------- */

struct message_list {
    struct list_query query;
    struct store_get_webhooks webhook; /* whose messages they are */
    struct store_list_webhook_messages messages;
};

static void release_list(void *state)
{
    struct message_list *list = state;

    store_call_release(&list->webhook.call);
    store_call_release(&list->messages.call);
    list_query_close(&list->query);
}

static void on_page(struct api_call *call)
{
    const struct message_list *list = call->state;
    struct json_writer w;

    if (list->messages.call.error.code != CELERIAC_OK) {
        reply_store_failure(call, &list->messages.call.error);
        return;
    }
    list_begin(call, &w, &list->query);
    for (size_t i = 0; i < list->messages.count; i++)
        webhook_message_write(&w, &list->messages.rows[i]);
    list_end(call, &w, &list->query, &list->messages.next);
}

/* Whether the filter by status takes any row at all; the store need not be asked otherwise. */
static bool is_known_status(struct span status)
{
    for (size_t i = 0; webhook_message_statuses[i]; i++) {
        if (span_is(status, webhook_message_statuses[i]))
            return true;
    }
    return status.len == 0;
}

static void on_webhook(struct api_call *call)
{
    struct message_list *list = call->state;
    struct span status = list_query_filter(&list->query, "status");
    struct json_writer w;

    if (list->webhook.call.error.code != CELERIAC_OK) {
        reply_webhook_failure(call, &list->webhook.call.error);
        return;
    }
    if (!is_known_status(status)) {
        list_begin(call, &w, &list->query);
        list_end(call, &w, &list->query, NULL);
        return;
    }
    store_list_webhook_messages_init(&list->messages, &call->who.tenant_id, &list->webhook.id,
                                     &list->query.page);
    list->messages.status = status;
    call_submit_store(call, &list->messages.call, CALL_STORE_NS, on_page, NULL);
}

const struct description about_webhook_messages = {
    .id = "listWebhookMessages",
    .group = "Webhooks",
    .text = "Those that are pending, and the others for as long as they are kept.",
    .parameters = {{.name = "status", .choices = webhook_message_statuses, .help = "Only such"},
                   LIST_AFTER_PARAMETER,
                   LIST_BEFORE_PARAMETER,
                   LIST_LIMIT_PARAMETER,
                   LIST_CURSOR_PARAMETER},
    .answers = {{.status = 200,
                 .schema = &webhook_message_schema,
                 .is_list = true,
                 .help = "The newest messages"},
                {.status = 200,
                 .schema = &webhook_message_page_schema,
                 .help = "With ?cursor=: a page of them"},
                {.status = 404, .schema = &error_schema, .help = "The tenant has none of that id"}},
};

void handle_webhook_messages(struct api_call *call)
{
    struct message_list *list = call_state(call, sizeof *list, release_list);

    if (!list)
        return;
    list_query_init(&list->query);
    if (!list_query_read(call, &list->query))
        return;
    store_get_webhooks_init(&list->webhook, &call->who.tenant_id, &call->params.uuid);
    call_submit_store(call, &list->webhook.call, CALL_STORE_NS, on_webhook, NULL);
}

/* ---- one ------------------------------------------------------------------------------------- */

static void on_got(struct api_call *call)
{
    const struct store_webhook_message_call *one = call->state;

    if (one->call.error.code == CELERIAC_OK)
        reply_webhook_message(call, 200, &one->row);
    else
        reply_webhook_message_failure(call, &one->call.error);
}

const struct description about_webhook_message_get = {
    .id = "getWebhookMessage",
    .group = "Webhooks",
    .answers = {{.status = 200, .schema = &webhook_delivery_schema, .help = "The message"},
                {.status = 404, .schema = &error_schema, .help = "The tenant has none of that id"}},
};

void handle_webhook_message_get(struct api_call *call)
{
    struct store_webhook_message_call *one = call_state(call, sizeof *one, call_release_store);

    if (!one)
        return;
    store_get_webhook_message_init(one, &call->who.tenant_id, &call->params.uuid);
    call_submit_store(call, &one->call, CALL_STORE_NS, on_got, NULL);
}

/* ---- once more ------------------------------------------------------------------------------- */

struct redelivery {
    struct store_webhook_message_call get;
    struct store_webhook_message_call retry;
};

static void release_redelivery(void *state)
{
    struct redelivery *r = state;

    store_call_release(&r->get.call);
    store_call_release(&r->retry.call);
}

static void on_retried(struct api_call *call)
{
    const struct redelivery *r = call->state;

    if (r->retry.call.error.code == CELERIAC_OK)
        reply_webhook_message(call, 202, &r->retry.row);
    else if (r->retry.call.error.code == CELERIAC_ERR_NOT_FOUND)
        reply_refusal(call, 409, "Message cannot be delivered", "Its webhook is switched off.");
    else
        reply_store_failure(call, &r->retry.call.error);
}

static void on_message(struct api_call *call)
{
    struct redelivery *r = call->state;

    if (r->get.call.error.code != CELERIAC_OK) {
        reply_webhook_message_failure(call, &r->get.call.error);
        return;
    }
    store_retry_webhook_message_init(&r->retry, &call->who.tenant_id, &r->get.id);
    call_submit_store(call, &r->retry.call, CALL_STORE_NS, on_retried, NULL);
}

const struct description about_webhook_message_retry = {
    .id = "retryWebhookMessage",
    .group = "Webhooks",
    .text =
        "Whatever has become of it; with the same webhook-id, by which a receiver can tell that "
        "it had it before.",
    .answers = {{.status = 202, .schema = &webhook_delivery_schema, .help = "It is pending"},
                {.status = 404, .schema = &error_schema, .help = "The tenant has none of that id"},
                {.status = 409, .schema = &refusal_schema, .help = "Its webhook is off"}},
};

void handle_webhook_message_retry(struct api_call *call)
{
    struct redelivery *r = call_state(call, sizeof *r, release_redelivery);

    if (!r)
        return;
    store_get_webhook_message_init(&r->get, &call->who.tenant_id, &call->params.uuid);
    call_submit_store(call, &r->get.call, CALL_STORE_NS, on_message, NULL);
}

_Static_assert(STORE_WEBHOOK_TESTS_MAX == 5, "the sentences below say so");

/* ---- a test ---------------------------------------------------------------------------------- */

struct webhook_test {
    struct store_get_webhooks webhook;
    struct store_test_webhook test;
};

static void release_test(void *state)
{
    struct webhook_test *t = state;

    store_call_release(&t->webhook.call);
    store_call_release(&t->test.call);
}

static void on_recorded(struct api_call *call)
{
    const struct webhook_test *t = call->state;

    if (t->test.call.error.code == CELERIAC_OK)
        reply_webhook_message(call, 202, &t->test.row);
    else if (t->test.call.error.code == CELERIAC_ERR_EXISTS)
        reply_refusal(call, 409, "Webhook cannot be tested",
                      "It is switched off, or 5 test events of it wait.");
    else
        reply_store_failure(call, &t->test.call.error);
}

static void on_tested(struct api_call *call)
{
    struct webhook_test *t = call->state;

    if (t->webhook.call.error.code != CELERIAC_OK) {
        reply_webhook_failure(call, &t->webhook.call.error);
        return;
    }
    store_test_webhook_init(&t->test, &call->who.tenant_id, &t->webhook.id);
    call_submit_store(call, &t->test.call, CALL_STORE_NS, on_recorded, NULL);
}

const struct description about_webhook_test = {
    .id = "testWebhook",
    .group = "Webhooks",
    .text = "Posts an event of the type webhook.test, signed and retried like any other.",
    .answers = {{.status = 202, .schema = &webhook_delivery_schema, .help = "It is pending"},
                {.status = 404, .schema = &error_schema, .help = "The tenant has none of that id"},
                {.status = 409,
                 .schema = &refusal_schema,
                 .help = "The webhook is off, or five test events of it wait"}},
};

void handle_webhook_test(struct api_call *call)
{
    struct webhook_test *t = call_state(call, sizeof *t, release_test);

    if (!t)
        return;
    store_get_webhooks_init(&t->webhook, &call->who.tenant_id, &call->params.uuid);
    call_submit_store(call, &t->webhook.call, CALL_STORE_NS, on_tested, NULL);
}
