/* Creating and changing templates. */
#include "api/handlers.h"
#include "api/reply.h"
#include "api/request_fields.h"
#include "api/template_document.h"
#include "base/clock.h"
#include "notify/rules/channel.h"
#include "notify/rules/template.h"
#include "notify/store/text.h"

/*
 * Longest variables, as the database writes them but for spaces: more than a body can have without
 * numbers such as 1e308. With spaces they still fit into STORE_TEMPLATE_VARIABLES_MAX when another
 * field is changed.
 */
#define VARIABLES_MAX ((size_t)4 * 1024 * 1024)

struct template_edit {
    bool is_partial;
    struct value values[TEMPLATE_FIELDS];
    struct store_get_template get; /* the row that is changed */
    struct store_put_template put;
};

static void release_edit(void *state)
{
    struct template_edit *e = state;

    store_call_release(&e->get.call);
    store_call_release(&e->put.call);
    validate_close(e->values, TEMPLATE_FIELDS);
}

static void set_text(struct span *text, const struct value *value)
{
    if (value->state == VALUE_SET)
        *text = value->text;
    else if (value->state == VALUE_NULL)
        *text = (struct span){NULL, 0};
}

/* Writes what was given over what is there. False: a reply has been made. */
static bool merge(struct api_call *call, struct template_edit *e, struct store_template *row)
{
    enum notify_channel channel;

    /* A form's JSON can be null, which the column cannot. */
    if (span_is(span_trim(value_text(&e->values[TEMPLATE_VARIABLES], SPAN(""))), "null")) {
        reply_problem(call, "variables", "This field may not be null.");
        return false;
    }
    if (store_text_json_size(value_text(&e->values[TEMPLATE_VARIABLES], SPAN(""))) >
        VARIABLES_MAX) {
        reply_detail(call, 413, "The variables are too long.");
        return false;
    }
    set_text(&row->name, &e->values[TEMPLATE_NAME]);
    set_text(&row->channel, &e->values[TEMPLATE_CHANNEL]);
    set_text(&row->subject, &e->values[TEMPLATE_SUBJECT]);
    set_text(&row->body, &e->values[TEMPLATE_BODY]);
    set_text(&row->variables, &e->values[TEMPLATE_VARIABLES]);
    if (e->values[TEMPLATE_IS_ACTIVE].state == VALUE_SET)
        row->is_active = e->values[TEMPLATE_IS_ACTIVE].truth;
    if (notify_channel_parse(row->channel, &channel) && notify_template_needs_subject(channel) &&
        row->subject.len == 0) {
        reply_problem(call, "subject", NOTIFY_TEMPLATE_NO_SUBJECT);
        return false;
    }
    row->updated_at_us = clock_wall_us();
    return true;
}

static const struct schema template_request = {.name = "NewTemplate",
                                               .help = "A template; a subject for email",
                                               .fields = template_fields,
                                               .field_count = TEMPLATE_FIELDS};
static const struct schema template_change = {.name = "TemplateChange",
                                              .help = "What is to be different",
                                              .fields = template_fields,
                                              .field_count = TEMPLATE_FIELDS,
                                              .partial = true};

static void on_created(struct api_call *call)
{
    const struct template_edit *e = call->state;

    if (e->put.call.error.code == CELERIAC_OK)
        reply_template(call, 201, &e->put.row);
    else
        reply_template_failure(call, &e->put.call.error);
}

const struct description about_template_create = {
    .id = "createTemplate",
    .group = "Templates",
    .request = &template_request,
    .answers = {{.status = 201, .schema = &template_schema, .help = "The template"}},
};

void handle_template_create(struct api_call *call)
{
    struct template_edit *e = call_state(call, sizeof *e, release_edit);

    if (!e || !call_read_body(call, template_fields, TEMPLATE_FIELDS, false, e->values))
        return;
    store_create_template_init(&e->put, &call->who.tenant_id);
    e->put.row.variables = SPAN("{}");
    e->put.row.is_active = true;
    if (!merge(call, e, &e->put.row))
        return;
    e->put.row.created_at_us = e->put.row.updated_at_us;
    call_submit_store(call, &e->put.call, CALL_STORE_NS, on_created, NULL);
}

static void on_updated(struct api_call *call)
{
    const struct template_edit *e = call->state;

    if (e->put.call.error.code == CELERIAC_OK)
        reply_template(call, 200, &e->put.row);
    else
        reply_template_failure(call, &e->put.call.error);
}

static void on_found(struct api_call *call)
{
    struct template_edit *e = call->state;

    if (e->get.call.error.code != CELERIAC_OK) {
        reply_template_failure(call, &e->get.call.error);
        return;
    }
    if (!call_read_body(call, template_fields, TEMPLATE_FIELDS, e->is_partial, e->values))
        return;
    store_update_template_init(&e->put, &call->who.tenant_id, call->params.number);
    e->put.row = e->get.row;
    if (merge(call, e, &e->put.row))
        call_submit_store(call, &e->put.call, CALL_STORE_NS, on_updated, NULL);
}

/* The row comes first, as in DRF: a template that is not there is 404 whatever the body says. */
static void begin_edit(struct api_call *call, bool is_partial)
{
    struct template_edit *e = call_state(call, sizeof *e, release_edit);

    if (!e)
        return;
    e->is_partial = is_partial;
    store_get_template_init(&e->get, &call->who.tenant_id, call->params.number);
    call_submit_store(call, &e->get.call, CALL_STORE_NS, on_found, NULL);
}

const struct description about_template_put = {
    .id = "replaceTemplate",
    .group = "Templates",
    .text = "What is not required and not given stays as it is.",
    .request = &template_request,
    .answers = {{.status = 200, .schema = &template_schema, .help = "The template"}},
};

void handle_template_put(struct api_call *call)
{
    begin_edit(call, false);
}

const struct description about_template_patch = {
    .id = "changeTemplate",
    .group = "Templates",
    .request = &template_change,
    .answers = {{.status = 200, .schema = &template_schema, .help = "The template"}},
};

void handle_template_patch(struct api_call *call)
{
    begin_edit(call, true);
}
