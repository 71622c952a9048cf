#include "worker/waiting.h"

#include <string.h>

#include "base/alloc.h"

enum celeriac_err cel_waiting_create(struct span tag, struct span queue,
                                     struct cel_waiting **waiting)
{
    struct cel_waiting *w;
    size_t size;

    if (!size_add(sizeof *w, tag.len, &size))
        return CELERIAC_ERR_MEMORY;
    w = mem_alloc(size);
    if (!w)
        return CELERIAC_ERR_MEMORY;
    w->queue = queue;
    w->tag_len = tag.len;
    memcpy(w->tag, tag.ptr, tag.len);
    *waiting = w;
    return CELERIAC_OK;
}

void cel_waiting_destroy(void *waiting)
{
    mem_free(waiting);
}

struct span cel_waiting_tag(const struct cel_waiting *waiting)
{
    return (struct span){.ptr = waiting->tag, .len = waiting->tag_len};
}
