/*
 * Memory that many share: so many bytes may be held at a time by all of them together. Nobody waits
 * for it. Pure, but for being counted atomically; any thread.
 */
#ifndef API_MEMORY_BUDGET_H
#define API_MEMORY_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct memory_budget {
    size_t max;         /* bytes, set before the first use; at most SIZE_MAX / 2 */
    atomic_size_t held; /* of these */
};

/*
 * Who holds so much in one piece may always: small things are many, and bounded by their number,
 * and those who ask for much cannot keep the others out.
 */
#define MEMORY_BUDGET_SMALL ((size_t)64 * 1024)

/*
 * What one holder takes of it: sees to it that `bytes` are counted for the holder, but for a piece
 * that is small. *counted is what the holder has by now, 0 at first; it never shrinks here. False:
 * there is not so much left, and all is as before. bytes at most SIZE_MAX / 4.
 */
bool memory_budget_hold(struct memory_budget *budget, size_t bytes, size_t *counted);

/* Gives back what is counted for a holder. */
void memory_budget_release(struct memory_budget *budget, size_t *counted);

#endif
