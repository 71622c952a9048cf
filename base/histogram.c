#include "base/histogram.h"

#include "base/clock.h"

const int64_t histogram_bounds_ns[HISTOGRAM_BOUNDS] = {
    5 * NS_PER_MS,    10 * NS_PER_MS,   25 * NS_PER_MS,   50 * NS_PER_MS,   75 * NS_PER_MS,
    100 * NS_PER_MS,  250 * NS_PER_MS,  500 * NS_PER_MS,  750 * NS_PER_MS,  1000 * NS_PER_MS,
    2500 * NS_PER_MS, 5000 * NS_PER_MS, 7500 * NS_PER_MS, 10000 * NS_PER_MS};

void histogram_add(struct histogram *h, int64_t ns)
{
    size_t i = 0;

    if (ns < 0)
        ns = 0;
    while (i < HISTOGRAM_BOUNDS && ns > histogram_bounds_ns[i])
        i++;
    atomic_fetch_add_explicit(&h->buckets[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->sum_ns, (uint64_t)ns, memory_order_relaxed);
}

void histogram_read(const struct histogram *h, struct histogram_view *view)
{
    uint64_t count = 0;

    for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++) {
        count += atomic_load_explicit(&h->buckets[i], memory_order_relaxed);
        view->counts[i] = count;
    }
    view->sum_ns = atomic_load_explicit(&h->sum_ns, memory_order_relaxed);
}
