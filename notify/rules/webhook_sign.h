/*
 * The header webhook-signature of Standard Webhooks 1.0. Pure; any thread.
 */
#ifndef NOTIFY_RULES_WEBHOOK_SIGN_H
#define NOTIFY_RULES_WEBHOOK_SIGN_H

#include <stdint.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"
#include "notify/rules/webhook_secret.h"

/* Characters of one signature: "v1," and the base64 of 32 bytes. */
#define NOTIFY_WEBHOOK_SIGNATURE_LEN 47

/*
 * Appends the signature by one key: "v1," and base64(HMAC-SHA256(key, "id.timestamp.payload")),
 * with a space before it when out holds something, since one header carries the signatures by all
 * keys. id is the header webhook-id, timestamp (seconds since 1970) the header webhook-timestamp,
 * payload the body's bytes. CELERIAC_ERR_MEMORY, or _LIMIT of out's maximum; out is then of no
 * use.
 */
enum celeriac_err notify_webhook_sign(const struct notify_webhook_key *key, struct span id,
                                      int64_t timestamp, struct span payload,
                                      struct strbuf *out) CELERIAC_MUST_CHECK;

#endif
