/*
 * The rate at which each tenant may call: a token bucket for each in the broker's Redis, which all
 * processes share (celeriac/limiter.h).
 *
 * One thread takes all requests that wait and asks for them in one round trip, single requests
 * of a tenant together; no handler waits. While Redis is away, or does not answer within a third of
 * a second, every request is let through, and counted: limits protect the service from its clients,
 * and an outage of Redis must not become one of the API.
 */
#ifndef API_RATE_LIMIT_H
#define API_RATE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/uuid.h"
#include "celeriac/error.h"
#include "celeriac/limiter.h"

/* Longest wait for Redis, and time between two looks whether it is back. */
#define RATE_LIMIT_TIMEOUT_MS 300
#define RATE_LIMIT_PROBE_MS 1000

struct rate_limit;

struct rate_limit_options {
    struct celeriac_limiter_options redis; /* timeout_ms 0: RATE_LIMIT_TIMEOUT_MS */
    int64_t per_1000_s; /* of tenants without a limit of their own; 0: they have none */
    int64_t burst;      /* of these */
};

/* One request. Memory of the caller, until done was called. */
struct rate_check {
    struct uuid tenant_id;
    int64_t per_1000_s; /* the tenant's own limit; 0: that of the options */
    int64_t burst;
    /*
     * 0: one request. Else so many items beyond the request that was counted before: all or none.
     * More than the bucket ever holds pass when it is full but for that request, and are owed then.
     */
    int64_t items;
    void (*done)(struct rate_check *check); /* any thread, no locks held */
    void *context;                          /* the caller's */

    /* Results. */
    bool is_limited; /* there is a limit, and it could be looked at: those below count */
    bool is_granted;
    int64_t limit; /* most at once */
    int64_t remaining;
    int64_t retry_ms; /* until the next may come; with items: until the request with all of them */
    int64_t reset_ms; /* until as many as the limit may come */

    struct rate_check *next; /* the module's own */
};

/* Starts the thread. CELERIAC_ERR_VALUE for a bad address of Redis, _MEMORY, _SYSTEM. */
enum celeriac_err rate_limit_create(const struct rate_limit_options *options,
                                    struct rate_limit **limit,
                                    struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Ends the thread; who waits is let through. limit may be NULL. */
void rate_limit_destroy(struct rate_limit *limit);

/*
 * Asks for one request. True: the results are there already, and done is not called. Any thread;
 * does not block. limit may be NULL: there are no limits.
 */
bool rate_limit_check(struct rate_limit *limit, struct rate_check *check);

/* Numbers since the start. */
struct rate_limit_stats {
    uint64_t refused; /* requests beyond a limit */
    uint64_t open;    /* requests let through because Redis was away */
};

/* Reads the numbers. Any thread. */
void rate_limit_get_stats(struct rate_limit *limit, struct rate_limit_stats *stats);

#endif
