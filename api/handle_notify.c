#include <string.h>

#include "api/handlers.h"
#include "api/reply.h"
#include "api/request_fields.h"
#include "base/clock.h"
#include "base/random.h"
#include "notify/rules/channel.h"
#include "notify/rules/notification.h"
#include "notify/store/notifications.h"
#include "notify/store/templates.h"

/* A notification on its way into the database and, right after, onto the queue. */
struct acceptance {
    struct value values[NOTIFY_FIELDS];
    struct store_find_template find;
    struct store_insert_notification insert;
    struct strbuf data;
};

static void release_acceptance(void *state)
{
    struct acceptance *a = state;

    store_call_release(&a->find.call);
    store_call_release(&a->insert.call);
    strbuf_close(&a->data);
    validate_close(a->values, NOTIFY_FIELDS);
}

/* As Python sees it: an empty name and the id 0 are no template. */
static bool has_template_name(const struct acceptance *a)
{
    return value_text(&a->values[NOTIFY_TEMPLATE], SPAN("")).len > 0;
}

static bool has_template_id(const struct acceptance *a)
{
    return !span_is(value_text(&a->values[NOTIFY_TEMPLATE_ID], SPAN("0")), "0");
}

/* What the fields must be to each other; the first breach is answered. */
static bool fits_together(struct api_call *call, const struct acceptance *a)
{
    bool has_template = has_template_name(a) || has_template_id(a);
    enum notify_channel channel;
    const char *problem;

    if (!notify_channel_parse(a->values[NOTIFY_CHANNEL].text, &channel)) {
        reply_detail(call, 500, "A server error occurred.");
        return false;
    }
    if (!has_template && value_text(&a->values[NOTIFY_BODY], SPAN("")).len == 0) {
        reply_problem(call, "template", "Either template/template_id or body must be provided.");
        return false;
    }
    if (channel == NOTIFY_CHANNEL_EMAIL && !has_template &&
        value_text(&a->values[NOTIFY_SUBJECT], SPAN("")).len == 0) {
        reply_problem(call, "subject", "Subject is required for email notifications.");
        return false;
    }
    problem = notify_address_problem(channel, a->values[NOTIFY_TO].text);
    if (problem)
        reply_problem(call, "to", problem);
    return !problem;
}

static void add_inline(struct json_writer *w, const char *key, const struct value *value)
{
    json_key(w, key);
    if (value->state == VALUE_SET)
        json_string(w, value->text);
    else
        json_null(w);
}

/* notifications.data */
static void write_data(struct acceptance *a)
{
    struct json_writer w;

    strbuf_init(&a->data, STORE_DATA_MAX);
    json_writer_init(&w, &a->data, JSON_STYLE_DRF);
    json_begin_object(&w);
    json_key(&w, "template_data");
    json_value(&w, value_text(&a->values[NOTIFY_DATA], SPAN("{}")));
    add_inline(&w, "inline_subject", &a->values[NOTIFY_SUBJECT]);
    add_inline(&w, "inline_body", &a->values[NOTIFY_BODY]);
    json_end_object(&w);
}

/* On the store's thread, right after the commit: the message is on its way whoever still listens.
 */
static void publish(struct api_call *call)
{
    const struct acceptance *a = call->state;

    notify_enqueue_publish(call->api->enqueue, &a->insert.id, &a->insert.task_id);
}

static void reply_no_template(struct api_call *call, const struct acceptance *a)
{
    struct strbuf text;

    strbuf_init(&text, HTTP_RESPONSE_MAX);
    if (has_template_name(a)) {
        strbuf_add_text(&text, "Template '");
        strbuf_add_span(&text, a->values[NOTIFY_TEMPLATE].text);
        strbuf_add_char(&text, '\'');
    } else {
        strbuf_add_text(&text, "Template with ID ");
        strbuf_add_span(&text, a->values[NOTIFY_TEMPLATE_ID].text);
    }
    strbuf_add_text(&text, " not found or inactive");
    reply_error(call, 404, strbuf_span(&text));
    strbuf_close(&text);
}

static const struct member accepted_members[] = {
    {.name = "id", .shape = SHAPE_UUID, .help = "To ask for its state with"},
    {.name = "status", .help = "pending"},
    {.name = "channel", .choices = request_channels, .help = "The way to the recipient"},
    {.name = "to", .help = "The recipient"},
    {.name = "created_at", .shape = SHAPE_TIME, .help = "When it was accepted"},
    {.name = NULL},
};
static const struct schema accepted_schema = {.name = "AcceptedNotification",
                                              .help = "A notification that will be sent",
                                              .members = accepted_members};

static void on_accepted(struct api_call *call)
{
    const struct acceptance *a = call->state;
    struct json_writer w;

    if (a->insert.call.error.code == CELERIAC_ERR_VALUE && a->insert.template_id != 0) {
        /* It was deleted in the meantime. */
        reply_no_template(call, a);
        return;
    }
    if (a->insert.call.error.code != CELERIAC_OK) {
        reply_store_failure(call, &a->insert.call.error);
        return;
    }
    document_begin(call, &w);
    json_begin_object(&w);
    document_uuid(&w, "id", &a->insert.id);
    json_key(&w, "status");
    json_text(&w, notify_status_name(NOTIFY_STATUS_PENDING));
    document_text(&w, "channel", a->insert.channel);
    document_text(&w, "to", a->insert.to);
    document_time(&w, "created_at", a->insert.created_at_us);
    json_end_object(&w);
    reply_document(call, 202);
}

static void accept_notification(struct api_call *call, struct acceptance *a, int64_t template_id)
{
    uint8_t random[32];

    write_data(a);
    /* Characters that JSON escapes can make a body within its limit too long for the row. */
    if (strbuf_status(&a->data) == CELERIAC_ERR_LIMIT) {
        reply_detail(call, 413, "The notification is too long.");
        return;
    }
    if (strbuf_status(&a->data) != CELERIAC_OK) {
        reply_later(call);
        return;
    }
    random_bytes(random, sizeof random);
    store_insert_notification_init(&a->insert);
    uuid_from_random(random, &a->insert.id);
    uuid_from_random(random + 16, &a->insert.task_id);
    a->insert.tenant_id = call->who.tenant_id;
    a->insert.template_id = template_id;
    a->insert.created_at_us = clock_wall_us();
    a->insert.channel = a->values[NOTIFY_CHANNEL].text;
    a->insert.to = a->values[NOTIFY_TO].text;
    a->insert.data = strbuf_span(&a->data);
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
    bool by_name = has_template_name(a);

    if (!by_name && !a->values[NOTIFY_TEMPLATE_ID].number_fits) {
        reply_no_template(call, a);
        return;
    }
    store_find_template_init(&a->find, &call->who.tenant_id,
                             by_name ? a->values[NOTIFY_TEMPLATE].text : SPAN(""),
                             by_name ? 0 : a->values[NOTIFY_TEMPLATE_ID].number);
    call_submit_store(call, &a->find.call, CALL_STORE_NS, on_template, NULL);
}

static const struct schema notify_request = {.name = "NewNotification",
                                             .help = "What to send to whom, by a template or "
                                                     "with a body of its own",
                                             .fields = notify_fields,
                                             .field_count = NOTIFY_FIELDS};

const struct description about_notify = {
    .id = "sendNotification",
    .group = "Notifications",
    .text = "Name a template, or give a body, with a subject for email. The answer comes when the "
            "notification is stored; it is sent soon after.",
    .request = &notify_request,
    .answers = {{.status = 202, .schema = &accepted_schema, .help = "Accepted"},
                {.status = 404, .schema = &error_schema, .help = "No such active template"}},
};

void handle_notify(struct api_call *call)
{
    struct acceptance *a = call_state(call, sizeof *a, release_acceptance);

    if (!a || !call_read_body(call, notify_fields, NOTIFY_FIELDS, false, a->values) ||
        !fits_together(call, a))
        return;
    if (has_template_name(a) || has_template_id(a))
        find_template(call, a);
    else
        accept_notification(call, a, 0);
}
