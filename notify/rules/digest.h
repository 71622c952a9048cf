/*
 * SHA-256. Pure; any thread.
 */
#ifndef NOTIFY_RULES_DIGEST_H
#define NOTIFY_RULES_DIGEST_H

#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"

#define NOTIFY_DIGEST_SIZE 32

/* Digest of any number of bytes; CELERIAC_ERR_SYSTEM when OpenSSL fails. */
enum celeriac_err notify_digest(struct span bytes,
                                uint8_t digest[NOTIFY_DIGEST_SIZE]) CELERIAC_MUST_CHECK;

#endif
