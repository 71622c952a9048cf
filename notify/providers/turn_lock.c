#include "notify/providers/turn_lock.h"

#include "base/monotonic_cond.h"

bool notify_turn_lock_init(struct notify_turn_lock *lock)
{
    if (pthread_mutex_init(&lock->mutex, NULL) != 0)
        return false;
    monotonic_cond_init(&lock->changed);
    return true;
}

void notify_turn_lock_destroy(struct notify_turn_lock *lock)
{
    (void)pthread_cond_destroy(&lock->changed);
    (void)pthread_mutex_destroy(&lock->mutex);
}

void notify_turn_lock_wait(struct notify_turn_lock *lock)
{
    (void)monotonic_cond_wait(&lock->changed, &lock->mutex,
                              clock_monotonic_ns() + NOTIFY_TURN_LOOK_NS);
}
