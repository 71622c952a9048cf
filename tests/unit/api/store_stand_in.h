/*
 * Takes the place of notify/store/combine.c, keeper.c and notify/enqueue.c in a test program that
 * is linked with it: every call is complete at once, on the caller's thread and without a database.
 * No threads, so that allocations can fail in a known order.
 */
#ifndef TESTS_UNIT_API_STORE_STAND_IN_H
#define TESTS_UNIT_API_STORE_STAND_IN_H

#include <stddef.h>

#include "notify/store/call.h"

struct store_stand_in {
    /* Fills the result of a call that its kind has let through; NULL: all is zero. The call's code
     * is what it returns. */
    enum celeriac_err (*answer)(struct store_call *call);
    size_t submitted; /* calls since the last reset */
    size_t published; /* notifications that were handed over for their messages */
};

extern struct store_stand_in store_stand_in;

/* Starts anew, with that function. */
void store_stand_in_reset(enum celeriac_err (*answer)(struct store_call *call));

#endif
