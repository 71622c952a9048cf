/*
 * The dashboard: a page that works with the REST API like any other client. Its files carry no
 * data; the key that a person enters stays in the page's memory.
 */
#include <string.h>

#include "api/description.h"
#include "api/handlers.h"
#include "api/pages.h"
#include "api/reply.h"

#define SCRIPT "text/javascript; charset=utf-8"
#define FILE_ROW(name, type, symbol)                                       \
    {                                                                      \
        name, type, api_dashboard_##symbol, &api_dashboard_##symbol##_size \
    }

/* The first is the page itself. */
static const struct {
    const char *name;
    const char *type;
    const unsigned char *bytes;
    const size_t *size;
} files[] = {
    FILE_ROW("index.html", "text/html; charset=utf-8", index_html),
    FILE_ROW("style.css", "text/css; charset=utf-8", style_css),
    FILE_ROW("icon.svg", "image/svg+xml", icon_svg),
    FILE_ROW("main.js", SCRIPT, main_js),
    FILE_ROW("dom.js", SCRIPT, dom_js),
    FILE_ROW("api.js", SCRIPT, api_js),
    FILE_ROW("activity.js", SCRIPT, activity_js),
    FILE_ROW("send.js", SCRIPT, send_js),
    FILE_ROW("templates.js", SCRIPT, templates_js),
    FILE_ROW("dead_letters.js", SCRIPT, dead_letters_js),
    FILE_ROW("keys.js", SCRIPT, keys_js),
    FILE_ROW("webhooks.js", SCRIPT, webhooks_js),
};

const struct description about_dashboard = {
    .id = "getDashboard",
    .group = "Service",
    .answers = {{.status = 200, .help = "The page"}},
    .is_page = true,
};

const struct description about_dashboard_file = {
    .id = "getDashboardFile",
    .group = "Service",
    .answers = {{.status = 200, .help = "The file"}},
    .is_page = true,
};

/* Relative addresses of the page mean something else without the last slash of its own. */
void handle_dashboard(struct api_call *call)
{
    struct span path = call->request->path;

    if (path.ptr[path.len - 1] == '/')
        reply_page(call, files[0].type, files[0].bytes, *files[0].size);
    else
        reply_moved(call, "dashboard/");
}

void handle_dashboard_file(struct api_call *call)
{
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (strcmp(call->params.file, files[i].name) == 0) {
            reply_page(call, files[i].type, files[i].bytes, *files[i].size);
            return;
        }
    }
    reply_detail(call, 404, "Not found.");
}
