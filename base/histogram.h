/*
 * How long things take: counts in fixed buckets, for graphs of percentiles. Adding is three relaxed
 * atomic additions; any number of threads may add and read at the same time. A reader may see an
 * observation in its bucket and not yet in the sum.
 */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Buckets with an upper bound; the last one, without, comes on top. */
#define HISTOGRAM_BOUNDS 14

/* All zero is empty. */
struct histogram {
    atomic_uint_fast64_t buckets[HISTOGRAM_BOUNDS + 1]; /* not cumulated */
    atomic_uint_fast64_t sum_ns;
};

/* What was in it at some moment, cumulated: counts[i] are those of at most bound i. */
struct histogram_view {
    uint64_t counts[HISTOGRAM_BOUNDS + 1]; /* the last is the number of all */
    uint64_t sum_ns;
};

/*
 * The upper bounds in nanoseconds: 5 ms to 10 s, the default ones of Prometheus' client libraries,
 * so that graphs made for Python's workers fit. Each belongs to its bucket.
 */
extern const int64_t histogram_bounds_ns[HISTOGRAM_BOUNDS];

/* Counts a duration; below 0 counts as 0. */
void histogram_add(struct histogram *h, int64_t ns);

/* Reads it. */
void histogram_read(const struct histogram *h, struct histogram_view *view);

#endif
