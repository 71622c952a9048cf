/*
 * The workers that are heard of: who beats, and who has ceased to (celery/events/state.py, as far
 * as gossip needs it). No I/O; time is an argument. One thread at a time.
 */
#ifndef WORKER_PEERS_H
#define WORKER_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"

/* Most peers that are remembered; of more the one goes that was not heard of for longest. */
#define CEL_PEERS_MAX 5000

/* Longest node name that is remembered: twice what ours may have. */
#define CEL_PEER_NAME_MAX 400

/* Beats in whose time none was heard, then a peer is lost: HEARTBEAT_EXPIRE_WINDOW, 200 %. */
#define CEL_PEER_BEATS 2

/* Seconds between beats of a peer that does not say: celery/events/state.py Worker.freq. */
#define CEL_PEER_FREQ 60.0

struct cel_peers;

/* Makes an empty one. CELERIAC_ERR_MEMORY. */
enum celeriac_err cel_peers_create(struct cel_peers **peers) CELERIAC_MUST_CHECK;

/* peers may be NULL. */
void cel_peers_destroy(struct cel_peers *peers);

/*
 * Notes that a peer was heard, which beats every freq seconds (0: it does not say); *is_new tells
 * that it was not known. CELERIAC_ERR_LIMIT for a name that is too long or empty,
 * CELERIAC_ERR_MEMORY.
 */
enum celeriac_err cel_peers_hear(struct cel_peers *peers, struct span name, double freq,
                                 int64_t now_ns, bool *is_new) CELERIAC_MUST_CHECK;

/* Forgets a peer that has left; an unknown one does not matter. */
void cel_peers_leave(struct cel_peers *peers, struct span name);

/*
 * Takes out a peer that has missed its heartbeats, its name into name with a NUL. False when there
 * is none. Linear in their number.
 */
bool cel_peers_lose(struct cel_peers *peers, int64_t now_ns, char name[CEL_PEER_NAME_MAX + 1]);

/* As if all had been heard now: we were deaf for a while ourselves. */
void cel_peers_excuse(struct cel_peers *peers, int64_t now_ns);

/* How many there are. */
size_t cel_peers_count(const struct cel_peers *peers);

#endif
