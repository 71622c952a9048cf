#include "worker/queue_change.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"

struct cel_queue_change {
    atomic_bool waiting; /* spares the consumer the lock in nearly every turn */
    pthread_mutex_t lock;
    char *text;         /* the names one after the other; NULL: no change */
    const char **names; /* into text */
    size_t count;
};

enum celeriac_err cel_queue_change_create(struct cel_queue_change **change)
{
    struct cel_queue_change *c = mem_calloc(1, sizeof *c);

    if (!c)
        return CELERIAC_ERR_MEMORY;
    pthread_mutex_init(&c->lock, NULL);
    *change = c;
    return CELERIAC_OK;
}

void cel_queue_change_destroy(struct cel_queue_change *change)
{
    if (!change)
        return;
    mem_free(change->text);
    mem_free(change->names);
    pthread_mutex_destroy(&change->lock);
    mem_free(change);
}

static char *join(const char *const *names, size_t count, const char **places)
{
    size_t len = 1;
    char *text;
    char *at;

    for (size_t i = 0; i < count; i++)
        len += strlen(names[i]) + 1;
    text = mem_alloc(len);
    at = text;
    for (size_t i = 0; text && i < count; i++) {
        size_t bytes = strlen(names[i]) + 1;

        memcpy(at, names[i], bytes);
        places[i] = at;
        at += bytes;
    }
    return text;
}

enum celeriac_err cel_queue_change_set(struct cel_queue_change *change, const char *const *names,
                                       size_t count)
{
    const char **places = mem_calloc(count + 1, sizeof(char *));
    char *text = places ? join(names, count, places) : NULL;

    if (!text) {
        mem_free(places);
        return CELERIAC_ERR_MEMORY;
    }
    pthread_mutex_lock(&change->lock);
    mem_free(change->text);
    mem_free(change->names);
    change->text = text;
    change->names = places;
    change->count = count;
    atomic_store(&change->waiting, true);
    pthread_mutex_unlock(&change->lock);
    return CELERIAC_OK;
}

enum celeriac_err cel_queue_change_apply(struct cel_queue_change *change,
                                         struct cel_claimer *claimer, bool *none)
{
    struct celeriac_error err = {0};
    enum celeriac_err code = CELERIAC_OK;

    if (!atomic_load(&change->waiting))
        return CELERIAC_OK;
    pthread_mutex_lock(&change->lock);
    if (change->count > 0)
        code = cel_claimer_set_queues(claimer, change->names, change->count, &err);
    if (code == CELERIAC_OK)
        *none = change->count == 0;
    /* A claim in doubt is settled by the next claim; any other refusal would be repeated for ever.
     */
    if (code != CELERIAC_ERR_UNAVAILABLE)
        atomic_store(&change->waiting, false);
    pthread_mutex_unlock(&change->lock);
    if (code != CELERIAC_OK && code != CELERIAC_ERR_UNAVAILABLE)
        log_error("worker", "the set of queues cannot be changed", LOG_ERR(&err));
    return code == CELERIAC_ERR_MEMORY ? code : CELERIAC_OK;
}
