/*
 * What an API key is found by.
 */
#ifndef NOTIFY_STORE_DIGEST_H
#define NOTIFY_STORE_DIGEST_H

#include <stdbool.h>
#include <stdint.h>

/* SHA-256 of a raw key. */
struct store_digest {
    uint8_t bytes[32];
};

/*
 * Whether two are the same, in a time that does not tell where they differ: a client that can
 * choose keys must not learn the digest of another's, byte by byte.
 */
bool store_digest_equal(const struct store_digest *a, const struct store_digest *b);

#endif
