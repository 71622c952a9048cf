#include "notify/store/queue.h"

void store_queue_push(struct store_queue *q, struct store_call *call)
{
    call->own.next = NULL;
    if (q->tail)
        q->tail->own.next = call;
    else
        q->head = call;
    q->tail = call;
}

struct store_call *store_queue_pop(struct store_queue *q)
{
    struct store_call *call = q->head;
    if (!call)
        return NULL;
    q->head = call->own.next;
    if (!q->head)
        q->tail = NULL;
    call->own.next = NULL;
    return call;
}

void store_queue_return(struct store_queue *q, struct store_call *call)
{
    /* A call that comes back is nearly always the oldest, so this rarely takes a second step. */
    struct store_call **at = &q->head;
    while (*at && (*at)->own.order < call->own.order)
        at = &(*at)->own.next;
    call->own.next = *at;
    *at = call;
    if (!call->own.next)
        q->tail = call;
}

void store_queue_append(struct store_queue *to, struct store_queue *from)
{
    if (!from->head)
        return;
    if (to->tail)
        to->tail->own.next = from->head;
    else
        to->head = from->head;
    to->tail = from->tail;
    from->head = NULL;
    from->tail = NULL;
}

void store_queue_move(struct store_queue *from, struct store_queue *to, store_queue_test_fn *test,
                      const void *context)
{
    struct store_queue rest = {0};
    struct store_call *call;
    while ((call = store_queue_pop(from)))
        store_queue_push(test(call, context) ? to : &rest, call);
    *from = rest;
}

int64_t store_queue_deadline(const struct store_queue *q)
{
    int64_t earliest = INT64_MAX;
    for (const struct store_call *call = q->head; call; call = call->own.next) {
        if (call->deadline_ns != 0 && call->deadline_ns < earliest)
            earliest = call->deadline_ns;
    }
    return earliest;
}

int64_t store_queue_due(const struct store_queue *q)
{
    int64_t earliest = INT64_MAX;
    for (const struct store_call *call = q->head; call; call = call->own.next) {
        if (call->own.due_ns < earliest)
            earliest = call->own.due_ns;
    }
    return earliest;
}
