/*
 * Calls that the store makes for itself, about this process as a sender (sends.h).
 */
#ifndef NOTIFY_STORE_SENDERS_H
#define NOTIFY_STORE_SENDERS_H

#include "notify/store/call.h"

/* A sign of life, due once in this time. */
#define STORE_BEAT_NS (INT64_C(1000) * 1000000)

/* What dead senders left is removed once in this time. */
#define STORE_SWEEP_NS (INT64_C(60) * 1000000000)

/* Prepare a call; it has no fields, and the sender is the store's. */
void store_beat_init(struct store_call *call);
void store_sweep_senders_init(struct store_call *call);
void store_remove_sender_init(struct store_call *call);

#endif
