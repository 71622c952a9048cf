/* The API's reference for people: a page that shows what /v1/openapi.json says. */
#include "api/description.h"
#include "api/handlers.h"
#include "api/pages.h"
#include "api/reply.h"

const struct description about_docs = {
    .id = "getReference",
    .group = "Service",
    .answers = {{.status = 200, .help = "The page"}},
    .is_page = true,
};
const struct description about_docs_style = {
    .id = "getReferenceStyle",
    .group = "Service",
    .answers = {{.status = 200, .help = "Its style sheet"}},
    .is_page = true,
};
const struct description about_docs_script = {
    .id = "getReferenceScript",
    .group = "Service",
    .answers = {{.status = 200, .help = "Its script"}},
    .is_page = true,
};

/* Relative addresses of the page mean something else without the last slash of its own. */
void handle_docs(struct api_call *call)
{
    struct span path = call->request->path;

    if (path.ptr[path.len - 1] == '/')
        reply_page(call, "text/html; charset=utf-8", api_page_docs_html, api_page_docs_html_size);
    else
        reply_moved(call, "docs/");
}

void handle_docs_style(struct api_call *call)
{
    reply_page(call, "text/css; charset=utf-8", api_page_docs_css, api_page_docs_css_size);
}

void handle_docs_script(struct api_call *call)
{
    reply_page(call, "text/javascript; charset=utf-8", api_page_docs_js, api_page_docs_js_size);
}
