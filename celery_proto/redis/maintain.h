/*
 * What a worker owes its peers: a registration with a beat, the restoring of dead peers' messages,
 * fresh scores for what it holds, and kombu's own restoring by visibility timeout.
 *
 * A worker is dead when it gave no sign for three seconds during which others reached the server
 * all the time. That time is kept in the server (lua/beat.lua), so those others need not live long,
 * and a server that is frozen, restarted or out of reach makes nobody look dead. A maintainer holds
 * one connection. One thread at a time.
 */
#ifndef CEL_REDIS_MAINTAIN_H
#define CEL_REDIS_MAINTAIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"
#include "celery_proto/redis/conn.h"

struct cel_keys;

/* Pause between beats, and while a peer has not beaten for CEL_LEASE_LATE_MS, so that its death is
 * noticed soon. A killed worker's messages are back after about CEL_LEASE_DEAD_MS. A worker that
 * holds none loses none when it is declared dead: it beats just often enough to be no late peer,
 * and to keep the awake clock going when it is alone (CEL_LEASE_SILENCE_MS); that leaves no room
 * for beats that come late, so that after one by more than CEL_LEASE_IDLE_DELAY_MS the next is
 * sooner. */
#define CEL_LEASE_BEAT_MS 500
#define CEL_LEASE_IDLE_BEAT_MS 800
#define CEL_LEASE_IDLE_DELAY_MS 100
#define CEL_LEASE_LATE_BEAT_MS 250
#define CEL_LEASE_LATE_MS 1000

/* Least time between two looks at all peers, whoever looks. Half the pause of a late beat, so that
 * each beat of the only other worker looks. */
#define CEL_LEASE_LOOK_MS 125

/* Time without a beat after which a peer is dead. Of an outage that everybody felt at most
 * CEL_LEASE_SILENCE_MS count towards it, so that at least 1.5 s are left to be back, 1.2 s for who
 * took its first message just before: more than the longest pause between attempts to connect
 * (backoff.h). */
#define CEL_LEASE_DEAD_MS 3000

/* Longest time without anybody's beat that counts. It covers a worker's end and the start of the
 * next one. */
#define CEL_LEASE_SILENCE_MS 1000

/* Seconds between searches for messages beyond the visibility timeout, as kombu. */
#define CEL_RESTORE_INTERVAL_S 100

struct cel_maintainer_options {
    struct cel_conn_options conn;
    const struct cel_keys *keys; /* names in use (codec/keys.h); borrowed, outlives the object */
    const char *worker_id;       /* UUID of this worker process; copied */
    const char *worker_name;     /* node name, for the logs of peers; copied */
    uint32_t visibility_timeout; /* seconds; 0: 3600 */
    /* What cel_finish_answered() said last; borrowed, read before each beat. A server that knows of
     * older batches only has forgotten some. NULL: none. */
    const atomic_uint_fast64_t *answered;
};

/* What one cel_maintain() did. Spans live until the next call. */
struct cel_maintain_report {
    bool evicted; /* we had been declared dead, or the server has forgotten what it answered:
                     nothing claimed before is ours any more. Forget it, then call again: that gives
                     back what the server believes to be ours, and registers us; only then anything
                     is claimed */
    const struct span *lost; /* tags found to be somebody else's while refreshing */
    size_t lost_count;
    size_t dead_workers; /* peers whose messages were restored to the end */
    size_t restored;     /* messages put back, by lease or by visibility timeout */
    size_t quarantined;  /* messages without a queue to go back to */
    size_t orphans;      /* index entries without a message, removed */
};

struct cel_maintainer;

/* Makes a maintainer; connects when first used. CELERIAC_ERR_VALUE or _MEMORY. */
enum celeriac_err cel_maintainer_create(const struct cel_maintainer_options *options,
                                        struct cel_maintainer **maintainer,
                                        struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* maintainer may be NULL. Does not deregister. */
void cel_maintainer_destroy(struct cel_maintainer *maintainer);

/*
 * Does whatever is due: registers the worker (first call, or after an eviction), beats, looks for a
 * dead peer, restores a chunk of its messages, refreshes a chunk of scores, restores by
 * visibility timeout. *next_ns gets the monotonic time of the next call. The first call must have
 * succeeded before anything is claimed. CELERIAC_ERR_UNAVAILABLE: try again after
 * cel_maintain_pause(); others _AUTH, _MEMORY, _PROTOCOL.
 */
enum celeriac_err cel_maintain(struct cel_maintainer *maintainer, int64_t now_ns,
                               struct cel_maintain_report *report, int64_t *next_ns,
                               struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Sleeps before the next attempt after a failure; see cel_conn_pause(). */
enum celeriac_err cel_maintain_pause(struct cel_maintainer *maintainer,
                                     int wake_fd) CELERIAC_MUST_CHECK;

/*
 * Puts everything this worker still owns back to the front of its queues, oldest first to be
 * consumed, marked redelivered, and removes the registration. The last thing a stopping worker
 * does, after its claimer is destroyed. *restored (may be NULL) counts. Repeat it after
 * CELERIAC_ERR_UNAVAILABLE; if it never succeeds, peers do the same a few seconds later.
 */
enum celeriac_err cel_maintain_leave(struct cel_maintainer *maintainer, size_t *restored,
                                     struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
