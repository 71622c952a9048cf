#include "worker/timer_heap.h"

#include <stdbool.h>

#include "base/alloc.h"

#define FIRST_CAPACITY 64

struct entry {
    int64_t due;
    uint64_t order; /* makes equal times first in, first out */
    void *item;
};

struct cel_timer_heap {
    struct entry *entries;
    size_t count;
    size_t cap;
    size_t max;
    uint64_t added;
};

enum celeriac_err cel_timer_heap_create(size_t max, struct cel_timer_heap **heap)
{
    struct cel_timer_heap *h = mem_calloc(1, sizeof *h);

    if (!h)
        return CELERIAC_ERR_MEMORY;
    h->max = max;
    *heap = h;
    return CELERIAC_OK;
}

void cel_timer_heap_destroy(struct cel_timer_heap *heap, void (*free_item)(void *item))
{
    if (!heap)
        return;
    for (size_t i = 0; free_item && i < heap->count; i++)
        free_item(heap->entries[i].item);
    mem_free(heap->entries);
    mem_free(heap);
}

static bool earlier(const struct entry *a, const struct entry *b)
{
    return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static enum celeriac_err resize(struct cel_timer_heap *heap, size_t cap)
{
    struct entry *entries = mem_resize(heap->entries, cap, sizeof *entries);

    if (!entries)
        return CELERIAC_ERR_MEMORY;
    heap->entries = entries;
    heap->cap = cap;
    return CELERIAC_OK;
}

enum celeriac_err cel_timer_heap_add(struct cel_timer_heap *heap, int64_t due, void *item)
{
    size_t at = heap->count;
    struct entry fresh = {.due = due, .order = heap->added, .item = item};

    if (heap->count >= heap->max)
        return CELERIAC_ERR_LIMIT;
    if (heap->count == heap->cap && resize(heap, heap->cap ? heap->cap * 2 : FIRST_CAPACITY))
        return CELERIAC_ERR_MEMORY;
    while (at > 0) {
        size_t parent = (at - 1) / 2;

        if (!earlier(&fresh, &heap->entries[parent]))
            break;
        heap->entries[at] = heap->entries[parent];
        at = parent;
    }
    heap->entries[at] = fresh;
    heap->count++;
    heap->added++;
    return CELERIAC_OK;
}

int64_t cel_timer_heap_next(const struct cel_timer_heap *heap)
{
    return heap->count ? heap->entries[0].due : INT64_MAX;
}

/* Puts `last` where the root was and lets it sink to its place. */
static void sink(struct cel_timer_heap *heap, struct entry last)
{
    size_t at = 0;

    for (;;) {
        size_t child = 2 * at + 1;

        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && earlier(&heap->entries[child + 1], &heap->entries[child]))
            child++;
        if (!earlier(&heap->entries[child], &last))
            break;
        heap->entries[at] = heap->entries[child];
        at = child;
    }
    heap->entries[at] = last;
}

void *cel_timer_heap_take_due(struct cel_timer_heap *heap, int64_t now)
{
    void *item;

    if (heap->count == 0 || heap->entries[0].due > now)
        return NULL;
    item = heap->entries[0].item;
    heap->count--;
    if (heap->count > 0)
        sink(heap, heap->entries[heap->count]);
    /* After a burst the memory goes back; that shrinking failed does no harm. */
    if (heap->cap > FIRST_CAPACITY && heap->count <= heap->cap / 4)
        (void)resize(heap, heap->cap / 2);
    return item;
}

void cel_timer_heap_each(const struct cel_timer_heap *heap, cel_timer_heap_fn *see, void *context)
{
    bool go_on = true;

    for (size_t i = 0; i < heap->count && go_on; i++)
        go_on = see(context, heap->entries[i].due, heap->entries[i].item);
}

size_t cel_timer_heap_count(const struct cel_timer_heap *heap)
{
    return heap->count;
}
