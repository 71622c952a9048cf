/*
 * API keys. The table api_keys holds only slow hashes; the digest (SHA-256 of the raw key) of each
 * key that was seen once is kept in our own schema, so that a key is found by one indexed look-up.
 * A digest belongs to a key's id and its hash together: a row that was replaced does not answer to
 * an old key. See call.h for how to run a call.
 */
#ifndef NOTIFY_STORE_API_KEYS_H
#define NOTIFY_STORE_API_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/uuid.h"
#include "notify/store/call.h"
#include "notify/store/digest.h"
#include "notify/store/tenants.h"

/* Characters in the columns of the table api_keys. */
#define STORE_KEY_HASH_MAX 255
#define STORE_KEY_NAME_MAX 100

/* Most rows of one page of unindexed keys, and of one tenant's list. */
#define STORE_KEY_PAGE_MAX 1000

/* Finds a key by its digest. Combined. CELERIAC_ERR_NOT_FOUND for an unknown digest. */
struct store_find_key {
    struct store_call call;
    struct store_digest digest;
    /* results: judge is_active of both */
    int64_t key_id;
    bool key_is_active;    /* false from the moment on that a replaced key's time is over */
    int64_t expires_in_us; /* how long a replaced key goes on to work; STORE_NO_TIME: for good */
    int64_t limit_milli;   /* the tenant's requests in a thousand seconds; 0: no row of its own */
    int32_t limit_burst;   /* and how many at once */
    struct store_tenant tenant;
};

/* Prepares the call. */
void store_find_key_init(struct store_find_key *find, const struct store_digest *digest);

/* A key whose digest is not known yet. */
struct store_key_hash {
    int64_t key_id;
    struct span key_hash; /* as stored, e.g. pbkdf2_sha256$... */
    struct uuid tenant_id;
    int64_t last_used_at_us; /* STORE_NO_TIME: never */
};

/*
 * Active keys without a digest, in the order of their ids, those after `after_id` (0: from the
 * start), of active and inactive tenants. A page with fewer rows than `limit` is the last.
 */
struct store_list_unindexed_keys {
    struct store_call call;
    int64_t after_id;
    uint32_t limit; /* 1..STORE_KEY_PAGE_MAX */
    /* results, valid until store_call_release() */
    const struct store_key_hash *rows;
    size_t count;
};

/* Prepares the call. */
void store_list_unindexed_keys_init(struct store_list_unindexed_keys *list, int64_t after_id,
                                    uint32_t limit);

/*
 * Remembers the digest of a key whose hash was verified. Combined. CELERIAC_ERR_NOT_FOUND when the
 * key is gone or its hash is another one now.
 */
struct store_add_digest {
    struct store_call call;
    struct store_digest digest;
    int64_t key_id;
    struct span key_hash; /* that was verified, 1..STORE_KEY_HASH_MAX characters */
};

/* Prepares the call. */
void store_add_digest_init(struct store_add_digest *add, const struct store_digest *digest,
                           int64_t key_id, struct span key_hash);

/*
 * Notes that a key was used. Never blocks and never fails: the first use is stored at once, later
 * ones of the same second together, and combined with those of other keys. Any thread.
 */
void store_touch_key(struct store *s, int64_t key_id, int64_t used_at_us);

/* One row of a tenant's list. */
struct store_api_key {
    int64_t id;
    struct span name;
    bool is_active;
    int64_t created_at_us;
    int64_t last_used_at_us; /* STORE_NO_TIME: never */
};

/* Makes a key for a tenant, with its digest. CELERIAC_ERR_NOT_FOUND when there is no such tenant.
 */
struct store_create_key {
    struct store_call call;
    struct uuid tenant_id;
    struct span name;     /* 0..STORE_KEY_NAME_MAX characters */
    struct span key_hash; /* 1..STORE_KEY_HASH_MAX characters; unique by its salt */
    struct store_digest digest;
    bool is_test; /* begins with sk_test_ */
    int64_t created_at_us;
    /* result */
    int64_t key_id;
};

/* Prepares the call; the caller then fills the request's fields. */
void store_create_key_init(struct store_create_key *create);

/* A tenant's keys, newest first, at most STORE_KEY_PAGE_MAX, those with ids below before_id. */
struct store_list_keys {
    struct store_call call;
    struct uuid tenant_id;
    int64_t before_id; /* cursor: the last row's id; 0: from the newest */
    /* results, valid until store_call_release() */
    const struct store_api_key *rows;
    size_t count;
};

/* Prepares the call. */
void store_list_keys_init(struct store_list_keys *list, const struct uuid *tenant_id);

/* Switches a tenant's key off, also when it is off already. CELERIAC_ERR_NOT_FOUND. */
struct store_deactivate_key {
    struct store_call call;
    struct uuid tenant_id;
    int64_t key_id;
};

/* Most seconds that a replaced key goes on to work: 30 days. */
#define STORE_KEY_GRACE_MAX (INT64_C(30) * 86400)

/* Looks at a tenant's key before it is replaced. CELERIAC_ERR_NOT_FOUND. */
struct store_get_key {
    struct store_call call;
    struct uuid tenant_id;
    int64_t key_id;
    /* results */
    bool is_replaceable; /* it is switched on, and was not replaced before */
    bool is_mode_known;  /* whether is_test says something */
    bool is_test;
};

/* Prepares the call. */
void store_get_key_init(struct store_get_key *get, const struct uuid *tenant_id, int64_t key_id);

/*
 * Makes a key of the same name in place of another, which goes on to work for some time.
 * CELERIAC_ERR_NOT_FOUND when there is no such key that can be replaced.
 */
struct store_rotate_key {
    struct store_call call;
    struct uuid tenant_id;
    int64_t old_id;
    struct span key_hash; /* of the new key, as in store_create_key */
    struct store_digest digest;
    bool is_test;
    int64_t grace_seconds; /* 0..STORE_KEY_GRACE_MAX; 0: the old key is switched off at once */
    int64_t created_at_us;
    /* results, valid until store_call_release() */
    int64_t key_id;
    struct span name;
    int64_t old_ends_us;
};

/* Prepares the call; the caller then fills the request's fields. */
void store_rotate_key_init(struct store_rotate_key *rotate);

/* Prepares the call. */
void store_deactivate_key_init(struct store_deactivate_key *off, const struct uuid *tenant_id,
                               int64_t key_id);

#endif
