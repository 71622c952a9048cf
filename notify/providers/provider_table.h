/*
 * All providers of a process: one row for each channel, with its provider and what route.h needs to
 * send by it, as far as they are configured. Any thread. Making the table starts no thread and
 * opens no connection, so that a process may fork with it.
 */
#ifndef NOTIFY_PROVIDERS_PROVIDER_TABLE_H
#define NOTIFY_PROVIDERS_PROVIDER_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"
#include "notify/providers/fcm.h"
#include "notify/providers/pace.h"
#include "notify/providers/provider.h"
#include "notify/providers/server_list.h"
#include "notify/providers/smtp.h"
#include "notify/providers/twilio.h"
#include "notify/rules/outcome.h"

struct notify_providers;

/* All zero means defaults. Strings are copied. */
struct notify_providers_options {
    struct notify_smtp_options smtp; /* channel "email" */
    /*
     * Further mail servers, with smtp's other options; they come after smtp.host. NULL: none. Read
     * only by notify_providers_create().
     */
    const struct notify_server_list *smtp_servers;
    size_t smtp_connections;       /* most connections to one mail server; 0: no limit */
    int64_t smtp_interval_ns;      /* between two mails; 0: no limit */
    struct notify_pace *smtp_pace; /* where that is kept, outlives the table; NULL: in the table */
    struct notify_twilio_options twilio; /* "sms", "whatsapp"; without its http */
    struct notify_fcm_options fcm;       /* "push"; without its http */
    bool fcm_is_fallback;    /* its file was not meant for us in the first place: one that cannot be
                                used is no error, only a line in the log */
    const char *api_ca_file; /* PEM certificates that the APIs may have; NULL or "": system's */
    int64_t api_connect_timeout_ns; /* 0 = 10 s */
    int64_t api_timeout_ns;         /* one call, all in all; 0 = 30 s */
    int64_t idle_ns; /* a connection unused for longer is closed; 0 = NOTIFY_PROVIDERS_IDLE_NS */
};

/*
 * Mail servers close idle connections after 5 minutes (RFC 5321 4.5.3.2.7; Postfix' smtpd_timeout
 * 300 s), big relays after less than one: half a minute is safely below both.
 */
#define NOTIFY_PROVIDERS_IDLE_NS (30 * INT64_C(1000000000))

/*
 * Makes the table; connects to nothing. CELERIAC_ERR_VALUE names the bad option,
 * CELERIAC_ERR_SYSTEM when TLS cannot be set up (an unreadable CA file, say), CELERIAC_ERR_MEMORY.
 * The caller destroys it.
 */
enum celeriac_err notify_providers_create(const struct notify_providers_options *options,
                                          struct notify_providers **providers,
                                          struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Closes all connections and releases the table; nobody may be sending. providers may be NULL. */
void notify_providers_destroy(struct notify_providers *providers);

/*
 * Sends one message by the provider of `channel` (the text in the row) and always fills *outcome.
 * Blocks. A channel without a provider fails with "Provider for channel 'sms' is not implemented
 * yet." or "Unsupported channel: x"; memory that is short is NOTIFY_OUTCOME_HOLD.
 */
void notify_providers_send(struct notify_providers *providers, struct span channel,
                           const struct notify_message *message, struct notify_outcome *outcome);

/*
 * Closes connections that were not used for the idle time before now_ns (monotonic). Sending closes
 * one with each message; notify/idle_closer.h calls this when nothing is sent. Any
 * thread.
 */
void notify_providers_close_idle(struct notify_providers *providers, int64_t now_ns);

/* Numbers since the start. */
struct notify_providers_stats {
    uint64_t sent;  /* messages accepted */
    uint64_t later; /* failures that may pass, missing configuration among them */
    uint64_t never; /* refusals */
    uint64_t held;  /* not tried, for want of memory or because the worker stops */
    size_t states;  /* connections' states that exist, in use or kept */
    size_t idle;    /* of these, kept */
};

/* Reads the numbers. */
void notify_providers_get_stats(struct notify_providers *providers,
                                struct notify_providers_stats *stats);

#endif
