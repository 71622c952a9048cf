#include "celery_proto/redis/bindings.h"

#include "base/alloc.h"
#include "base/hashmap.h"
#include "base/log.h"
#include "celery_proto/codec/keys.h"
#include "celery_proto/redis/topic_match.h"

struct cel_bindings {
    const struct cel_keys *keys;
    struct hashmap *tables; /* exchange -> reply of SMEMBERS, owned */
    struct cel_pipeline pipeline;
    struct strbuf key;
};

static void free_table(void *table)
{
    cel_reply_destroy(table);
}

enum celeriac_err cel_bindings_create(const struct cel_keys *keys, struct cel_bindings **bindings)
{
    struct cel_bindings *b = mem_calloc(1, sizeof *b);
    if (b == NULL)
        return CELERIAC_ERR_MEMORY;
    b->keys = keys;
    cel_pipeline_init(&b->pipeline);
    strbuf_init(&b->key, CEL_NAME_MAX + (size_t)4 * CEL_KEY_OPTION_MAX);
    enum celeriac_err code = hashmap_create(&b->tables);
    if (code != CELERIAC_OK) {
        cel_bindings_destroy(b);
        return code;
    }
    *bindings = b;
    return CELERIAC_OK;
}

void cel_bindings_destroy(struct cel_bindings *bindings)
{
    if (bindings == NULL)
        return;
    hashmap_destroy(bindings->tables, free_table);
    cel_pipeline_close(&bindings->pipeline);
    strbuf_close(&bindings->key);
    mem_free(bindings);
}

void cel_bindings_clear(struct cel_bindings *bindings)
{
    size_t position = 0;
    struct span exchange;
    void *table;
    while (hashmap_next(bindings->tables, &position, &exchange, &table))
        free_table(hashmap_remove(bindings->tables, exchange));
}

/* Whether element i is a name to be asked for: not known, and not asked for before it. */
static bool is_new(const struct cel_bindings *b, const struct span *exchanges, size_t i)
{
    if (exchanges[i].len == 0 || hashmap_get(b->tables, exchanges[i]) != NULL)
        return false;
    for (size_t k = 0; k < i; k++) {
        if (span_equal(exchanges[k], exchanges[i]))
            return false;
    }
    return true;
}

static enum celeriac_err ask(struct cel_bindings *b, const struct span *exchanges, size_t count)
{
    cel_pipeline_clear(&b->pipeline);
    for (size_t i = 0; i < count; i++) {
        if (!is_new(b, exchanges, i))
            continue;
        strbuf_clear(&b->key);
        cel_key_binding(b->keys, exchanges[i], &b->key);
        if (strbuf_status(&b->key) != CELERIAC_OK)
            return strbuf_status(&b->key);
        CEL_COMMAND(&b->pipeline, SPAN("SMEMBERS"), strbuf_span(&b->key));
    }
    return CELERIAC_OK;
}

static enum celeriac_err store(struct cel_bindings *b, struct span exchange, size_t reply,
                               struct celeriac_error *err)
{
    enum celeriac_err code = cel_reply_check(cel_pipeline_reply(&b->pipeline, reply), err);
    if (code != CELERIAC_OK)
        return code;
    struct redisReply *table = cel_pipeline_take_reply(&b->pipeline, reply);
    void *old = NULL;
    code = hashmap_set(b->tables, exchange, table, &old);
    free_table(code == CELERIAC_OK ? old : table);
    return code;
}

enum celeriac_err cel_bindings_load(struct cel_bindings *bindings, struct cel_conn *conn,
                                    const struct span *exchanges, size_t count,
                                    struct celeriac_error *err)
{
    struct cel_bindings *b = bindings;
    enum celeriac_err code = ask(b, exchanges, count);
    if (code != CELERIAC_OK)
        return celeriac_error_set(err, code, "no memory for bindings");
    if (b->pipeline.count == 0)
        return CELERIAC_OK;
    code = cel_pipeline_run(&b->pipeline, conn, err);
    for (size_t i = 0, reply = 0; i < count && code == CELERIAC_OK; i++) {
        if (is_new(b, exchanges, i))
            code = store(b, exchanges[i], reply++, err);
    }
    return code;
}

static bool matches(struct span exchange, enum cel_exchange_type type, struct span routing_key,
                    struct span bound_key, struct span pattern)
{
    bool understood = true;
    if (type != CEL_EXCHANGE_TOPIC)
        return span_equal(bound_key, routing_key);
    bool is_match = cel_topic_match(pattern, routing_key, &understood);
    if (!understood)
        log_warning("redis", "a binding has a pattern that kombu does not write",
                    LOG_SPAN("exchange", exchange), LOG_SPAN("pattern", pattern));
    return is_match;
}

static bool contains(const struct span *queues, size_t count, struct span queue)
{
    for (size_t i = 0; i < count; i++) {
        if (span_equal(queues[i], queue))
            return true;
    }
    return false;
}

size_t cel_bindings_find(const struct cel_bindings *bindings, struct span exchange,
                         enum cel_exchange_type type, struct span routing_key, struct span *queues,
                         size_t max)
{
    const struct redisReply *table = hashmap_get(bindings->tables, exchange);
    size_t n = 0;
    for (size_t i = 0; i < cel_reply_count(table) && i < CEL_BINDINGS_MAX && n < max; i++) {
        struct span bound_key;
        struct span pattern;
        struct span queue;
        if (cel_binding_split(bindings->keys, cel_reply_span(cel_reply_at(table, i)), &bound_key,
                              &pattern, &queue) &&
            queue.len > 0 && matches(exchange, type, routing_key, bound_key, pattern) &&
            !contains(queues, n, queue))
            queues[n++] = queue;
    }
    return n;
}
