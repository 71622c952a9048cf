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

/* ---- turns --------------------------------------------------------------------------------- */

static struct notify_webhook_turn *turn_of(struct notify_webhook_slots *slots, uint64_t endpoint)
{
    return &slots->turns[endpoint % NOTIFY_WEBHOOK_TURNS];
}

static bool waits(struct notify_webhook_turn *turn, int64_t now_ns)
{
    int64_t asked_ns = atomic_load(&turn->asked_ns);

    return asked_ns > 0 && now_ns - asked_ns < NOTIFY_WEBHOOK_ASKS_NS;
}

/* Makes the turn the endpoint's, as of one that was never served. */
static void claim(struct notify_webhook_turn *turn, uint64_t endpoint)
{
    if (atomic_exchange(&turn->endpoint, endpoint) == endpoint)
        return;
    atomic_store(&turn->served_ns, 0);
    atomic_store(&turn->asked_ns, 0);
    atomic_store(&turn->is_slow, false);
}

static int refuse(struct notify_webhook_slots *slots, uint64_t endpoint, int64_t now_ns)
{
    struct notify_webhook_turn *turn = turn_of(slots, endpoint);

    if (atomic_load(&turn->endpoint) == endpoint || !waits(turn, now_ns)) {
        claim(turn, endpoint);
        atomic_store(&turn->asked_ns, now_ns);
    }
    return NOTIFY_WEBHOOK_NO_SLOT;
}

static void serve(struct notify_webhook_slots *slots, uint64_t endpoint, int64_t now_ns)
{
    struct notify_webhook_turn *turn = turn_of(slots, endpoint);

    claim(turn, endpoint);
    atomic_store(&turn->served_ns, now_ns);
    atomic_store(&turn->asked_ns, 0);
}

/* Whether a slow endpoint has to let another one go first. */
static bool is_others_turn(struct notify_webhook_slots *slots, uint64_t endpoint, int64_t now_ns)
{
    struct notify_webhook_turn *mine = turn_of(slots, endpoint);
    int64_t served_ns = atomic_load(&mine->served_ns);

    if (atomic_load(&mine->endpoint) != endpoint || !atomic_load(&mine->is_slow))
        return false;
    for (unsigned i = 0; i < NOTIFY_WEBHOOK_TURNS; i++) {
        struct notify_webhook_turn *turn = &slots->turns[i];

        if (turn != mine && waits(turn, now_ns) && atomic_load(&turn->served_ns) < served_ns)
            return true;
    }
    return false;
}

/* ---- places -------------------------------------------------------------------------------- */

static void empty(struct notify_webhook_slots *slots, int slot, int64_t until_ns)
{
    int_least64_t mine = until_ns;

    (void)atomic_compare_exchange_strong(&slots->places[slot].until_ns, &mine, 0);
}

int notify_webhook_slots_take(struct notify_webhook_slots *slots, unsigned total,
                              unsigned per_endpoint, const struct uuid *endpoint, int64_t now_ns,
                              int64_t until_ns)
{
    uint64_t name = name_of(endpoint);
    unsigned i = 0;

    if (total > NOTIFY_WEBHOOK_SLOTS_MAX)
        total = NOTIFY_WEBHOOK_SLOTS_MAX;
    /* Who has its share already waits for itself alone. */
    if (count(slots, total, name, now_ns) >= per_endpoint)
        return NOTIFY_WEBHOOK_NO_SLOT;
    if (is_others_turn(slots, name, now_ns))
        return refuse(slots, name, now_ns);
    while (i < total && !take(slots, i, now_ns, until_ns))
        i++;
    if (i == total)
        return refuse(slots, name, now_ns);
    atomic_store(&slots->places[i].endpoint, name);
    if (count(slots, total, name, now_ns) > per_endpoint) {
        empty(slots, (int)i, until_ns);
        return NOTIFY_WEBHOOK_NO_SLOT;
    }
    serve(slots, name, now_ns);
    return (int)i;
}

void notify_webhook_slots_give(struct notify_webhook_slots *slots, int slot, int64_t until_ns,
                               int64_t took_ns)
{
    uint64_t endpoint = atomic_load(&slots->places[slot].endpoint);
    struct notify_webhook_turn *turn = turn_of(slots, endpoint);

    if (atomic_load(&turn->endpoint) == endpoint)
        atomic_store(&turn->is_slow, took_ns >= NOTIFY_WEBHOOK_SLOW_NS);
    empty(slots, slot, until_ns);
}
