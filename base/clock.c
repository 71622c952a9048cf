#include "base/clock.h"

#include <limits.h>
#include <time.h>

int64_t clock_monotonic_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS_PER_SEC + now.tv_nsec;
}

int64_t clock_wall_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * US_PER_SEC + now.tv_nsec / 1000;
}

double clock_hours_west(int64_t wall_us)
{
    time_t seconds = (time_t)(wall_us / US_PER_SEC);
    struct tm tm;
    if (!localtime_r(&seconds, &tm) || tm.tm_gmtoff == 0)
        return 0;
    return (double)-tm.tm_gmtoff / 3600;
}

int clock_poll_ms(int64_t now_ns, int64_t deadline_ns)
{
    if (deadline_ns < 0)
        return -1;
    if (deadline_ns <= now_ns)
        return 0;
    int64_t left_ns;
    if (__builtin_sub_overflow(deadline_ns, now_ns, &left_ns))
        return INT_MAX;
    int64_t ms = left_ns / NS_PER_MS + (left_ns % NS_PER_MS != 0);
    return ms > INT_MAX ? INT_MAX : (int)ms;
}
