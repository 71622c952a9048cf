#include "base/hashmap.h"

#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "base/siphash.h"

/*
 * Open addressing with linear probing. A removed key leaves a mark that look-ups pass over;
 * growing, shrinking and clearing marks away are one thing: moving the live slots into a table of
 * fitting size. Removal itself moves nothing, so that hashmap_next() may go on afterwards.
 */
struct slot {
    uint64_t hash;
    char *key; /* NULL: never used; removed_mark: removed; else the map's own copy */
    size_t key_len;
    void *value;
};

struct hashmap {
    struct slot *slots; /* NULL until the first key */
    size_t size;        /* a power of two, or 0 */
    size_t live;        /* keys */
    size_t used;        /* keys and marks */
    struct siphash_key hash_key;
};

#define FIRST_SIZE 8

/* Its address marks removed slots. */
static char removed_mark[1];

static bool is_live(const struct slot *slot)
{
    return slot->key && slot->key != removed_mark;
}

enum celeriac_err hashmap_create(struct hashmap **map)
{
    struct hashmap *m = mem_calloc(1, sizeof *m);
    if (!m)
        return CELERIAC_ERR_MEMORY;
    random_bytes(&m->hash_key, sizeof m->hash_key);
    *map = m;
    return CELERIAC_OK;
}

void hashmap_destroy(struct hashmap *map, void (*free_value)(void *value))
{
    if (!map)
        return;
    for (size_t i = 0; i < map->size; i++) {
        struct slot *slot = &map->slots[i];
        if (!is_live(slot))
            continue;
        mem_free(slot->key);
        if (free_value)
            free_value(slot->value);
    }
    mem_free(map->slots);
    mem_free(map);
}

static struct slot *find(const struct hashmap *map, struct span key, uint64_t hash)
{
    if (map->size == 0)
        return NULL;
    size_t mask = map->size - 1;
    for (size_t i = (size_t)hash & mask; map->slots[i].key; i = (i + 1) & mask) {
        struct slot *slot = &map->slots[i];
        if (slot->hash == hash && is_live(slot) &&
            span_equal((struct span){slot->key, slot->key_len}, key))
            return slot;
    }
    return NULL;
}

/* Where a key that is not in the table goes; there is always a free slot. */
static struct slot *free_slot(struct slot *slots, size_t size, uint64_t hash)
{
    size_t mask = size - 1;
    size_t i = (size_t)hash & mask;
    while (is_live(&slots[i]))
        i = (i + 1) & mask;
    return &slots[i];
}

/* Moves the live slots into a table that is at most half full. */
static enum celeriac_err rebuild(struct hashmap *map)
{
    size_t size = FIRST_SIZE;
    while (size / 2 <= map->live) {
        if (!size_mul(size, 2, &size))
            return CELERIAC_ERR_MEMORY;
    }
    struct slot *slots = mem_calloc(size, sizeof *slots);
    if (!slots)
        return CELERIAC_ERR_MEMORY;
    for (size_t i = 0; i < map->size; i++) {
        if (is_live(&map->slots[i]))
            *free_slot(slots, size, map->slots[i].hash) = map->slots[i];
    }
    mem_free(map->slots);
    map->slots = slots;
    map->size = size;
    map->used = map->live;
    return CELERIAC_OK;
}

enum celeriac_err hashmap_set(struct hashmap *map, struct span key, void *value, void **old)
{
    uint64_t hash = siphash13(&map->hash_key, key);
    struct slot *slot = find(map, key, hash);
    if (slot) {
        if (old)
            *old = slot->value;
        slot->value = value;
        return CELERIAC_OK;
    }
    /* Three quarters full at most, marks included: probes stay short and always end. */
    if (map->used >= map->size - map->size / 4) {
        enum celeriac_err err = rebuild(map);
        if (err != CELERIAC_OK)
            return err;
    }
    char *copy = mem_dup_span(key);
    if (!copy)
        return CELERIAC_ERR_MEMORY;
    slot = free_slot(map->slots, map->size, hash);
    if (!slot->key)
        map->used++;
    map->live++;
    *slot = (struct slot){.hash = hash, .key = copy, .key_len = key.len, .value = value};
    if (old)
        *old = NULL;
    return CELERIAC_OK;
}

void *hashmap_get(const struct hashmap *map, struct span key)
{
    const struct slot *slot = find(map, key, siphash13(&map->hash_key, key));
    return slot ? slot->value : NULL;
}

void *hashmap_remove(struct hashmap *map, struct span key)
{
    struct slot *slot = find(map, key, siphash13(&map->hash_key, key));
    if (!slot)
        return NULL;
    void *value = slot->value;
    mem_free(slot->key);
    *slot = (struct slot){.key = removed_mark};
    map->live--;
    return value;
}

size_t hashmap_count(const struct hashmap *map)
{
    return map->live;
}

bool hashmap_next(const struct hashmap *map, size_t *position, struct span *key, void **value)
{
    for (size_t i = *position; i < map->size; i++) {
        const struct slot *slot = &map->slots[i];
        if (!is_live(slot))
            continue;
        *position = i + 1;
        *key = (struct span){slot->key, slot->key_len};
        *value = slot->value;
        return true;
    }
    *position = map->size;
    return false;
}
