/*
 * A lock with a condition for threads that wait for something of each other's and look up from time
 * to time: whether the worker stops. Any thread.
 */
#ifndef NOTIFY_PROVIDERS_TURN_LOCK_H
#define NOTIFY_PROVIDERS_TURN_LOCK_H

#include <pthread.h>
#include <stdbool.h>

#include "base/clock.h"

/* How long a thread waits at most before it looks up. */
#define NOTIFY_TURN_LOOK_NS (100 * NS_PER_MS)

struct notify_turn_lock {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
};

/* Makes it; false when the system has none left. */
bool notify_turn_lock_init(struct notify_turn_lock *lock);

/* Releases it; nobody holds it or waits. */
void notify_turn_lock_destroy(struct notify_turn_lock *lock);

/* With the mutex held: waits for a change, for at most NOTIFY_TURN_LOOK_NS. */
void notify_turn_lock_wait(struct notify_turn_lock *lock);

#endif
