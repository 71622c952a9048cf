/*
 * Webhooks and what is delivered to them, as the API writes them.
 */
#ifndef API_WEBHOOK_DOCUMENT_H
#define API_WEBHOOK_DOCUMENT_H

#include "api/call.h"
#include "api/description.h"
#include "base/json_writer.h"
#include "notify/store/webhook_endpoints.h"
#include "notify/store/webhook_log.h"

/* What can become of a message, then NULL. */
extern const char *const webhook_message_statuses[];

/* A webhook; the same with its secret; a message, in a list, by itself, and a page of them. */
extern const struct schema webhook_schema;
extern const struct schema new_webhook_schema;
extern const struct schema webhook_message_schema;
extern const struct schema webhook_message_page_schema;
extern const struct schema webhook_delivery_schema;

/* Writes a webhook; with secret (NULL: without), which is then part of the document. */
void webhook_write(struct json_writer *w, const struct store_webhook *row, const char *secret);

/* Writes a message; with its payload where the row has it. */
void webhook_message_write(struct json_writer *w, const struct store_webhook_message *row);

/* Sends the one document. */
void reply_webhook(struct api_call *call, unsigned status, const struct store_webhook *row,
                   const char *secret);
void reply_webhook_message(struct api_call *call, unsigned status,
                           const struct store_webhook_message *row);

/*
 * Answers a call about a webhook, or about a message, that the store has failed: 404 when there is
 * none of that id.
 */
void reply_webhook_failure(struct api_call *call, const struct celeriac_error *error);
void reply_webhook_message_failure(struct api_call *call, const struct celeriac_error *error);

#endif
