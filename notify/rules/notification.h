/*
 * The life of a notification: pending -> processing -> sent (-> delivered) or failed; a pending one
 * may be cancelled, a failed one be made pending again. Pure; any thread.
 */
#ifndef NOTIFY_RULES_NOTIFICATION_H
#define NOTIFY_RULES_NOTIFICATION_H

#include <stdbool.h>

#include "base/span.h"

enum notify_status {
    NOTIFY_STATUS_PENDING,
    NOTIFY_STATUS_PROCESSING,
    NOTIFY_STATUS_SENT,
    NOTIFY_STATUS_DELIVERED,
    NOTIFY_STATUS_FAILED,
    NOTIFY_STATUS_CANCELLED
};

/* Number of statuses above. */
#define NOTIFY_STATUS_COUNT 6

/* Executions after the first before a notification becomes a dead letter: the task's max_retries.
 */
#define NOTIFY_MAX_RETRIES 3

/* The status' name in the database and in JSON, e.g. "pending"; never NULL. */
const char *notify_status_name(enum notify_status status);

/* The status of that name; false (and *status untouched) when there is none. */
bool notify_status_parse(struct span name, enum notify_status *status);

#endif
