#include "api/digest_map.h"

#include <string.h>

#include "base/alloc.h"

/* Entries that share a place; the one that expires first makes room. */
#define WAYS 4

struct entry {
    struct store_digest digest;
    int64_t expires_ns; /* 0: free */
    _Alignas(int64_t) unsigned char value[DIGEST_MAP_VALUE_MAX];
};

struct digest_map {
    size_t value_size;
    size_t sets; /* a power of two */
    struct entry entries[];
};

enum celeriac_err digest_map_create(size_t entries, size_t value_size, struct digest_map **map)
{
    struct digest_map *made;
    size_t sets = 1;

    if (entries > DIGEST_MAP_MAX || value_size > DIGEST_MAP_VALUE_MAX)
        return CELERIAC_ERR_LIMIT;
    while (sets * WAYS < entries)
        sets *= 2;
    made = mem_calloc(1, sizeof *made + sets * WAYS * sizeof made->entries[0]);
    if (!made)
        return CELERIAC_ERR_MEMORY;
    made->value_size = value_size;
    made->sets = sets;
    *map = made;
    return CELERIAC_OK;
}

void digest_map_destroy(struct digest_map *map)
{
    mem_free(map);
}

/* The digest is as random as a hash can be: its first bytes choose the place. */
static size_t first_entry(const struct digest_map *map, const struct store_digest *digest)
{
    uint32_t hash;

    memcpy(&hash, digest->bytes, sizeof hash);
    return (hash & (map->sets - 1)) * WAYS;
}

static bool holds(const struct entry *e, const struct store_digest *digest)
{
    return e->expires_ns != 0 && store_digest_equal(&e->digest, digest);
}

bool digest_map_get(const struct digest_map *map, const struct store_digest *digest, int64_t now_ns,
                    void *value)
{
    const struct entry *set = map->entries + first_entry(map, digest);

    for (size_t i = 0; i < WAYS; i++) {
        if (holds(&set[i], digest) && set[i].expires_ns > now_ns) {
            memcpy(value, set[i].value, map->value_size);
            return true;
        }
    }
    return false;
}

void digest_map_put(struct digest_map *map, const struct store_digest *digest, const void *value,
                    int64_t expires_ns)
{
    struct entry *set = map->entries + first_entry(map, digest);
    struct entry *place = &set[0];

    for (size_t i = 0; i < WAYS; i++) {
        if (holds(&set[i], digest)) {
            place = &set[i];
            break;
        }
        if (set[i].expires_ns < place->expires_ns)
            place = &set[i];
    }
    place->digest = *digest;
    place->expires_ns = expires_ns;
    memcpy(place->value, value, map->value_size);
}
