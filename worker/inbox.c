#include "worker/inbox.h"

#include <pthread.h>
#include <stdbool.h>

#include "base/alloc.h"

struct cel_inbox {
    pthread_mutex_t lock;
    struct cel_request *first, *last; /* linked by `next` */
    bool closed;
};

enum celeriac_err cel_inbox_create(struct cel_inbox **inbox)
{
    struct cel_inbox *i = mem_calloc(1, sizeof *i);

    if (!i)
        return CELERIAC_ERR_MEMORY;
    pthread_mutex_init(&i->lock, NULL);
    *inbox = i;
    return CELERIAC_OK;
}

void cel_inbox_destroy(struct cel_inbox *inbox)
{
    struct cel_request *request;

    if (!inbox)
        return;
    while ((request = cel_inbox_take(inbox)))
        cel_request_destroy(request);
    pthread_mutex_destroy(&inbox->lock);
    mem_free(inbox);
}

void cel_inbox_put(struct cel_inbox *inbox, struct cel_request *request, int64_t due_ns)
{
    bool refused;

    request->next = NULL;
    request->due_ns = due_ns;
    pthread_mutex_lock(&inbox->lock);
    refused = inbox->closed;
    if (!refused) {
        *(inbox->last ? &inbox->last->next : &inbox->first) = request;
        inbox->last = request;
    }
    pthread_mutex_unlock(&inbox->lock);
    if (refused)
        cel_request_destroy(request);
}

struct cel_request *cel_inbox_take(struct cel_inbox *inbox)
{
    struct cel_request *request;

    pthread_mutex_lock(&inbox->lock);
    request = inbox->first;
    if (request)
        inbox->first = request->next;
    if (!inbox->first)
        inbox->last = NULL;
    pthread_mutex_unlock(&inbox->lock);
    return request;
}

void cel_inbox_close(struct cel_inbox *inbox)
{
    pthread_mutex_lock(&inbox->lock);
    inbox->closed = true;
    pthread_mutex_unlock(&inbox->lock);
}
