/* The route table: every call of the API, and nothing else. */
#include "api/handlers.h"

const struct route api_routes[] = {
    {"/health/",
     ROUTE_PUBLIC,
     ROUTE_PLAIN,
     {
         {HTTP_GET, handle_health, "Health", &about_health},
     }},
    {"/v1/notify/",
     ROUTE_KEY,
     ROUTE_DRF,
     {
         {HTTP_POST, handle_notify, "Send a notification", &about_notify},
     }},
    {"/v1/notifications/{uuid}/",
     ROUTE_KEY,
     ROUTE_DRF,
     {
         {HTTP_GET, handle_notification_get, "A notification", &about_notification_get},
     }},
    {"/v1/notifications/",
     ROUTE_KEY,
     ROUTE_DRF,
     {
         {HTTP_GET, handle_notification_list, "Notifications, newest first",
          &about_notification_list},
     }},
    {"/v1/dead-letters/",
     ROUTE_KEY,
     ROUTE_DRF,
     {
         {HTTP_GET, handle_dead_letter_list, "Notifications that were given up, newest first",
          &about_dead_letter_list},
     }},
    {"/v1/templates/",
     ROUTE_KEY,
     ROUTE_DRF,
     {
         {HTTP_GET, handle_template_list, "Templates, newest first", &about_template_list},
         {HTTP_POST, handle_template_create, "Create a template", &about_template_create},
     }},
    {"/v1/templates/{int}/",
     ROUTE_KEY,
     ROUTE_DRF,
     {
         {HTTP_GET, handle_template_get, "A template", &about_template_get},
         {HTTP_PUT, handle_template_put, "Replace a template", &about_template_put},
         {HTTP_PATCH, handle_template_patch, "Change a template", &about_template_patch},
         {HTTP_DELETE, handle_template_delete, "Delete a template", &about_template_delete},
     }},
    {"/v1/templates/{int}/preview/",
     ROUTE_KEY,
     ROUTE_DRF,
     {
         {HTTP_POST, handle_template_preview, "Render a template", &about_template_preview},
     }},
    {"/v1/api-keys/",
     ROUTE_KEY,
     ROUTE_DRF,
     {
         {HTTP_GET, handle_key_list, "API keys, newest first", &about_key_list},
         {HTTP_POST, handle_key_create, "Create an API key", &about_key_create},
     }},
    {"/v1/api-keys/{int}/deactivate/",
     ROUTE_KEY,
     ROUTE_DRF,
     {
         {HTTP_POST, handle_key_deactivate, "Switch an API key off", &about_key_deactivate},
     }},
    {"/v1/tenants/me/",
     ROUTE_KEY,
     ROUTE_DRF,
     {
         {HTTP_GET, handle_tenant_me, "The caller's tenant", &about_tenant_me},
     }},
    {"/v1/tenants/register/",
     ROUTE_PUBLIC,
     ROUTE_DRF,
     {
         {HTTP_POST, handle_tenant_register, "Register a tenant", &about_tenant_register},
     }},
    {"/v1/openapi.json",
     ROUTE_PUBLIC,
     ROUTE_PLAIN,
     {
         {HTTP_GET, handle_openapi, "The description of this API", &about_openapi},
     }},
    {"/docs/",
     ROUTE_PUBLIC,
     ROUTE_PLAIN,
     {
         {HTTP_GET, handle_docs, "The reference of this API", &about_docs},
     }},
    {"/docs/docs.css",
     ROUTE_PUBLIC,
     ROUTE_PLAIN,
     {
         {HTTP_GET, handle_docs_style, "Its style sheet", &about_docs_style},
     }},
    {"/docs/docs.js",
     ROUTE_PUBLIC,
     ROUTE_PLAIN,
     {
         {HTTP_GET, handle_docs_script, "Its script", &about_docs_script},
     }},
    {NULL, ROUTE_PUBLIC, ROUTE_PLAIN, {{HTTP_GET, NULL, NULL, NULL}}},
};
