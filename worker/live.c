#include "worker/live.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/hashmap.h"
#include "worker/request.h"

#define STATES 2

struct queue {
    struct cel_request *first, *last;
    size_t count;
};

struct cel_live {
    pthread_mutex_t lock;
    struct queue queues[STATES];
    struct hashmap *totals; /* task name -> uint64_t, allocated */
    uint64_t processed;
};

enum celeriac_err cel_live_create(struct cel_live **live)
{
    struct cel_live *l = mem_calloc(1, sizeof *l);

    if (!l)
        return CELERIAC_ERR_MEMORY;
    pthread_mutex_init(&l->lock, NULL);
    if (hashmap_create(&l->totals)) {
        cel_live_destroy(l);
        return CELERIAC_ERR_MEMORY;
    }
    *live = l;
    return CELERIAC_OK;
}

void cel_live_destroy(struct cel_live *live)
{
    if (!live)
        return;
    hashmap_destroy(live->totals, mem_free);
    pthread_mutex_destroy(&live->lock);
    mem_free(live);
}

/* ---- lists; the lock is held ---------------------------------------------------------------- */

static void append(struct cel_live *live, struct cel_request *request, enum cel_live_state state)
{
    struct queue *queue = &live->queues[state];

    request->live.live = live;
    request->live.state = state;
    request->live.prev = queue->last;
    request->live.next = NULL;
    if (queue->last)
        queue->last->live.next = request;
    else
        queue->first = request;
    queue->last = request;
    queue->count++;
}

static void take_out(struct cel_request *request)
{
    struct queue *queue = &request->live.live->queues[request->live.state];

    if (request->live.prev)
        request->live.prev->live.next = request->live.next;
    else
        queue->first = request->live.next;
    if (request->live.next)
        request->live.next->live.prev = request->live.prev;
    else
        queue->last = request->live.prev;
    request->live.live = NULL;
    queue->count--;
}

/* A total that memory is too short for is left out; the sum still counts it. */
static void count_execution(struct cel_live *live, struct span task)
{
    uint64_t *total = hashmap_get(live->totals, task);

    live->processed++;
    if (!total) {
        total = mem_calloc(1, sizeof *total);
        if (!total)
            return;
        if (hashmap_set(live->totals, task, total, NULL)) {
            mem_free(total);
            return;
        }
    }
    (*total)++;
}

/* ---- from the threads of the worker ---------------------------------------------------------- */

void cel_live_reserve(struct cel_live *live, struct cel_request *request)
{
    pthread_mutex_lock(&live->lock);
    if (request->live.live)
        take_out(request);
    append(live, request, CEL_LIVE_RESERVED);
    pthread_mutex_unlock(&live->lock);
}

void cel_live_activate(struct cel_live *live, struct cel_request *request, int64_t started_us,
                       bool acknowledged)
{
    pthread_mutex_lock(&live->lock);
    if (request->live.live)
        take_out(request);
    request->live.started_us = started_us;
    request->live.acknowledged = acknowledged;
    append(live, request, CEL_LIVE_ACTIVE);
    count_execution(live, request->message->task);
    pthread_mutex_unlock(&live->lock);
}

void cel_live_remove(struct cel_request *request)
{
    /* Only the owner puts a request into a table, so the owner may look without the lock. */
    struct cel_live *live = request->live.live;

    if (!live)
        return;
    pthread_mutex_lock(&live->lock);
    take_out(request);
    pthread_mutex_unlock(&live->lock);
}

/* ---- from remote control --------------------------------------------------------------------- */

size_t cel_live_count(struct cel_live *live, enum cel_live_state state)
{
    size_t count;

    pthread_mutex_lock(&live->lock);
    count = live->queues[state].count;
    pthread_mutex_unlock(&live->lock);
    return count;
}

uint64_t cel_live_processed(struct cel_live *live)
{
    uint64_t processed;

    pthread_mutex_lock(&live->lock);
    processed = live->processed;
    pthread_mutex_unlock(&live->lock);
    return processed;
}

enum celeriac_err cel_live_snapshot(struct cel_live *live, enum cel_live_state state, size_t max,
                                    struct cel_live_entry **entries, size_t *count)
{
    struct cel_live_entry *list;
    size_t room;
    size_t n = 0;

    room = cel_live_count(live, state);
    if (room > max)
        room = max;
    /* Allocated outside of the lock: requests that come meanwhile are newer than the snapshot. */
    list = mem_calloc(room + 1, sizeof *list);
    if (!list)
        return CELERIAC_ERR_MEMORY;
    pthread_mutex_lock(&live->lock);
    for (struct cel_request *r = live->queues[state].first; r && n < room; r = r->live.next) {
        cel_request_keep(r);
        list[n++] = (struct cel_live_entry){
            .request = r,
            .state = state,
            .acknowledged = state == CEL_LIVE_ACTIVE && r->live.acknowledged,
            .started_us = state == CEL_LIVE_ACTIVE ? r->live.started_us : 0,
            .pid = state == CEL_LIVE_ACTIVE ? r->pid : 0,
        };
    }
    pthread_mutex_unlock(&live->lock);
    *entries = list;
    *count = n;
    return CELERIAC_OK;
}

void cel_live_release(struct cel_live_entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        cel_request_release(entries[i].request);
    mem_free(entries);
}

void cel_live_totals(struct cel_live *live, cel_live_total_fn *each, void *context)
{
    size_t position = 0;
    struct span task;
    void *total;

    pthread_mutex_lock(&live->lock);
    while (hashmap_next(live->totals, &position, &task, &total))
        each(context, task, *(const uint64_t *)total);
    pthread_mutex_unlock(&live->lock);
}
