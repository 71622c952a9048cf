#include "worker/control_queues.h"

#include <string.h>

#include "base/alloc.h"
#include "celery_proto/redis/claim.h"
#include "celery_proto/redis/publish.h"

enum celeriac_err cel_control_queues_init(struct cel_control_queues *queues,
                                          const char *const *names, size_t count)
{
    enum celeriac_err code = CELERIAC_OK;

    *queues = (struct cel_control_queues){.count = 0};
    queues->names = mem_calloc(CEL_CLAIM_QUEUES_MAX, sizeof(char *));
    if (!queues->names)
        return CELERIAC_ERR_MEMORY;
    pthread_mutex_init(&queues->lock, NULL);
    for (size_t i = 0; code == CELERIAC_OK && i < count; i++) {
        code = cel_control_queues_add(queues, span_of(names[i]));
        /* A queue that is named twice on the command line is one queue. */
        if (code == CELERIAC_ERR_EXISTS)
            code = CELERIAC_OK;
    }
    if (code)
        cel_control_queues_close(queues);
    return code;
}

enum celeriac_err cel_control_queues_copy(struct cel_control_queues *from,
                                          struct cel_control_queues *queues)
{
    enum celeriac_err code;

    pthread_mutex_lock(&from->lock);
    code = cel_control_queues_init(queues, (const char *const *)from->names, from->count);
    pthread_mutex_unlock(&from->lock);
    return code;
}

void cel_control_queues_close(struct cel_control_queues *queues)
{
    if (!queues->names)
        return;
    pthread_mutex_destroy(&queues->lock);
    for (size_t i = 0; i < queues->count; i++)
        mem_free(queues->names[i]);
    mem_free(queues->names);
    *queues = (struct cel_control_queues){.count = 0};
}

static size_t find(const struct cel_control_queues *queues, struct span name)
{
    size_t i = 0;

    while (i < queues->count && !span_is(name, queues->names[i]))
        i++;
    return i;
}

enum celeriac_err cel_control_queues_add(struct cel_control_queues *queues, struct span name)
{
    char *copy;

    if (name.len == 0 || memchr(name.ptr, '\0', name.len))
        return CELERIAC_ERR_VALUE;
    if (find(queues, name) < queues->count)
        return CELERIAC_ERR_EXISTS;
    if (queues->count == CEL_CLAIM_QUEUES_MAX || name.len > CEL_NAME_MAX)
        return CELERIAC_ERR_LIMIT;
    copy = mem_dup_span(name);
    if (!copy)
        return CELERIAC_ERR_MEMORY;
    pthread_mutex_lock(&queues->lock);
    queues->names[queues->count++] = copy;
    pthread_mutex_unlock(&queues->lock);
    return CELERIAC_OK;
}

bool cel_control_queues_remove(struct cel_control_queues *queues, struct span name)
{
    size_t i = find(queues, name);

    if (i == queues->count)
        return false;
    pthread_mutex_lock(&queues->lock);
    mem_free(queues->names[i]);
    queues->names[i] = queues->names[--queues->count];
    pthread_mutex_unlock(&queues->lock);
    return true;
}
