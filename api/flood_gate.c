#include "api/flood_gate.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/random.h"

/* Entries that share a place. */
#define WAYS 4

/* A bucket as one time: the moment at which it is full again, each try taking an interval. */
struct bucket {
    struct peer_net net;
    int64_t full_ns; /* 0: free; always full */
    int64_t touched_ns;
};

struct flood_gate {
    int64_t interval_ns; /* for one try */
    uint64_t seed;       /* so that strangers cannot choose who shares their place */
    struct bucket buckets[FLOOD_GATE_ENTRIES];
};

enum celeriac_err flood_gate_create(unsigned per_second, struct flood_gate **gate)
{
    struct flood_gate *made = mem_calloc(1, sizeof *made);

    if (!made)
        return CELERIAC_ERR_MEMORY;
    made->interval_ns = NS_PER_SEC / per_second;
    random_bytes(&made->seed, sizeof made->seed);
    *gate = made;
    return CELERIAC_OK;
}

void flood_gate_destroy(struct flood_gate *gate)
{
    mem_free(gate);
}

/* Mixes the seed into the address, by the steps of MurmurHash3's finaliser. */
static size_t place_of(const struct flood_gate *gate, const struct peer_net *net)
{
    uint64_t halves[2], hash;

    memcpy(halves, net->bytes, sizeof halves);
    hash = gate->seed;
    for (int i = 0; i < 2; i++) {
        hash ^= halves[i];
        hash = (hash ^ (hash >> 33)) * UINT64_C(0xff51afd7ed558ccd);
        hash = (hash ^ (hash >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
        hash ^= hash >> 33;
        hash += gate->seed;
    }
    return (size_t)(hash % (FLOOD_GATE_ENTRIES / WAYS)) * WAYS;
}

/* The network's bucket, or NULL. */
static struct bucket *find(struct flood_gate *gate, const struct peer_net *net)
{
    struct bucket *set = gate->buckets + place_of(gate, net);

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].full_ns != 0 && memcmp(&set[i].net, net, sizeof *net) == 0)
            return &set[i];
    }
    return NULL;
}

/* A full one, in the place of the one that was not touched for longest. */
static struct bucket *make(struct flood_gate *gate, const struct peer_net *net)
{
    struct bucket *set = gate->buckets + place_of(gate, net);
    struct bucket *oldest = set;

    for (size_t i = 1; i < WAYS; i++) {
        if (set[i].touched_ns < oldest->touched_ns)
            oldest = &set[i];
    }
    memset(oldest, 0, sizeof *oldest);
    oldest->net = *net;
    return oldest;
}

bool flood_gate_take(struct flood_gate *gate, const struct peer_net *net, int64_t now_ns,
                     int64_t *wait_ns)
{
    struct bucket *b = find(gate, net);
    /* A second's tries times the burst, but for the one that is taken now. */
    int64_t most_ns = FLOOD_GATE_BURST * NS_PER_SEC - gate->interval_ns;

    if (!b)
        b = make(gate, net);
    b->touched_ns = now_ns;
    if (b->full_ns < now_ns)
        b->full_ns = now_ns;
    if (b->full_ns - now_ns > most_ns) {
        *wait_ns = b->full_ns - now_ns - most_ns;
        return false;
    }
    b->full_ns += gate->interval_ns;
    return true;
}

void flood_gate_give_back(struct flood_gate *gate, const struct peer_net *net)
{
    struct bucket *b = find(gate, net);

    if (b)
        b->full_ns -= gate->interval_ns;
}
