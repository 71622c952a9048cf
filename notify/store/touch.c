#include "notify/store/touch.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/hashmap.h"
#include "notify/store/kinds.h"
#include "notify/store/sql.h"

struct store_touches {
    struct hashmap *keys; /* struct used by its key_id's bytes */
};

struct used {
    int64_t key_id;
    int64_t used_at_us;
    int64_t due_ns; /* not written before */
    bool waits;     /* used since it was written */
};

enum celeriac_err store_touches_create(struct store_touches **touches)
{
    struct store_touches *made = mem_calloc(1, sizeof *made);
    if (!made)
        return CELERIAC_ERR_MEMORY;
    enum celeriac_err rc = hashmap_create(&made->keys);
    if (rc != CELERIAC_OK) {
        mem_free(made);
        return rc;
    }
    *touches = made;
    return CELERIAC_OK;
}

void store_touches_destroy(struct store_touches *touches)
{
    if (!touches)
        return;
    hashmap_destroy(touches->keys, mem_free);
    mem_free(touches);
}

static struct span key_of(const int64_t *key_id)
{
    return (struct span){(const char *)key_id, sizeof *key_id};
}

/* A new entry that is due at once; NULL when there is no room. */
static struct used *add(struct store_touches *touches, int64_t key_id, int64_t now_ns)
{
    if (hashmap_count(touches->keys) >= STORE_TOUCH_KEYS_MAX)
        return NULL;
    struct used *used = mem_alloc(sizeof *used);
    if (!used)
        return NULL;
    *used = (struct used){.key_id = key_id, .used_at_us = INT64_MIN, .due_ns = now_ns};
    if (hashmap_set(touches->keys, key_of(&key_id), used, NULL) != CELERIAC_OK) {
        mem_free(used);
        return NULL;
    }
    return used;
}

int64_t store_touches_note(struct store_touches *touches, int64_t key_id, int64_t used_at_us,
                           int64_t now_ns)
{
    struct used *used = hashmap_get(touches->keys, key_of(&key_id));
    if (!used)
        used = add(touches, key_id, now_ns);
    if (!used)
        return INT64_MAX;
    if (used_at_us > used->used_at_us)
        used->used_at_us = used_at_us;
    used->waits = true;
    return used->due_ns;
}

static int compare(const void *a, const void *b)
{
    int64_t left = ((const struct store_touch *)a)->key_id;
    int64_t right = ((const struct store_touch *)b)->key_id;
    return left < right ? -1 : left > right;
}

int64_t store_touches_collect(struct store_touches *touches, int64_t now_ns,
                              struct store_touch_keys *keys)
{
    int64_t next = INT64_MAX;
    size_t position = 0;
    struct span key;
    void *value;
    keys->count = 0;
    while (hashmap_next(touches->keys, &position, &key, &value)) {
        struct used *used = value;
        if (used->due_ns <= now_ns && !used->waits) {
            mem_free(hashmap_remove(touches->keys, key_of(&used->key_id)));
            continue;
        }
        if (used->due_ns <= now_ns && keys->count < STORE_TOUCH_BATCH_MAX) {
            keys->list[keys->count++] = (struct store_touch){used->key_id, used->used_at_us};
            used->waits = false;
            used->due_ns = now_ns == INT64_MAX ? now_ns : now_ns + STORE_TOUCH_NS;
        }
        if (used->due_ns < next)
            next = used->due_ns;
    }
    qsort(keys->list, keys->count, sizeof keys->list[0], compare);
    return next;
}

static void bind_touches(struct store_params *p, struct store_call **calls, size_t count,
                         const struct store_context *context)
{
    const struct store_touch_keys *keys = (const struct store_touch_keys *)calls[0];
    (void)count;
    (void)context;
    store_params_begin_array(p, STORE_TYPE_INT8);
    for (size_t i = 0; i < keys->count; i++)
        store_params_int8(p, keys->list[i].key_id);
    store_params_end_array(p);
    store_params_begin_array(p, STORE_TYPE_TIMESTAMPTZ);
    for (size_t i = 0; i < keys->count; i++)
        store_params_time(p, keys->list[i].used_at_us);
    store_params_end_array(p);
}

const struct store_kind store_kind_touch_keys = {
    .id = STORE_KIND_TOUCH_KEYS,
    .name = "touch_keys",
    .sql = store_sql_touch_keys,
    .bind = bind_touches,
};

void store_touch_keys_init(struct store_touch_keys *keys)
{
    store_call_init(&keys->call, &store_kind_touch_keys);
    keys->count = 0;
}
