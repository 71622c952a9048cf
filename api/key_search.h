/*
 * Which key to try against which stored hash next: the plan behind the slow look-up of keys that
 * Django wrote and nobody has used with us yet.
 *
 * Trying one key against one hash costs hundreds of milliseconds (PBKDF2), so one low-priority
 * thread does all of it, one trial at a time, and this plan sees to it that strangers with unknown
 * keys cannot keep the others out for good:
 *
 *   - addresses take turns, and of each address the oldest key is tried to its end;
 *   - a key is searched once, however many requests come with it, and what was tried is remembered,
 *     so that a key which left the plan goes on where it stopped;
 *   - a key that nobody has asked for in a while leaves the plan: who comes again gets to the
 * front;
 *   - the plan is bounded, in all and for each address. When it is full the key with the most
 *     trials gives way to a new one, because it is the least likely to be anybody's.
 *
 * Requests may wait for the outcome, but only for a few keys at a time; the others are to be asked
 * to come again. Hashes are tried in the order of their keys' last use, the latest first, and those
 * never used after them, from the newest row to the oldest; what appears later goes before all that
 * was there. Pure: no threads, no clock, no
 * database; the owner calls it under a lock. Raw keys are wiped when they are no longer needed.
 */
#ifndef API_KEY_SEARCH_H
#define API_KEY_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"
#include "notify/rules/api_key.h"
#include "notify/store/digest.h"

/* Most keys in the plan; a trial of each takes minutes. */
#define KEY_SEARCH_JOBS_MAX 256

/* Most of these from one address, so that four are needed to fill the plan. */
#define KEY_SEARCH_JOBS_PER_PEER 64

/* Most keys that requests wait for, and most requests that wait for one; each holds a connection.
 */
#define KEY_SEARCH_WAITED_MAX 4
#define KEY_SEARCH_WAITING_PER_KEY 64

/* A key that nobody has asked for in this time leaves the plan. */
#define KEY_SEARCH_IDLE_NS INT64_C(60000000000)

/* Keys whose trials are remembered, and for how long. */
#define KEY_SEARCH_MEMORY 16384
#define KEY_SEARCH_MEMORY_NS INT64_C(600000000000)

/* Most hashes; Python would need an hour for a single request. */
#define KEY_SEARCH_HASHES_MAX 10000

/* A hash to try, as api_keys has it. */
struct key_hash {
    int64_t key_id;
    int64_t used_at_us; /* INT64_MIN: never */
    char *text;         /* NUL-terminated; from mem_alloc() */
    uint64_t place;     /* the search's own: the highest is tried first */
};

/* The hashes that there are, in the order of their ids. */
struct key_hashes {
    struct key_hash *rows;
    size_t count;
};

/* Releases rows and texts. */
void key_hashes_close(struct key_hashes *hashes);

/* A request that waits for the outcome of a search. Memory of the request. */
struct key_waiter {
    struct key_waiter *next; /* the search's own; also links the lists that it returns */
    int64_t deadline_ns;     /* when the request stops waiting */
};

/* One trial. The key and the hash are copies, so that it can be done without the lock. */
struct key_trial {
    struct store_digest digest;
    int64_t key_id;
    uint64_t place; /* the search's own */
    char key[NOTIFY_API_KEY_MAX + 1];
    char hash[NOTIFY_API_KEY_HASH_SIZE];
};

struct key_search;

/* An empty plan. CELERIAC_ERR_MEMORY. */
enum celeriac_err key_search_create(struct key_search **s) CELERIAC_MUST_CHECK;

/* Releases it, wiping the keys; nobody may be waiting. s may be NULL. */
void key_search_destroy(struct key_search *s);

/*
 * Adds a request for a key (at most NOTIFY_API_KEY_MAX bytes) from an address. With CELERIAC_OK the
 * waiter comes back in one of the lists below. CELERIAC_ERR_LIMIT: the waiter is not taken, the
 * request should come again; the key is in the plan all the same unless that is full. *displaced
 * gets the waiters of a key that gave way (a list, or NULL); they should come again, too.
 */
enum celeriac_err key_search_add(struct key_search *s, const struct store_digest *digest,
                                 struct span key, const char *peer, int64_t now_ns,
                                 struct key_waiter *waiter,
                                 struct key_waiter **displaced) CELERIAC_MUST_CHECK;

/* Whether a key waits for hashes that were read after it was added. */
bool key_search_needs_hashes(const struct key_search *s);

/*
 * Gives the plan the hashes as a query found them that was begun at read_ns; they are taken over.
 */
void key_search_set_hashes(struct key_search *s, struct key_hashes *hashes, int64_t read_ns);

/* Chooses the next trial; false when there is none. The caller wipes the trial after use. */
bool key_search_next(struct key_search *s, struct key_trial *trial);

/* Notes that a trial failed. */
void key_search_failed(struct key_search *s, const struct key_trial *trial);

/*
 * Notes that a trial succeeded: the hash is not tried any more. Returns the waiters: their key is
 * that row's.
 */
struct key_waiter *key_search_found(struct key_search *s, const struct key_trial *trial);

/*
 * Ends the search for keys that no hash is left for, and returns their waiters: the keys are
 * unknown. To be called after each of the three above.
 */
struct key_waiter *key_search_settle(struct key_search *s, int64_t now_ns);

/* Drops idle keys and returns the waiters whose deadline has passed; their keys stay in the plan.
 */
struct key_waiter *key_search_expire(struct key_search *s, int64_t now_ns);

/* Returns all waiters, for the end. */
struct key_waiter *key_search_release(struct key_search *s);

/* The next deadline of a waiter, or 0 when nobody waits. */
int64_t key_search_deadline(const struct key_search *s);

/* Keys in the plan now. */
size_t key_search_count(const struct key_search *s);

#endif
