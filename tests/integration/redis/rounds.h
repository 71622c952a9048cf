/*
 * Rounds of a maintainer without waiting: the caller's clock is an argument, and the clock by which
 * the server judges peers (lua/beat.lua) is moved by hand. One thread.
 */
#ifndef TESTS_REDIS_ROUNDS_H
#define TESTS_REDIS_ROUNDS_H

#include "tests/integration/redis/fixture.h"

/* What a maintainer did in all rounds so far. */
struct sum {
    size_t restored, dead_workers, quarantined, orphans, lost;
    bool evicted;
    char lost_tags[256];
};

/* Lets `ms` of the awake clock pass; real time until the next beat does not count. */
void let_time_pass(struct fixture *f, int64_t ms);

/* One round as the clock stands at now_ns; returns when the next is due. */
int64_t round_at(struct cel_maintainer *m, int64_t now_ns, struct sum *sum);

/* Rounds from now_ns until `ms` later, on both clocks; returns when the next is due. */
int64_t rounds(struct fixture *f, struct cel_maintainer *m, int64_t now_ns, int64_t ms,
               struct sum *sum);

#endif
