/*
 * Time, the only place that asks the kernel for it. Durations and deadlines use the monotonic
 * clock; wall time appears only on the wire and in rows. Any thread.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#define NS_PER_SEC INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)
#define US_PER_SEC INT64_C(1000000)

/* Nanoseconds of CLOCK_MONOTONIC; never jumps with the wall clock. */
int64_t clock_monotonic_ns(void);

/* Microseconds since 1970-01-01T00:00:00Z. */
int64_t clock_wall_us(void);

/*
 * Hours that local time is west of UTC at the given instant: Python's time.timezone / 3600, or
 * time.altzone / 3600 in summer. 0 when the zone is not known.
 */
double clock_hours_west(int64_t wall_us);

/*
 * Milliseconds from now_ns until deadline_ns, rounded up, for poll(): 0 when it has passed, at most
 * INT_MAX; a negative deadline means none and gives -1.
 */
int clock_poll_ms(int64_t now_ns, int64_t deadline_ns);

#endif
