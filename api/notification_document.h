/*
 * A notification as the API shows it.
 */
#ifndef API_NOTIFICATION_DOCUMENT_H
#define API_NOTIFICATION_DOCUMENT_H

#include "api/description.h"
#include "base/json_writer.h"
#include "notify/store/notifications.h"

/* Of the document below. */
extern const struct schema notification_schema;

/* Writes the document of a row. */
void notification_write(struct json_writer *w, const struct store_notification *row);

#endif
