#include "worker/cancelled.h"

#include "base/clock.h"
#include "base/log.h"
#include "celery_proto/codec/exception_doc.h"
#include "celery_proto/codec/result_doc.h"
#include "worker/events.h"
#include "worker/live.h"
#include "worker/request.h"
#include "worker/settle.h"

/* A stop at once does not wait long for a backend that does not answer. */
#define PATIENCE_MS 500

static enum celeriac_err store_one(struct cel_runtime *runtime, struct cel_result_store *store,
                                   const struct cel_request *request, struct celeriac_error *err)
{
    const struct cel_exception exception = {.type = SPAN("Retry"),
                                            .module = SPAN("celery.exceptions"),
                                            .args = SPAN("[\"cancelled by Celery\"]")};
    const struct cel_settle_context context = {.now_us = clock_wall_us(),
                                               .result_extended = runtime->result_extended,
                                               .worker = runtime->hostname};
    struct cel_result_record record = {.task_id = request->message->id};
    struct strbuf meta;
    struct strbuf document;
    enum celeriac_err code;

    strbuf_init(&meta, CEL_RESULT_MAX);
    strbuf_init(&document, CEL_RESULT_MAX);
    code = cel_exception_write(&exception, &meta);
    if (code == CELERIAC_OK)
        code = cel_state_record(request->message, SPAN("RETRY"), strbuf_span(&meta),
                                (struct span){0}, &context, &document);
    record.document = strbuf_span(&document);
    if (code == CELERIAC_OK)
        code = cel_result_put(store, &record, 1, NULL, err);
    strbuf_close(&document);
    strbuf_close(&meta);
    return code;
}

/* Whether somebody may wait for its result. */
static bool has_result(const struct cel_request *request)
{
    return !cel_errors_ignored(request->message, request->definition);
}

void cel_record_cancelled(struct cel_runtime *runtime,
                          const struct cel_result_store_options *results)
{
    struct cel_result_store_options options = *results;
    struct cel_result_store *store = NULL;
    struct cel_live_entry *entries = NULL;
    struct celeriac_error err = {0};
    enum celeriac_err code = CELERIAC_OK;
    size_t count = 0;

    if (cel_live_snapshot(runtime->live, CEL_LIVE_ACTIVE, SIZE_MAX - 1, &entries, &count))
        return;
    options.conn.connect_timeout_ms = PATIENCE_MS;
    options.conn.io_timeout_ms = PATIENCE_MS;
    if (count > 0 && options.conn.url)
        code = cel_result_store_create(&options, &store, &err);
    for (size_t i = 0; i < count; i++) {
        const struct cel_request *request = entries[i].request;

        if (!entries[i].acknowledged)
            continue;
        if (code == CELERIAC_OK && store && has_result(request))
            code = store_one(runtime, store, request, &err);
        cel_events_cancelled(runtime->events, request);
        log_warning("worker", "task was broken off", LOG_SPAN("task", request->message->task),
                    LOG_SPAN("id", request->message->id));
    }
    if (code)
        log_warning("worker", "tasks could not be recorded as broken off", LOG_ERR(&err));
    cel_result_store_destroy(store);
    cel_live_release(entries, count);
}
