#include "celery_proto/redis/lease_watch.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/hashmap.h"
#include "celery_proto/redis/maintain.h"

/* What is known of one peer. */
struct peer {
    char *value;
    size_t len;
    int64_t since_ns; /* when this value was first seen in the current, unbroken watch */
    uint64_t seen_in; /* number of the last observation that saw it */
};

struct lease_watch {
    struct hashmap *peers;
    uint64_t observation;
    int64_t now_ns; /* of the last observation */
};

static void peer_destroy(void *value)
{
    struct peer *peer = value;
    if (peer != NULL)
        mem_free(peer->value);
    mem_free(peer);
}

enum celeriac_err lease_watch_create(struct lease_watch **watch)
{
    struct lease_watch *w = mem_calloc(1, sizeof *w);
    if (w == NULL)
        return CELERIAC_ERR_MEMORY;
    enum celeriac_err code = hashmap_create(&w->peers);
    if (code != CELERIAC_OK) {
        mem_free(w);
        return code;
    }
    *watch = w;
    return CELERIAC_OK;
}

void lease_watch_destroy(struct lease_watch *watch)
{
    if (watch == NULL)
        return;
    hashmap_destroy(watch->peers, peer_destroy);
    mem_free(watch);
}

void lease_watch_begin(struct lease_watch *watch, int64_t now_ns)
{
    bool is_broken = now_ns - watch->now_ns > CEL_LEASE_GAP_MS * NS_PER_MS;
    watch->now_ns = now_ns;
    watch->observation++;
    if (!is_broken)
        return;
    size_t position = 0;
    struct span id;
    void *value;
    while (hashmap_next(watch->peers, &position, &id, &value))
        ((struct peer *)value)->since_ns = now_ns;
}

static enum celeriac_err add_peer(struct lease_watch *watch, struct span id, struct peer **peer)
{
    struct peer *p = mem_calloc(1, sizeof *p);
    if (p == NULL)
        return CELERIAC_ERR_MEMORY;
    enum celeriac_err code = hashmap_set(watch->peers, id, p, NULL);
    if (code != CELERIAC_OK) {
        mem_free(p);
        return code;
    }
    *peer = p;
    return CELERIAC_OK;
}

enum celeriac_err lease_watch_see(struct lease_watch *watch, struct span id, struct span value)
{
    struct peer *peer = hashmap_get(watch->peers, id);
    if (peer == NULL) {
        if (hashmap_count(watch->peers) >= LEASE_PEERS_MAX)
            return CELERIAC_OK;
        enum celeriac_err code = add_peer(watch, id, &peer);
        if (code != CELERIAC_OK)
            return code;
    }
    peer->seen_in = watch->observation;
    if (peer->value != NULL && span_equal((struct span){peer->value, peer->len}, value))
        return CELERIAC_OK;
    char *copy = mem_dup_span(value);
    if (copy == NULL)
        return CELERIAC_ERR_MEMORY;
    mem_free(peer->value);
    peer->value = copy;
    peer->len = value.len;
    peer->since_ns = watch->now_ns;
    return CELERIAC_OK;
}

void lease_watch_end(struct lease_watch *watch)
{
    size_t position = 0;
    struct span id;
    void *value;
    while (hashmap_next(watch->peers, &position, &id, &value)) {
        if (((struct peer *)value)->seen_in != watch->observation)
            peer_destroy(hashmap_remove(watch->peers, id));
    }
}

bool lease_watch_dead(const struct lease_watch *watch, struct span *id, struct span *value)
{
    size_t position = 0;
    void *found;
    while (hashmap_next(watch->peers, &position, id, &found)) {
        const struct peer *peer = found;
        if (peer->value != NULL &&
            watch->now_ns - peer->since_ns >= CEL_LEASE_DEAD_MS * NS_PER_MS) {
            *value = (struct span){peer->value, peer->len};
            return true;
        }
    }
    return false;
}

void lease_watch_forget(struct lease_watch *watch, struct span id)
{
    peer_destroy(hashmap_remove(watch->peers, id));
}
