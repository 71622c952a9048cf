#include "api/auth.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "api/digest_map.h"
#include "api/key_hunt.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "notify/rules/api_key.h"

/* What the cache holds. */
struct remembered {
    enum auth_verdict verdict;
    struct auth_identity who;
};

struct auth {
    struct store *store;
    struct key_hunt *hunt;
    pthread_mutex_t lock;
    struct digest_map *cache; /* under lock */
    atomic_uint_fast64_t hits, misses, searches;
};

static void on_hunted(struct key_waiter *waiter, enum key_hunt_end end);

enum celeriac_err auth_create(struct store *store, struct auth **auth, struct celeriac_error *err)
{
    struct auth *made = mem_calloc(1, sizeof *made);
    enum celeriac_err rc;

    if (!made)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for the key cache");
    made->store = store;
    pthread_mutex_init(&made->lock, NULL);
    rc = digest_map_create(AUTH_CACHE_ENTRIES, sizeof(struct remembered), &made->cache);
    if (rc == CELERIAC_OK)
        rc = key_hunt_create(store, on_hunted, &made->hunt, err);
    if (rc != CELERIAC_OK) {
        auth_destroy(made);
        return celeriac_error_set(err, rc, "no memory for the key cache");
    }
    *auth = made;
    return CELERIAC_OK;
}

void auth_stop(struct auth *auth)
{
    key_hunt_stop(auth->hunt);
}

void auth_destroy(struct auth *auth)
{
    if (!auth)
        return;
    key_hunt_destroy(auth->hunt);
    digest_map_destroy(auth->cache);
    pthread_mutex_destroy(&auth->lock);
    mem_free(auth);
}

static bool recall(struct auth_check *c)
{
    struct remembered found;
    bool hit;

    pthread_mutex_lock(&c->auth->lock);
    hit = digest_map_get(c->auth->cache, &c->digest, clock_monotonic_ns(), &found);
    pthread_mutex_unlock(&c->auth->lock);
    if (!hit)
        return false;
    c->verdict = found.verdict;
    c->who = found.who;
    return true;
}

static void memorise(const struct auth_check *c)
{
    struct remembered value;

    memset(&value, 0, sizeof value);
    value.verdict = c->verdict;
    value.who = c->who;
    pthread_mutex_lock(&c->auth->lock);
    digest_map_put(c->auth->cache, &c->digest, &value, clock_monotonic_ns() + AUTH_CACHE_NS);
    pthread_mutex_unlock(&c->auth->lock);
}

static void note_use(struct auth_check *c)
{
    if (c->verdict != AUTH_ACCEPTED)
        return;
    c->used_at_us = clock_wall_us();
    store_touch_key(c->auth->store, c->who.key_id, c->used_at_us);
}

/* The verdict came later than auth_check() returned. */
static void conclude(struct auth_check *c, enum auth_verdict verdict)
{
    c->verdict = verdict;
    if (verdict != AUTH_LATER && verdict != AUTH_SEARCHING)
        memorise(c);
    note_use(c);
    c->done(c);
}

/* All keys that Django or we have made begin so; anything else need not be searched. */
static bool may_be_a_key(struct span key)
{
    return span_starts(key, SPAN("sk_live_")) || span_starts(key, SPAN("sk_test_"));
}

static void search(struct auth_check *c)
{
    if (c->searched || !may_be_a_key(c->key)) {
        conclude(c, AUTH_INVALID);
        return;
    }
    atomic_fetch_add_explicit(&c->auth->searches, 1, memory_order_relaxed);
    c->waiter.deadline_ns = clock_monotonic_ns() + AUTH_SEARCH_NS;
    if (key_hunt_add(c->auth->hunt, &c->digest, c->key, c->peer, &c->waiter) != CELERIAC_OK)
        conclude(c, AUTH_SEARCHING);
}

static enum auth_verdict judge(const struct store_find_key *find)
{
    if (!find->key_is_active)
        return AUTH_INVALID;
    return find->tenant.is_active ? AUTH_ACCEPTED : AUTH_TENANT_INACTIVE;
}

static void on_looked_up(struct store_call *call)
{
    struct auth_check *c = call->context;
    enum celeriac_err rc = call->error.code;
    enum auth_verdict verdict = AUTH_LATER;

    if (rc == CELERIAC_OK) {
        verdict = judge(&c->find);
        c->who.tenant_id = c->find.tenant.id;
        c->who.key_id = c->find.key_id;
    }
    store_call_release(call);
    if (rc == CELERIAC_ERR_NOT_FOUND)
        search(c);
    else
        conclude(c, verdict);
}

/* Asks the store; when even that is not possible, there is no verdict to be had now. */
static enum celeriac_err look_up(struct auth_check *c)
{
    enum celeriac_err rc;

    store_find_key_init(&c->find, &c->digest);
    c->find.call.done = on_looked_up;
    c->find.call.context = c;
    c->find.call.deadline_ns = clock_monotonic_ns() + AUTH_LOOKUP_NS;
    rc = store_submit(c->auth->store, &c->find.call);
    if (rc != CELERIAC_OK)
        store_call_release(&c->find.call);
    return rc;
}

static void on_hunted(struct key_waiter *waiter, enum key_hunt_end end)
{
    struct auth_check *c =
        (struct auth_check *)(void *)((char *)waiter - offsetof(struct auth_check, waiter));

    if (end == KEY_HUNT_FOUND) {
        c->searched = true;
        if (look_up(c) != CELERIAC_OK)
            conclude(c, AUTH_LATER);
    } else {
        conclude(c, end == KEY_HUNT_UNKNOWN ? AUTH_INVALID : AUTH_SEARCHING);
    }
}

enum auth_verdict auth_check(struct auth *auth, struct auth_check *check)
{
    uint8_t digest[NOTIFY_API_KEY_DIGEST];

    check->auth = auth;
    check->searched = false;
    if (check->key.len > NOTIFY_API_KEY_MAX)
        return AUTH_INVALID;
    if (notify_api_key_digest(check->key, digest) != CELERIAC_OK)
        return AUTH_LATER;
    memcpy(check->digest.bytes, digest, sizeof digest);
    if (recall(check)) {
        atomic_fetch_add_explicit(&auth->hits, 1, memory_order_relaxed);
        note_use(check);
        return check->verdict;
    }
    atomic_fetch_add_explicit(&auth->misses, 1, memory_order_relaxed);
    return look_up(check) == CELERIAC_OK ? AUTH_PENDING : AUTH_LATER;
}

static bool is_about(const void *value, void *key_id)
{
    const struct remembered *found = value;

    return found->who.key_id == *(const int64_t *)key_id;
}

void auth_forget_key(struct auth *auth, int64_t key_id)
{
    pthread_mutex_lock(&auth->lock);
    digest_map_drop(auth->cache, is_about, &key_id);
    pthread_mutex_unlock(&auth->lock);
}

void auth_get_stats(struct auth *auth, struct auth_stats *stats)
{
    *stats = (struct auth_stats){
        .hits = atomic_load_explicit(&auth->hits, memory_order_relaxed),
        .misses = atomic_load_explicit(&auth->misses, memory_order_relaxed),
        .searches = atomic_load_explicit(&auth->searches, memory_order_relaxed),
    };
}
