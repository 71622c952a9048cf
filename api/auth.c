#include "api/auth.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "api/digest_map.h"
#include "api/flood_gate.h"
#include "api/key_hunt.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "notify/rules/api_key.h"
#include "notify/store/key_watch.h"

/* What the cache holds. */
struct remembered {
    enum auth_verdict verdict;
    struct auth_identity who;
    uint64_t epoch;   /* the verdict counts only as long as nothing was forgotten since */
    int64_t until_ns; /* and until then; that the key was good is remembered longer */
};

struct auth {
    struct store *store;
    struct key_hunt *hunt;
    struct store_key_watch *watch;
    atomic_uint_fast64_t hits, misses, searches;
    pthread_mutex_t lock;
    struct digest_map *cache; /* under lock, as all below */
    struct flood_gate *gate;  /* NULL: no limit */
    bool is_watching;         /* changes are heard */
    uint64_t epoch;           /* counts what made verdicts void */
};

static void on_hunted(struct key_waiter *waiter, enum key_hunt_end end);

static void on_changed(void *context)
{
    auth_forget(context);
}

static void on_watching(void *context, bool is_watching)
{
    struct auth *auth = context;

    pthread_mutex_lock(&auth->lock);
    auth->is_watching = is_watching;
    auth->epoch++;
    pthread_mutex_unlock(&auth->lock);
}

static enum celeriac_err make_parts(struct auth *made, const struct auth_options *options,
                                    struct celeriac_error *err)
{
    struct store_key_watch_options watch = {
        .changed = on_changed, .watching = on_watching, .context = made};
    enum celeriac_err rc =
        digest_map_create(AUTH_CACHE_ENTRIES, sizeof(struct remembered), &made->cache);

    if (rc == CELERIAC_OK && options->unknown_per_second > 0)
        rc = flood_gate_create(options->unknown_per_second, &made->gate);
    if (rc != CELERIAC_OK)
        return celeriac_error_set(err, rc, "no memory for the key cache");
    rc = key_hunt_create(made->store, on_hunted, &made->hunt, err);
    if (rc != CELERIAC_OK || !options->server)
        return rc;
    watch.server = *options->server;
    return store_key_watch_create(&watch, &made->watch, err);
}

enum celeriac_err auth_create(const struct auth_options *options, struct auth **auth,
                              struct celeriac_error *err)
{
    struct auth *made = mem_calloc(1, sizeof *made);
    enum celeriac_err rc;

    if (!made)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for the key cache");
    made->store = options->store;
    pthread_mutex_init(&made->lock, NULL);
    rc = make_parts(made, options, err);
    if (rc != CELERIAC_OK) {
        auth_destroy(made);
        return rc;
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
    store_key_watch_destroy(auth->watch);
    key_hunt_destroy(auth->hunt);
    flood_gate_destroy(auth->gate);
    digest_map_destroy(auth->cache);
    pthread_mutex_destroy(&auth->lock);
    mem_free(auth);
}

/* What is remembered of the key; what the cache holds says how much of it still counts. */
enum memory { MEMORY_NONE, MEMORY_GOOD_KEY, MEMORY_VERDICT };

static enum memory recall(struct auth_check *c)
{
    int64_t now_ns = clock_monotonic_ns();
    struct auth *auth = c->auth;
    struct remembered found;
    bool counts = false;
    bool hit;

    pthread_mutex_lock(&auth->lock);
    hit = digest_map_get(auth->cache, &c->digest, now_ns, &found);
    if (hit)
        counts = auth->is_watching && found.epoch == auth->epoch && now_ns < found.until_ns;
    pthread_mutex_unlock(&auth->lock);
    if (!hit)
        return MEMORY_NONE;
    if (!counts)
        return found.verdict == AUTH_ACCEPTED ? MEMORY_GOOD_KEY : MEMORY_NONE;
    c->verdict = found.verdict;
    c->who = found.who;
    return MEMORY_VERDICT;
}

static void memorise(const struct auth_check *c)
{
    int64_t now_ns = clock_monotonic_ns();
    int64_t until_ns = now_ns + AUTH_CACHE_NS;
    struct remembered value;

    memset(&value, 0, sizeof value);
    value.verdict = c->verdict;
    value.who = c->who;
    /* That of the look-up's beginning: a change since then may have come too late for it. */
    value.epoch = c->epoch;
    value.until_ns = c->expires_ns < until_ns ? c->expires_ns : until_ns;
    pthread_mutex_lock(&c->auth->lock);
    digest_map_put(c->auth->cache, &c->digest, &value,
                   c->verdict == AUTH_ACCEPTED ? now_ns + AUTH_GOOD_NS : until_ns);
    pthread_mutex_unlock(&c->auth->lock);
}

/* Takes one of the address's tries, since the key may be unknown; false when there is none. */
static bool take_try(struct auth_check *c)
{
    struct auth *auth = c->auth;

    if (!auth->gate)
        return true;
    c->net = peer_net_of(c->peer);
    pthread_mutex_lock(&auth->lock);
    c->has_try = flood_gate_take(auth->gate, &c->net, clock_monotonic_ns(), &c->wait_ns);
    pthread_mutex_unlock(&auth->lock);
    return c->has_try;
}

/* A key that was found, or a database that is away, cost no try. */
static void settle_try(struct auth_check *c)
{
    if (!c->has_try || c->verdict == AUTH_INVALID || c->verdict == AUTH_SEARCHING)
        return;
    pthread_mutex_lock(&c->auth->lock);
    flood_gate_give_back(c->auth->gate, &c->net);
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
    settle_try(c);
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
        c->who.limit_milli = c->find.limit_milli;
        c->who.limit_burst = c->find.limit_burst;
        if (c->find.expires_in_us != STORE_NO_TIME)
            c->expires_ns = clock_monotonic_ns() + c->find.expires_in_us * 1000;
    }
    store_call_release(call);
    if (rc == CELERIAC_ERR_NOT_FOUND)
        search(c);
    else
        conclude(c, verdict);
}

static void note_epoch(struct auth_check *c)
{
    pthread_mutex_lock(&c->auth->lock);
    c->epoch = c->auth->epoch;
    pthread_mutex_unlock(&c->auth->lock);
}

/* Asks the store; when even that is not possible, there is no verdict to be had now. */
static enum celeriac_err look_up(struct auth_check *c)
{
    enum celeriac_err rc;

    note_epoch(c);

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
    check->has_try = false;
    check->expires_ns = INT64_MAX;
    if (check->key.len > NOTIFY_API_KEY_MAX)
        return AUTH_INVALID;
    if (notify_api_key_digest(check->key, digest) != CELERIAC_OK)
        return AUTH_LATER;
    memcpy(check->digest.bytes, digest, sizeof digest);
    switch (recall(check)) {
    case MEMORY_VERDICT:
        atomic_fetch_add_explicit(&auth->hits, 1, memory_order_relaxed);
        note_use(check);
        return check->verdict;
    case MEMORY_NONE:
        if (!take_try(check))
            return AUTH_THROTTLED;
        break;
    case MEMORY_GOOD_KEY:
        break;
    }
    atomic_fetch_add_explicit(&auth->misses, 1, memory_order_relaxed);
    if (look_up(check) == CELERIAC_OK)
        return AUTH_PENDING;
    check->verdict = AUTH_LATER;
    settle_try(check);
    return AUTH_LATER;
}

void auth_forget(struct auth *auth)
{
    pthread_mutex_lock(&auth->lock);
    auth->epoch++;
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
