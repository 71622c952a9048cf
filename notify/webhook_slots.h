/*
 * How many deliveries of webhooks one worker makes at once: in all, so that servers that do not
 * answer cannot take all the threads that send, and to one endpoint, so that it cannot take the
 * others' share. In memory that processes share, without a lock; a place that a killed process has
 * left is free again when its time is over. An endpoint that takes long to answer lets those that
 * wait go first, unless it has waited longer: else hundreds of its messages would ask for the next
 * free place against another's one. Pure: time is an argument. Any thread, any process.
 */
#ifndef NOTIFY_WEBHOOK_SLOTS_H
#define NOTIFY_WEBHOOK_SLOTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/uuid.h"

/* Most places: more threads than these deliver nothing more. */
#define NOTIFY_WEBHOOK_SLOTS_MAX 1024

/* Endpoints whose turns are remembered; of two that fall on one place one is forgotten. */
#define NOTIFY_WEBHOOK_TURNS 1024

/* A delivery that takes so long is slow; and who was refused asks again within that time. */
#define NOTIFY_WEBHOOK_SLOW_NS INT64_C(1000000000)
#define NOTIFY_WEBHOOK_ASKS_NS INT64_C(1500000000)

/* Start with all zero. */
struct notify_webhook_slots {
    struct {
        atomic_int_least64_t until_ns;  /* monotonic; 0 or past: free */
        atomic_uint_least64_t endpoint; /* the first bytes of its id */
    } places[NOTIFY_WEBHOOK_SLOTS_MAX];
    struct notify_webhook_turn {
        atomic_uint_least64_t endpoint;
        atomic_int_least64_t served_ns; /* when it got a place last; 0: never */
        atomic_int_least64_t asked_ns;  /* when none was free for it, since then; 0: never */
        atomic_bool is_slow;            /* its last delivery was */
    } turns[NOTIFY_WEBHOOK_TURNS];
};

/* Result of notify_webhook_slots_take(): no place is free. */
#define NOTIFY_WEBHOOK_NO_SLOT (-1)

/*
 * Takes one of the first `total` places (cut to NOTIFY_WEBHOOK_SLOTS_MAX) until until_ns, unless
 * the endpoint has `per_endpoint` of them, or is slow and another has waited longer. Returns it for
 * notify_webhook_slots_give(), or NOTIFY_WEBHOOK_NO_SLOT; of several that ask at one moment for the
 * last, none may get it.
 */
int notify_webhook_slots_take(struct notify_webhook_slots *slots, unsigned total,
                              unsigned per_endpoint, const struct uuid *endpoint, int64_t now_ns,
                              int64_t until_ns);

/* Gives a place back, unless its time was over and another has it; what was done took took_ns. */
void notify_webhook_slots_give(struct notify_webhook_slots *slots, int slot, int64_t until_ns,
                               int64_t took_ns);

#endif
