/* Dead letters that are sent again: one, or those that filters choose. */
#include "api/handlers.h"
#include "api/notification_document.h"
#include "api/number_range.h"
#include "api/reply.h"
#include "api/request_fields.h"
#include "notify/store/dead_letters.h"
#include "notify/store/retry.h"

/* ---- one ----------------------------------------------------------------------------------- */

struct retry {
    struct store_get_dead_letter letter;
    struct store_retry_dead_letter retry;
    struct store_get_notification get;
};

static void release_retry(void *state)
{
    struct retry *r = state;

    store_call_release(&r->letter.call);
    store_call_release(&r->retry.call);
    store_call_release(&r->get.call);
}

/* On the store's thread, right after the commit. */
static void publish_one(struct api_call *call)
{
    const struct retry *r = call->state;
    const struct notify_publication publication = {.notification_id = r->retry.notification_id,
                                                   .task_id = r->retry.task_id,
                                                   .eta_us = STORE_NO_TIME};

    notify_enqueue_publish(call->api->enqueue, &publication, 1);
}

static void on_got(struct api_call *call)
{
    const struct retry *r = call->state;
    struct json_writer w;

    if (r->get.call.error.code != CELERIAC_OK) {
        reply_store_failure(call, &r->get.call.error);
        return;
    }
    document_begin(call, &w);
    notification_write(&w, &r->get.row);
    reply_document(call, 202);
}

static void on_retried(struct api_call *call)
{
    struct retry *r = call->state;

    if (r->retry.call.error.code == CELERIAC_ERR_NOT_FOUND) {
        reply_refusal(call, 409, "Dead letter cannot be retried",
                      "It was retried meanwhile, or its notification is not failed.");
        return;
    }
    if (r->retry.call.error.code != CELERIAC_OK) {
        reply_store_failure(call, &r->retry.call.error);
        return;
    }
    store_get_notification_init(&r->get, &r->retry.tenant_id, &r->retry.notification_id);
    call_submit_store(call, &r->get.call, CALL_STORE_NS, on_got, NULL);
}

static void on_letter(struct api_call *call)
{
    struct retry *r = call->state;

    if (r->letter.call.error.code != CELERIAC_OK) {
        reply_store_missing(call, &r->letter.call.error, SPAN("Dead letter not found"));
        return;
    }
    store_retry_dead_letter_init(&r->retry, &r->letter.tenant_id, &r->letter.id,
                                 &r->letter.row.notification_id);
    call_submit_store(call, &r->retry.call, CALL_STORE_NS, on_retried, publish_one);
}

const struct description about_dead_letter_retry = {
    .id = "retryDeadLetter",
    .group = "Notifications",
    .text = "The dead letter goes, its notification is pending again.",
    .answers = {{.status = 202, .schema = &notification_schema, .help = "It will be sent again"},
                {.status = 404, .schema = &error_schema, .help = "The tenant has none of that id"},
                {.status = 409, .schema = &refusal_schema, .help = "It was retried meanwhile"}},
};

void handle_dead_letter_retry(struct api_call *call)
{
    struct retry *r = call_state(call, sizeof *r, release_retry);

    if (!r)
        return;
    store_get_dead_letter_init(&r->letter, &call->who.tenant_id, &call->params.uuid);
    call_submit_store(call, &r->letter.call, CALL_STORE_NS, on_letter, NULL);
}

/* ---- many ---------------------------------------------------------------------------------- */

struct retries {
    struct value values[RETRY_FIELDS];
    struct store_retry_dead_letters retry;
};

static void release_retries(void *state)
{
    struct retries *r = state;

    store_call_release(&r->retry.call);
    validate_close(r->values, RETRY_FIELDS);
}

/* On the store's thread, right after the commit. */
static void publish_many(struct api_call *call)
{
    const struct retries *r = call->state;

    for (size_t i = 0; i < r->retry.count; i++) {
        const struct notify_publication publication = {.notification_id =
                                                           r->retry.rows[i].notification_id,
                                                       .task_id = r->retry.rows[i].task_id,
                                                       .eta_us = STORE_NO_TIME};

        notify_enqueue_publish(call->api->enqueue, &publication, 1);
    }
}

static const struct member retried_members[] = {
    {.name = "retried", .shape = SHAPE_INTEGER, .help = "How many will be sent again"},
    {.name = "more", .shape = SHAPE_BOOLEAN, .help = "Whether further ones match"},
    {.name = NULL},
};
static const struct schema retried_schema = {
    .name = "Retried", .help = "What became of dead letters", .members = retried_members};
static const struct schema retry_request = {.name = "DeadLetterFilter",
                                            .help = "Which dead letters; all of them by default",
                                            .fields = retry_fields,
                                            .field_count = RETRY_FIELDS};

static void on_retried_many(struct api_call *call)
{
    const struct retries *r = call->state;
    struct json_writer w;

    if (r->retry.call.error.code != CELERIAC_OK) {
        reply_store_failure(call, &r->retry.call.error);
        return;
    }
    document_begin(call, &w);
    json_begin_object(&w);
    json_key(&w, "retried");
    json_integer(&w, (int64_t)r->retry.count);
    json_key(&w, "more");
    json_boolean(&w, r->retry.more);
    json_end_object(&w);
    reply_document(call, 202);
}

static int64_t time_of(const struct value *value)
{
    return value->state == VALUE_SET ? value->number : STORE_NO_TIME;
}

const struct description about_dead_letters_retry = {
    .id = "retryDeadLetters",
    .group = "Notifications",
    .text = "Up to 1,000 at a time, oldest first.",
    .request = &retry_request,
    .answers = {{.status = 202, .schema = &retried_schema, .help = "They will be sent again"}},
};

void handle_dead_letters_retry(struct api_call *call)
{
    struct retries *r = call_state(call, sizeof *r, release_retries);
    int64_t limit = STORE_RETRY_MAX;

    if (!r || !call_read_body(call, retry_fields, RETRY_FIELDS, false, r->values) ||
        !number_in_range(call, "limit", &r->values[RETRY_LIMIT], 1, STORE_RETRY_MAX, &limit))
        return;
    store_retry_dead_letters_init(&r->retry, &call->who.tenant_id, (uint32_t)limit);
    r->retry.channel = value_text(&r->values[RETRY_CHANNEL], SPAN(""));
    r->retry.template_name = value_text(&r->values[RETRY_TEMPLATE], SPAN(""));
    r->retry.reason_contains = value_text(&r->values[RETRY_REASON], SPAN(""));
    r->retry.created_after_us = time_of(&r->values[RETRY_AFTER]);
    r->retry.created_before_us = time_of(&r->values[RETRY_BEFORE]);
    call_submit_store(call, &r->retry.call, CALL_STORE_NS, on_retried_many, publish_many);
}
