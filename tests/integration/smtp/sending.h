/* What the SMTP tests share: making providers and sending one mail. */
#ifndef TESTS_SMTP_SENDING_H
#define TESTS_SMTP_SENDING_H

#include "notify/providers/provider_table.h"

/* Providers with these options; fails the test when they cannot be made. Ignores SIGPIPE too. */
struct notify_providers *sending_start(const struct notify_smtp_options *options);

/* Options for a server on 127.0.0.1 without TLS, with deadlines of some seconds. */
struct notify_smtp_options sending_options(unsigned port);

/* Options from EMAIL_HOST and the others that the services offer. */
struct notify_smtp_options sending_options_from_environment(void);

/* Sends one mail. */
struct notify_outcome sending_send(struct notify_providers *providers, struct span to,
                                   struct span subject, struct span body);

/* Sends a small mail and fails the test unless it is taken. */
void sending_send_well(struct notify_providers *providers);

/* Sends a small mail that must not be taken. */
struct notify_outcome sending_send_badly(struct notify_providers *providers);

#endif
