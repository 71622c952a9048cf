/*
 * Secrets that webhooks are signed with, as Standard Webhooks 1.0 writes them: "whsec_" and the
 * base64 of 24 to 64 random bytes. Pure: randomness is an argument. Any thread. Both forms are
 * secrets: never log them.
 */
#ifndef NOTIFY_RULES_WEBHOOK_SECRET_H
#define NOTIFY_RULES_WEBHOOK_SECRET_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"

/* Fewest and most bytes of a key (Standard Webhooks, "Signature scheme"). */
#define NOTIFY_WEBHOOK_KEY_MIN 24
#define NOTIFY_WEBHOOK_KEY_MAX 64

/* Bytes of the keys that we make: what HMAC-SHA256 can use. */
#define NOTIFY_WEBHOOK_KEY_RANDOM 32

/* What each secret begins with. */
#define NOTIFY_WEBHOOK_SECRET_PREFIX "whsec_"

/* Bytes of a secret that we make, with its NUL: the prefix and 44 characters. */
#define NOTIFY_WEBHOOK_SECRET_SIZE 51

/* Longest text of a secret: the prefix and the base64 of NOTIFY_WEBHOOK_KEY_MAX bytes. */
#define NOTIFY_WEBHOOK_SECRET_MAX 94

/* What a secret stands for. */
struct notify_webhook_key {
    uint8_t bytes[NOTIFY_WEBHOOK_KEY_MAX];
    size_t len;
};

/* Writes the secret of these random bytes, with a NUL. CELERIAC_ERR_MEMORY. */
enum celeriac_err notify_webhook_secret_make(const uint8_t random[NOTIFY_WEBHOOK_KEY_RANDOM],
                                             char secret[NOTIFY_WEBHOOK_SECRET_SIZE])
    CELERIAC_MUST_CHECK;

/*
 * Reads a secret. CELERIAC_ERR_VALUE, with a text that begins with "secret: " and quotes nothing,
 * unless it has the prefix, base64 in its one canonical form, and a key of the right length;
 * CELERIAC_ERR_MEMORY.
 */
enum celeriac_err notify_webhook_secret_read(struct span text, struct notify_webhook_key *key,
                                             struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
