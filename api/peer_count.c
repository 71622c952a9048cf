#include "api/peer_count.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/hashmap.h"

struct peer_count {
    size_t most;
    pthread_mutex_t lock;
    struct hashmap *nets; /* size_t, at least 1; under lock */
};

enum celeriac_err peer_count_create(size_t most, struct peer_count **count)
{
    struct peer_count *made = mem_calloc(1, sizeof *made);

    if (!made)
        return CELERIAC_ERR_MEMORY;
    made->most = most;
    pthread_mutex_init(&made->lock, NULL);
    if (hashmap_create(&made->nets) != CELERIAC_OK) {
        peer_count_destroy(made);
        return CELERIAC_ERR_MEMORY;
    }
    *count = made;
    return CELERIAC_OK;
}

void peer_count_destroy(struct peer_count *count)
{
    if (!count)
        return;
    hashmap_destroy(count->nets, mem_free);
    pthread_mutex_destroy(&count->lock);
    mem_free(count);
}

/* The first of its network; under the lock. */
static bool add(struct peer_count *count, struct span key)
{
    size_t *number = mem_alloc(sizeof *number);

    if (!number)
        return false;
    *number = 1;
    if (hashmap_set(count->nets, key, number, NULL) == CELERIAC_OK)
        return true;
    mem_free(number);
    return false;
}

bool peer_count_enter(struct peer_count *count, const struct peer_net *net)
{
    struct span key = peer_net_span(net);
    size_t *number;
    bool entered;

    pthread_mutex_lock(&count->lock);
    number = hashmap_get(count->nets, key);
    if (number) {
        entered = *number < count->most;
        *number += entered;
    } else {
        entered = add(count, key);
    }
    pthread_mutex_unlock(&count->lock);
    return entered;
}

void peer_count_leave(struct peer_count *count, const struct peer_net *net)
{
    struct span key = peer_net_span(net);
    size_t *number;

    pthread_mutex_lock(&count->lock);
    number = hashmap_get(count->nets, key);
    if (number && --*number == 0)
        mem_free(hashmap_remove(count->nets, key));
    pthread_mutex_unlock(&count->lock);
}
