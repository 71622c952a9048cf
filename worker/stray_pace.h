/*
 * How long to leave the queues alone after a claim that found nothing but messages of others, so
 * that these are looked at seldom while their owner is busy or away. Pure; one thread at a time.
 */
#ifndef WORKER_STRAY_PACE_H
#define WORKER_STRAY_PACE_H

#include <stdint.h>

#include "base/clock.h"

/* The first pause, and the last: each is twice the one before. */
#define CEL_STRAY_PAUSE_FIRST_NS (10 * NS_PER_MS)
#define CEL_STRAY_PAUSE_LAST_NS (1000 * NS_PER_MS)

/* All zero: no pause. */
struct cel_stray_pace {
    int64_t pause_ns; /* the last one; 0: none */
};

/* There was work for us, or no stray. */
void cel_stray_pace_reset(struct cel_stray_pace *pace);

/* There were strays only: how long to pause now, in nanoseconds. */
int64_t cel_stray_pace_next(struct cel_stray_pace *pace);

#endif
