#include "api/template_document.h"

#include "api/reply.h"
#include "api/request_fields.h"

static const struct member template_members[] = {
    {.name = "id", .shape = SHAPE_INTEGER, .help = "Made by the service"},
    {.name = "name", .help = "Unique within the tenant"},
    {.name = "channel", .choices = request_channels, .help = "What the template is for"},
    {.name = "subject", .nullable = true, .help = "Source of the subject"},
    {.name = "body", .help = "Source of the body"},
    {.name = "variables", .shape = SHAPE_ANY, .help = "Notes on its variables"},
    {.name = "is_active", .shape = SHAPE_BOOLEAN, .help = "Whether it can be used"},
    {.name = "created_at", .shape = SHAPE_TIME, .help = "When it was made"},
    {.name = "updated_at", .shape = SHAPE_TIME, .help = "When it was changed last"},
    {.name = NULL},
};
const struct schema template_schema = {
    .name = "Template", .help = "A template in Jinja2's language", .members = template_members};

void template_document(struct json_writer *w, const struct store_template *row)
{
    json_begin_object(w);
    json_key(w, "id");
    json_integer(w, row->id);
    document_text(w, "name", row->name);
    document_text(w, "channel", row->channel);
    document_text(w, "subject", row->subject);
    document_text(w, "body", row->body);
    document_json(w, "variables", row->variables);
    json_key(w, "is_active");
    json_boolean(w, row->is_active);
    document_time(w, "created_at", row->created_at_us);
    document_time(w, "updated_at", row->updated_at_us);
    json_end_object(w);
}

void reply_template(struct api_call *call, unsigned status, const struct store_template *row)
{
    struct json_writer w;

    document_begin(call, &w);
    template_document(&w, row);
    reply_document(call, status);
}

void reply_template_failure(struct api_call *call, const struct celeriac_error *error)
{
    if (error->code == CELERIAC_ERR_NOT_FOUND)
        reply_detail(call, 404, "Not found.");
    else if (error->code == CELERIAC_ERR_EXISTS)
        reply_problem(call, "name", "This field must be unique.");
    else
        reply_store_failure(call, error);
}
