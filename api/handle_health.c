#include "api/handlers.h"
#include "api/reply.h"

static const struct member health_members[] = {
    {.name = "status", .help = "ok"},
    {.name = NULL},
};
static const struct schema health_schema = {
    .name = "Health", .help = "A sign of life", .members = health_members};

const struct description about_health = {
    .id = "getHealth",
    .group = "Service",
    .text = "Says that the process answers, and nothing of the database.",
    .answers = {{.status = 200, .schema = &health_schema, .help = "It answers"}},
};

/* Says that the process answers; what it stands on is watched elsewhere. */
void handle_health(struct api_call *call)
{
    struct json_writer w;

    document_begin(call, &w);
    json_begin_object(&w);
    json_key(&w, "status");
    json_text(&w, "ok");
    json_end_object(&w);
    reply_document(call, 200);
}
