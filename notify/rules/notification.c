#include "notify/rules/notification.h"

static const char *const names[NOTIFY_STATUS_COUNT] = {
    [NOTIFY_STATUS_PENDING] = "pending", [NOTIFY_STATUS_PROCESSING] = "processing",
    [NOTIFY_STATUS_SENT] = "sent",       [NOTIFY_STATUS_DELIVERED] = "delivered",
    [NOTIFY_STATUS_FAILED] = "failed",   [NOTIFY_STATUS_CANCELLED] = "cancelled",
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
