/*
 * How many connections each client's network has, up to a limit. Memory is bounded by the number of
 * connections. Any thread.
 */
#ifndef API_PEER_COUNT_H
#define API_PEER_COUNT_H

#include <stdbool.h>
#include <stddef.h>

#include "api/peer_net.h"
#include "celeriac/error.h"

struct peer_count;

/* Counts up to `most` (at least 1) for each network. CELERIAC_ERR_MEMORY. */
enum celeriac_err peer_count_create(size_t most, struct peer_count **count) CELERIAC_MUST_CHECK;

/* Releases it; count may be NULL. */
void peer_count_destroy(struct peer_count *count);

/*
 * One more of that network. False: it has as many as it may, or memory is short; nothing was
 * counted.
 */
bool peer_count_enter(struct peer_count *count, const struct peer_net *net);

/* One less; once for each that entered. */
void peer_count_leave(struct peer_count *count, const struct peer_net *net);

#endif
