/* The inside of a seat, shared by seat.c (who sits there) and seat_execute.c (one execution). */
#ifndef WORKER_SEAT_STATE_H
#define WORKER_SEAT_STATE_H

#include <pthread.h>

#include "base/clock.h"
#include "worker/child.h"
#include "worker/seat.h"

/* How long a child that is not needed any more has for its own end. */
#define CEL_SEAT_LEAVE_NS (5 * NS_PER_SEC)

/* The first pause after a start that failed; the next are twice as long each time. */
#define CEL_SEAT_AGAIN_NS (1 * NS_PER_SEC)

/* Longest text about the end of a child. */
#define CEL_SEAT_TEXT_MAX 256

struct cel_seat {
    struct cel_runtime *runtime;
    struct cel_child_watch *watch;
    uint32_t token;          /* in the watch */
    struct cel_child *child; /* NULL: empty */
    int64_t ready_ns;        /* when it was ready (monotonic); 0: not yet */
    unsigned failures;   /* children that could not start, or died at once, one after the other */
    unsigned executed;   /* tasks that the child has had */
    int64_t memory_kib;  /* the most it has used, as it said last */
    unsigned generation; /* of the pool when the child came */
    atomic_int_fast64_t pid;
    bool busy;          /* a request waits for the child, so that a warm stop waits as well */
    atomic_bool killed; /* the worker stops at once */
    atomic_bool look;   /* the child may have died */
    int wake_fd;        /* eventfd: one of the two below has changed */

    pthread_mutex_t lock;
    const struct cel_request *request; /* being executed; NULL: none */
    int signum;                        /* that is to end it; 0: none */
};

/* Lets the child go, with so much time to end by itself; the seat may be empty. For its thread. */
void cel_seat_empty(struct cel_seat *seat, int64_t leave_ns);

#endif
