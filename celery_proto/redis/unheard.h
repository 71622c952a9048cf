/*
 * Results that nobody was subscribed to when they were announced, and that somebody may be about to
 * wait for: Celery's client looks for a record without waiting for its subscription, and is told
 * nothing when it was stored and announced in between. Each is announced once more, a second later.
 * A short list of ids; no I/O, time is an argument. One thread at a time.
 */
#ifndef CEL_REDIS_UNHEARD_H
#define CEL_REDIS_UNHEARD_H

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/span.h"

/* After how long a subscription that was on its way has arrived. */
#define UNHEARD_PAUSE_NS (1 * NS_PER_SEC)

/* Most that wait; of more the second announcement is left out, as it was before there was one. */
#define UNHEARD_MAX 1024

/* Most of one look, as they are read and sent inside the server at once. */
#define UNHEARD_BATCH_MAX 64

/* Longest id that is kept: a UUID has 36 bytes, ids of one's own a few more. */
#define UNHEARD_ID_MAX 63

/* All zero is empty; it holds no memory of its own. */
struct unheard {
    struct {
        int64_t due_ns;
        uint8_t len;
        char id[UNHEARD_ID_MAX];
    } ring[UNHEARD_MAX];
    size_t first;
    size_t count;
};

/* Notes one; what finds no room, or is too long, is left out. */
void unheard_add(struct unheard *unheard, struct span task_id, int64_t now_ns);

/* When the next is due, monotonic; -1: there is none. */
int64_t unheard_due(const struct unheard *unheard);

/*
 * Takes out up to UNHEARD_BATCH_MAX that are due into ids, oldest first; they stay readable until
 * the next unheard_add(). Returns how many.
 */
size_t unheard_take(struct unheard *unheard, int64_t now_ns, struct span ids[UNHEARD_BATCH_MAX]);

#endif
