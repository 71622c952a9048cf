/*
 * Who is calling: from an X-API-KEY to a tenant.
 *
 * A key is looked up by its SHA-256: in a cache of a second's memory, then by one indexed look-up
 * in the store. Look-ups of unknown keys are limited for each address. A key that Django made and
 * that was never used with us has no digest yet; it is searched for in the background
 * (key_search.h), its digest is stored, and from then on it is found like any other. Raw keys are
 * never logged and are wiped after use.
 */
#ifndef API_AUTH_H
#define API_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "api/key_search.h"
#include "api/peer_net.h"
#include "base/span.h"
#include "base/uuid.h"
#include "celeriac/error.h"
#include "notify/store/api_keys.h"
#include "notify/store/server.h"
#include "notify/store/store.h"

/*
 * How long a verdict is remembered, so that a busy key costs one look-up in this time. What our own
 * processes switch off is forgotten at once (key_watch.h), and nothing is remembered while they
 * cannot be heard; what Django switches off, or an operator by SQL, stays usable for so long.
 */
#define AUTH_CACHE_NS INT64_C(1000000000)

/*
 * How long it is remembered that a key was good: its look-ups do not count as tries (flood_gate.h),
 * so that a flood from an address does not shut out the tenants who share it.
 */
#define AUTH_GOOD_NS INT64_C(600000000000)

/* Verdicts that are remembered. */
#define AUTH_CACHE_ENTRIES 16384

/* Longest time that a request waits for a look-up, and for the search of a key. */
#define AUTH_LOOKUP_NS INT64_C(5000000000)
#define AUTH_SEARCH_NS INT64_C(15000000000)

enum auth_verdict {
    AUTH_PENDING,         /* not known yet: auth_check.done will be called */
    AUTH_ACCEPTED,        /* who is set */
    AUTH_INVALID,         /* unknown key, or one that was switched off: 401 */
    AUTH_TENANT_INACTIVE, /* 403 */
    AUTH_SEARCHING,       /* a key without a digest, perhaps: the search takes longer: 503 */
    AUTH_THROTTLED,       /* too many unknown keys from this address: 429; see wait_ns */
    AUTH_LATER            /* the database is away: 503 */
};

struct auth_identity {
    struct uuid tenant_id;
    int64_t key_id;
    int64_t limit_milli; /* the tenant's requests in a thousand seconds; 0: no row of its own */
    int32_t limit_burst; /* and how many at once */
};

struct auth;

/* One question. Memory of the request; the fields up to context are set before auth_check(). */
struct auth_check {
    struct span key;                        /* not empty; stays until the verdict */
    const char *peer;                       /* address of the client, stays until the verdict */
    void (*done)(struct auth_check *check); /* any thread, no locks held */
    void *context;                          /* the caller's */

    enum auth_verdict verdict;
    struct auth_identity who;
    int64_t used_at_us; /* when AUTH_ACCEPTED: what the key's last_used_at becomes */
    int64_t wait_ns;    /* when AUTH_THROTTLED: how long until the next try */

    /* The module's own. */
    struct auth *auth;
    struct store_digest digest;
    struct store_find_key find;
    struct key_waiter waiter;
    bool searched;
    uint64_t epoch;     /* of what is remembered, when the look-up began */
    int64_t expires_ns; /* when the key ends; INT64_MAX: it does not */
    struct peer_net net;
    bool has_try; /* a try was taken from the gate */
};

/* All but the store may be zero. */
struct auth_options {
    struct store *store;               /* borrowed; outlives it */
    const struct store_server *server; /* to hear of changes; NULL: nothing is remembered */
    unsigned unknown_per_second;       /* unknown keys of an address a second; 0: no limit */
};

/* Starts its threads. CELERIAC_ERR_VALUE, _MEMORY, _SYSTEM. */
enum celeriac_err auth_create(const struct auth_options *options, struct auth **auth,
                              struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Ends the search for keys, for the program's end: who waits for it has to ask again. Look-ups go
 * on.
 */
void auth_stop(struct auth *auth);

/* Releases everything; nobody may be waiting any more. auth may be NULL. */
void auth_destroy(struct auth *auth);

/*
 * Asks. Returns the verdict when it is known at once; otherwise AUTH_PENDING, and check->done is
 * called once with check->verdict set. Accepting a key notes its use. Any thread; does not block.
 */
enum auth_verdict auth_check(struct auth *auth, struct auth_check *check);

/* Numbers since the start. */
struct auth_stats {
    uint64_t hits;     /* keys whose verdict was remembered */
    uint64_t misses;   /* keys that were looked up */
    uint64_t searches; /* of these, searched for by their hash */
};

/* Reads the numbers. Any thread. */
void auth_get_stats(struct auth *auth, struct auth_stats *stats);

/* Forgets all verdicts, after a key was switched off or replaced. Any thread. */
void auth_forget(struct auth *auth);

#endif
