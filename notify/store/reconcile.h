/*
 * Notifications whose message is lost: a broker that was emptied, or came back with older data. See
 * call.h for how to run a call.
 */
#ifndef NOTIFY_STORE_RECONCILE_H
#define NOTIFY_STORE_RECONCILE_H

#include <stddef.h>
#include <stdint.h>

#include "notify/store/call.h"
#include "notify/store/outbox.h"

/* Most notifications of one call. */
#define STORE_RECONCILE_MAX 1000

/* Most messages that are compared with notifications: with more the count says little. */
#define STORE_RECONCILE_BACKLOG_MAX 20000

/*
 * Makes outbox rows, leased to the caller, who publishes them, for notifications that seem to have
 * no message, and seemed so in a call some seconds before; sql/reconcile.sql says which. One
 * process at a time: the others get no rows.
 */
struct store_reconcile {
    struct store_call call;
    uint32_t backlog;            /* messages that the broker has; 0..STORE_RECONCILE_BACKLOG_MAX */
    uint32_t missing_max;        /* for want of messages; 0..STORE_RECONCILE_MAX */
    uint32_t overdue_seconds;    /* age at which one is published again whatever the broker has */
    uint32_t overdue_max;        /* of these; both together up to STORE_RECONCILE_MAX */
    const struct uuid *suspects; /* what the last call found, borrowed until completion */
    size_t suspect_count;        /* up to STORE_RECONCILE_MAX */
    /* results, valid until store_call_release() */
    const struct store_outbox_row *rows; /* to be published */
    size_t count;
    const struct store_outbox_row *found; /* new suspects; only the notification's id is set */
    size_t found_count; /* up to missing_max, overdue_max and suspect_count together */
};

/* Prepares the call; the caller then fills the request's fields. */
void store_reconcile_init(struct store_reconcile *reconcile);

#endif
