#include "worker/request_items.h"

struct cel_finish_item cel_item_of_start(const struct cel_request *request)
{
    struct cel_finish_item item = {.to = CEL_FINISH_DELETE};

    if (request->acked)
        item.tag = request->tag;
    if (strbuf_span(&request->started).len > 0) {
        item.result.task_id = request->message->id;
        item.result.document = strbuf_span(&request->started);
    }
    return item;
}

struct cel_finish_item cel_item_of_end(const struct cel_request *request)
{
    const struct cel_settlement *settlement = &request->settlement;
    struct cel_finish_item item = {
        .to = CEL_FINISH_DELETE,
        .queue = request->queue,
        .priority = request->message->priority,
    };

    if (!request->start_written)
        item.tag = request->tag;
    if (request->quarantine) {
        item.to = CEL_FINISH_QUARANTINE;
        item.message = request->message->raw;
        item.reason = request->quarantine;
    } else if (settlement->fate == CEL_FATE_REQUEUE && !request->acked) {
        item.to = CEL_FINISH_BACK;
        item.message = request->message->raw;
        if (strbuf_span(&settlement->retry).len > 0)
            item.message = strbuf_span(&settlement->retry);
    } else if (strbuf_span(&settlement->retry).len > 0) {
        item.to = request->start_written ? CEL_FINISH_PUBLISH : CEL_FINISH_BACK;
        item.message = strbuf_span(&settlement->retry);
    }
    if (strbuf_span(&settlement->record).len > 0) {
        item.result.task_id = request->message->id;
        item.result.document = strbuf_span(&settlement->record);
        /* What a client has sent itself it has subscribed to before. */
        item.result.may_be_missed = request->message->parent_id.len > 0;
    }
    return item;
}
