#include "worker/endings.h"

#include "base/clock.h"
#include "base/log.h"
#include "worker/events.h"
#include "worker/settler.h"
#include "worker/task_stats.h"

void cel_end(struct cel_runtime *runtime, struct cel_request *request)
{
    cel_request_move(request, CEL_REQUEST_ENDED);
    cel_settler_end(runtime->settler, request);
}

static struct cel_settle_context settle_context(const struct cel_runtime *runtime,
                                                struct strbuf *scratch)
{
    strbuf_init(scratch, CEL_RETURN_MAX);
    return (struct cel_settle_context){.now_us = clock_wall_us(),
                                       .random = random_os,
                                       .scratch = scratch,
                                       .world = &runtime->world,
                                       .inherit_priority = runtime->inherit_priority,
                                       .result_extended = runtime->result_extended,
                                       .worker = runtime->hostname};
}

void cel_end_in_quarantine(struct cel_runtime *runtime, struct cel_request *request,
                           const char *why, const char *detail)
{
    log_error("worker", "message cannot be understood and goes to quarantine",
              LOG_SPAN("queue", request->queue), LOG_SPAN("task", request->message->task),
              LOG_SPAN("id", request->message->id), LOG_STR("reason", why),
              LOG_STR("detail", detail));
    CEL_COUNT(runtime, quarantined);
    request->quarantine = why;
    cel_end(runtime, request);
}

void cel_end_unregistered(struct cel_runtime *runtime, struct cel_request *request)
{
    struct strbuf scratch;
    struct cel_settle_context context = settle_context(runtime, &scratch);

    log_error("worker", "received unregistered task", LOG_SPAN("task", request->message->task),
              LOG_SPAN("id", request->message->id));
    if (cel_settle_unregistered(request->message, &context, &request->settlement))
        strbuf_clear(&request->settlement.record);
    CEL_COUNT(runtime, failed);
    strbuf_close(&scratch);
    cel_events_end(runtime->events, request, NULL, 0);
    cel_end(runtime, request);
}

/* Why the request shall not be started; NULL pointer when it may. */
static struct span reason_to_discard(struct cel_runtime *runtime, const struct cel_request *request)
{
    const struct cel_task_message *message = request->message;
    int64_t now_us = clock_wall_us();

    if (message->expires.set && message->expires.us <= now_us) {
        if (cel_revoked_add(runtime->revoked, message->id, now_us))
            log_debug("worker", "an expired id could not be kept", LOG_SPAN("id", message->id));
        return SPAN("expired");
    }
    if (cel_revoked_has_message(runtime->revoked, message, now_us))
        return SPAN("revoked");
    return (struct span){0};
}

bool cel_end_revoked(struct cel_runtime *runtime, struct cel_request *request)
{
    struct span reason = reason_to_discard(runtime, request);
    struct cel_settle_context context;
    struct strbuf scratch;

    if (!reason.ptr)
        return false;
    log_info("worker", "discarding revoked task", LOG_SPAN("task", request->message->task),
             LOG_SPAN("id", request->message->id), LOG_SPAN("reason", reason));
    context = settle_context(runtime, &scratch);
    if (cel_settle_revoked(request->message, request->definition, reason, &context,
                           &request->settlement))
        strbuf_clear(&request->settlement.record);
    CEL_COUNT(runtime, revoked);
    CEL_TASK_COUNT(request->stats, revoked);
    strbuf_close(&scratch);
    cel_events_revoked(runtime->events, request, span_is(reason, "expired"), false, 0);
    cel_end(runtime, request);
    return true;
}
