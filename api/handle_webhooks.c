/* A tenant's webhooks: reading and deleting them. */
#include "api/handlers.h"
#include "api/reply.h"
#include "api/webhook_document.h"

static void on_listed(struct api_call *call)
{
    const struct store_get_webhooks *get = call->state;
    struct json_writer w;

    if (get->call.error.code != CELERIAC_OK) {
        reply_store_failure(call, &get->call.error);
        return;
    }
    document_begin(call, &w);
    json_begin_array(&w);
    for (size_t i = 0; i < get->count; i++)
        webhook_write(&w, &get->rows[i], NULL);
    json_end_array(&w);
    reply_document(call, 200);
}

const struct description about_webhook_list = {
    .id = "listWebhooks",
    .group = "Webhooks",
    .answers = {{.status = 200,
                 .schema = &webhook_schema,
                 .is_list = true,
                 .help = "All of the tenant's webhooks"}},
};

void handle_webhook_list(struct api_call *call)
{
    struct store_get_webhooks *get = call_state(call, sizeof *get, call_release_store);

    if (!get)
        return;
    store_get_webhooks_init(get, &call->who.tenant_id, NULL);
    call_submit_store(call, &get->call, CALL_STORE_NS, on_listed, NULL);
}

static void on_got(struct api_call *call)
{
    const struct store_get_webhooks *get = call->state;

    if (get->call.error.code == CELERIAC_OK)
        reply_webhook(call, 200, &get->rows[0], NULL);
    else
        reply_webhook_failure(call, &get->call.error);
}

const struct description about_webhook_get = {
    .id = "getWebhook",
    .group = "Webhooks",
    .answers = {{.status = 200, .schema = &webhook_schema, .help = "The webhook"},
                {.status = 404, .schema = &error_schema, .help = "The tenant has none of that id"}},
};

void handle_webhook_get(struct api_call *call)
{
    struct store_get_webhooks *get = call_state(call, sizeof *get, call_release_store);

    if (!get)
        return;
    store_get_webhooks_init(get, &call->who.tenant_id, &call->params.uuid);
    call_submit_store(call, &get->call, CALL_STORE_NS, on_got, NULL);
}

static void on_deleted(struct api_call *call)
{
    const struct store_delete_webhook *del = call->state;

    if (del->call.error.code == CELERIAC_OK)
        reply_empty(call, 204);
    else
        reply_webhook_failure(call, &del->call.error);
}

const struct description about_webhook_delete = {
    .id = "deleteWebhook",
    .group = "Webhooks",
    .text = "With all its messages: what was not delivered yet never is.",
    .answers = {{.status = 204, .help = "It is gone"},
                {.status = 404, .schema = &error_schema, .help = "The tenant has none of that id"}},
};

void handle_webhook_delete(struct api_call *call)
{
    struct store_delete_webhook *del = call_state(call, sizeof *del, call_release_store);

    if (!del)
        return;
    store_delete_webhook_init(del, &call->who.tenant_id, &call->params.uuid);
    call_submit_store(call, &del->call, CALL_STORE_LONG_NS, on_deleted, NULL);
}
