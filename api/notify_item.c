#include "api/notify_item.h"

#include "api/problems.h"
#include "api/reply.h"
#include "base/iso8601.h"
#include "base/random.h"
#include "notify/rules/channel.h"
#include "notify/rules/notification.h"
#include "notify/store/notifications.h"
#include "notify/store/text.h"

#define SEND_AT_MAX_US (NOTIFY_SEND_AT_DAYS * INT64_C(86400) * 1000000)

void notify_item_close(struct notify_item *item)
{
    strbuf_close(&item->data);
    validate_close(item->values, NOTIFY_FIELDS);
}

/* ---- validation ---------------------------------------------------------------------------- */

/* Writes a document with one member; the status is the caller's. */
static unsigned answer_text(struct strbuf *answer, unsigned status, const char *key,
                            struct span text)
{
    struct json_writer w;

    json_writer_init(&w, answer, JSON_STYLE_DRF);
    json_begin_object(&w);
    json_key(&w, key);
    json_string(&w, text);
    json_end_object(&w);
    return status;
}

static unsigned answer_later(struct strbuf *answer)
{
    return answer_text(answer, 503, "detail",
                       SPAN("Service temporarily unavailable, try again later."));
}

static unsigned answer_problem(struct strbuf *answer, const char *field, const char *message)
{
    struct problems problems;

    problems_init(&problems, answer);
    problems_add(&problems, field, message);
    problems_end(&problems);
    return 400;
}

/* As Python sees it: an empty name and the id 0 are no template. */
enum notify_template_by notify_item_template_by(const struct notify_item *item)
{
    if (value_text(&item->values[NOTIFY_TEMPLATE], SPAN("")).len > 0)
        return NOTIFY_TEMPLATE_BY_NAME;
    if (!span_is(value_text(&item->values[NOTIFY_TEMPLATE_ID], SPAN("0")), "0"))
        return NOTIFY_TEMPLATE_BY_ID;
    return NOTIFY_TEMPLATE_NONE;
}

/* What the fields must be to each other; the first breach is answered. */
static unsigned fits_together(const struct notify_item *item, int64_t now_us, struct strbuf *answer)
{
    const struct value *v = item->values;
    bool has_template = notify_item_template_by(item) != NOTIFY_TEMPLATE_NONE;
    enum notify_channel channel;
    const char *problem;

    if (!notify_channel_parse(v[NOTIFY_CHANNEL].text, &channel))
        return answer_text(answer, 500, "detail", SPAN("A server error occurred."));
    if (!has_template && value_text(&v[NOTIFY_BODY], SPAN("")).len == 0)
        return answer_problem(answer, "template",
                              "Either template/template_id or body must be provided.");
    if (channel == NOTIFY_CHANNEL_EMAIL && !has_template &&
        value_text(&v[NOTIFY_SUBJECT], SPAN("")).len == 0)
        return answer_problem(answer, "subject", "Subject is required for email notifications.");
    problem = notify_address_problem(channel, v[NOTIFY_TO].text);
    if (problem)
        return answer_problem(answer, "to", problem);
    if (v[NOTIFY_SEND_AT].state == VALUE_SET && v[NOTIFY_SEND_AT].number > now_us &&
        v[NOTIFY_SEND_AT].number - now_us > SEND_AT_MAX_US)
        return answer_problem(answer, "send_at", "Ensure this time is within the next 366 days.");
    return 0;
}

unsigned notify_item_read(struct notify_item *item, const struct body *body, int64_t now_us,
                          struct strbuf *answer)
{
    struct problems problems;

    problems_init(&problems, answer);
    if (validate(notify_fields, NOTIFY_FIELDS, body, false, item->values, &problems) !=
        CELERIAC_OK) {
        strbuf_clear(answer);
        return answer_later(answer);
    }
    if (!problems_found(&problems))
        return fits_together(item, now_us, answer);
    problems_end(&problems);
    return 400;
}

/* ---- template ------------------------------------------------------------------------------ */

struct span notify_item_template_name(const struct notify_item *item)
{
    return item->values[NOTIFY_TEMPLATE].text;
}

bool notify_item_template_id(const struct notify_item *item, int64_t *id)
{
    if (!item->values[NOTIFY_TEMPLATE_ID].number_fits)
        return false;
    *id = item->values[NOTIFY_TEMPLATE_ID].number;
    return true;
}

unsigned notify_item_no_template(const struct notify_item *item, struct strbuf *answer)
{
    bool by_name = notify_item_template_by(item) == NOTIFY_TEMPLATE_BY_NAME;
    struct strbuf text;
    unsigned status;

    strbuf_init(&text, HTTP_RESPONSE_MAX);
    strbuf_add_text(&text, by_name ? "Template '" : "Template with ID ");
    strbuf_add_span(&text, item->values[by_name ? NOTIFY_TEMPLATE : NOTIFY_TEMPLATE_ID].text);
    strbuf_add_text(&text, by_name ? "' not found or inactive" : " not found or inactive");
    if (strbuf_status(&text) == CELERIAC_OK)
        status = answer_text(answer, 404, "error", strbuf_span(&text));
    else
        status = answer_later(answer);
    strbuf_close(&text);
    return status;
}

/* ---- the row ------------------------------------------------------------------------------- */

static void add_inline(struct json_writer *w, const char *key, const struct value *value)
{
    json_key(w, key);
    if (value->state == VALUE_SET)
        json_string(w, value->text);
    else
        json_null(w);
}

/*
 * notifications.data. A time to send at is noted there for those who read the row; Python looks at
 * the other members only.
 */
static void write_data(struct notify_item *item)
{
    struct json_writer w;

    strbuf_close(&item->data); /* of an attempt before */
    strbuf_init(&item->data, STORE_DATA_MAX);
    json_writer_init(&w, &item->data, JSON_STYLE_DRF);
    json_begin_object(&w);
    json_key(&w, "template_data");
    json_value(&w, value_text(&item->values[NOTIFY_DATA], SPAN("{}")));
    add_inline(&w, "inline_subject", &item->values[NOTIFY_SUBJECT]);
    add_inline(&w, "inline_body", &item->values[NOTIFY_BODY]);
    if (item->row.eta_us != STORE_NO_TIME)
        document_time(&w, "send_at", item->row.eta_us);
    json_end_object(&w);
}

/* A time that has passed already means now. */
static void schedule(struct notify_item *item, int64_t now_us, int64_t horizon_us)
{
    const struct value *send_at = &item->values[NOTIFY_SEND_AT];

    if (send_at->state != VALUE_SET || send_at->number <= now_us)
        return;
    item->row.eta_us = send_at->number;
    if (send_at->number - now_us > horizon_us)
        item->row.publish_at_us = send_at->number - horizon_us;
}

unsigned notify_item_make_row(struct notify_item *item, int64_t template_id, int64_t now_us,
                              int64_t horizon_us, struct strbuf *answer)
{
    struct store_new_notification *row = &item->row;
    uint8_t random[32];

    store_new_notification_init(row);
    schedule(item, now_us, horizon_us);
    write_data(item);
    /*
     * Characters that JSON escapes can make a body within its limit too long for the row, and
     * numbers with exponents a short row one that nobody has the memory to read.
     */
    if (strbuf_status(&item->data) == CELERIAC_ERR_LIMIT ||
        store_text_json_size(strbuf_span(&item->data)) > STORE_DATA_MAX)
        return answer_text(answer, 413, "detail", SPAN("The notification is too long."));
    if (strbuf_status(&item->data) != CELERIAC_OK)
        return answer_later(answer);
    random_bytes(random, sizeof random);
    uuid_from_random(random, &row->id);
    uuid_from_random(random + 16, &row->task_id);
    row->template_id = template_id;
    row->created_at_us = now_us;
    row->channel = item->values[NOTIFY_CHANNEL].text;
    row->to = item->values[NOTIFY_TO].text;
    row->data = strbuf_span(&item->data);
    return 0;
}

static const struct member accepted_members[] = {
    {.name = "id", .shape = SHAPE_UUID, .help = "To ask for its state with"},
    {.name = "status", .help = "pending"},
    {.name = "channel", .choices = request_channels, .help = "The way to the recipient"},
    {.name = "to", .help = "The recipient"},
    {.name = "created_at", .shape = SHAPE_TIME, .help = "When it was accepted"},
    {.name = "send_at", .shape = SHAPE_TIME, .optional = true, .help = "When it will be sent"},
    {.name = NULL},
};
const struct schema notify_item_schema = {.name = "AcceptedNotification",
                                          .help = "A notification that will be sent",
                                          .members = accepted_members};

const struct schema notify_request_schema = {.name = "NewNotification",
                                             .help = "What to send to whom, by a template or "
                                                     "with a body of its own",
                                             .fields = notify_fields,
                                             .field_count = NOTIFY_FIELDS};

void notify_item_write(const struct notify_item *item, struct json_writer *w)
{
    json_begin_object(w);
    document_uuid(w, "id", &item->row.id);
    json_key(w, "status");
    json_text(w, notify_status_name(NOTIFY_STATUS_PENDING));
    document_text(w, "channel", item->row.channel);
    document_text(w, "to", item->row.to);
    document_time(w, "created_at", item->row.created_at_us);
    if (item->row.eta_us != STORE_NO_TIME)
        document_time(w, "send_at", item->row.eta_us);
    json_end_object(w);
}

bool notify_item_publication(const struct notify_item *item, struct notify_publication *out)
{
    *out = (struct notify_publication){.notification_id = item->row.id,
                                       .task_id = item->row.task_id,
                                       .eta_us = item->row.eta_us,
                                       .headers_json = item->row.headers.ptr};
    return item->row.publish_at_us == STORE_NO_TIME && item->row.simulated_at_us == STORE_NO_TIME;
}

void notify_item_simulate(struct notify_item *item)
{
    item->row.simulated_at_us = item->row.created_at_us;
}
