/* What has happened to a notification so far. */
#include "api/handlers.h"
#include "api/reply.h"
#include "notify/store/history.h"

/* In the order of enum store_event_kind, which begins with 1. */
static const char *const event_names[] = {"accepted",  "failed", "processing", "dead_letter",
                                          "cancelled", "sent",   NULL};

static const struct member event_members[] = {
    {.name = "at", .shape = SHAPE_TIME, .help = "When it happened"},
    {.name = "event", .choices = event_names, .help = "What happened"},
    {.name = "error", .optional = true, .help = "With failed: why the attempt failed"},
    {.name = "reason", .optional = true, .help = "With dead_letter: why it was given up"},
    {.name = "provider_response",
     .shape = SHAPE_ANY,
     .optional = true,
     .help = "With sent: what the provider said"},
    {.name = NULL},
};
static const struct schema event_schema = {.name = "NotificationEvent",
                                           .help = "One step of a notification's way",
                                           .members = event_members};

static void add_event(struct json_writer *w, const struct store_event *event)
{
    json_begin_object(w);
    document_time(w, "at", event->at_us);
    json_key(w, "event");
    json_text(w, event_names[event->kind - STORE_EVENT_ACCEPTED]);
    switch (event->kind) {
    case STORE_EVENT_FAILED:
        document_text(w, "error", event->detail);
        break;
    case STORE_EVENT_DEAD_LETTER:
        document_text(w, "reason", event->detail);
        break;
    case STORE_EVENT_SENT:
        json_key(w, "provider_response");
        json_value(w, event->detail);
        break;
    case STORE_EVENT_ACCEPTED:
    case STORE_EVENT_PROCESSING:
    case STORE_EVENT_CANCELLED:
        break;
    }
    json_end_object(w);
}

static void on_got(struct api_call *call)
{
    const struct store_get_history *get = call->state;
    struct json_writer w;

    if (get->call.error.code != CELERIAC_OK) {
        reply_store_missing(call, &get->call.error, SPAN("Notification not found"));
        return;
    }
    document_begin(call, &w);
    json_begin_array(&w);
    for (size_t i = 0; i < get->count; i++)
        add_event(&w, &get->rows[i]);
    json_end_array(&w);
    reply_document(call, 200);
}

const struct description about_notification_history = {
    .id = "getNotificationHistory",
    .group = "Notifications",
    .text = "Oldest first. Failed attempts are kept for 90 days; those of Python workers are not.",
    .answers = {{.status = 200, .schema = &event_schema, .is_list = true, .help = "Its history"},
                {.status = 404, .schema = &error_schema, .help = "The tenant has none of that id"}},
};

void handle_notification_history(struct api_call *call)
{
    struct store_get_history *get = call_state(call, sizeof *get, call_release_store);

    if (!get)
        return;
    store_get_history_init(get, &call->who.tenant_id, &call->params.uuid);
    call_submit_store(call, &get->call, CALL_STORE_NS, on_got, NULL);
}
