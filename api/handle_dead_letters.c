#include "api/handlers.h"
#include "api/list_query.h"
#include "api/reply.h"
#include "api/request_fields.h"
#include "notify/store/dead_letters.h"

struct dead_letter_list {
    struct list_query query;
    struct store_list_dead_letters letters;
};

static void release_list(void *state)
{
    struct dead_letter_list *list = state;

    store_call_release(&list->letters.call);
    list_query_close(&list->query);
}

static const struct member dead_letter_members[] = {
    {.name = "id", .shape = SHAPE_UUID, .help = "Made by the service"},
    {.name = "notification_id", .shape = SHAPE_UUID, .help = "What was given up"},
    {.name = "notification_channel", .choices = request_channels, .help = "Its channel"},
    {.name = "notification_to", .help = "Its recipient"},
    {.name = "reason", .help = "Why the last attempt failed"},
    {.name = "retry_count", .shape = SHAPE_INTEGER, .help = "Attempts after the first"},
    {.name = "created_at", .shape = SHAPE_TIME, .help = "When it was given up"},
    {.name = NULL},
};
static const struct schema dead_letter_schema = {.name = "DeadLetter",
                                                 .help = "A notification that was given up",
                                                 .members = dead_letter_members};

static const struct member dead_letter_page_members[] = {
    LIST_PAGE_MEMBERS(dead_letter_schema, "The page's dead letters, newest first"),
};
static const struct schema dead_letter_page_schema = {.name = "DeadLetterPage",
                                                      .help = "One page of a long list",
                                                      .members = dead_letter_page_members};

static void add_dead_letter(struct json_writer *w, const struct store_dead_letter_row *row)
{
    json_begin_object(w);
    document_uuid(w, "id", &row->id);
    document_uuid(w, "notification_id", &row->notification_id);
    document_text(w, "notification_channel", row->channel);
    document_text(w, "notification_to", row->to);
    document_text(w, "reason", row->reason);
    json_key(w, "retry_count");
    json_integer(w, row->retry_count);
    document_time(w, "created_at", row->created_at_us);
    json_end_object(w);
}

static void on_page(struct api_call *call)
{
    const struct dead_letter_list *list = call->state;
    struct json_writer w;

    if (list->letters.call.error.code != CELERIAC_OK) {
        reply_store_failure(call, &list->letters.call.error);
        return;
    }
    list_begin(call, &w, &list->query);
    for (size_t i = 0; i < list->letters.count; i++)
        add_dead_letter(&w, &list->letters.rows[i]);
    list_end(call, &w, &list->query, &list->letters.next);
}

const struct description about_dead_letter_list = {
    .id = "listDeadLetters",
    .group = "Notifications",
    .parameters = {LIST_AFTER_PARAMETER, LIST_BEFORE_PARAMETER, LIST_LIMIT_PARAMETER,
                   LIST_CURSOR_PARAMETER},
    .answers = {{.status = 200,
                 .schema = &dead_letter_schema,
                 .is_list = true,
                 .help = "The newest dead letters"},
                {.status = 200,
                 .schema = &dead_letter_page_schema,
                 .help = "With ?cursor=: a page of them"},
                {.status = 404, .schema = &detail_schema, .help = "The cursor is none of ours"}},
};

void handle_dead_letter_list(struct api_call *call)
{
    struct dead_letter_list *list = call_state(call, sizeof *list, release_list);

    if (!list)
        return;
    list_query_init(&list->query);
    if (!list_query_read(call, &list->query))
        return;
    store_list_dead_letters_init(&list->letters, &call->who.tenant_id, &list->query.page);
    call_submit_store(call, &list->letters.call, CALL_STORE_NS, on_page, NULL);
}

/* ---- one ----------------------------------------------------------------------------------- */

static void on_got(struct api_call *call)
{
    const struct store_get_dead_letter *get = call->state;
    struct json_writer w;

    if (get->call.error.code != CELERIAC_OK) {
        reply_store_missing(call, &get->call.error, SPAN("Dead letter not found"));
        return;
    }
    document_begin(call, &w);
    add_dead_letter(&w, &get->row);
    reply_document(call, 200);
}

const struct description about_dead_letter_get = {
    .id = "getDeadLetter",
    .group = "Notifications",
    .answers = {{.status = 200, .schema = &dead_letter_schema, .help = "The dead letter"},
                {.status = 404, .schema = &error_schema, .help = "The tenant has none of that id"}},
};

void handle_dead_letter_get(struct api_call *call)
{
    struct store_get_dead_letter *get = call_state(call, sizeof *get, call_release_store);

    if (!get)
        return;
    store_get_dead_letter_init(get, &call->who.tenant_id, &call->params.uuid);
    call_submit_store(call, &get->call, CALL_STORE_NS, on_got, NULL);
}
