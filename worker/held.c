#include "worker/held.h"

#include <pthread.h>

#include "base/alloc.h"
#include "celery_proto/redis/claim_reconcile.h"
#include "worker/request.h"
#include "worker/schedule.h"

struct cel_held {
    pthread_mutex_t lock;
    struct cel_request *first;
};

enum celeriac_err cel_held_create(struct cel_held **held)
{
    struct cel_held *h = mem_calloc(1, sizeof *h);

    if (!h)
        return CELERIAC_ERR_MEMORY;
    pthread_mutex_init(&h->lock, NULL);
    *held = h;
    return CELERIAC_OK;
}

void cel_held_destroy(struct cel_held *held)
{
    if (!held)
        return;
    pthread_mutex_destroy(&held->lock);
    mem_free(held);
}

void cel_held_add(struct cel_held *held, struct cel_request *request)
{
    pthread_mutex_lock(&held->lock);
    request->held = (struct cel_held_node){.held = held, .next = held->first};
    if (held->first)
        held->first->held.prev = request;
    held->first = request;
    pthread_mutex_unlock(&held->lock);
}

void cel_held_remove(struct cel_request *request)
{
    struct cel_held *held = request->held.held;
    struct cel_request *prev;
    struct cel_request *next;

    if (!held)
        return;
    pthread_mutex_lock(&held->lock);
    prev = request->held.prev;
    next = request->held.next;
    if (prev)
        prev->held.next = next;
    else
        held->first = next;
    if (next)
        next->held.prev = prev;
    request->held = (struct cel_held_node){0};
    pthread_mutex_unlock(&held->lock);
}

enum celeriac_err cel_held_tags(struct cel_held *held, struct hashmap *tags)
{
    enum celeriac_err code = CELERIAC_OK;

    pthread_mutex_lock(&held->lock);
    for (struct cel_request *r = held->first; r && code == CELERIAC_OK; r = r->held.next)
        code = hashmap_set(tags, r->tag, r, NULL);
    pthread_mutex_unlock(&held->lock);
    return code;
}

/* A tag that waits for its time joins the set. */
struct tag_set {
    struct hashmap *tags;
    enum celeriac_err code;
};

static bool add_waiting(void *context, struct span tag, int64_t due_ns)
{
    struct tag_set *set = context;

    (void)due_ns;
    set->code = hashmap_set(set->tags, tag, set, NULL);
    return set->code == CELERIAC_OK;
}

enum celeriac_err cel_held_reconcile(struct cel_held *held, struct cel_schedule *schedule,
                                     struct cel_claimer *claimer, int64_t now_ns, size_t *restored,
                                     struct celeriac_error *err)
{
    struct tag_set set = {0};

    if (cel_claim_reconcile_due(claimer, now_ns) > now_ns)
        return CELERIAC_OK;
    set.code = hashmap_create(&set.tags);
    if (set.code == CELERIAC_OK)
        set.code = cel_held_tags(held, set.tags);
    if (set.code == CELERIAC_OK)
        cel_schedule_each(schedule, add_waiting, &set);
    if (set.code == CELERIAC_OK)
        set.code = cel_claim_reconcile(claimer, set.tags, now_ns, restored, err);
    else
        celeriac_error_set(err, set.code, "out of memory");
    hashmap_destroy(set.tags, NULL);
    return set.code;
}
