/*
 * How many keys that turn out to be unknown each client's network may try: a token bucket each, in
 * a table of fixed size. When it is full, the bucket that was not touched for longest among a few
 * neighbours is forgotten, which is as good as full. Pure: time is an argument. One thread at a
 * time.
 */
#ifndef API_FLOOD_GATE_H
#define API_FLOOD_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/peer_net.h"
#include "celeriac/error.h"

/* Networks that are remembered; 40 bytes each. */
#define FLOOD_GATE_ENTRIES 16384

/* Tries that a network which was silent has at once, as a multiple of those in a second. */
#define FLOOD_GATE_BURST 10

struct flood_gate;

/* Makes one for per_second (1..1,000,000) tries a second. CELERIAC_ERR_MEMORY. */
enum celeriac_err flood_gate_create(unsigned per_second,
                                    struct flood_gate **gate) CELERIAC_MUST_CHECK;

/* Releases it; gate may be NULL. */
void flood_gate_destroy(struct flood_gate *gate);

/* Takes one try. False when there is none; *wait_ns gets when there will be. */
bool flood_gate_take(struct flood_gate *gate, const struct peer_net *net, int64_t now_ns,
                     int64_t *wait_ns);

/* Gives one back: the key was known after all. */
void flood_gate_give_back(struct flood_gate *gate, const struct peer_net *net);

#endif
