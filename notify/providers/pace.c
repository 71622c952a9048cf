#include "notify/providers/pace.h"

#include "base/clock.h"

/* For how long moments that nobody used can still be used. */
#define CREDIT_NS (100 * NS_PER_MS)

int64_t notify_pace_reserve(struct notify_pace *pace, int64_t interval_ns, int64_t now_ns)
{
    int_least64_t next = atomic_load(&pace->next_ns);
    int64_t moment;

    do {
        moment = next > now_ns - CREDIT_NS ? next : now_ns - CREDIT_NS;
    } while (!atomic_compare_exchange_weak(&pace->next_ns, &next, moment + interval_ns));
    return moment > now_ns ? moment - now_ns : 0;
}
