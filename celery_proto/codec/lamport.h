/*
 * The logical clock that orders the events of many nodes (kombu/clocks.py LamportClock). Any
 * thread.
 */
#ifndef CEL_LAMPORT_H
#define CEL_LAMPORT_H

#include <stdatomic.h>
#include <stdint.h>

/* All zero is a clock that has not ticked. */
struct cel_lamport {
    atomic_uint_fast64_t value;
};

/* Something happens here: adds one and returns the new value. */
uint64_t cel_lamport_forward(struct cel_lamport *clock);

/* Something is heard from a node whose clock showed `seen`: the greater of both, plus one. */
uint64_t cel_lamport_adjust(struct cel_lamport *clock, uint64_t seen);

/* What it shows. */
uint64_t cel_lamport_value(struct cel_lamport *clock);

#endif
