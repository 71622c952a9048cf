/*
 * Cancelling a notification that is still to be sent. See call.h for how to run a call.
 */
#ifndef NOTIFY_STORE_CANCEL_H
#define NOTIFY_STORE_CANCEL_H

#include <stdbool.h>

#include "base/uuid.h"
#include "notify/store/call.h"

/*
 * Makes a `pending` notification `cancelled` and deletes its outbox row: from then on no worker of
 * ours begins to send it, and one that has begun before makes this fail. CELERIAC_ERR_NOT_FOUND
 * when the tenant has none of that id that is pending, or cancelled before, which is success too.
 */
struct store_cancel_notification {
    struct store_call call;
    struct uuid tenant_id;
    struct uuid id;
    /* result */
    bool may_have_message; /* on the broker; workers of others are to be told */
};

/* Prepares the call. */
void store_cancel_notification_init(struct store_cancel_notification *cancel,
                                    const struct uuid *tenant_id, const struct uuid *id);

#endif
