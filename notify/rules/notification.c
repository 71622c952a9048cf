#include "notify/rules/notification.h"

static const char *const names[NOTIFY_STATUS_COUNT] = {
    [NOTIFY_STATUS_PENDING] = "pending", [NOTIFY_STATUS_PROCESSING] = "processing",
    [NOTIFY_STATUS_SENT] = "sent",       [NOTIFY_STATUS_DELIVERED] = "delivered",
    [NOTIFY_STATUS_FAILED] = "failed",   [NOTIFY_STATUS_CANCELLED] = "cancelled",
};

/* allowed[from][to]; what is not listed is forbidden. */
static const bool allowed[NOTIFY_STATUS_COUNT][NOTIFY_STATUS_COUNT] = {
    [NOTIFY_STATUS_PENDING] = {[NOTIFY_STATUS_PROCESSING] = true, [NOTIFY_STATUS_CANCELLED] = true},
    [NOTIFY_STATUS_PROCESSING] = {[NOTIFY_STATUS_PROCESSING] = true,
                                  [NOTIFY_STATUS_SENT] = true,
                                  [NOTIFY_STATUS_FAILED] = true},
    [NOTIFY_STATUS_SENT] = {[NOTIFY_STATUS_DELIVERED] = true},
    [NOTIFY_STATUS_FAILED] = {[NOTIFY_STATUS_PROCESSING] = true, [NOTIFY_STATUS_PENDING] = true},
};

const char *notify_status_name(enum notify_status status)
{
    return names[status];
}

bool notify_status_parse(struct span name, enum notify_status *status)
{
    for (int i = 0; i < NOTIFY_STATUS_COUNT; i++) {
        if (span_is(name, names[i])) {
            *status = (enum notify_status)i;
            return true;
        }
    }
    return false;
}

bool notify_status_is_sent(enum notify_status status)
{
    return status == NOTIFY_STATUS_SENT || status == NOTIFY_STATUS_DELIVERED;
}

bool notify_status_may_become(enum notify_status from, enum notify_status to)
{
    return allowed[from][to];
}
