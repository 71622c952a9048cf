/*
 * Limits of rate that any number of processes share: token buckets in the broker's Redis.
 *
 * A bucket has a name, holds up to `burst` tokens, and gets them back at a steady rate. Taking is
 * atomic, in one script, by the server's clock. A bucket exists from the first token taken until it
 * is full again: then its key expires. Rate and burst come with each call, so that changing them
 * needs no step of its own.
 *
 *     struct celeriac_take take = {.name = "tenant-7", .per_1000_s = 5000, .burst = 20,
 *                                  .wanted = 1};
 *     if (celeriac_limiter_take(limiter, &take, 1, &err) == CELERIAC_OK && take.granted == 0)
 *         ... wait take.retry_ms ...
 *
 * Threads: one at a time for each limiter; limiters know nothing of each other.
 */
#ifndef CELERIAC_LIMITER_H
#define CELERIAC_LIMITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "celeriac/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct celeriac_limiter;

/* All zero means defaults. Strings are copied. */
struct celeriac_limiter_options {
    const char *broker_url;               /* redis://...; NULL: redis://127.0.0.1:6379/0 */
    const char *broker_transport_options; /* as in celeriac/client.h; NULL: none */
    const char *broker_use_ssl;           /* likewise */
    const char *broker_failover_strategy; /* likewise */
    unsigned timeout_ms;                  /* for connecting, and for an answer; 0: 3000 */
};

/* Longest name of a bucket, most tokens of one, and most that come back in 1000 seconds. */
#define CELERIAC_BUCKET_NAME_MAX 255
#define CELERIAC_BUCKET_BURST_MAX 1000000
#define CELERIAC_BUCKET_RATE_MAX INT64_C(100000000)

/* Most takes of one call. */
#define CELERIAC_TAKES_MAX 1000

/* Tokens to be taken from one bucket. */
struct celeriac_take {
    const char *name;   /* 1..CELERIAC_BUCKET_NAME_MAX bytes; borrowed for the call */
    int64_t per_1000_s; /* tokens that come back in 1000 seconds, 1..CELERIAC_BUCKET_RATE_MAX */
    int64_t burst;      /* most tokens it holds, 1..CELERIAC_BUCKET_BURST_MAX */
    int64_t wanted;     /* 0: only look */
    /*
     * All that is wanted or nothing, instead of as many as there are. Up to `debt` of them may be
     * lacking: the bucket then owes them, and gives nothing until they have come back. So more can
     * be taken at once than a bucket ever holds, and the rate is kept all the same.
     */
    bool is_whole;
    int64_t debt; /* 0..wanted, with is_whole */
    /* results */
    int64_t granted;   /* 0..wanted: as many as there were */
    int64_t remaining; /* whole tokens that are left */
    int64_t retry_ms;  /* until there is a token, or, after a refusal with is_whole, all; 0: now */
    int64_t full_ms;   /* until it is full, if nobody takes any */
};

/* Makes a limiter; connects when it is first used. CELERIAC_ERR_VALUE names a bad URL; _MEMORY. */
CELERIAC_PUBLIC enum celeriac_err celeriac_limiter_create(
    const struct celeriac_limiter_options *options, struct celeriac_limiter **limiter,
    struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Closes the connection; limiter may be NULL. */
CELERIAC_PUBLIC void celeriac_limiter_destroy(struct celeriac_limiter *limiter);

/*
 * Takes from count buckets (0..CELERIAC_TAKES_MAX, in their order) in one round trip, one attempt.
 * Without any it asks whether the server answers. CELERIAC_ERR_UNAVAILABLE: whether tokens were
 * taken is unknown; CELERIAC_ERR_VALUE names the bad field, and nothing was taken.
 */
CELERIAC_PUBLIC enum celeriac_err celeriac_limiter_take(
    struct celeriac_limiter *limiter, struct celeriac_take *takes, size_t count,
    struct celeriac_error *err) CELERIAC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
