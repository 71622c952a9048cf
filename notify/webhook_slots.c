#include "notify/webhook_slots.h"

#include <stdbool.h>
#include <string.h>

/* Two endpoints whose ids begin alike share their limit: 2^-64, and no harm. */
static uint64_t name_of(const struct uuid *endpoint)
{
    uint64_t name;

    memcpy(&name, endpoint->bytes, sizeof name);
    return name;
}

/* Of several that take places at one moment each sees those of the others. */
static unsigned count(struct notify_webhook_slots *slots, unsigned total, uint64_t endpoint,
                      int64_t now_ns)
{
    unsigned found = 0;

    for (unsigned i = 0; i < total; i++)
        found += atomic_load(&slots->places[i].until_ns) > now_ns &&
                 atomic_load(&slots->places[i].endpoint) == endpoint;
    return found;
}

static bool take(struct notify_webhook_slots *slots, unsigned i, int64_t now_ns, int64_t until_ns)
{
    int_least64_t until = atomic_load(&slots->places[i].until_ns);

    return until <= now_ns &&
           atomic_compare_exchange_strong(&slots->places[i].until_ns, &until, until_ns);
}

int notify_webhook_slots_take(struct notify_webhook_slots *slots, unsigned total,
                              unsigned per_endpoint, const struct uuid *endpoint, int64_t now_ns,
                              int64_t until_ns)
{
    uint64_t name = name_of(endpoint);
    unsigned i = 0;

    if (total > NOTIFY_WEBHOOK_SLOTS_MAX)
        total = NOTIFY_WEBHOOK_SLOTS_MAX;
    while (i < total && !take(slots, i, now_ns, until_ns))
        i++;
    if (i == total)
        return NOTIFY_WEBHOOK_NO_SLOT;
    atomic_store(&slots->places[i].endpoint, name);
    if (count(slots, total, name, now_ns) <= per_endpoint)
        return (int)i;
    notify_webhook_slots_give(slots, (int)i, until_ns);
    return NOTIFY_WEBHOOK_NO_SLOT;
}

void notify_webhook_slots_give(struct notify_webhook_slots *slots, int slot, int64_t until_ns)
{
    int_least64_t mine = until_ns;

    (void)atomic_compare_exchange_strong(&slots->places[slot].until_ns, &mine, 0);
}
