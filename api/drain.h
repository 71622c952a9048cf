/*
 * The exchanges that a server has begun and not ended, so that it can wait for them when it stops.
 * All functions but the first two: any thread.
 */
#ifndef API_DRAIN_H
#define API_DRAIN_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Inside a server; its members are drain.c's. */
struct drain {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t handling; /* begun, without an answer */
    size_t sending;  /* begun, and the answer is not sent: these as well */
    bool closed;     /* nothing begins any more */
};

/* Nothing is under way, everything may begin. Ends with drain_destroy(). */
void drain_init(struct drain *d);

/* Releases it; nothing is under way. */
void drain_destroy(struct drain *d);

/* Counts an exchange that begins. False once drain_close() has ended: it must not begin. */
bool drain_enter(struct drain *d);

/* One that entered has its answer. */
void drain_answered(struct drain *d);

/* One that entered has ended: its answer is sent, or its client gone; whether it had an answer. */
void drain_leave(struct drain *d, bool answered);

/*
 * Waits until all have their answers, however long that takes, and then until these are sent, for
 * grace_ns from the last one. Nothing begins after it.
 */
void drain_close(struct drain *d, int64_t grace_ns);

/* How many are under way, as in struct drain. */
void drain_count(struct drain *d, size_t *handling, size_t *sending);

#endif
