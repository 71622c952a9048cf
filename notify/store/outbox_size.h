/*
 * How much waits in the outbox, for monitors. See call.h for how to run a call.
 */
#ifndef NOTIFY_STORE_OUTBOX_SIZE_H
#define NOTIFY_STORE_OUTBOX_SIZE_H

#include <stdint.h>

#include "notify/store/call.h"

/*
 * Counts the rows that are due or held, and says since when the oldest of them has been so. Reads
 * the whole table, which is empty as a rule, and has a row for each notification that was accepted
 * while the broker was away.
 */
struct store_measure_outbox {
    struct store_call call;
    /* results */
    uint64_t rows;
    int64_t oldest_us; /* STORE_NO_TIME when there are none */
};

/* Prepares the call. */
void store_measure_outbox_init(struct store_measure_outbox *measure);

#endif
