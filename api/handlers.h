/*
 * The handlers of the route table, one file per resource (handle_*.c). Each is a route_handler_fn,
 * and beside each handle_x stands about_x, what the API's description says of it (description.h).
 */
#ifndef API_HANDLERS_H
#define API_HANDLERS_H

#include "api/description.h"
#include "api/router.h"

/* The table that carries the whole API; ends with a row whose path is NULL. Constant. */
extern const struct route api_routes[];

/* GET /v1/openapi.json */
void handle_openapi(struct api_call *call);
extern const struct description about_openapi;

/* GET /docs/ and the files that it loads */
void handle_docs(struct api_call *call);
extern const struct description about_docs;
void handle_docs_style(struct api_call *call);
extern const struct description about_docs_style;
void handle_docs_script(struct api_call *call);
extern const struct description about_docs_script;

/* GET /dashboard/ and the files that it loads */
void handle_dashboard(struct api_call *call);
extern const struct description about_dashboard;
void handle_dashboard_file(struct api_call *call);
extern const struct description about_dashboard_file;

/* GET /health/ */
void handle_health(struct api_call *call);
extern const struct description about_health;

/* POST /v1/tenants/register/ and GET /v1/tenants/me/ */
void handle_tenant_register(struct api_call *call);
extern const struct description about_tenant_register;
void handle_tenant_me(struct api_call *call);
extern const struct description about_tenant_me;

/* GET and POST /v1/api-keys/, POST /v1/api-keys/{int}/deactivate/ and .../rotate/ */
void handle_key_list(struct api_call *call);
extern const struct description about_key_list;
void handle_key_create(struct api_call *call);
extern const struct description about_key_create;
void handle_key_deactivate(struct api_call *call);
extern const struct description about_key_deactivate;
void handle_key_rotate(struct api_call *call);
extern const struct description about_key_rotate;

/* GET and POST /v1/templates/ */
void handle_template_list(struct api_call *call);
extern const struct description about_template_list;
void handle_template_create(struct api_call *call);
extern const struct description about_template_create;

/* GET, PUT, PATCH and DELETE /v1/templates/{key}/, POST /v1/templates/{key}/preview/ */
void handle_template_get(struct api_call *call);
extern const struct description about_template_get;
void handle_template_put(struct api_call *call);
extern const struct description about_template_put;
void handle_template_patch(struct api_call *call);
extern const struct description about_template_patch;
void handle_template_delete(struct api_call *call);
extern const struct description about_template_delete;
void handle_template_preview(struct api_call *call);
extern const struct description about_template_preview;

/* GET /v1/templates/{key}/versions/, POST /v1/templates/{key}/restore/ */
void handle_template_versions(struct api_call *call);
extern const struct description about_template_versions;
void handle_template_restore(struct api_call *call);
extern const struct description about_template_restore;

/* POST /v1/templates/preview/ */
void handle_source_preview(struct api_call *call);
extern const struct description about_source_preview;

/* POST /v1/notify/ and POST /v1/notify/batch/ */
void handle_notify(struct api_call *call);
extern const struct description about_notify;

/* The names of enum notify_status, in its order, then NULL. */
extern const char *const notification_statuses[];
void handle_notify_batch(struct api_call *call);
extern const struct description about_notify_batch;

/* GET /v1/notifications/ and GET /v1/notifications/{uuid}/ */
void handle_notification_list(struct api_call *call);
extern const struct description about_notification_list;
void handle_notification_get(struct api_call *call);
extern const struct description about_notification_get;

/* GET /v1/notifications/{uuid}/history/ */
void handle_notification_history(struct api_call *call);
extern const struct description about_notification_history;

/* GET /v1/dead-letters/ */
void handle_dead_letter_list(struct api_call *call);
extern const struct description about_dead_letter_list;

/* POST /v1/notifications/{uuid}/cancel/ */
void handle_notification_cancel(struct api_call *call);
extern const struct description about_notification_cancel;

/* GET /v1/dead-letters/{uuid}/, POST /v1/dead-letters/{uuid}/retry/, POST /v1/dead-letters/retry/
 */
void handle_dead_letter_get(struct api_call *call);
extern const struct description about_dead_letter_get;
void handle_dead_letter_retry(struct api_call *call);
extern const struct description about_dead_letter_retry;
void handle_dead_letters_retry(struct api_call *call);
extern const struct description about_dead_letters_retry;

/* GET and POST /v1/webhooks/; GET, PATCH and DELETE /v1/webhooks/{uuid}/ and
 * POST /v1/webhooks/{uuid}/rotate-secret/ */
void handle_webhook_list(struct api_call *call);
extern const struct description about_webhook_list;
void handle_webhook_create(struct api_call *call);
extern const struct description about_webhook_create;
void handle_webhook_get(struct api_call *call);
extern const struct description about_webhook_get;
void handle_webhook_patch(struct api_call *call);
extern const struct description about_webhook_patch;
void handle_webhook_delete(struct api_call *call);
extern const struct description about_webhook_delete;
void handle_webhook_rotate(struct api_call *call);
extern const struct description about_webhook_rotate;

/* POST /v1/webhooks/{uuid}/test/, GET /v1/webhooks/{uuid}/messages/ */
void handle_webhook_test(struct api_call *call);
extern const struct description about_webhook_test;
void handle_webhook_messages(struct api_call *call);
extern const struct description about_webhook_messages;

/* GET /v1/webhook-messages/{uuid}/, POST /v1/webhook-messages/{uuid}/retry/ */
void handle_webhook_message_get(struct api_call *call);
extern const struct description about_webhook_message_get;
void handle_webhook_message_retry(struct api_call *call);
extern const struct description about_webhook_message_retry;

#endif
