/* What a template was before, and the way back there. */
#include "api/handlers.h"
#include "api/reply.h"
#include "api/request_fields.h"
#include "api/template_document.h"
#include "base/clock.h"
#include "notify/store/template_versions.h"

/* ---- the list -------------------------------------------------------------------------------- */

static const struct member version_members[] = {
    {.name = "version", .shape = SHAPE_INTEGER, .help = "Counts from 1"},
    {.name = "name", .help = "Name of the template then"},
    {.name = "channel", .choices = request_channels, .help = "What it was for"},
    {.name = "subject", .nullable = true, .help = "Source of the subject"},
    {.name = "body", .help = "Source of the body"},
    {.name = "variables", .shape = SHAPE_ANY, .help = "Notes on its variables"},
    {.name = "written_at", .shape = SHAPE_TIME, .help = "Since when it was so"},
    {.name = NULL},
};
static const struct schema version_schema = {.name = "TemplateVersion",
                                             .help = "What a template was at one time",
                                             .members = version_members};

static void add_version(struct json_writer *w, const struct store_template_version *row)
{
    json_begin_object(w);
    json_key(w, "version");
    json_integer(w, row->version);
    document_text(w, "name", row->name);
    document_text(w, "channel", row->channel);
    document_text(w, "subject", row->subject);
    document_text(w, "body", row->body);
    json_key(w, "variables");
    json_value(w, row->variables);
    document_time(w, "written_at", row->written_at_us);
    json_end_object(w);
}

static void on_listed(struct api_call *call)
{
    const struct store_list_template_versions *list = call->state;
    struct json_writer w;

    if (list->call.error.code != CELERIAC_OK) {
        reply_template_failure(call, &list->call.error);
        return;
    }
    document_begin(call, &w);
    json_begin_array(&w);
    for (size_t i = 0; i < list->count; i++)
        add_version(&w, &list->rows[i]);
    json_end_array(&w);
    reply_document(call, 200);
}

const struct description about_template_versions = {
    .id = "listTemplateVersions",
    .group = "Templates",
    .text = "The first is what the template is now. The last 100 before it are kept.",
    .answers =
        {{.status = 200, .schema = &version_schema, .is_list = true, .help = "The versions"}},
};

void handle_template_versions(struct api_call *call)
{
    struct store_list_template_versions *list = call_state(call, sizeof *list, call_release_store);

    if (!list)
        return;
    store_list_template_versions_init(list, &call->who.tenant_id, call->params.number);
    call_submit_store(call, &list->call, CALL_STORE_NS, on_listed, NULL);
}

/* ---- the way back ---------------------------------------------------------------------------- */

struct restoration {
    struct value values[RESTORE_FIELDS];
    struct store_restore_template restore;
    struct store_get_template get;
};

static void release_restoration(void *state)
{
    struct restoration *r = state;

    store_call_release(&r->restore.call);
    store_call_release(&r->get.call);
    validate_close(r->values, RESTORE_FIELDS);
}

static void on_got(struct api_call *call)
{
    const struct restoration *r = call->state;

    if (r->get.call.error.code == CELERIAC_OK)
        reply_template(call, 200, &r->get.row);
    else
        reply_template_failure(call, &r->get.call.error);
}

static void on_restored(struct api_call *call)
{
    struct restoration *r = call->state;

    if (r->restore.call.error.code != CELERIAC_OK) {
        reply_template_failure(call, &r->restore.call.error);
        return;
    }
    store_get_template_init(&r->get, &call->who.tenant_id, call->params.number);
    call_submit_store(call, &r->get.call, CALL_STORE_NS, on_got, NULL);
}

static const struct schema restore_request = {.name = "RestoreRequest",
                                              .help = "Which version to go back to",
                                              .fields = restore_fields,
                                              .field_count = RESTORE_FIELDS};

const struct description about_template_restore = {
    .id = "restoreTemplate",
    .group = "Templates",
    .text = "What the template was until now becomes a version of its own.",
    .request = &restore_request,
    .answers = {{.status = 200, .schema = &template_schema, .help = "The template"}},
};

void handle_template_restore(struct api_call *call)
{
    struct restoration *r = call_state(call, sizeof *r, release_restoration);

    if (!r || !call_read_body(call, restore_fields, RESTORE_FIELDS, false, r->values))
        return;
    /* No version has such a number. */
    if (!r->values[RESTORE_VERSION].number_fits || r->values[RESTORE_VERSION].number < 1 ||
        r->values[RESTORE_VERSION].number > INT32_MAX) {
        reply_detail(call, 404, "Not found.");
        return;
    }
    store_restore_template_init(&r->restore, &call->who.tenant_id, call->params.number,
                                (int32_t)r->values[RESTORE_VERSION].number, clock_wall_us());
    call_submit_store(call, &r->restore.call, CALL_STORE_NS, on_restored, NULL);
}
