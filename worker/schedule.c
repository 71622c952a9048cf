#include "worker/schedule.h"

#include <pthread.h>

#include "base/alloc.h"
#include "worker/timer_heap.h"
#include "worker/waiting.h"

struct cel_schedule {
    size_t max;
    pthread_mutex_t lock;        /* of the heap */
    struct cel_timer_heap *heap; /* of struct cel_waiting */
};

/* What cel_schedule_fire() has in hand. */
struct batch {
    struct cel_waiting *waiting[CEL_RECALL_MAX];
    struct span tags[CEL_RECALL_MAX];
    struct span envelopes[CEL_RECALL_MAX];
    size_t count;
};

enum celeriac_err cel_schedule_create(size_t max, struct cel_schedule **schedule)
{
    struct cel_schedule *s = mem_calloc(1, sizeof *s);

    if (!s)
        return CELERIAC_ERR_MEMORY;
    pthread_mutex_init(&s->lock, NULL);
    s->max = max ? max : CEL_WAITING_MAX;
    if (cel_timer_heap_create(SIZE_MAX, &s->heap)) {
        cel_schedule_destroy(s);
        return CELERIAC_ERR_MEMORY;
    }
    *schedule = s;
    return CELERIAC_OK;
}

void cel_schedule_destroy(struct cel_schedule *schedule)
{
    if (!schedule)
        return;
    cel_timer_heap_destroy(schedule->heap, cel_waiting_destroy);
    pthread_mutex_destroy(&schedule->lock);
    mem_free(schedule);
}

static enum celeriac_err add(struct cel_schedule *s, struct cel_waiting *waiting, int64_t due_ns)
{
    enum celeriac_err code;

    pthread_mutex_lock(&s->lock);
    code = cel_timer_heap_add(s->heap, due_ns, waiting);
    pthread_mutex_unlock(&s->lock);
    return code;
}

enum celeriac_err cel_schedule_add(struct cel_schedule *schedule, struct span tag,
                                   struct span queue, int64_t due_ns)
{
    struct cel_waiting *waiting = NULL;
    enum celeriac_err code = cel_waiting_create(tag, queue, &waiting);

    if (code == CELERIAC_OK)
        code = add(schedule, waiting, due_ns);
    if (code)
        cel_waiting_destroy(waiting);
    return code;
}

static void take_batch(struct cel_schedule *s, int64_t now_ns, size_t room, struct batch *batch)
{
    size_t most = room < CEL_RECALL_MAX ? room : CEL_RECALL_MAX;
    struct cel_waiting *waiting;

    batch->count = 0;
    pthread_mutex_lock(&s->lock);
    while (batch->count < most && (waiting = cel_timer_heap_take_due(s->heap, now_ns))) {
        batch->waiting[batch->count] = waiting;
        batch->tags[batch->count++] = cel_waiting_tag(waiting);
    }
    pthread_mutex_unlock(&s->lock);
}

/* What could not be read stays due. */
static enum celeriac_err put_back(struct cel_schedule *s, struct batch *batch, int64_t now_ns)
{
    enum celeriac_err code = CELERIAC_OK;

    for (size_t i = 0; i < batch->count; i++) {
        enum celeriac_err one = add(s, batch->waiting[i], now_ns);

        if (one)
            cel_waiting_destroy(batch->waiting[i]);
        if (code == CELERIAC_OK)
            code = one;
    }
    return code;
}

static enum celeriac_err hand_over(struct batch *batch, cel_schedule_take_fn *take, void *context,
                                   size_t *fired)
{
    enum celeriac_err code = CELERIAC_OK;

    for (size_t i = 0; i < batch->count; i++) {
        if (code == CELERIAC_OK && batch->envelopes[i].len > 0) {
            code = take(context, batch->tags[i], batch->waiting[i]->queue, batch->envelopes[i]);
            (*fired)++;
        }
        cel_waiting_destroy(batch->waiting[i]);
    }
    return code;
}

enum celeriac_err cel_schedule_fire(struct cel_schedule *schedule, struct cel_claimer *claimer,
                                    int64_t now_ns, size_t room, cel_schedule_take_fn *take,
                                    void *context, size_t *fired, struct celeriac_error *err)
{
    enum celeriac_err code = CELERIAC_OK;

    *fired = 0;
    while (code == CELERIAC_OK && *fired < room) {
        struct batch batch = {0};

        take_batch(schedule, now_ns, room - *fired, &batch);
        if (batch.count == 0)
            break;
        code = cel_claim_recall(claimer, batch.tags, batch.count, batch.envelopes, err);
        if (code == CELERIAC_OK)
            code = hand_over(&batch, take, context, fired);
        else if (put_back(schedule, &batch, now_ns))
            code = celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    }
    return code;
}

void cel_schedule_clear(struct cel_schedule *schedule)
{
    struct cel_waiting *waiting;

    pthread_mutex_lock(&schedule->lock);
    while ((waiting = cel_timer_heap_take_due(schedule->heap, INT64_MAX)))
        cel_waiting_destroy(waiting);
    pthread_mutex_unlock(&schedule->lock);
}

int64_t cel_schedule_next(struct cel_schedule *schedule)
{
    int64_t next;

    pthread_mutex_lock(&schedule->lock);
    next = cel_timer_heap_next(schedule->heap);
    pthread_mutex_unlock(&schedule->lock);
    return next;
}

size_t cel_schedule_count(struct cel_schedule *schedule)
{
    size_t count;

    pthread_mutex_lock(&schedule->lock);
    count = cel_timer_heap_count(schedule->heap);
    pthread_mutex_unlock(&schedule->lock);
    return count;
}

bool cel_schedule_is_full(struct cel_schedule *schedule)
{
    return cel_schedule_count(schedule) >= schedule->max;
}

/* The heap's walk carries this to ours. */
struct view {
    cel_schedule_see_fn *see;
    void *context;
};

static bool see_one(void *context, int64_t due, const void *item)
{
    const struct view *view = context;

    return view->see(view->context, cel_waiting_tag(item), due);
}

void cel_schedule_each(struct cel_schedule *schedule, cel_schedule_see_fn *see, void *context)
{
    struct view view = {.see = see, .context = context};

    pthread_mutex_lock(&schedule->lock);
    cel_timer_heap_each(schedule->heap, see_one, &view);
    pthread_mutex_unlock(&schedule->lock);
}
