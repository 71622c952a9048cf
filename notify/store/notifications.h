/*
 * Notifications as the API sees them: show one, list a tenant's; insert.h accepts them. See call.h
 * for how to run a call and for the codes common to all.
 */
#ifndef NOTIFY_STORE_NOTIFICATIONS_H
#define NOTIFY_STORE_NOTIFICATIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "base/uuid.h"
#include "notify/store/call.h"
#include "notify/store/page.h"

/* Characters in the columns of the table notifications. */
#define STORE_CHANNEL_MAX 20
#define STORE_STATUS_MAX 20
#define STORE_TO_MAX 255

/* Bytes of notifications.data; the API's own limit on a request is lower. */
#define STORE_DATA_MAX ((size_t)8 * 1024 * 1024)

/* One row. Spans are UTF-8, valid until store_call_release(); ptr NULL is SQL NULL. */
struct store_notification {
    struct uuid id;
    struct span channel;
    struct span to;
    int64_t template_id;       /* 0: none */
    struct span template_name; /* NULL without a template */
    struct span data;          /* JSON, as PostgreSQL prints jsonb */
    struct span status;
    struct span error_message; /* may be NULL */
    int64_t created_at_us;
    int64_t updated_at_us;
    int64_t sent_at_us; /* STORE_NO_TIME when not sent */
};

/* One notification of a tenant. Combined. CELERIAC_ERR_NOT_FOUND. */
struct store_get_notification {
    struct store_call call;
    struct uuid id;
    struct uuid tenant_id;
    /* result */
    struct store_notification row;
};

/* Prepares the call. */
void store_get_notification_init(struct store_get_notification *get, const struct uuid *tenant_id,
                                 const struct uuid *id);

/*
 * A page of a tenant's notifications; STORE_LIST_BYTES_MAX may cut it before its limit, and only
 * then has it fewer rows and yet a next.
 */
struct store_list_notifications {
    struct store_call call;
    struct uuid tenant_id;
    struct span status;  /* empty: any */
    struct span channel; /* empty: any */
    struct store_page page;
    /* results */
    const struct store_notification *rows;
    size_t count;
    struct store_cursor next; /* the last row, when there may be more; else no row's */
};

/* Prepares the call: no filters. */
void store_list_notifications_init(struct store_list_notifications *list,
                                   const struct uuid *tenant_id, const struct store_page *page);

#endif
