/*
 * The handlers of the route table, one file per resource (handle_*.c). Each is a route_handler_fn.
 */
#ifndef API_HANDLERS_H
#define API_HANDLERS_H

#include "api/router.h"

/* The table that carries the whole API; ends with a row whose path is NULL. Constant. */
extern const struct route api_routes[];

/* GET /health/ */
void handle_health(struct api_call *call);

/* POST /v1/tenants/register/ and GET /v1/tenants/me/ */
void handle_tenant_register(struct api_call *call);
void handle_tenant_me(struct api_call *call);

/* GET and POST /v1/api-keys/, POST /v1/api-keys/{int}/deactivate/ */
void handle_key_list(struct api_call *call);
void handle_key_create(struct api_call *call);
void handle_key_deactivate(struct api_call *call);

/* GET and POST /v1/templates/ */
void handle_template_list(struct api_call *call);
void handle_template_create(struct api_call *call);

/* GET, PUT, PATCH and DELETE /v1/templates/{int}/, POST /v1/templates/{int}/preview/ */
void handle_template_get(struct api_call *call);
void handle_template_put(struct api_call *call);
void handle_template_patch(struct api_call *call);
void handle_template_delete(struct api_call *call);
void handle_template_preview(struct api_call *call);

/* POST /v1/notify/ */
void handle_notify(struct api_call *call);

/* GET /v1/notifications/ and GET /v1/notifications/{uuid}/ */
void handle_notification_list(struct api_call *call);
void handle_notification_get(struct api_call *call);

/* GET /v1/dead-letters/ */
void handle_dead_letter_list(struct api_call *call);

#endif
