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

/* Characters in the columns of the table notifications. */
#define STORE_CHANNEL_MAX 20
#define STORE_STATUS_MAX 20
#define STORE_TO_MAX 255

/* Bytes of notifications.data; the API's own limit on a request is lower. */
#define STORE_DATA_MAX ((size_t)8 * 1024 * 1024)

/* Most rows of one list call; a longer list is read with the cursor. */
#define STORE_LIST_MAX 1000

/*
 * A list call stops at this many bytes of large columns, counted as they lie on disk, but gives at
 * least one row. Unpacked they may be some times more.
 */
#define STORE_LIST_BYTES_MAX (4 * 1024 * 1024)

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
 * A tenant's notifications, newest first (created_at, then id, descending). `complete` says whether
 * the list ended or the limit was reached; when it is false STORE_LIST_BYTES_MAX cut the page:
 * repeat with the cursor set to the last row for the rest.
 */
struct store_list_notifications {
    struct store_call call;
    struct uuid tenant_id;
    struct span status;           /* empty: any */
    struct span channel;          /* empty: any */
    int64_t created_after_us;     /* inclusive; STORE_NO_TIME: any */
    int64_t created_before_us;    /* exclusive; STORE_NO_TIME: any */
    int64_t before_created_at_us; /* cursor; STORE_NO_TIME: from the newest */
    struct uuid before_id;        /* cursor */
    uint32_t limit;               /* 0..STORE_LIST_MAX */
    /* results */
    const struct store_notification *rows;
    size_t count;
    bool complete;
};

/* Prepares the call: no filters, no cursor. */
void store_list_notifications_init(struct store_list_notifications *list,
                                   const struct uuid *tenant_id, uint32_t limit);

#endif
