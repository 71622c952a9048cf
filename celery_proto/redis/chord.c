#include "celery_proto/redis/chord.h"

#include "base/alloc.h"
#include "base/uuid.h"
#include "celery_proto/codec/keys.h"
#include "celery_proto/redis/pipeline.h"
#include "celery_proto/redis/result_state.h"
#include "celery_proto/redis/script.h"

/* Bytes of all keys of one call. */
#define KEYS_BYTES_MAX ((size_t)16 * 1024 * 1024)

/* Keys of one part, and arguments of chord_part.lua before and for each. */
#define PART_KEYS 6
#define FIXED_ARGS 4
#define PART_ARGS 4

struct cel_chord_store {
    struct cel_conn *conn;
    const struct cel_keys *keys;
    uint32_t seconds; /* 0: for ever */
    bool unordered;
    char token[UUID_SIZE];
    struct cel_pipeline pipeline;
    struct strbuf key;
};

enum celeriac_err cel_chord_store_create(const struct cel_chord_options *options,
                                         struct cel_chord_store **store, struct celeriac_error *err)
{
    struct cel_chord_store *s;
    enum celeriac_err code;

    if (options->results.conn.url == NULL || options->results.keys == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "chords need a result backend");
    s = mem_calloc(1, sizeof *s);
    if (s == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for chords");
    s->keys = options->results.keys;
    s->seconds = cel_result_seconds(&options->results);
    s->unordered = options->unordered;
    uuid_new(s->token);
    cel_pipeline_init(&s->pipeline);
    strbuf_init(&s->key, KEYS_BYTES_MAX);
    code = cel_conn_create(&options->results.conn, &s->conn, err);
    if (code != CELERIAC_OK) {
        cel_chord_store_destroy(s);
        return code;
    }
    *store = s;
    return CELERIAC_OK;
}

void cel_chord_store_destroy(struct cel_chord_store *store)
{
    if (store == NULL)
        return;
    cel_conn_destroy(store->conn);
    cel_pipeline_close(&store->pipeline);
    strbuf_close(&store->key);
    mem_free(store);
}

/* One key as an argument. */
static void add_key(struct cel_chord_store *s, struct span group_id, const char *suffix)
{
    strbuf_clear(&s->key);
    cel_key_group(s->keys, group_id, suffix, &s->key);
    cel_pipeline_arg(&s->pipeline, strbuf_span(&s->key));
}

static enum celeriac_err run(struct cel_chord_store *s, size_t replies, struct celeriac_error *err)
{
    enum celeriac_err code = cel_pipeline_run(&s->pipeline, s->conn, err);

    for (size_t i = 0; code == CELERIAC_OK && i < replies; i++)
        code = cel_reply_check(cel_pipeline_reply(&s->pipeline, i), err);
    return code;
}

/* SET key value, with the time that results are kept. */
static void add_set(struct cel_chord_store *s, struct span group_id, const char *suffix,
                    struct span value)
{
    cel_pipeline_begin(&s->pipeline, s->seconds > 0 ? 5 : 3);
    cel_pipeline_arg(&s->pipeline, SPAN("SET"));
    add_key(s, group_id, suffix);
    cel_pipeline_arg(&s->pipeline, value);
    if (s->seconds > 0) {
        cel_pipeline_arg(&s->pipeline, SPAN("EX"));
        cel_pipeline_arg_int(&s->pipeline, s->seconds);
    }
}

static void add_delete(struct cel_chord_store *s, struct span group_id, const char *suffix)
{
    cel_pipeline_begin(&s->pipeline, 2);
    cel_pipeline_arg(&s->pipeline, SPAN("DEL"));
    add_key(s, group_id, suffix);
}

enum celeriac_err cel_chord_set_size(struct cel_chord_store *store, struct span group_id,
                                     int64_t size, struct celeriac_error *err)
{
    struct strbuf digits;
    enum celeriac_err code;

    strbuf_init(&digits, 32);
    strbuf_add_int(&digits, size);
    cel_pipeline_clear(&store->pipeline);
    add_delete(store, group_id, ".c");
    add_set(store, group_id, ".s", strbuf_span(&digits));
    code = run(store, 2, err);
    strbuf_close(&digits);
    return code;
}

enum celeriac_err cel_chord_save_group(struct cel_chord_store *store, struct span group_id,
                                       struct span record, struct celeriac_error *err)
{
    cel_pipeline_clear(&store->pipeline);
    add_set(store, group_id, NULL, record);
    return run(store, 1, err);
}

enum celeriac_err cel_chord_return(struct cel_chord_store *store,
                                   const struct cel_chord_return *parts, size_t count,
                                   struct celeriac_error *err)
{
    static const char *const suffixes[PART_KEYS] = {".j", ".t", ".s", ".d", NULL, ".c"};
    struct cel_pipeline *p = &store->pipeline;

    if (count == 0 || count > CEL_CHORD_PARTS_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT, "1 to %d parts in one call",
                                  CEL_CHORD_PARTS_MAX);
    cel_pipeline_clear(p);
    cel_script_begin(p, &cel_script_chord_part, PART_KEYS * count, FIXED_ARGS + PART_ARGS * count);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < PART_KEYS; k++)
            add_key(store, parts[i].group_id, suffixes[k]);
    cel_pipeline_arg(p, store->unordered ? SPAN("0") : SPAN("1"));
    cel_pipeline_arg_int(p, store->seconds);
    cel_pipeline_arg_int(p, CEL_CHORD_CLAIM_S);
    cel_pipeline_arg(p, span_of(store->token));
    for (size_t i = 0; i < count; i++) {
        cel_pipeline_arg(p, parts[i].task_id);
        if (parts[i].has_index)
            cel_pipeline_arg_int(p, parts[i].index);
        else
            cel_pipeline_arg(p, SPAN("+inf"));
        cel_pipeline_arg(p, parts[i].document);
        cel_pipeline_arg_int(p, parts[i].size);
    }
    return cel_script_run(p, store->conn, &cel_script_chord_part, err);
}

struct redisReply *cel_chord_take_reply(struct cel_chord_store *store)
{
    return cel_pipeline_take_reply(&store->pipeline, 0);
}

enum celeriac_err cel_chord_hold(struct cel_chord_store *store, struct span group_id, int64_t size,
                                 bool *held, struct celeriac_error *err)
{
    enum celeriac_err code;

    cel_pipeline_clear(&store->pipeline);
    cel_script_begin(&store->pipeline, &cel_script_chord_hold, 3, 3);
    add_key(store, group_id, ".c");
    add_key(store, group_id, ".s");
    add_key(store, group_id, ".j");
    cel_pipeline_arg(&store->pipeline, span_of(store->token));
    cel_pipeline_arg_int(&store->pipeline, CEL_CHORD_CLAIM_S);
    cel_pipeline_arg_int(&store->pipeline, size);
    code = cel_script_run(&store->pipeline, store->conn, &cel_script_chord_hold, err);
    if (code == CELERIAC_OK)
        *held = cel_reply_int(cel_pipeline_reply(&store->pipeline, 0)) == 1;
    return code;
}

enum celeriac_err cel_chord_done(struct cel_chord_store *store, struct span group_id,
                                 struct celeriac_error *err)
{
    static const char *const suffixes[] = {".j", ".t", ".s", ".d", ".c"};

    cel_pipeline_clear(&store->pipeline);
    cel_script_begin(&store->pipeline, &cel_script_chord_done, sizeof suffixes / sizeof suffixes[0],
                     2);
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++)
        add_key(store, group_id, suffixes[i]);
    cel_pipeline_arg(&store->pipeline, span_of(store->token));
    cel_pipeline_arg_int(&store->pipeline, CEL_CHORD_DONE_S);
    return cel_script_run(&store->pipeline, store->conn, &cel_script_chord_done, err);
}

enum celeriac_err cel_chord_failed(struct cel_chord_store *store, struct span group_id,
                                   struct celeriac_error *err)
{
    cel_pipeline_clear(&store->pipeline);
    add_delete(store, group_id, ".s");
    return run(store, 1, err);
}

enum celeriac_err cel_chord_read_results(struct cel_chord_store *store, const struct span *task_ids,
                                         size_t count, struct redisReply **reply,
                                         struct celeriac_error *err)
{
    enum celeriac_err code;

    cel_pipeline_clear(&store->pipeline);
    cel_pipeline_begin(&store->pipeline, count + 1);
    cel_pipeline_arg(&store->pipeline, SPAN("MGET"));
    for (size_t i = 0; i < count; i++) {
        strbuf_clear(&store->key);
        cel_key_result(store->keys, task_ids[i], &store->key);
        cel_pipeline_arg(&store->pipeline, strbuf_span(&store->key));
    }
    code = run(store, 1, err);
    if (code == CELERIAC_OK)
        *reply = cel_pipeline_take_reply(&store->pipeline, 0);
    return code;
}
