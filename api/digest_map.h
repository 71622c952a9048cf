/*
 * A bounded map from SHA-256 digests to small values that expire. When it is full the entry that
 * expires first among a few neighbours makes room, so memory and the time of a call are fixed,
 * whatever strangers send. Pure: time is an argument. One thread at a time.
 */
#ifndef API_DIGEST_MAP_H
#define API_DIGEST_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "celeriac/error.h"
#include "notify/store/digest.h"

/* Most entries of one map: 1 Mi of 100 bytes are more than any use here. */
#define DIGEST_MAP_MAX ((size_t)1 << 20)

/* Most bytes of a value. */
#define DIGEST_MAP_VALUE_MAX 64

struct digest_map;

/*
 * An empty map for about `entries` entries (at most DIGEST_MAP_MAX) of value_size bytes (at most
 * DIGEST_MAP_VALUE_MAX). CELERIAC_ERR_LIMIT, CELERIAC_ERR_MEMORY. The caller destroys it.
 */
enum celeriac_err digest_map_create(size_t entries, size_t value_size,
                                    struct digest_map **map) CELERIAC_MUST_CHECK;

/* Releases it; map may be NULL. */
void digest_map_destroy(struct digest_map *map);

/* Copies the value of a digest that has not expired at now_ns; false when there is none. */
bool digest_map_get(const struct digest_map *map, const struct store_digest *digest, int64_t now_ns,
                    void *value);

/* Sets the value of a digest until expires_ns (later than 0). */
void digest_map_put(struct digest_map *map, const struct store_digest *digest, const void *value,
                    int64_t expires_ns);

#endif
