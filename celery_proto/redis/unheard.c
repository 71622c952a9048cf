#include "celery_proto/redis/unheard.h"

#include <string.h>

void unheard_add(struct unheard *unheard, struct span task_id, int64_t now_ns)
{
    size_t at = (unheard->first + unheard->count) % UNHEARD_MAX;
    if (unheard->count == UNHEARD_MAX || task_id.len == 0 || task_id.len > UNHEARD_ID_MAX)
        return;
    unheard->ring[at].due_ns = now_ns + UNHEARD_PAUSE_NS;
    unheard->ring[at].len = (uint8_t)task_id.len;
    memcpy(unheard->ring[at].id, task_id.ptr, task_id.len);
    unheard->count++;
}

int64_t unheard_due(const struct unheard *unheard)
{
    return unheard->count == 0 ? -1 : unheard->ring[unheard->first].due_ns;
}

size_t unheard_take(struct unheard *unheard, int64_t now_ns, struct span ids[UNHEARD_BATCH_MAX])
{
    size_t taken = 0;
    while (taken < UNHEARD_BATCH_MAX && unheard->count > 0 && unheard_due(unheard) <= now_ns) {
        size_t at = unheard->first;
        ids[taken++] = (struct span){unheard->ring[at].id, unheard->ring[at].len};
        unheard->first = (at + 1) % UNHEARD_MAX;
        unheard->count--;
    }
    return taken;
}
