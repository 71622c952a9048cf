/*
 * Deciding which peers are dead from what was seen of their beats. Pure: the time is an argument.
 * One thread at a time.
 *
 * A peer is dead when its registration did not change during CEL_LEASE_DEAD_MS of the observer's
 * monotonic clock, and the observer looked at least every CEL_LEASE_GAP_MS meanwhile. An observer
 * that was held up itself, or that could not reach the server, starts anew for everybody.
 */
#ifndef CEL_REDIS_LEASE_WATCH_H
#define CEL_REDIS_LEASE_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"

/* Most peers watched; each worker reads the registrations of all twice a second. */
#define LEASE_PEERS_MAX 4096

struct lease_watch;

/* Makes a watch that has seen nothing. CELERIAC_ERR_MEMORY. */
enum celeriac_err lease_watch_create(struct lease_watch **watch) CELERIAC_MUST_CHECK;

/* watch may be NULL. */
void lease_watch_destroy(struct lease_watch *watch);

/* Starts an observation made at now_ns: lease_watch_see() for each registration, then _end(). */
void lease_watch_begin(struct lease_watch *watch, int64_t now_ns);

/* One registration. Peers beyond LEASE_PEERS_MAX are not watched. CELERIAC_ERR_MEMORY. */
enum celeriac_err lease_watch_see(struct lease_watch *watch, struct span id,
                                  struct span value) CELERIAC_MUST_CHECK;

/* Ends an observation: forgets peers that are gone. */
void lease_watch_end(struct lease_watch *watch);

/*
 * A peer that is dead by the last observation, or false. Borrowed until the next call that changes
 * the watch; value is its registration as last seen.
 */
bool lease_watch_dead(const struct lease_watch *watch, struct span *id, struct span *value);

/* Forgets a peer that was dealt with. */
void lease_watch_forget(struct lease_watch *watch, struct span id);

#endif
