#include "api/handlers.h"
#include "api/reply.h"

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
