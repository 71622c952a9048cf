/*
 * Push messages by Firebase Cloud Messaging, HTTP v1 (POST .../v1/projects/{id}/messages:send):
 * channel "push". The recipient is a device's registration token; subject and body are the title
 * and the body of the message's notification. One state is one connection; the access token is
 * shared.
 */
#ifndef NOTIFY_PROVIDERS_FCM_H
#define NOTIFY_PROVIDERS_FCM_H

#include "celeriac/error.h"
#include "notify/providers/http_call.h"
#include "notify/providers/provider.h"

/* Where FCM answers. */
#define NOTIFY_FCM_URL "https://fcm.googleapis.com"

/* What the access token is for. */
#define NOTIFY_FCM_SCOPE "https://www.googleapis.com/auth/firebase.messaging"

/* NULL and "" mean that it is not set. */
struct notify_fcm_options {
    const char *credentials;         /* path of the service account's file; not set: no push */
    const char *credentials_name;    /* the setting that it comes from, a constant */
    const char *base_url;            /* FCM_BASE_URL; not set: NOTIFY_FCM_URL */
    const char *token_url;           /* FCM_TOKEN_URL; not set: the file's token_uri */
    struct notify_http_options http; /* no_proxy is set by the address */
};

/* The configuration that states share; any thread. */
struct notify_fcm_config;

/*
 * Reads the file and checks the options. CELERIAC_ERR_VALUE or _SYSTEM names the setting that is
 * wrong; CELERIAC_ERR_MEMORY.
 */
enum celeriac_err notify_fcm_config_create(const struct notify_fcm_options *options,
                                           struct notify_fcm_config **config,
                                           struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Releases it, the key wiped, after all states; config may be NULL. */
void notify_fcm_config_destroy(struct notify_fcm_config *config);

/* The provider; its config is a struct notify_fcm_config. */
extern const struct notify_provider notify_fcm_provider;

#endif
