/*
 * What all SMTP connections of a process share: checked options as libcurl wants them and the
 * trusted certificates, loaded once. Immutable; any thread.
 */
#ifndef NOTIFY_PROVIDERS_SMTP_CONFIG_H
#define NOTIFY_PROVIDERS_SMTP_CONFIG_H

#include <stdbool.h>

#include "notify/providers/smtp.h"

struct notify_trust;

/* Defaults of the two deadlines, in milliseconds; see smtp.h. */
#define SMTP_CONNECT_TIMEOUT_MS 20000
#define SMTP_TIMEOUT_MS 120000

/* Longest deadline taken: an hour, after which the broker would hand the message to somebody else.
 */
#define SMTP_TIMEOUT_MAX_MS 3600000

/* Longest host, user, password, sender or path taken, in bytes. */
#define SMTP_OPTION_MAX 4096

struct notify_smtp_config {
    char *url;  /* smtp://host:port/helo; NULL when no host is configured */
    char *host; /* as given, for error texts; "" when unset */
    unsigned port;
    char *user;     /* NULL: no login */
    char *password; /* NULL: no login */
    char *from;     /* "" when unset */
    bool starttls;
    long connect_timeout_ms;
    long timeout_ms;
    struct notify_trust *trust; /* shared by all connections; NULL without STARTTLS */
};

#endif
