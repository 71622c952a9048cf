/* See celeriac/limiter.h. */
#include "celeriac/limiter.h"

#include <string.h>

#include "base/alloc.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "celery_proto/redis/addresses.h"
#include "celery_proto/redis/own_keys.h"
#include "celery_proto/redis/pipeline.h"
#include "celery_proto/redis/script.h"

/* Numbers that the script wants, and gives, for each bucket. */
#define ARGS_PER_TAKE 4
#define ANSWERS_PER_TAKE 4

/* What the script is told instead of a debt when as many as there are shall be taken. */
#define NO_DEBT (-1)

/* Longest key: the prefix of the settings, ours, and the name. */
#define KEY_MAX ((size_t)8192)

struct celeriac_limiter {
    struct cel_addresses at;
    struct cel_conn *conn;
    struct cel_pipeline pipeline;
    struct strbuf key;
};

static enum celeriac_err open_parts(struct celeriac_limiter *limiter,
                                    const struct celeriac_limiter_options *options,
                                    struct celeriac_error *err)
{
    const struct cel_address_texts texts = {
        .broker_url = options->broker_url,
        .result_backend = "disabled://",
        .broker_transport_options = options->broker_transport_options,
        .broker_use_ssl = options->broker_use_ssl,
        .broker_failover_strategy = options->broker_failover_strategy,
    };
    struct cel_conn_options conn;
    enum celeriac_err code = cel_addresses_open(&texts, &limiter->at, err);

    if (code)
        return code;
    conn = cel_to_broker(&limiter->at, "celeriac-limit");
    if (options->timeout_ms > 0) {
        conn.connect_timeout_ms = options->timeout_ms;
        conn.io_timeout_ms = options->timeout_ms;
    }
    return cel_conn_create(&conn, &limiter->conn, err);
}

enum celeriac_err celeriac_limiter_create(const struct celeriac_limiter_options *options,
                                          struct celeriac_limiter **limiter,
                                          struct celeriac_error *err)
{
    struct celeriac_limiter *made = mem_calloc(1, sizeof *made);
    enum celeriac_err code;

    if (!made)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    cel_pipeline_init(&made->pipeline);
    strbuf_init(&made->key, KEY_MAX);
    code = open_parts(made, options, err);
    if (code) {
        celeriac_limiter_destroy(made);
        return code;
    }
    *limiter = made;
    return CELERIAC_OK;
}

void celeriac_limiter_destroy(struct celeriac_limiter *limiter)
{
    if (!limiter)
        return;
    cel_conn_destroy(limiter->conn);
    cel_addresses_close(&limiter->at);
    cel_pipeline_close(&limiter->pipeline);
    strbuf_close(&limiter->key);
    mem_free(limiter);
}

static enum celeriac_err check(const struct celeriac_take *take, struct celeriac_error *err)
{
    size_t len = take->name ? strnlen(take->name, CELERIAC_BUCKET_NAME_MAX + 1) : 0;

    if (len == 0 || len > CELERIAC_BUCKET_NAME_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "name: not 1 to %d bytes",
                                  CELERIAC_BUCKET_NAME_MAX);
    if (take->per_1000_s < 1 || take->per_1000_s > CELERIAC_BUCKET_RATE_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "per_1000_s: out of range");
    if (take->burst < 1 || take->burst > CELERIAC_BUCKET_BURST_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "burst: out of range");
    if (take->wanted < 0 || take->wanted > CELERIAC_BUCKET_BURST_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "wanted: out of range");
    if (take->debt < 0 || take->debt > take->wanted)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "debt: out of range");
    return CELERIAC_OK;
}

static enum celeriac_err check_all(const struct celeriac_take *takes, size_t count,
                                   struct celeriac_error *err)
{
    enum celeriac_err code = CELERIAC_OK;

    if (count > CELERIAC_TAKES_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "count: more than %d",
                                  CELERIAC_TAKES_MAX);
    for (size_t i = 0; code == CELERIAC_OK && i < count; i++)
        code = check(&takes[i], err);
    return code;
}

static enum celeriac_err write_call(struct celeriac_limiter *limiter,
                                    const struct celeriac_take *takes, size_t count,
                                    struct celeriac_error *err)
{
    struct cel_pipeline *p = &limiter->pipeline;

    cel_pipeline_clear(p);
    cel_script_begin(p, &cel_script_limit, count, ARGS_PER_TAKE * count);
    for (size_t i = 0; i < count; i++) {
        strbuf_clear(&limiter->key);
        cel_key_limit(limiter->at.keys, span_of(takes[i].name), &limiter->key);
        if (strbuf_status(&limiter->key))
            return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
        cel_pipeline_arg(p, strbuf_span(&limiter->key));
    }
    for (size_t i = 0; i < count; i++) {
        cel_pipeline_arg_int(p, takes[i].per_1000_s);
        cel_pipeline_arg_int(p, takes[i].burst);
        cel_pipeline_arg_int(p, takes[i].wanted);
        cel_pipeline_arg_int(p, takes[i].is_whole ? takes[i].debt : NO_DEBT);
    }
    return CELERIAC_OK;
}

enum celeriac_err celeriac_limiter_take(struct celeriac_limiter *limiter,
                                        struct celeriac_take *takes, size_t count,
                                        struct celeriac_error *err)
{
    struct cel_pipeline *p = &limiter->pipeline;
    const struct redisReply *answers;
    enum celeriac_err code = check_all(takes, count, err);

    if (code == CELERIAC_OK)
        code = write_call(limiter, takes, count, err);
    if (code == CELERIAC_OK)
        code = cel_script_run(p, limiter->conn, &cel_script_limit, err);
    if (code)
        return code;
    answers = cel_pipeline_reply(p, 0);
    if (cel_reply_count(answers) != ANSWERS_PER_TAKE * count)
        return celeriac_error_set(err, CELERIAC_ERR_PROTOCOL, "the limits' script answers oddly");
    for (size_t i = 0; i < count; i++) {
        takes[i].granted = cel_reply_int(cel_reply_at(answers, ANSWERS_PER_TAKE * i));
        takes[i].remaining = cel_reply_int(cel_reply_at(answers, ANSWERS_PER_TAKE * i + 1));
        takes[i].retry_ms = cel_reply_int(cel_reply_at(answers, ANSWERS_PER_TAKE * i + 2));
        takes[i].full_ms = cel_reply_int(cel_reply_at(answers, ANSWERS_PER_TAKE * i + 3));
    }
    return CELERIAC_OK;
}
