/*
 * Randomness from the operating system, buffered per thread and discarded in a forked child. Good
 * enough for keys and ids. Any thread.
 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Fills buf. Never fails: getrandom(2) blocks until the kernel has entropy, once after boot. */
void random_bytes(void *buf, size_t len);

/* A source of randomness that pure code takes as an argument: returns 64 uniform bits. */
typedef uint64_t random_source_fn(void *context);

/* The operating system as such a source; context is not used. */
uint64_t random_os(void *context);

/* Uniform integer in [0, max], both ends included, without modulo bias. */
uint64_t random_up_to(random_source_fn *source, void *context, uint64_t max);

#endif
