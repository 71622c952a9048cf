#include "api/description.h"
#include "api/handlers.h"
#include "api/openapi.h"
#include "api/reply.h"

const struct description about_openapi = {
    .id = "getDescription",
    .group = "Service",
    .answers = {{.status = 200, .help = "This description"}},
    .is_page = true,
};

/* Written anew each time: some ten microseconds. */
void handle_openapi(struct api_call *call)
{
    struct json_writer w;

    document_begin(call, &w);
    openapi_write(call->api->routes, &w);
    reply_document(call, 200);
}
