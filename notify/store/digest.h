/*
 * What an API key is found by.
 */
#ifndef NOTIFY_STORE_DIGEST_H
#define NOTIFY_STORE_DIGEST_H

#include <stdint.h>

/* SHA-256 of a raw key. */
struct store_digest {
    uint8_t bytes[32];
};

#endif
