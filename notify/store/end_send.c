#include <stddef.h>
#include <string.h>

#include "base/random.h"
#include "notify/store/bind.h"
#include "notify/store/kinds.h"
#include "notify/store/sends.h"
#include "notify/store/sql.h"
#include "notify/store/text.h"

static struct store_end_send *end_of(struct store_call *call)
{
    return (struct store_end_send *)call;
}

static void bind_sent(struct store_params *p, struct store_call **calls, size_t count,
                      const struct store_context *context)
{
    struct store_set set = store_each_once(calls, count, offsetof(struct store_end_send, id));
    store_bind_uuids(p, &set, offsetof(struct store_end_send, id));
    store_bind_times(p, &set, offsetof(struct store_end_send, sent_at_us));
    store_bind_texts(p, &set, offsetof(struct store_end_send, response));
    store_params_uuid(p, &context->sender);
}

static void bind_failure(struct store_params *p, struct store_call **calls, size_t count,
                         const struct store_context *context)
{
    struct store_set set = store_each_once(calls, count, offsetof(struct store_end_send, id));
    store_bind_uuids(p, &set, offsetof(struct store_end_send, id));
    store_bind_clean_texts(p, &set, offsetof(struct store_end_send, error_text),
                           STORE_ERROR_TEXT_MAX);
    store_bind_uuids(p, &set, offsetof(struct store_end_send, record_id));
    store_params_uuid(p, &context->sender);
}

static void bind_dead_letter(struct store_params *p, struct store_call **calls, size_t count,
                             const struct store_context *context)
{
    struct store_set set = store_each_once(calls, count, offsetof(struct store_end_send, id));
    store_bind_uuids(p, &set, offsetof(struct store_end_send, id));
    store_bind_clean_texts(p, &set, offsetof(struct store_end_send, error_text),
                           STORE_ERROR_TEXT_MAX);
    store_bind_int4s(p, &set, offsetof(struct store_end_send, retry_count));
    store_bind_uuids(p, &set, offsetof(struct store_end_send, record_id));
    store_params_uuid(p, &context->sender);
}

static void bind_release(struct store_params *p, struct store_call **calls, size_t count,
                         const struct store_context *context)
{
    struct store_set set = store_each_once(calls, count, offsetof(struct store_end_send, id));
    /* Two for one id may be about different claims. */
    set.unique = false;
    store_bind_uuids(p, &set, offsetof(struct store_end_send, id));
    store_bind_ids(p, &set, offsetof(struct store_end_send, token));
    store_params_uuid(p, &context->sender);
}

static enum celeriac_err check_sent(struct store_call *call)
{
    struct store_end_send *end = end_of(call);
    call->own.bytes = sizeof end->id + end->response.len;
    if (end->sent_at_us == STORE_NO_TIME)
        return celeriac_error_set(&call->error, CELERIAC_ERR_VALUE, "sent_at: is missing");
    return store_text_check_json(end->response, "provider_response", 1, STORE_PROVIDER_RESPONSE_MAX,
                                 &call->error);
}

static enum celeriac_err check_failure(struct store_call *call)
{
    struct store_end_send *end = end_of(call);
    size_t len = end->error_text.len;
    call->own.bytes = sizeof end->id + (len < STORE_ERROR_TEXT_MAX ? len : STORE_ERROR_TEXT_MAX);
    if (end->retry_count < 0)
        return celeriac_error_set(&call->error, CELERIAC_ERR_VALUE, "retry_count: is negative");
    return CELERIAC_OK;
}

/* One message for all that made it: whoever publishes looks for all that is due. */
static void take_told(struct store_call **calls, size_t count, const PGresult *result)
{
    (void)count;
    end_of(calls[0])->told = PQntuples(result) > 0;
}

const struct store_kind store_kind_mark_sent = {
    .id = STORE_KIND_MARK_SENT,
    .name = "mark_sent",
    .sql = store_sql_mark_sent,
    .combined = true,
    .needs_sender = true,
    .json_field = "provider_response",
    .check = check_sent,
    .bind = bind_sent,
    .take = take_told,
};

const struct store_kind store_kind_record_failure = {
    .id = STORE_KIND_RECORD_FAILURE,
    .name = "record_failure",
    .sql = store_sql_record_failure,
    .combined = true,
    .needs_sender = true,
    .check = check_failure,
    .bind = bind_failure,
};

const struct store_kind store_kind_dead_letter = {
    .id = STORE_KIND_DEAD_LETTER,
    .name = "dead_letter",
    .sql = store_sql_dead_letter,
    .combined = true,
    .needs_sender = true,
    .check = check_failure,
    .bind = bind_dead_letter,
    .take = take_told,
};

const struct store_kind store_kind_release_claim = {
    .id = STORE_KIND_RELEASE_CLAIM,
    .name = "release_claim",
    .sql = store_sql_release_claim,
    .combined = true,
    .needs_sender = true,
    .bind = bind_release,
};

static void init(struct store_end_send *end, const struct store_kind *kind, const struct uuid *id)
{
    memset(end, 0, sizeof *end);
    store_call_init(&end->call, kind);
    end->id = *id;
}

void store_mark_sent_init(struct store_end_send *end, const struct uuid *id, int64_t sent_at_us,
                          struct span response)
{
    init(end, &store_kind_mark_sent, id);
    end->sent_at_us = sent_at_us;
    end->response = response;
}

/* A repeated call finds the rows that it has made by their id. */
static void init_failure(struct store_end_send *end, const struct store_kind *kind,
                         const struct uuid *id, struct span error_text)
{
    uint8_t random[sizeof end->record_id.bytes];
    init(end, kind, id);
    end->error_text = error_text;
    random_bytes(random, sizeof random);
    uuid_from_random(random, &end->record_id);
}

void store_record_failure_init(struct store_end_send *end, const struct uuid *id,
                               struct span error_text)
{
    init_failure(end, &store_kind_record_failure, id, error_text);
}

void store_dead_letter_init(struct store_end_send *end, const struct uuid *id,
                            struct span error_text, int32_t retry_count)
{
    init_failure(end, &store_kind_dead_letter, id, error_text);
    end->retry_count = retry_count;
}

void store_release_claim_init(struct store_end_send *end, const struct uuid *id)
{
    init(end, &store_kind_release_claim, id);
}

enum celeriac_err store_end_send(struct store *s, struct store_end_send *end,
                                 struct celeriac_error *err)
{
    enum celeriac_err rc = store_run(s, &end->call);
    if (rc != CELERIAC_OK)
        rc = celeriac_error_set(err, rc, "%s", end->call.error.text);
    store_call_release(&end->call);
    return rc;
}

enum celeriac_err store_mark_sent(struct store *s, const struct uuid *id, int64_t sent_at_us,
                                  struct span response, struct celeriac_error *err)
{
    struct store_end_send end;
    store_mark_sent_init(&end, id, sent_at_us, response);
    return store_end_send(s, &end, err);
}

enum celeriac_err store_record_failure(struct store *s, const struct uuid *id,
                                       struct span error_text, struct celeriac_error *err)
{
    struct store_end_send end;
    store_record_failure_init(&end, id, error_text);
    return store_end_send(s, &end, err);
}

enum celeriac_err store_dead_letter(struct store *s, const struct uuid *id, struct span error_text,
                                    int32_t retry_count, struct celeriac_error *err)
{
    struct store_end_send end;
    store_dead_letter_init(&end, id, error_text, retry_count);
    return store_end_send(s, &end, err);
}

enum celeriac_err store_release_claim(struct store *s, const struct uuid *id,
                                      struct celeriac_error *err)
{
    struct store_end_send end;
    store_release_claim_init(&end, id);
    return store_end_send(s, &end, err);
}
