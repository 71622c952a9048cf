#include "api/notification_document.h"

#include "api/handlers.h"
#include "api/reply.h"
#include "api/request_fields.h"

/* The names of enum notify_status, in its order; a test compares them. */
const char *const notification_statuses[] = {"pending", "processing", "sent", "delivered",
                                             "failed",  "cancelled",  NULL};

static const struct member notification_members[] = {
    {.name = "id", .shape = SHAPE_UUID, .help = "Made by the service"},
    {.name = "channel", .choices = request_channels, .help = "The way to the recipient"},
    {.name = "to", .help = "The recipient"},
    {.name = "template", .shape = SHAPE_INTEGER, .nullable = true, .help = "Id of the template"},
    {.name = "template_name", .optional = true, .help = "Its name; absent without a template"},
    {.name = "data", .shape = SHAPE_ANY, .help = "template_data, inline_subject, inline_body"},
    {.name = "status", .choices = notification_statuses, .help = "How far it got"},
    {.name = "error_message", .nullable = true, .help = "Why the last attempt failed"},
    {.name = "created_at", .shape = SHAPE_TIME, .help = "When it was accepted"},
    {.name = "updated_at", .shape = SHAPE_TIME, .help = "When its state changed last"},
    {.name = "sent_at", .shape = SHAPE_TIME, .nullable = true, .help = "When it was sent"},
    {.name = NULL},
};
const struct schema notification_schema = {.name = "Notification",
                                           .help = "A notification and its state",
                                           .members = notification_members};

void notification_write(struct json_writer *w, const struct store_notification *row)
{
    json_begin_object(w);
    document_uuid(w, "id", &row->id);
    document_text(w, "channel", row->channel);
    document_text(w, "to", row->to);
    json_key(w, "template");
    if (row->template_id != 0)
        json_integer(w, row->template_id);
    else
        json_null(w);
    /* DRF leaves out a field whose source leads through a null. */
    if (row->template_id != 0)
        document_text(w, "template_name", row->template_name);
    document_json(w, "data", row->data);
    document_text(w, "status", row->status);
    document_text(w, "error_message", row->error_message);
    document_time(w, "created_at", row->created_at_us);
    document_time(w, "updated_at", row->updated_at_us);
    document_time(w, "sent_at", row->sent_at_us);
    json_end_object(w);
}
