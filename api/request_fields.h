/*
 * What the calls of the API take: one validation table for each, with an index for every row.
 */
#ifndef API_REQUEST_FIELDS_H
#define API_REQUEST_FIELDS_H

#include "api/description.h"
#include "api/validate.h"

/* The names of enum notify_channel, in its order, then NULL. */
extern const char *const request_channels[];

/* POST /v1/tenants/register/ */
enum register_field { REGISTER_NAME, REGISTER_EMAIL, REGISTER_FIELDS };
extern const struct field register_fields[REGISTER_FIELDS];

/* POST /v1/api-keys/ */
enum key_field { KEY_NAME, KEY_IS_TEST, KEY_FIELDS };
extern const struct field key_fields[KEY_FIELDS];

/* POST /v1/api-keys/{id}/rotate/ */
enum rotate_field { ROTATE_GRACE_SECONDS, ROTATE_IS_TEST, ROTATE_FIELDS };
extern const struct field rotate_fields[ROTATE_FIELDS];

/* POST /v1/templates/, PUT and PATCH /v1/templates/{id}/ */
enum template_field {
    TEMPLATE_NAME,
    TEMPLATE_CHANNEL,
    TEMPLATE_SUBJECT,
    TEMPLATE_BODY,
    TEMPLATE_VARIABLES,
    TEMPLATE_IS_ACTIVE,
    TEMPLATE_FIELDS
};
extern const struct field template_fields[TEMPLATE_FIELDS];

/* POST /v1/templates/{id}/preview/ */
enum preview_field { PREVIEW_DATA, PREVIEW_FIELDS };
extern const struct field preview_fields[PREVIEW_FIELDS];

/* POST /v1/templates/{id}/restore/ */
enum restore_field { RESTORE_VERSION, RESTORE_FIELDS };
extern const struct field restore_fields[RESTORE_FIELDS];

/* POST /v1/templates/preview/ */
enum source_field { SOURCE_DATA, SOURCE_SUBJECT, SOURCE_BODY, SOURCE_FIELDS };
extern const struct field source_fields[SOURCE_FIELDS];

/* POST /v1/notify/ */
enum notify_field {
    NOTIFY_CHANNEL,
    NOTIFY_TO,
    NOTIFY_TEMPLATE,
    NOTIFY_TEMPLATE_ID,
    NOTIFY_SUBJECT,
    NOTIFY_BODY,
    NOTIFY_DATA,
    NOTIFY_SEND_AT,
    NOTIFY_FIELDS
};
extern const struct field notify_fields[NOTIFY_FIELDS];

/* POST /v1/dead-letters/retry/ */
enum retry_field {
    RETRY_CHANNEL,
    RETRY_TEMPLATE,
    RETRY_AFTER,
    RETRY_BEFORE,
    RETRY_REASON,
    RETRY_LIMIT,
    RETRY_FIELDS
};
extern const struct field retry_fields[RETRY_FIELDS];

/* POST /v1/webhooks/ (but for the last), PATCH /v1/webhooks/{id}/ */
enum webhook_field {
    WEBHOOK_URL,
    WEBHOOK_EVENTS,
    WEBHOOK_DESCRIPTION,
    WEBHOOK_IS_ACTIVE,
    WEBHOOK_FIELDS
};
extern const struct field webhook_fields[WEBHOOK_FIELDS];

/* The names of enum store_webhook_event, in its order, then NULL. */
extern const char *const request_webhook_events[];

/* POST /v1/webhooks/{id}/rotate-secret/ */
enum secret_field { SECRET_GRACE_SECONDS, SECRET_FIELDS };
extern const struct field secret_fields[SECRET_FIELDS];

#endif
