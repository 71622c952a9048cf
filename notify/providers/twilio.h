/*
 * SMS and WhatsApp messages by Twilio's API (POST .../2010-04-01/Accounts/{sid}/Messages.json):
 * channels "sms" and "whatsapp". The text is the notification's body; its subject is not sent. One
 * state is one connection.
 */
#ifndef NOTIFY_PROVIDERS_TWILIO_H
#define NOTIFY_PROVIDERS_TWILIO_H

#include <stdbool.h>

#include "celeriac/error.h"
#include "notify/providers/http_call.h"
#include "notify/providers/provider.h"

/* Where Twilio answers. */
#define NOTIFY_TWILIO_URL "https://api.twilio.com"

/* NULL and "" mean that it is not set. */
struct notify_twilio_options {
    const char *account_sid; /* TWILIO_ACCOUNT_SID */
    const char *auth_token;  /* TWILIO_AUTH_TOKEN */
    const char *from_number; /* TWILIO_FROM_NUMBER: of SMS */
    const char
        *messaging_service_sid; /* TWILIO_MESSAGING_SERVICE_SID: of SMS, wins over the number */
    const char *whatsapp_from;  /* TWILIO_WHATSAPP_FROM, with or without "whatsapp:" */
    const char *base_url;       /* TWILIO_BASE_URL; not set: NOTIFY_TWILIO_URL */
    struct notify_http_options http; /* no_proxy is set by the address */
};

/* Whether enough is set for a channel: the account, the token, and who the messages are from. */
bool notify_twilio_has_sms(const struct notify_twilio_options *options);
bool notify_twilio_has_whatsapp(const struct notify_twilio_options *options);

/* The configuration of one channel; immutable after creation, any thread. */
struct notify_twilio_config;

/*
 * Copies and checks the options of a channel for which enough is set. CELERIAC_ERR_VALUE names the
 * setting that is wrong; CELERIAC_ERR_MEMORY, _SYSTEM.
 */
enum celeriac_err notify_twilio_config_create(const struct notify_twilio_options *options,
                                              bool is_whatsapp,
                                              struct notify_twilio_config **config,
                                              struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Releases it, wiping the token, after all states; config may be NULL. */
void notify_twilio_config_destroy(struct notify_twilio_config *config);

/* The provider of both channels; its config is a struct notify_twilio_config. */
extern const struct notify_provider notify_twilio_provider;

#endif
