/*
 * SipHash-1-3 (Aumasson, Bernstein): a keyed hash for tables whose keys strangers choose. Not a
 * message authentication code. Pure; any thread.
 */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <stdint.h>

#include "base/span.h"

/* A random key of 128 bits, one per table. */
struct siphash_key {
    uint64_t k0, k1;
};

/* 64 bits that nobody without the key can predict. */
uint64_t siphash13(const struct siphash_key *key, struct span bytes);

#endif
