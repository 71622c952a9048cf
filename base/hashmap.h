/*
 * A map from byte strings to pointers. Keys are copied; values are the caller's. Keyed SipHash, so
 * that strangers cannot choose colliding keys. One thread at a time.
 */
#ifndef BASE_HASHMAP_H
#define BASE_HASHMAP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "celeriac/error.h"

struct hashmap;

/* A new empty map; CELERIAC_ERR_MEMORY. The caller destroys it. */
enum celeriac_err hashmap_create(struct hashmap **map) CELERIAC_MUST_CHECK;

/* Releases the map and its keys; values with free_value unless that is NULL. map may be NULL. */
void hashmap_destroy(struct hashmap *map, void (*free_value)(void *value));

/*
 * Sets key to value (not NULL). *old (may be NULL) gets the value that was there, or NULL.
 * CELERIAC_ERR_MEMORY leaves the map as it was.
 */
enum celeriac_err hashmap_set(struct hashmap *map, struct span key, void *value,
                              void **old) CELERIAC_MUST_CHECK;

/* The value of key, or NULL. */
void *hashmap_get(const struct hashmap *map, struct span key);

/* Removes key and returns its value, or NULL when it was not there. */
void *hashmap_remove(struct hashmap *map, struct span key);

/* Number of keys. */
size_t hashmap_count(const struct hashmap *map);

/*
 * Steps through all keys in no particular order: start with *position = 0; false at the end. key is
 * borrowed. The map must not change in between, except by removing the key just seen.
 */
bool hashmap_next(const struct hashmap *map, size_t *position, struct span *key, void **value);

#endif
