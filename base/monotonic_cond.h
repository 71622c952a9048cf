/*
 * Condition variables whose waits end at a moment of clock_monotonic_ns(), whatever becomes of the
 * wall clock. They are signalled and destroyed by pthread's own functions.
 */
#ifndef BASE_MONOTONIC_COND_H
#define BASE_MONOTONIC_COND_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Makes it. Linux's C libraries have no way to fail at this, though POSIX would allow them one. */
void monotonic_cond_init(pthread_cond_t *cond);

/*
 * With the mutex held: waits for a signal until until_ns (INT64_MAX: without end); false when that
 * moment came first. As with pthread_cond_wait() true may have no cause.
 */
bool monotonic_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t until_ns);

#endif
