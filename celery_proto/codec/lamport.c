#include "celery_proto/codec/lamport.h"

/*
 * Highest value taken over from others. JSON readers and Redis scripts hold integers exactly up to
 * here; a peer that claims more is mistaken or malicious, and would otherwise make our clock wrap.
 */
#define SEEN_MAX (UINT64_C(1) << 53)

uint64_t cel_lamport_forward(struct cel_lamport *clock)
{
    return atomic_fetch_add(&clock->value, 1) + 1;
}

uint64_t cel_lamport_adjust(struct cel_lamport *clock, uint64_t seen)
{
    uint_fast64_t own = atomic_load(&clock->value);
    uint_fast64_t next;

    if (seen > SEEN_MAX)
        seen = 0;
    do
        next = (own > seen ? own : seen) + 1;
    while (!atomic_compare_exchange_weak(&clock->value, &own, next));
    return next;
}

uint64_t cel_lamport_value(struct cel_lamport *clock)
{
    return atomic_load(&clock->value);
}
