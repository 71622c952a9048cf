/* Reading and deleting templates. */
#include "api/handlers.h"
#include "api/reply.h"
#include "api/template_document.h"

struct template_list {
    struct store_list_templates page;
    struct json_writer w;
};

static void release_list(void *state)
{
    struct template_list *list = state;

    store_call_release(&list->page.call);
}

static void on_page(struct api_call *call)
{
    struct template_list *list = call->state;
    struct store_template last;

    if (list->page.call.error.code != CELERIAC_OK) {
        reply_store_failure(call, &list->page.call.error);
        return;
    }
    for (size_t i = 0; i < list->page.count; i++)
        template_document(&list->w, &list->page.rows[i]);
    if (reply_list_ended(call, &list->w, list->page.complete || list->page.count == 0))
        return;
    last = list->page.rows[list->page.count - 1];
    store_call_release(&list->page.call);
    store_list_templates_init(&list->page, &call->who.tenant_id);
    list->page.before_created_at_us = last.created_at_us;
    list->page.before_id = last.id;
    call_submit_store(call, &list->page.call, CALL_STORE_NS, on_page, NULL);
}

const struct description about_template_list = {
    .id = "listTemplates",
    .group = "Templates",
    .answers = {{.status = 200,
                 .schema = &template_schema,
                 .is_list = true,
                 .help = "All of the tenant's templates"}},
};

void handle_template_list(struct api_call *call)
{
    struct template_list *list = call_state(call, sizeof *list, release_list);

    if (!list)
        return;
    document_begin(call, &list->w);
    json_begin_array(&list->w);
    store_list_templates_init(&list->page, &call->who.tenant_id);
    call_submit_store(call, &list->page.call, CALL_STORE_NS, on_page, NULL);
}

static void on_got(struct api_call *call)
{
    const struct store_get_template *get = call->state;

    if (get->call.error.code == CELERIAC_OK)
        reply_template(call, 200, &get->row);
    else
        reply_template_failure(call, &get->call.error);
}

const struct description about_template_get = {
    .id = "getTemplate",
    .group = "Templates",
    .answers = {{.status = 200, .schema = &template_schema, .help = "The template"}},
};

void handle_template_get(struct api_call *call)
{
    struct store_get_template *get = call_state(call, sizeof *get, call_release_store);

    if (!get)
        return;
    store_get_template_init(get, &call->who.tenant_id, call->params.number);
    call_submit_store(call, &get->call, CALL_STORE_NS, on_got, NULL);
}

static void on_deleted(struct api_call *call)
{
    const struct store_delete_template *del = call->state;

    if (del->call.error.code == CELERIAC_OK)
        reply_empty(call, 204);
    else
        reply_template_failure(call, &del->call.error);
}

const struct description about_template_delete = {
    .id = "deleteTemplate",
    .group = "Templates",
    .text = "Notifications that were made with it stay, without a template.",
    .answers = {{.status = 204, .help = "It is gone"}},
};

void handle_template_delete(struct api_call *call)
{
    struct store_delete_template *del = call_state(call, sizeof *del, call_release_store);

    if (!del)
        return;
    store_delete_template_init(del, &call->who.tenant_id, call->params.number);
    call_submit_store(call, &del->call, CALL_STORE_LONG_NS, on_deleted, NULL);
}
