/*
 * UUIDs (RFC 4122) as 36-character lower-case text. Any thread.
 */
#ifndef BASE_UUID_H
#define BASE_UUID_H

#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"

/* Characters of the canonical text, and with its NUL. */
#define UUID_LEN 36
#define UUID_SIZE 37

struct uuid {
    uint8_t bytes[16];
};

/* A random UUID (version 4) from 16 random bytes: sets the version and variant bits in place. */
void uuid_from_random(const uint8_t random[16], struct uuid *u);

/* Writes the canonical lower-case text with a NUL. */
void uuid_format(const struct uuid *u, char text[UUID_SIZE]);

/* Reads the canonical 36-character form, either case. CELERIAC_ERR_SYNTAX for anything else. */
enum celeriac_err uuid_parse(struct span text, struct uuid *u) CELERIAC_MUST_CHECK;

/* A fresh version 4 UUID as text; randomness from random_bytes(). */
void uuid_new(char text[UUID_SIZE]);

#endif
