/*
 * The search for keys without a digest, in the background: a coordinator thread that follows the
 * plan of key_search.h, reads hashes from the store and stores the digest of what was found, and
 * the thread of key_trier.h that does the computing.
 */
#ifndef API_KEY_HUNT_H
#define API_KEY_HUNT_H

#include "api/key_search.h"
#include "base/span.h"
#include "celeriac/error.h"
#include "notify/store/digest.h"
#include "notify/store/store.h"

/* Shortest time between two readings of the hashes; requests in between share the next. */
#define KEY_HUNT_READ_NS INT64_C(250000000)

enum key_hunt_end {
    KEY_HUNT_FOUND,   /* the digest is stored: look the key up again */
    KEY_HUNT_UNKNOWN, /* it is nobody's key */
    KEY_HUNT_LATER    /* not known yet: the client has to ask again */
};

struct key_hunt;

/*
 * Starts both threads. `done` is called once for each waiter, on the coordinator's or the adding
 * thread, without locks. The store must outlive it. CELERIAC_ERR_MEMORY or CELERIAC_ERR_SYSTEM.
 */
enum celeriac_err key_hunt_create(struct store *store,
                                  void (*done)(struct key_waiter *waiter, enum key_hunt_end end),
                                  struct key_hunt **hunt,
                                  struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Ends the search: who waits, and whoever comes later, has to ask again. Waits for a running trial.
 * Repeating it does nothing.
 */
void key_hunt_stop(struct key_hunt *hunt);

/* Stops it and releases everything; hunt may be NULL. */
void key_hunt_destroy(struct key_hunt *hunt);

/*
 * Adds a key from an address. CELERIAC_OK: done will be called. CELERIAC_ERR_LIMIT: too many are
 * searched for, or the search was stopped; done is not called. Any thread; does not block.
 */
enum celeriac_err key_hunt_add(struct key_hunt *hunt, const struct store_digest *digest,
                               struct span key, const char *peer,
                               struct key_waiter *waiter) CELERIAC_MUST_CHECK;

#endif
