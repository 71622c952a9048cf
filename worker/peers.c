#include "worker/peers.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/hashmap.h"

/* Longest pause between beats that is believed: a day. */
#define FREQ_MAX 86400.0

struct peer {
    int64_t heard_ns;
    int64_t patience_ns; /* until it is lost */
};

struct cel_peers {
    struct hashmap *by_name; /* owns them */
};

enum celeriac_err cel_peers_create(struct cel_peers **peers)
{
    struct cel_peers *p = mem_calloc(1, sizeof *p);

    if (!p)
        return CELERIAC_ERR_MEMORY;
    if (hashmap_create(&p->by_name)) {
        mem_free(p);
        return CELERIAC_ERR_MEMORY;
    }
    *peers = p;
    return CELERIAC_OK;
}

void cel_peers_destroy(struct cel_peers *peers)
{
    if (!peers)
        return;
    hashmap_destroy(peers->by_name, mem_free);
    mem_free(peers);
}

/* Makes room for one more. */
static void drop_oldest(struct cel_peers *peers)
{
    int64_t heard_ns = INT64_MAX;
    struct span oldest = {0};
    size_t position = 0;
    struct span name;
    void *value;

    while (hashmap_next(peers->by_name, &position, &name, &value)) {
        const struct peer *peer = value;

        if (peer->heard_ns < heard_ns) {
            heard_ns = peer->heard_ns;
            oldest = name;
        }
    }
    mem_free(hashmap_remove(peers->by_name, oldest));
}

static struct peer *add(struct cel_peers *peers, struct span name)
{
    struct peer *peer = mem_calloc(1, sizeof *peer);

    if (!peer)
        return NULL;
    if (hashmap_count(peers->by_name) >= CEL_PEERS_MAX)
        drop_oldest(peers);
    if (hashmap_set(peers->by_name, name, peer, NULL)) {
        mem_free(peer);
        return NULL;
    }
    return peer;
}

enum celeriac_err cel_peers_hear(struct cel_peers *peers, struct span name, double freq,
                                 int64_t now_ns, bool *is_new)
{
    struct peer *peer;

    if (name.len == 0 || name.len > CEL_PEER_NAME_MAX)
        return CELERIAC_ERR_LIMIT;
    peer = hashmap_get(peers->by_name, name);
    *is_new = !peer;
    if (!peer)
        peer = add(peers, name);
    if (!peer)
        return CELERIAC_ERR_MEMORY;
    /* Written so that what is no number is none. */
    if (!(freq > 0 && freq <= FREQ_MAX))
        freq = freq > FREQ_MAX ? FREQ_MAX : CEL_PEER_FREQ;
    peer->heard_ns = now_ns;
    peer->patience_ns = (int64_t)(freq * CEL_PEER_BEATS * (double)NS_PER_SEC);
    return CELERIAC_OK;
}

void cel_peers_leave(struct cel_peers *peers, struct span name)
{
    mem_free(hashmap_remove(peers->by_name, name));
}

bool cel_peers_lose(struct cel_peers *peers, int64_t now_ns, char name[CEL_PEER_NAME_MAX + 1])
{
    size_t position = 0;
    struct span key;
    void *value;

    while (hashmap_next(peers->by_name, &position, &key, &value)) {
        const struct peer *peer = value;

        if (now_ns - peer->heard_ns < peer->patience_ns)
            continue;
        memcpy(name, key.ptr, key.len);
        name[key.len] = '\0';
        mem_free(hashmap_remove(peers->by_name, key));
        return true;
    }
    return false;
}

void cel_peers_excuse(struct cel_peers *peers, int64_t now_ns)
{
    size_t position = 0;
    struct span key;
    void *value;

    while (hashmap_next(peers->by_name, &position, &key, &value))
        ((struct peer *)value)->heard_ns = now_ns;
}

size_t cel_peers_count(const struct cel_peers *peers)
{
    return hashmap_count(peers->by_name);
}
