#include "celery_proto/redis/queue_info.h"

#include "base/strbuf.h"
#include "celery_proto/codec/keys.h"
#include "celery_proto/codec/priority.h"
#include "celery_proto/redis/pipeline.h"
#include "celery_proto/redis/publish.h"

/* Longest list key. */
#define KEY_MAX (4 * (size_t)CEL_KEY_OPTION_MAX + CEL_NAME_MAX)

/* Adds LLEN, and DEL if asked for, of every list of every queue. */
static enum celeriac_err write_commands(struct cel_pipeline *p, const struct cel_keys *keys,
                                        const struct span *queues, size_t count, bool purge)
{
    const struct cel_priority_steps *steps = cel_keys_steps(keys);
    struct strbuf key;
    strbuf_init(&key, KEY_MAX);
    for (size_t i = 0; i < count; i++) {
        for (size_t s = 0; s < steps->count; s++) {
            strbuf_clear(&key);
            cel_key_queue(keys, queues[i], steps->step[s], &key);
            CEL_COMMAND(p, SPAN("LLEN"), strbuf_span(&key));
            if (purge)
                CEL_COMMAND(p, SPAN("DEL"), strbuf_span(&key));
        }
    }
    enum celeriac_err code = strbuf_status(&key);
    strbuf_close(&key);
    return code;
}

static enum celeriac_err check_names(const struct span *queues, size_t count,
                                     struct celeriac_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (queues[i].len == 0 || queues[i].len > CEL_NAME_MAX)
            return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                      "a queue's name must have 1 to %d bytes", CEL_NAME_MAX);
    }
    return CELERIAC_OK;
}

/* Ends the transaction and runs it; *replies gets those of its commands, none of them an error. */
static enum celeriac_err execute(struct cel_pipeline *p, struct cel_conn *conn,
                                 const struct redisReply **replies, struct celeriac_error *err)
{
    CEL_COMMAND(p, SPAN("EXEC"));
    enum celeriac_err code = cel_pipeline_run(p, conn, err);
    if (code != CELERIAC_OK)
        return code;
    *replies = cel_pipeline_reply(p, p->count - 1);
    code = cel_reply_check(*replies, err);
    for (size_t i = 0; i < cel_reply_count(*replies) && code == CELERIAC_OK; i++)
        code = cel_reply_check(cel_reply_at(*replies, i), err);
    return code;
}

/* Runs the commands; lengths get the sum of each queue. */
enum celeriac_err cel_queue_purge(struct cel_conn *conn, const struct cel_keys *keys,
                                  const struct span *queues, size_t count, uint64_t *purged,
                                  struct celeriac_error *err)
{
    struct cel_pipeline p;
    size_t lists = count * cel_keys_steps(keys)->count;
    uint64_t sum = 0;
    enum celeriac_err code = check_names(queues, count, err);
    const struct redisReply *replies = NULL;
    if (code != CELERIAC_OK)
        return code;
    cel_pipeline_init(&p);
    /* One transaction, so that a purge reports exactly what it deleted. */
    CEL_COMMAND(&p, SPAN("MULTI"));
    code = write_commands(&p, keys, queues, count, true);
    if (code != CELERIAC_OK)
        (void)celeriac_error_set(err, code, "no memory for the names of queues");
    else
        code = execute(&p, conn, &replies, err);
    /* Each list has two replies, of which the first is its length. */
    for (size_t i = 0; i < lists && code == CELERIAC_OK; i++)
        sum += (uint64_t)cel_reply_int(cel_reply_at(replies, 2 * i));
    cel_pipeline_close(&p);
    if (code == CELERIAC_OK)
        *purged = sum;
    return code;
}

enum celeriac_err cel_queue_backlog(struct cel_conn *conn, const struct cel_keys *keys,
                                    struct span queue, uint64_t *waiting, uint64_t *unacked,
                                    struct celeriac_error *err)
{
    struct cel_pipeline p;
    const struct redisReply *replies = NULL;
    size_t steps = cel_keys_steps(keys)->count;
    uint64_t length = 0;
    enum celeriac_err code = check_names(&queue, 1, err);
    if (code != CELERIAC_OK)
        return code;
    cel_pipeline_init(&p);
    CEL_COMMAND(&p, SPAN("MULTI"));
    code = write_commands(&p, keys, &queue, 1, false);
    CEL_COMMAND(&p, SPAN("HLEN"), cel_key_unacked(keys));
    if (code != CELERIAC_OK)
        (void)celeriac_error_set(err, code, "no memory for the name of a queue");
    else
        code = execute(&p, conn, &replies, err);
    for (size_t s = 0; s < steps && code == CELERIAC_OK; s++)
        length += (uint64_t)cel_reply_int(cel_reply_at(replies, s));
    if (code == CELERIAC_OK) {
        *waiting = length;
        *unacked = (uint64_t)cel_reply_int(cel_reply_at(replies, steps));
    }
    cel_pipeline_close(&p);
    return code;
}
