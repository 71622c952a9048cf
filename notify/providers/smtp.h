/*
 * Mail by SMTP, over libcurl: channel "email". One state is one connection, kept open between
 * mails.
 *
 * STARTTLS is required when `starttls` is set, with the server's certificate and name verified; a
 * server that does not offer it is an error. A login happens only when both user and password are
 * set, as in Django. A connection that the server closed in the meantime is replaced without a
 * failure, as long as it had accepted nothing of the message.
 */
#ifndef NOTIFY_PROVIDERS_SMTP_H
#define NOTIFY_PROVIDERS_SMTP_H

#include <stdbool.h>
#include <stdint.h>

#include "celeriac/error.h"
#include "notify/providers/provider.h"

/* All zero means defaults. */
struct notify_smtp_options {
    const char *host;      /* EMAIL_HOST; NULL or "": sending fails with a text that says so */
    const char *host_name; /* the setting that host comes from, a constant; NULL = EMAIL_HOST */
    unsigned port;         /* 0 = 587 */
    const char *user;      /* NULL or "": no login */
    const char *password;  /* NULL or "": no login */
    bool starttls;         /* EMAIL_USE_TLS */
    const char *from;      /* DEFAULT_FROM_EMAIL; NULL or "": sending fails, as in Django */
    const char *ca_file; /* PEM certificates to trust instead of the system's; NULL or "": system */
    const char *helo;    /* name in EHLO; NULL or "": this machine's host name */
    int64_t connect_timeout_ns; /* TCP, greeting, TLS and login; 0 = 20 s */
    int64_t timeout_ns;         /* one mail, all in all; 0 = 120 s */
};

/* The configuration that states share; immutable after creation, any thread. */
struct notify_smtp_config;

/*
 * Copies and checks the options and loads the trusted certificates once for all connections.
 * CELERIAC_ERR_VALUE names the bad option, CELERIAC_ERR_SYSTEM for TLS, CELERIAC_ERR_MEMORY.
 */
enum celeriac_err notify_smtp_config_create(const struct notify_smtp_options *options,
                                            struct notify_smtp_config **config,
                                            struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Releases it, wiping the password, after all states; config may be NULL. */
void notify_smtp_config_destroy(struct notify_smtp_config *config);

/* The provider; its config is a struct notify_smtp_config. */
extern const struct notify_provider notify_smtp_provider;

#endif
