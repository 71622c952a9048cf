#include "notify/providers/turn_lock.h"

#include <time.h>

/* A condition over the clock that deadlines use. */
static bool init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    bool made;

    if (pthread_condattr_init(&attributes) != 0)
        return false;
    made = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
           pthread_cond_init(condition, &attributes) == 0;
    (void)pthread_condattr_destroy(&attributes);
    return made;
}

bool notify_turn_lock_init(struct notify_turn_lock *lock)
{
    if (!init_condition(&lock->changed))
        return false;
    if (pthread_mutex_init(&lock->mutex, NULL) == 0)
        return true;
    (void)pthread_cond_destroy(&lock->changed);
    return false;
}

void notify_turn_lock_destroy(struct notify_turn_lock *lock)
{
    (void)pthread_cond_destroy(&lock->changed);
    (void)pthread_mutex_destroy(&lock->mutex);
}

void notify_turn_lock_wait(struct notify_turn_lock *lock)
{
    const int64_t until_ns = clock_monotonic_ns() + NOTIFY_TURN_LOOK_NS;
    const struct timespec until = {.tv_sec = (time_t)(until_ns / NS_PER_SEC),
                                   .tv_nsec = (long)(until_ns % NS_PER_SEC)};

    (void)pthread_cond_timedwait(&lock->changed, &lock->mutex, &until);
}
