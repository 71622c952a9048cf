/*
 * Takes the place of worker/settler.c in a test program that is linked with it: remembers what it
 * is given instead of writing it to Redis. No threads, so that allocations can fail in a known
 * order.
 */
#ifndef TESTS_WORKER_SETTLER_STAND_IN_H
#define TESTS_WORKER_SETTLER_STAND_IN_H

#include "worker/settler.h"

struct settler_stand_in {
    unsigned begun;
    unsigned told;
    unsigned ended;
    struct cel_request *last; /* that has ended; the test's to destroy */
    struct strbuf record;     /* of the state told last */
    enum celeriac_err code;   /* what the next cel_settler_tell() answers */
};

extern struct settler_stand_in settler_stand_in;

/* Starts anew; releases what was remembered. */
void settler_stand_in_reset(void);

#endif
