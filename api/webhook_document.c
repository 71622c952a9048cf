#include "api/webhook_document.h"

#include <string.h>

#include "api/list_query.h"
#include "api/reply.h"
#include "api/request_fields.h"

const char *const webhook_message_statuses[] = {"pending", "delivered", "failed", NULL};

/* What is shown of a webhook in every document about it. */
#define WEBHOOK_MEMBERS                                                                \
    {.name = "id", .shape = SHAPE_UUID, .help = "Made by the service"},                \
        {.name = "url", .help = "Where events are posted"},                            \
        {.name = "description", .help = "What it is for"},                             \
        {.name = "events",                                                             \
         .choices = request_webhook_events,                                            \
         .is_list = true,                                                              \
         .help = "What is posted there"},                                              \
        {.name = "is_active", .shape = SHAPE_BOOLEAN, .help = "Whether anything is"},  \
        {.name = "disabled_reason",                                                    \
         .nullable = true,                                                             \
         .help = "Why the service has switched it off"},                               \
        {.name = "failing_since",                                                      \
         .shape = SHAPE_TIME,                                                          \
         .nullable = true,                                                             \
         .help = "When the first of the deliveries failed that fail without a break"}, \
        {.name = "paused_until",                                                       \
         .shape = SHAPE_TIME,                                                          \
         .nullable = true,                                                             \
         .help = "Nothing is delivered before, because of that"},                      \
        {.name = "old_secret_until",                                                   \
         .shape = SHAPE_TIME,                                                          \
         .nullable = true,                                                             \
         .help = "How long the secret before signs too"},                              \
        {.name = "created_at", .shape = SHAPE_TIME, .help = "When it was made"},       \
    {                                                                                  \
        .name = "updated_at", .shape = SHAPE_TIME, .help = "When it was changed last"  \
    }

/* What is shown of a message in every document about it. */
#define MESSAGE_MEMBERS                                                                           \
    {.name = "id", .shape = SHAPE_UUID, .help = "The header webhook-id of every delivery"},       \
        {.name = "webhook_id", .shape = SHAPE_UUID, .help = "Whose message it is"},               \
        {.name = "notification_id",                                                               \
         .shape = SHAPE_UUID,                                                                     \
         .nullable = true,                                                                        \
         .help = "What it tells of; null for a test event"},                                      \
        {.name = "event", .help = "Its type"},                                                    \
        {.name = "status", .choices = webhook_message_statuses, .help = "What has become of it"}, \
        {.name = "attempts", .shape = SHAPE_INTEGER, .help = "Deliveries that were tried"},       \
        {.name = "response_status",                                                               \
         .shape = SHAPE_INTEGER,                                                                  \
         .nullable = true,                                                                        \
         .help = "HTTP status that answered the last of them"},                                   \
        {.name = "error", .nullable = true, .help = "Why the last of them failed"},               \
        {.name = "created_at", .shape = SHAPE_TIME, .help = "When it was recorded"},              \
        {.name = "last_attempt_at",                                                               \
         .shape = SHAPE_TIME,                                                                     \
         .nullable = true,                                                                        \
         .help = "When it was tried last"},                                                       \
        {.name = "delivered_at",                                                                  \
         .shape = SHAPE_TIME,                                                                     \
         .nullable = true,                                                                        \
         .help = "When it was taken"},                                                            \
    {                                                                                             \
        .name = "next_attempt_at", .shape = SHAPE_TIME, .nullable = true,                         \
        .help = "When it is tried next"                                                           \
    }

static const struct member webhook_members[] = {
    WEBHOOK_MEMBERS,
    {.name = NULL},
};
const struct schema webhook_schema = {
    .name = "Webhook", .help = "Where a tenant is told of events", .members = webhook_members};

static const struct member new_webhook_members[] = {
    WEBHOOK_MEMBERS,
    {.name = "secret", .help = "What deliveries are signed with, shown this once"},
    {.name = NULL},
};
const struct schema new_webhook_schema = {.name = "WebhookWithSecret",
                                          .help = "A webhook that has just got its secret",
                                          .members = new_webhook_members};

static const struct member message_members[] = {
    MESSAGE_MEMBERS,
    {.name = NULL},
};
const struct schema webhook_message_schema = {
    .name = "WebhookMessage", .help = "One event for one webhook", .members = message_members};

static const struct member page_members[] = {
    LIST_PAGE_MEMBERS(webhook_message_schema, "The page's messages, newest first"),
};
const struct schema webhook_message_page_schema = {
    .name = "WebhookMessagePage", .help = "One page of a long list", .members = page_members};

static const struct member delivery_members[] = {
    MESSAGE_MEMBERS,
    {.name = "payload", .shape = SHAPE_ANY, .help = "The body of every delivery"},
    {.name = NULL},
};
const struct schema webhook_delivery_schema = {.name = "WebhookDelivery",
                                               .help =
                                                   "One event for one webhook, with what is posted",
                                               .members = delivery_members};

void webhook_write(struct json_writer *w, const struct store_webhook *row, const char *secret)
{
    json_begin_object(w);
    document_uuid(w, "id", &row->id);
    document_text(w, "url", row->url);
    document_text(w, "description", row->description);
    json_key(w, "events");
    json_begin_array(w);
    for (int i = 0; i < STORE_WEBHOOK_EVENT_COUNT; i++) {
        if (row->events & UINT32_C(1) << i)
            json_text(w, store_webhook_event_name((enum store_webhook_event)i));
    }
    json_end_array(w);
    json_key(w, "is_active");
    json_boolean(w, row->is_active);
    document_text(w, "disabled_reason", row->disabled_reason);
    document_time(w, "failing_since", row->failing_since_us);
    document_time(w, "paused_until", row->paused_until_us);
    document_time(w, "old_secret_until", row->old_secret_until_us);
    document_time(w, "created_at", row->created_at_us);
    document_time(w, "updated_at", row->updated_at_us);
    if (secret) {
        json_key(w, "secret");
        json_text(w, secret);
    }
    json_end_object(w);
}

static bool is_nil(const struct uuid *id)
{
    static const struct uuid nil;

    return memcmp(id, &nil, sizeof nil) == 0;
}

void webhook_message_write(struct json_writer *w, const struct store_webhook_message *row)
{
    json_begin_object(w);
    document_uuid(w, "id", &row->id);
    document_uuid(w, "webhook_id", &row->webhook_id);
    if (is_nil(&row->notification_id))
        document_text(w, "notification_id", (struct span){NULL, 0});
    else
        document_uuid(w, "notification_id", &row->notification_id);
    document_text(w, "event", row->event);
    document_text(w, "status", row->status);
    json_key(w, "attempts");
    json_integer(w, row->attempts);
    json_key(w, "response_status");
    if (row->response_status == 0)
        json_null(w);
    else
        json_integer(w, row->response_status);
    document_text(w, "error", row->error);
    document_time(w, "created_at", row->created_at_us);
    document_time(w, "last_attempt_at", row->last_attempt_at_us);
    document_time(w, "delivered_at", row->delivered_at_us);
    document_time(w, "next_attempt_at", row->next_attempt_at_us);
    if (row->payload.ptr) {
        json_key(w, "payload");
        json_value(w, row->payload);
    }
    json_end_object(w);
}

void reply_webhook(struct api_call *call, unsigned status, const struct store_webhook *row,
                   const char *secret)
{
    struct json_writer w;

    document_begin(call, &w);
    webhook_write(&w, row, secret);
    reply_document(call, status);
}

void reply_webhook_message(struct api_call *call, unsigned status,
                           const struct store_webhook_message *row)
{
    struct json_writer w;

    document_begin(call, &w);
    webhook_message_write(&w, row);
    reply_document(call, status);
}

void reply_webhook_failure(struct api_call *call, const struct celeriac_error *error)
{
    reply_store_missing(call, error, SPAN("Webhook not found"));
}

void reply_webhook_message_failure(struct api_call *call, const struct celeriac_error *error)
{
    reply_store_missing(call, error, SPAN("Webhook message not found"));
}
