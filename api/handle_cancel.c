#include <stdio.h>

#include "api/handlers.h"
#include "api/notification_document.h"
#include "api/reply.h"
#include "notify/store/cancel.h"

struct cancellation {
    struct store_cancel_notification cancel;
    struct store_get_notification get;
};

static void release_cancellation(void *state)
{
    struct cancellation *c = state;

    store_call_release(&c->cancel.call);
    store_call_release(&c->get.call);
}

/* On the store's thread, right after the commit: workers of others do not look at the status. */
static void tell_workers(struct api_call *call)
{
    const struct cancellation *c = call->state;

    if (c->cancel.may_have_message)
        notify_enqueue_revoke(call->api->enqueue, &c->cancel.id);
}

static void reply_too_late(struct api_call *call, const struct store_notification *row)
{
    char detail[64];

    (void)snprintf(detail, sizeof detail, "Its status is %.*s.", (int)row->status.len,
                   row->status.ptr);
    reply_refusal(call, 409, "Notification cannot be cancelled", detail);
}

static void on_got(struct api_call *call)
{
    const struct cancellation *c = call->state;
    struct json_writer w;

    if (c->get.call.error.code != CELERIAC_OK) {
        reply_store_missing(call, &c->get.call.error, SPAN("Notification not found"));
        return;
    }
    if (c->cancel.call.error.code != CELERIAC_OK) {
        reply_too_late(call, &c->get.row);
        return;
    }
    document_begin(call, &w);
    notification_write(&w, &c->get.row);
    reply_document(call, 200);
}

static void on_cancelled(struct api_call *call)
{
    struct cancellation *c = call->state;
    enum celeriac_err rc = c->cancel.call.error.code;

    if (rc != CELERIAC_OK && rc != CELERIAC_ERR_NOT_FOUND) {
        reply_store_failure(call, &c->cancel.call.error);
        return;
    }
    store_get_notification_init(&c->get, &c->cancel.tenant_id, &c->cancel.id);
    call_submit_store(call, &c->get.call, CALL_STORE_NS, on_got, NULL);
}

const struct description about_notification_cancel = {
    .id = "cancelNotification",
    .group = "Notifications",
    .text = "Only while it is pending. Cancelling it twice is no error.",
    .answers = {{.status = 200, .schema = &notification_schema, .help = "It will not be sent"},
                {.status = 404, .schema = &error_schema, .help = "The tenant has none of that id"},
                {.status = 409, .schema = &refusal_schema, .help = "It is not pending any more"}},
};

void handle_notification_cancel(struct api_call *call)
{
    struct cancellation *c = call_state(call, sizeof *c, release_cancellation);

    if (!c)
        return;
    store_cancel_notification_init(&c->cancel, &call->who.tenant_id, &call->params.uuid);
    call_submit_store(call, &c->cancel.call, CALL_STORE_NS, on_cancelled, tell_workers);
}
