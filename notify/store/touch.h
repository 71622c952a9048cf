/*
 * Which API keys were used since their rows were last written. One thread at a time (the store's
 * lock); time is an argument.
 */
#ifndef NOTIFY_STORE_TOUCH_H
#define NOTIFY_STORE_TOUCH_H

#include <stddef.h>
#include <stdint.h>

#include "celeriac/error.h"
#include "notify/store/call.h"

/* A key's row is written at most once in this time, however often it is used. */
#define STORE_TOUCH_NS (INT64_C(1000) * 1000000)

/* Most keys remembered; uses of more keys within a second are not noted. */
#define STORE_TOUCH_KEYS_MAX 65536

/* Most keys of one call. */
#define STORE_TOUCH_BATCH_MAX 1000

struct store_touches;

/* Starts with no keys. CELERIAC_ERR_MEMORY. */
enum celeriac_err store_touches_create(struct store_touches **touches) CELERIAC_MUST_CHECK;

/* Releases them; touches may be NULL. */
void store_touches_destroy(struct store_touches *touches);

/*
 * Notes a use. Returns when it is to be written: now_ns or earlier for a key that was not written
 * lately, INT64_MAX when it cannot be noted.
 */
int64_t store_touches_note(struct store_touches *touches, int64_t key_id, int64_t used_at_us,
                           int64_t now_ns);

/* One key and its last use. */
struct store_touch {
    int64_t key_id;
    int64_t used_at_us;
};

/* The internal call that writes some. */
struct store_touch_keys {
    struct store_call call;
    struct store_touch list[STORE_TOUCH_BATCH_MAX]; /* sorted by key_id, each once */
    size_t count;
};

/* Prepares the call. */
void store_touch_keys_init(struct store_touch_keys *keys);

/*
 * Moves the uses that are due at now_ns (INT64_MAX: all) into the call and forgets keys that were
 * not used lately. Returns when the next is due, INT64_MAX for never.
 */
int64_t store_touches_collect(struct store_touches *touches, int64_t now_ns,
                              struct store_touch_keys *keys);

#endif
