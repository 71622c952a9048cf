/*
 * Notifications whose messages are to be published, and a bounded queue of those that wait for it
 * in memory. One thread at a time: its user holds a lock.
 */
#ifndef NOTIFY_PUBLICATIONS_H
#define NOTIFY_PUBLICATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "celeriac/error.h"

/* Most notifications that wait: 48 bytes each, and their headers. */
#define NOTIFY_PUBLICATIONS_MAX 65536

/* Most bytes of the headers of those that wait. */
#define NOTIFY_PUBLICATIONS_HEADERS_MAX ((size_t)8 * 1024 * 1024)

/* A message that is to be published: what its outbox row says. */
struct notify_publication {
    struct uuid notification_id; /* also the id of the Celery task */
    struct uuid task_id;         /* names the publication, see store/outbox.h */
    int64_t eta_us;              /* when to send it; STORE_NO_TIME: at once */
    const char *headers_json;    /* its further headers, a JSON object; NULL: none */
};

/* A copy with headers of its own, to be released. False without memory. */
bool notify_publication_copy(struct notify_publication *to,
                             const struct notify_publication *from) CELERIAC_MUST_CHECK;

/* Frees a copy's headers. */
void notify_publication_release(struct notify_publication *publication);

struct notify_publications;

/* An empty queue, with all its room. CELERIAC_ERR_MEMORY. */
enum celeriac_err notify_publications_create(struct notify_publications **publications)
    CELERIAC_MUST_CHECK;

/* Releases what still waits; publications may be NULL. */
void notify_publications_destroy(struct notify_publications *publications);

/* Appends a copy. False when it is beyond a limit or there is no memory for it. */
bool notify_publications_put(struct notify_publications *publications,
                             const struct notify_publication *publication) CELERIAC_MUST_CHECK;

/* Moves the first ones, at most max, to batch, whose owner releases them. Returns how many. */
size_t notify_publications_take(struct notify_publications *publications,
                                struct notify_publication *batch, size_t max);

/* How many wait. */
size_t notify_publications_count(const struct notify_publications *publications);

#endif
