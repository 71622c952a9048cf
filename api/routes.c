/* The route table: every call of the API, and nothing else. */
#include "api/handlers.h"

const struct route api_routes[] = {
    {"/health/",
     ROUTE_PUBLIC,
     ROUTE_PLAIN,
     {
         {HTTP_GET, handle_health, "Health"},
     }},
    {"/v1/notify/",
     ROUTE_KEY,
     ROUTE_DRF,
     {
         {HTTP_POST, handle_notify, "Send a notification"},
     }},
    {"/v1/notifications/{uuid}/",
     ROUTE_KEY,
     ROUTE_DRF,
     {
         {HTTP_GET, handle_notification_get, "A notification"},
     }},
    {"/v1/notifications/",
     ROUTE_KEY,
     ROUTE_DRF,
     {
         {HTTP_GET, handle_notification_list, "Notifications, newest first"},
     }},
    {"/v1/dead-letters/",
     ROUTE_KEY,
     ROUTE_DRF,
     {
         {HTTP_GET, handle_dead_letter_list, "Notifications that were given up, newest first"},
     }},
    {"/v1/templates/",
     ROUTE_KEY,
     ROUTE_DRF,
     {
         {HTTP_GET, handle_template_list, "Templates, newest first"},
         {HTTP_POST, handle_template_create, "Create a template"},
     }},
    {"/v1/templates/{int}/",
     ROUTE_KEY,
     ROUTE_DRF,
     {
         {HTTP_GET, handle_template_get, "A template"},
         {HTTP_PUT, handle_template_put, "Replace a template"},
         {HTTP_PATCH, handle_template_patch, "Change a template"},
         {HTTP_DELETE, handle_template_delete, "Delete a template"},
     }},
    {"/v1/templates/{int}/preview/",
     ROUTE_KEY,
     ROUTE_DRF,
     {
         {HTTP_POST, handle_template_preview, "Render a template"},
     }},
    {"/v1/api-keys/",
     ROUTE_KEY,
     ROUTE_DRF,
     {
         {HTTP_GET, handle_key_list, "API keys, newest first"},
         {HTTP_POST, handle_key_create, "Create an API key"},
     }},
    {"/v1/api-keys/{int}/deactivate/",
     ROUTE_KEY,
     ROUTE_DRF,
     {
         {HTTP_POST, handle_key_deactivate, "Switch an API key off"},
     }},
    {"/v1/tenants/me/",
     ROUTE_KEY,
     ROUTE_DRF,
     {
         {HTTP_GET, handle_tenant_me, "The caller's tenant"},
     }},
    {"/v1/tenants/register/",
     ROUTE_PUBLIC,
     ROUTE_DRF,
     {
         {HTTP_POST, handle_tenant_register, "Register a tenant"},
     }},
    {NULL, ROUTE_PUBLIC, ROUTE_PLAIN, {{HTTP_GET, NULL, NULL}}},
};
