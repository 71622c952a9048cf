#include "celery_proto/redis/result_store.h"

#include "base/alloc.h"
#include "celery_proto/codec/keys.h"
#include "celery_proto/redis/pipeline.h"
#include "celery_proto/redis/result_state.h"
#include "celery_proto/redis/script.h"

/* Bytes of all keys of one call. */
#define KEYS_BYTES_MAX ((size_t)16 * 1024 * 1024)

/* Longest task id; Celery's are UUIDs, applications may use others. */
#define TASK_ID_MAX 1024

enum celeriac_err cel_result_store_create(const struct cel_result_store_options *options,
                                          struct cel_result_store **store,
                                          struct celeriac_error *err)
{
    if (options->conn.url == NULL || options->keys == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "a result store needs a URL and keys");
    struct cel_result_store *s = mem_calloc(1, sizeof *s);
    if (s == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for a result store");
    s->keys = options->keys;
    s->options = options->conn;
    s->seconds = cel_result_seconds(options);
    cel_pipeline_init(&s->pipeline);
    strbuf_init(&s->key, KEYS_BYTES_MAX);
    enum celeriac_err code = cel_conn_create(&options->conn, &s->conn, err);
    if (code != CELERIAC_OK) {
        cel_result_store_destroy(s);
        return code;
    }
    *store = s;
    return CELERIAC_OK;
}

void cel_result_store_destroy(struct cel_result_store *store)
{
    if (store == NULL)
        return;
    cel_pubsub_destroy(store->pubsub);
    cel_conn_destroy(store->conn);
    cel_pipeline_close(&store->pipeline);
    strbuf_close(&store->key);
    mem_free(store);
}

uint32_t cel_result_seconds(const struct cel_result_store_options *options)
{
    if (options->keep)
        return 0;
    return options->expires != 0 ? options->expires : CEL_RESULT_EXPIRES;
}

bool cel_result_is_storable(const struct cel_result_record *record)
{
    return record->task_id.len > 0 && record->task_id.len <= TASK_ID_MAX &&
           record->document.len <= CEL_RESULT_MAX;
}

/* The key of a task's record, in the store's buffer. */
static enum celeriac_err key_of(struct cel_result_store *store, struct span task_id,
                                struct celeriac_error *err)
{
    if (task_id.len == 0 || task_id.len > TASK_ID_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "a task id has 1 to %d bytes",
                                  TASK_ID_MAX);
    strbuf_clear(&store->key);
    cel_key_result(store->keys, task_id, &store->key);
    return strbuf_status(&store->key) == CELERIAC_OK
               ? CELERIAC_OK
               : celeriac_error_set(err, strbuf_status(&store->key), "no memory for a key");
}

static enum celeriac_err write_put(struct cel_result_store *s,
                                   const struct cel_result_record *records, size_t count,
                                   size_t *written, struct celeriac_error *err)
{
    size_t good = 0;
    for (size_t i = 0; i < count; i++)
        good += cel_result_is_storable(&records[i]) ? 1 : 0;
    cel_pipeline_clear(&s->pipeline);
    cel_script_begin(&s->pipeline, &cel_script_results, good, good + 1);
    for (size_t i = 0; i < count; i++) {
        if (!cel_result_is_storable(&records[i]))
            continue;
        enum celeriac_err code = key_of(s, records[i].task_id, err);
        if (code != CELERIAC_OK)
            return code;
        cel_pipeline_arg(&s->pipeline, strbuf_span(&s->key));
    }
    cel_pipeline_arg_int(&s->pipeline, s->seconds);
    for (size_t i = 0; i < count; i++) {
        if (cel_result_is_storable(&records[i]))
            cel_pipeline_arg(&s->pipeline, records[i].document);
    }
    *written = good;
    return CELERIAC_OK;
}

/* What an error text of store_result() (lua/result_function.lua) means: whether trying later may
 * help. */
static bool may_pass(struct span text)
{
    static const char *const passing[] = {"OOM", "MISCONF", "READONLY", "LOADING", "NOREPLICAS"};
    /* Some versions leave the protocol's dash in front of what a script sees. */
    if (text.len > 0 && text.ptr[0] == '-')
        text = (struct span){text.ptr + 1, text.len - 1};
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++) {
        if (span_starts(text, span_of(passing[i])))
            return true;
    }
    return false;
}

enum result_outcome cel_result_outcome(const struct redisReply *reply)
{
    struct span refusal = cel_reply_span(reply);
    if (refusal.len > 0)
        return may_pass(refusal) ? RESULT_LATER : RESULT_REFUSED;
    if (cel_reply_int(reply) == 2)
        return RESULT_UNHEARD;
    return cel_reply_int(reply) == 0 ? RESULT_KEPT : RESULT_STORED;
}

enum celeriac_err cel_result_put_each(struct cel_result_store *store,
                                      const struct cel_result_record *records, size_t count,
                                      enum result_outcome *outcomes, struct celeriac_error *err)
{
    size_t written = 0;
    enum celeriac_err code = write_put(store, records, count, &written, err);
    if (code == CELERIAC_OK && written > 0)
        code = cel_script_run(&store->pipeline, store->conn, &cel_script_results, err);
    if (code != CELERIAC_OK)
        return code;
    const struct redisReply *reply = cel_pipeline_reply(&store->pipeline, 0);
    for (size_t i = 0, at = 0; i < count; i++) {
        outcomes[i] = RESULT_REFUSED;
        if (cel_result_is_storable(&records[i]))
            outcomes[i] = cel_result_outcome(cel_reply_at(reply, at++));
    }
    return CELERIAC_OK;
}

enum celeriac_err cel_result_put(struct cel_result_store *store,
                                 const struct cel_result_record *records, size_t count,
                                 size_t *kept, struct celeriac_error *err)
{
    size_t kept_count = 0;
    enum result_outcome *outcomes = mem_calloc(count, sizeof *outcomes);
    if (outcomes == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for results");
    enum celeriac_err code = cel_result_put_each(store, records, count, outcomes, err);
    for (size_t i = 0; code == CELERIAC_OK && i < count; i++) {
        kept_count += outcomes[i] == RESULT_KEPT ? 1 : 0;
        if (outcomes[i] == RESULT_LATER)
            code = celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE, "Redis refuses results");
        else if (outcomes[i] == RESULT_REFUSED && !cel_result_is_storable(&records[i]))
            code = celeriac_error_set(err, CELERIAC_ERR_LIMIT,
                                      "a result has more than %zu bytes, or no task id",
                                      CEL_RESULT_MAX);
        else if (outcomes[i] == RESULT_REFUSED)
            code = celeriac_error_set(err, CELERIAC_ERR_PROTOCOL, "Redis cannot store a result");
    }
    mem_free(outcomes);
    if (code == CELERIAC_OK && kept != NULL)
        *kept = kept_count;
    return code;
}

enum celeriac_err cel_result_get(struct cel_result_store *store, struct span task_id,
                                 struct strbuf *document, struct celeriac_error *err)
{
    enum celeriac_err code = key_of(store, task_id, err);
    if (code != CELERIAC_OK)
        return code;
    cel_pipeline_clear(&store->pipeline);
    CEL_COMMAND(&store->pipeline, SPAN("GET"), strbuf_span(&store->key));
    code = cel_pipeline_run(&store->pipeline, store->conn, err);
    const struct redisReply *reply = cel_pipeline_reply(&store->pipeline, 0);
    if (code == CELERIAC_OK)
        code = cel_reply_check(reply, err);
    if (code != CELERIAC_OK)
        return code;
    if (cel_reply_is_nil(reply))
        return celeriac_error_set(err, CELERIAC_ERR_NOT_FOUND, "no result is stored");
    strbuf_add_span(document, cel_reply_span(reply));
    return strbuf_status(document);
}
