#include "celery_proto/redis/backoff.h"

#include "base/clock.h"

/* Doubling more often than this passes the longest pause. */
#define DOUBLINGS_MAX 10

int64_t cel_backoff_ns(unsigned failures, random_source_fn *source, void *context)
{
    const int64_t longest = CEL_BACKOFF_MAX_MS * NS_PER_MS;
    unsigned doublings = failures > 0 ? failures - 1 : 0;
    if (doublings > DOUBLINGS_MAX)
        doublings = DOUBLINGS_MAX;
    int64_t pause = (CEL_BACKOFF_FIRST_MS * NS_PER_MS) << doublings;
    if (pause > longest)
        pause = longest;
    int64_t spread = (int64_t)random_up_to(source, context, (uint64_t)pause / 2);
    pause += spread - pause / 4;
    return pause > longest ? longest : pause;
}
