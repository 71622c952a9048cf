#include "worker/ready_queue.h"

#include <pthread.h>

#include "base/alloc.h"

struct cel_ready_queue {
    pthread_mutex_t lock;
    pthread_cond_t filled; /* signalled once for each item that a waiting thread should take */
    size_t waiting;        /* threads inside pop() that found nothing */
    size_t taken;          /* items popped whose taker has not come back */
    size_t dismissed;      /* threads to let go */
    bool closed;
    size_t head; /* index of the oldest item */
    size_t count;
    size_t max;
    void *items[];
};

enum celeriac_err cel_ready_queue_create(size_t max, struct cel_ready_queue **queue)
{
    size_t bytes;
    struct cel_ready_queue *q;

    if (!size_mul(max, sizeof(void *), &bytes) || !size_add(bytes, sizeof *q, &bytes))
        return CELERIAC_ERR_MEMORY;
    q = mem_calloc(1, bytes);
    if (!q)
        return CELERIAC_ERR_MEMORY;
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->filled, NULL);
    q->max = max;
    *queue = q;
    return CELERIAC_OK;
}

void cel_ready_queue_destroy(struct cel_ready_queue *queue)
{
    if (!queue)
        return;
    pthread_cond_destroy(&queue->filled);
    pthread_mutex_destroy(&queue->lock);
    mem_free(queue);
}

static void put_all(struct cel_ready_queue *queue, void *const *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        queue->items[(queue->head + queue->count) % queue->max] = items[i];
        queue->count++;
    }
}

static void *take_oldest(struct cel_ready_queue *queue)
{
    void *item;

    if (queue->count == 0)
        return NULL;
    item = queue->items[queue->head];
    queue->head = (queue->head + 1) % queue->max;
    queue->count--;
    return item;
}

enum celeriac_err cel_ready_queue_push(struct cel_ready_queue *queue, void *const *items,
                                       size_t count)
{
    enum celeriac_err code = CELERIAC_OK;
    size_t wake = 0;

    pthread_mutex_lock(&queue->lock);
    if (queue->closed) {
        code = CELERIAC_ERR_SHUTDOWN;
    } else if (count > queue->max - queue->count) {
        code = CELERIAC_ERR_LIMIT;
    } else {
        put_all(queue, items, count);
        wake = queue->waiting < count ? queue->waiting : count;
    }
    pthread_mutex_unlock(&queue->lock);
    while (wake-- > 0)
        pthread_cond_signal(&queue->filled);
    return code;
}

static bool is_nudged(const atomic_bool *nudged)
{
    return nudged && atomic_load(nudged);
}

bool cel_ready_queue_pop_unless(struct cel_ready_queue *queue, bool again,
                                const atomic_bool *nudged, void **item)
{
    bool free;

    *item = NULL;
    pthread_mutex_lock(&queue->lock);
    queue->taken -= again;
    while (queue->count == 0 && !queue->closed && queue->dismissed == 0 && !is_nudged(nudged)) {
        queue->waiting++;
        pthread_cond_wait(&queue->filled, &queue->lock);
        queue->waiting--;
    }
    free = !is_nudged(nudged);
    if (free && queue->dismissed > 0)
        queue->dismissed--;
    else if (free && !queue->closed)
        *item = take_oldest(queue);
    queue->taken += *item != NULL;
    pthread_mutex_unlock(&queue->lock);
    return free;
}

void *cel_ready_queue_pop(struct cel_ready_queue *queue, bool again)
{
    void *item = NULL;

    /* Without a flag it is never nudged. */
    return cel_ready_queue_pop_unless(queue, again, NULL, &item) ? item : NULL;
}

void cel_ready_queue_nudge(struct cel_ready_queue *queue)
{
    /* Whoever has looked at its flag waits by now. */
    pthread_mutex_lock(&queue->lock);
    pthread_mutex_unlock(&queue->lock);
    pthread_cond_broadcast(&queue->filled);
}

void *cel_ready_queue_take(struct cel_ready_queue *queue)
{
    void *item;

    pthread_mutex_lock(&queue->lock);
    item = take_oldest(queue);
    pthread_mutex_unlock(&queue->lock);
    return item;
}

void cel_ready_queue_dismiss(struct cel_ready_queue *queue, size_t n)
{
    pthread_mutex_lock(&queue->lock);
    queue->dismissed += n;
    pthread_mutex_unlock(&queue->lock);
    pthread_cond_broadcast(&queue->filled);
}

void cel_ready_queue_close(struct cel_ready_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    pthread_mutex_unlock(&queue->lock);
    pthread_cond_broadcast(&queue->filled);
}

size_t cel_ready_queue_count(struct cel_ready_queue *queue)
{
    size_t count;

    pthread_mutex_lock(&queue->lock);
    count = queue->count;
    pthread_mutex_unlock(&queue->lock);
    return count;
}

size_t cel_ready_queue_demand(struct cel_ready_queue *queue)
{
    size_t demand;

    pthread_mutex_lock(&queue->lock);
    demand = queue->count + queue->taken;
    pthread_mutex_unlock(&queue->lock);
    return demand;
}
