#include "worker/request.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "celery_proto/codec/envelope.h"
#include "worker/events.h"

enum celeriac_err cel_request_create(struct cel_task_message *message_steal,
                                     const struct cel_task_definition *definition, struct span tag,
                                     struct span queue, struct cel_request **request)
{
    struct cel_request *r = mem_calloc(1, sizeof *r);
    char *copy = mem_dup_span(tag);

    if (!r || !copy) {
        mem_free(r);
        mem_free(copy);
        cel_task_message_destroy(message_steal);
        return CELERIAC_ERR_MEMORY;
    }
    r->message = message_steal;
    r->definition = definition;
    r->tag = (struct span){.ptr = copy, .len = tag.len};
    r->queue = queue;
    r->state = CEL_REQUEST_RECEIVED;
    strbuf_init(&r->started, CEL_ENVELOPE_MAX);
    cel_settlement_init(&r->settlement);
    r->start_note.request = r;
    r->end_note = (struct cel_note){.request = r, .is_end = true};
    atomic_init(&r->keepers, 1);
    *request = r;
    return CELERIAC_OK;
}

void cel_request_destroy(struct cel_request *request)
{
    if (!request)
        return;
    cel_held_remove(request);
    cel_live_remove(request);
    cel_request_release(request);
}

void cel_request_keep(struct cel_request *request)
{
    atomic_fetch_add(&request->keepers, 1);
}

void cel_request_release(struct cel_request *request)
{
    if (atomic_fetch_sub(&request->keepers, 1) > 1)
        return;
    cel_event_block_destroy(request->end_event);
    cel_task_message_destroy(request->message);
    strbuf_close(&request->started);
    cel_settlement_close(&request->settlement);
    mem_free((char *)(uintptr_t)request->tag.ptr);
    mem_free(request);
}

void cel_request_move(struct cel_request *request, enum cel_request_state to)
{
    /* allowed[from] is the set of states that may follow. */
    static const unsigned allowed[] = {
        [CEL_REQUEST_RECEIVED] =
            1U << CEL_REQUEST_READY | 1U << CEL_REQUEST_WAITING | 1U << CEL_REQUEST_ENDED,
        [CEL_REQUEST_READY] = 1U << CEL_REQUEST_RUNNING | 1U << CEL_REQUEST_ENDED,
        [CEL_REQUEST_RUNNING] = 1U << CEL_REQUEST_WAITING | 1U << CEL_REQUEST_ENDED,
        [CEL_REQUEST_WAITING] = 1U << CEL_REQUEST_READY | 1U << CEL_REQUEST_ENDED,
        [CEL_REQUEST_ENDED] = 0,
    };
    bool may = (allowed[request->state] & 1U << to) != 0;

    assert(may);
    (void)may;
    request->state = to;
}
