#include "api/handlers.h"
#include "api/idempotency.h"
#include "api/notify_item.h"
#include "api/reply.h"
#include "api/trace_context.h"
#include "base/clock.h"
#include "notify/store/templates.h"

/* A notification on its way into the database and, right after, onto the queue. */
struct acceptance {
    struct notify_item item;
    struct store_find_answer repeat;
    struct store_find_template find;
    struct store_insert_notification insert;
    struct strbuf answer; /* what is kept for a request with a key */
};

static void release_acceptance(void *state)
{
    struct acceptance *a = state;

    store_call_release(&a->repeat.call);
    store_call_release(&a->find.call);
    store_call_release(&a->insert.call);
    strbuf_close(&a->answer);
    notify_item_close(&a->item);
}

/* On the store's thread, right after the commit: the message is on its way whoever still listens.
 */
static void publish(struct api_call *call)
{
    const struct acceptance *a = call->state;
    struct notify_publication publication;

    if (a->insert.idempotency.repeat == STORE_REPEAT_NONE &&
        notify_item_publication(&a->item, &publication))
        notify_enqueue_publish(call->api->enqueue, &publication, 1);
}

/* Sends a document that was written into the response. */
static void reply_item(struct api_call *call, unsigned status)
{
    if (status == 503) {
        reply_later(call);
        return;
    }
    reply_document(call, status);
}

static void reply_no_template(struct api_call *call, const struct acceptance *a)
{
    reply_item(call, notify_item_no_template(&a->item, &call->response->body));
}

static void on_accepted(struct api_call *call)
{
    const struct acceptance *a = call->state;
    struct json_writer w;

    if (a->insert.call.error.code == CELERIAC_ERR_VALUE && a->item.row.template_id != 0) {
        /* It was deleted in the meantime. */
        reply_no_template(call, a);
        return;
    }
    if (a->insert.call.error.code != CELERIAC_OK) {
        reply_store_failure(call, &a->insert.call.error);
        return;
    }
    if (idempotency_reply(call, &a->insert.idempotency))
        return;
    document_begin(call, &w);
    notify_item_write(&a->item, &w);
    reply_document(call, 202);
}

/* What a repeated request will get. False: a reply has been made. */
static bool write_answer(struct api_call *call, struct acceptance *a)
{
    struct json_writer w;

    if (a->repeat.idempotency.key.len == 0)
        return true;
    strbuf_init(&a->answer, STORE_ANSWER_MAX);
    json_writer_init(&w, &a->answer, JSON_STYLE_DRF);
    notify_item_write(&a->item, &w);
    if (strbuf_status(&a->answer) != CELERIAC_OK) {
        reply_later(call);
        return false;
    }
    a->insert.idempotency.key = a->repeat.idempotency.key;
    a->insert.idempotency.digest = a->repeat.idempotency.digest;
    a->insert.idempotency.document = strbuf_span(&a->answer);
    return true;
}

static void accept_notification(struct api_call *call, struct acceptance *a, int64_t template_id)
{
    unsigned status =
        notify_item_make_row(&a->item, template_id, clock_wall_us(),
                             call->api->settings->send_at_horizon_us, &call->response->body);

    if (status != 0) {
        reply_item(call, status);
        return;
    }
    if (call_is_simulated(call))
        notify_item_simulate(&a->item);
    store_insert_notification_init(&a->insert);
    if (!write_answer(call, a))
        return;
    a->insert.tenant_id = call->who.tenant_id;
    a->item.row.headers = call_headers(call);
    a->insert.row = a->item.row;
    call_submit_store(call, &a->insert.call, CALL_STORE_NS, on_accepted, publish);
}

static void on_template(struct api_call *call)
{
    struct acceptance *a = call->state;

    if (a->find.call.error.code == CELERIAC_ERR_NOT_FOUND)
        reply_no_template(call, a);
    else if (a->find.call.error.code != CELERIAC_OK)
        reply_store_failure(call, &a->find.call.error);
    else
        accept_notification(call, a, a->find.found_id);
}

static void find_template(struct api_call *call, struct acceptance *a)
{
    struct span name = SPAN("");
    int64_t id = 0;

    if (notify_item_template_by(&a->item) == NOTIFY_TEMPLATE_NONE) {
        accept_notification(call, a, 0);
        return;
    }
    if (notify_item_template_by(&a->item) == NOTIFY_TEMPLATE_BY_NAME) {
        name = notify_item_template_name(&a->item);
    } else if (!notify_item_template_id(&a->item, &id)) {
        reply_no_template(call, a);
        return;
    }
    store_find_template_init(&a->find, &call->who.tenant_id, name, id);
    call_submit_store(call, &a->find.call, CALL_STORE_NS, on_template, NULL);
}

static void on_repeat(struct api_call *call)
{
    struct acceptance *a = call->state;

    if (a->repeat.call.error.code != CELERIAC_OK)
        reply_store_failure(call, &a->repeat.call.error);
    else if (!idempotency_reply(call, &a->repeat.idempotency))
        find_template(call, a);
}

const struct description about_notify = {
    .id = "sendNotification",
    .group = "Notifications",
    .text = "Name a template, or give a body, with a subject for email. The answer comes when the "
            "notification is stored; it is sent soon after.",
    .parameters = {IDEMPOTENCY_PARAMETER, TRACE_PARAMETERS},
    .request = &notify_request_schema,
    .answers = {{.status = 202, .schema = &notify_item_schema, .help = "Accepted"},
                {.status = 400, .schema = &refusal_schema, .help = "The Idempotency-Key is no key"},
                IDEMPOTENCY_CONFLICT,
                {.status = 404, .schema = &error_schema, .help = "No such active template"}},
};

/*
 * A repeat is looked for before anything that may have changed since, such as the template; what
 * happens at the same time the insertion finds out.
 */
void handle_notify(struct api_call *call)
{
    struct acceptance *a = call_state(call, sizeof *a, release_acceptance);
    unsigned status;

    if (!a)
        return;
    store_find_answer_init(&a->repeat, &call->who.tenant_id);
    if (!idempotency_read(call, &a->repeat.idempotency) || !call_parse_body(call))
        return;
    status = notify_item_read(&a->item, &call->body, clock_wall_us(), &call->response->body);
    if (status != 0)
        reply_item(call, status);
    else if (a->repeat.idempotency.key.len > 0)
        call_submit_store(call, &a->repeat.call, CALL_STORE_NS, on_repeat, NULL);
    else
        find_template(call, a);
}
