/*
 * So many messages a second: a token bucket that threads, and processes over shared memory, use
 * together without a lock. Each message gets a moment of its own, and moments are `interval_ns`
 * apart; what was not used counts for a tenth of a second at most, so that a thread that overslept
 * costs no rate and nobody sends a whole second's messages at once. Pure; any thread.
 */
#ifndef NOTIFY_PROVIDERS_PACE_H
#define NOTIFY_PROVIDERS_PACE_H

#include <stdatomic.h>
#include <stdint.h>

/* Start with all zero. May lie in memory that processes share. */
struct notify_pace {
    atomic_int_least64_t next_ns; /* the next moment, monotonic */
};

/* Reserves the next moment and returns how long it is until then: 0 when it is now. */
int64_t notify_pace_reserve(struct notify_pace *pace, int64_t interval_ns, int64_t now_ns);

#endif
