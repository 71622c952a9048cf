#include "api/handlers.h"
#include "api/list_query.h"
#include "api/notification_document.h"
#include "api/reply.h"
#include "api/request_fields.h"
#include "notify/rules/channel.h"
#include "notify/rules/notification.h"
#include "notify/store/notifications.h"

static const struct member notification_page_members[] = {
    LIST_PAGE_MEMBERS(notification_schema, "The page's notifications, newest first"),
};
static const struct schema notification_page_schema = {.name = "NotificationPage",
                                                       .help = "One page of a long list",
                                                       .members = notification_page_members};

static void on_got(struct api_call *call)
{
    const struct store_get_notification *get = call->state;
    struct json_writer w;

    if (get->call.error.code != CELERIAC_OK) {
        reply_store_missing(call, &get->call.error, SPAN("Notification not found"));
        return;
    }
    document_begin(call, &w);
    notification_write(&w, &get->row);
    reply_document(call, 200);
}

const struct description about_notification_get = {
    .id = "getNotification",
    .group = "Notifications",
    .answers = {{.status = 200, .schema = &notification_schema, .help = "The notification"},
                {.status = 404, .schema = &error_schema, .help = "The tenant has none of that id"}},
};

void handle_notification_get(struct api_call *call)
{
    struct store_get_notification *get = call_state(call, sizeof *get, call_release_store);

    if (!get)
        return;
    store_get_notification_init(get, &call->who.tenant_id, &call->params.uuid);
    call_submit_store(call, &get->call, CALL_STORE_NS, on_got, NULL);
}

/* A list in the making: pages are asked for until the limit or the end is reached. */
struct notification_list {
    struct list_query query;
    struct store_list_notifications page;
    struct json_writer w;
};

static void release_list(void *state)
{
    struct notification_list *list = state;

    store_call_release(&list->page.call);
    list_query_close(&list->query);
}

static void on_page(struct api_call *call);

static void ask_page(struct api_call *call, struct notification_list *list)
{
    store_list_notifications_init(&list->page, &call->who.tenant_id, &list->query.page);
    list->page.status = list_query_filter(&list->query, "status");
    list->page.channel = list_query_filter(&list->query, "channel");
    call_submit_store(call, &list->page.call, CALL_STORE_NS, on_page, NULL);
}

static void on_page(struct api_call *call)
{
    struct notification_list *list = call->state;
    bool is_last;

    if (list->page.call.error.code != CELERIAC_OK) {
        reply_store_failure(call, &list->page.call.error);
        return;
    }
    for (size_t i = 0; i < list->page.count; i++)
        notification_write(&list->w, &list->page.rows[i]);
    if (list->query.is_paged) {
        /* What is too much for one answer comes with the next page. */
        list_end(call, &list->w, &list->query, &list->page.next);
        return;
    }
    list->query.page.limit -= (uint32_t)list->page.count;
    list->query.page.after = list->page.next;
    is_last = list->query.page.limit == 0 || list->page.next.created_at_us == STORE_NO_TIME;
    if (reply_list_ended(call, &list->w, is_last))
        return;
    store_call_release(&list->page.call);
    ask_page(call, list);
}

/* A filter that no row can have, which the store need not be asked about. */
static bool matches_nothing(const struct list_query *query)
{
    struct span status = list_query_filter(query, "status");
    struct span channel = list_query_filter(query, "channel");
    enum notify_status known_status;
    enum notify_channel known_channel;

    return (status.len > 0 && !notify_status_parse(status, &known_status)) ||
           (channel.len > 0 && !notify_channel_parse(channel, &known_channel));
}

const struct description about_notification_list = {
    .id = "listNotifications",
    .group = "Notifications",
    .parameters = {{.name = "status", .choices = notification_statuses, .help = "Only such"},
                   {.name = "channel", .choices = request_channels, .help = "Only such"},
                   LIST_AFTER_PARAMETER,
                   LIST_BEFORE_PARAMETER,
                   LIST_LIMIT_PARAMETER,
                   LIST_CURSOR_PARAMETER},
    .answers = {{.status = 200,
                 .schema = &notification_schema,
                 .is_list = true,
                 .help = "The newest notifications"},
                {.status = 200,
                 .schema = &notification_page_schema,
                 .help = "With ?cursor=: a page of them"},
                {.status = 404, .schema = &detail_schema, .help = "The cursor is none of ours"}},
};

void handle_notification_list(struct api_call *call)
{
    struct notification_list *list = call_state(call, sizeof *list, release_list);

    if (!list)
        return;
    list_query_init(&list->query);
    if (!list_query_read(call, &list->query))
        return;
    list_begin(call, &list->w, &list->query);
    if (matches_nothing(&list->query)) {
        list_end(call, &list->w, &list->query, NULL);
        return;
    }
    ask_page(call, list);
}
