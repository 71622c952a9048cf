#include "notify/publications.h"

#include <string.h>

#include "base/alloc.h"

struct notify_publications {
    struct notify_publication *ring; /* of NOTIFY_PUBLICATIONS_MAX */
    size_t first, count;
    size_t header_bytes;
};

bool notify_publication_copy(struct notify_publication *to, const struct notify_publication *from)
{
    struct notify_publication copy = *from;

    copy.headers_json = mem_dup(from->headers_json);
    if (from->headers_json && !copy.headers_json)
        return false;
    *to = copy;
    return true;
}

void notify_publication_release(struct notify_publication *publication)
{
    mem_free((void *)(uintptr_t)publication->headers_json);
    publication->headers_json = NULL;
}

static size_t header_bytes(const struct notify_publication *publication)
{
    return publication->headers_json ? strlen(publication->headers_json) : 0;
}

enum celeriac_err notify_publications_create(struct notify_publications **publications)
{
    struct notify_publications *p = mem_calloc(1, sizeof *p);

    if (!p)
        return CELERIAC_ERR_MEMORY;
    p->ring = mem_calloc(NOTIFY_PUBLICATIONS_MAX, sizeof *p->ring);
    if (!p->ring) {
        mem_free(p);
        return CELERIAC_ERR_MEMORY;
    }
    *publications = p;
    return CELERIAC_OK;
}

static struct notify_publication *at(const struct notify_publications *p, size_t i)
{
    return &p->ring[(p->first + i) % NOTIFY_PUBLICATIONS_MAX];
}

void notify_publications_destroy(struct notify_publications *publications)
{
    if (!publications)
        return;
    for (size_t i = 0; i < publications->count; i++)
        notify_publication_release(at(publications, i));
    mem_free(publications->ring);
    mem_free(publications);
}

bool notify_publications_put(struct notify_publications *publications,
                             const struct notify_publication *publication)
{
    struct notify_publications *p = publications;
    size_t bytes = header_bytes(publication);

    if (p->count == NOTIFY_PUBLICATIONS_MAX ||
        bytes > NOTIFY_PUBLICATIONS_HEADERS_MAX - p->header_bytes ||
        !notify_publication_copy(at(p, p->count), publication))
        return false;
    p->header_bytes += bytes;
    p->count++;
    return true;
}

size_t notify_publications_take(struct notify_publications *publications,
                                struct notify_publication *batch, size_t max)
{
    struct notify_publications *p = publications;
    size_t count = p->count < max ? p->count : max;

    for (size_t i = 0; i < count; i++) {
        batch[i] = *at(p, i);
        p->header_bytes -= header_bytes(&batch[i]);
    }
    p->first = (p->first + count) % NOTIFY_PUBLICATIONS_MAX;
    p->count -= count;
    return count;
}

size_t notify_publications_count(const struct notify_publications *publications)
{
    return publications->count;
}
