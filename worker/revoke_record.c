#include "worker/revoke_record.h"

#include "base/clock.h"
#include "base/log.h"
#include "celery_proto/codec/result_doc.h"
#include "celery_proto/redis/result_store.h"
#include "worker/live.h"
#include "worker/request.h"
#include "worker/settle.h"

/* Patience with a backend that does not answer: heartbeats and other commands wait meanwhile. */
#define PATIENCE_MS 500

#define ID_MAX ((size_t)64 * 1024)

/* Whether a stored state may be replaced: only one of a task that nobody has begun. */
static bool may_replace(struct cel_result_store *store, struct span id, enum celeriac_err *code,
                        struct celeriac_error *err)
{
    struct cel_result_reader reader;
    struct cel_result_view view;
    struct strbuf document;
    bool may = false;

    cel_result_reader_init(&reader);
    strbuf_init(&document, CEL_RESULT_MAX);
    *code = cel_result_get(store, id, &document, err);
    if (*code == CELERIAC_ERR_NOT_FOUND) {
        *code = CELERIAC_OK;
        celeriac_error_clear(err);
        may = true;
    } else if (*code == CELERIAC_OK &&
               cel_result_read(&reader, strbuf_span(&document), &view, NULL) == CELERIAC_OK) {
        may = view.state == CEL_STATE_PENDING || view.state == CEL_STATE_RECEIVED ||
              view.state == CEL_STATE_RETRY || span_is(view.status, "REJECTED");
    }
    strbuf_close(&document);
    cel_result_reader_close(&reader);
    return may;
}

static enum celeriac_err store_revoked(struct cel_result_store *store, struct span id,
                                       struct celeriac_error *err)
{
    struct cel_task_message message = {.id = id};
    struct cel_settlement settlement;
    struct cel_settle_context context = {.now_us = clock_wall_us()};
    struct cel_result_record record = {.task_id = id};
    struct strbuf scratch;
    enum celeriac_err code;

    strbuf_init(&scratch, CEL_RESULT_MAX);
    context.scratch = &scratch;
    cel_settlement_init(&settlement);
    code = cel_settle_revoked(&message, NULL, SPAN("revoked"), &context, &settlement);
    record.document = strbuf_span(&settlement.record);
    if (code == CELERIAC_OK)
        code = cel_result_put(store, &record, 1, NULL, err);
    cel_settlement_close(&settlement);
    strbuf_close(&scratch);
    return code;
}

static bool is_running(struct cel_runtime *runtime, struct span id)
{
    struct cel_live_entry *entries = NULL;
    size_t count = 0;
    bool found = false;

    if (cel_live_snapshot(runtime->live, CEL_LIVE_ACTIVE, SIZE_MAX - 1, &entries, &count))
        return false;
    for (size_t i = 0; i < count && !found; i++)
        found = span_equal(entries[i].request->message->id, id);
    cel_live_release(entries, count);
    return found;
}

static enum celeriac_err record_one(struct cel_control_call *call, struct cel_result_store *store,
                                    const struct json_node *id, struct celeriac_error *err)
{
    enum celeriac_err code = CELERIAC_OK;
    struct strbuf text;

    strbuf_init(&text, ID_MAX);
    if (json_decode_string(id, &text) == CELERIAC_OK && text.len > 0 &&
        !is_running(call->view->runtime, strbuf_span(&text)) &&
        may_replace(store, strbuf_span(&text), &code, err))
        code = store_revoked(store, strbuf_span(&text), err);
    strbuf_close(&text);
    return code;
}

void cel_revoke_record(struct cel_control_call *call, const struct json_node *ids)
{
    struct cel_result_store_options options = *call->view->options->results;
    struct cel_result_store *store = NULL;
    struct celeriac_error err = {0};
    const struct json_node *id = ids;
    enum celeriac_err code = CELERIAC_OK;

    if (!options.conn.url || json_is_null(ids))
        return;
    options.conn.connect_timeout_ms = PATIENCE_MS;
    options.conn.io_timeout_ms = PATIENCE_MS;
    code = cel_result_store_create(&options, &store, &err);
    if (ids->type == JSON_ARRAY)
        id = json_first(ids);
    for (size_t n = 0; code == CELERIAC_OK && id && n < CEL_REVOKE_RECORDS_MAX; n++) {
        code = record_one(call, store, id, &err);
        id = ids->type == JSON_ARRAY ? json_next(ids, id) : NULL;
    }
    if (code)
        log_warning("control", "a task could not be recorded as revoked", LOG_ERR(&err));
    cel_result_store_destroy(store);
}
