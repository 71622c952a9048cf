/*
 * The address that a tenant gives for a webhook, judged by its text alone: what it leads to is
 * judged when it is connected to. Pure; any thread.
 */
#ifndef NOTIFY_RULES_WEBHOOK_URL_H
#define NOTIFY_RULES_WEBHOOK_URL_H

#include "base/span.h"
#include "celeriac/error.h"
#include "notify/rules/webhook_allow.h"

/* Longest address, in bytes: what browsers and servers take at least. */
#define NOTIFY_WEBHOOK_URL_MAX 2048

/*
 * Takes https://host[:port][/path][?query], and http:// when that is allowed: printable ASCII, no
 * user, no fragment. The host is a name of DNS, an IPv4 address of four decimal numbers, or an IPv6
 * address in brackets; addresses that are not public are refused unless allowed, as are
 * "localhost", what ends in ".localhost", ".local" or ".internal", and numbers that only some
 * programs take for addresses (127.1, 0x7f000001). CELERIAC_ERR_VALUE, or _LIMIT when it is too
 * long; the text is a sentence such as "Must begin with https://." for the one who gave the
 * address.
 */
enum celeriac_err notify_webhook_url_check(struct span url,
                                           const struct notify_webhook_allow *allow,
                                           struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
