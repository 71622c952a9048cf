#include "celery_proto/redis/pipeline.h"

#include "base/alloc.h"
#include "celery_proto/redis/conn_io.h"
#include "celery_proto/redis/resp.h"

void cel_pipeline_init(struct cel_pipeline *p)
{
    *p = (struct cel_pipeline){0};
    strbuf_init(&p->out, CEL_PIPELINE_BYTES_MAX);
}

static void drop_replies(struct cel_pipeline *p)
{
    for (size_t i = 0; i < p->reply_count; i++)
        cel_reply_destroy(p->replies[i]);
    p->reply_count = 0;
}

void cel_pipeline_close(struct cel_pipeline *p)
{
    drop_replies(p);
    mem_free(p->replies);
    strbuf_close(&p->out);
    cel_pipeline_init(p);
}

void cel_pipeline_clear(struct cel_pipeline *p)
{
    drop_replies(p);
    strbuf_clear(&p->out);
    p->count = 0;
    p->was_sent = false;
}

void cel_pipeline_begin(struct cel_pipeline *p, size_t argc)
{
    resp_begin(&p->out, argc);
    p->count++;
}

void cel_pipeline_arg(struct cel_pipeline *p, struct span arg)
{
    resp_arg(&p->out, arg);
}

void cel_pipeline_arg_int(struct cel_pipeline *p, int64_t n)
{
    resp_arg_int(&p->out, n);
}

void cel_pipeline_add(struct cel_pipeline *p, const struct span *args, size_t argc)
{
    cel_pipeline_begin(p, argc);
    for (size_t i = 0; i < argc; i++)
        cel_pipeline_arg(p, args[i]);
}

static enum celeriac_err make_room(struct cel_pipeline *p, struct celeriac_error *err)
{
    if (strbuf_status(&p->out) != CELERIAC_OK)
        return celeriac_error_set(err, strbuf_status(&p->out), "cannot build Redis commands: %s",
                                  celeriac_err_name(strbuf_status(&p->out)));
    if (p->count <= p->reply_cap)
        return CELERIAC_OK;
    struct redisReply **larger = mem_resize(p->replies, p->count, sizeof(struct redisReply *));
    if (larger == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for Redis replies");
    p->replies = larger;
    p->reply_cap = p->count;
    return CELERIAC_OK;
}

/*
 * What the replies say about the server as a whole: one that is loading or became a replica is
 * left, one that is busy or full is given time; both count as failures for the pauses.
 */
static void judge_server(const struct cel_pipeline *p, struct cel_conn *conn)
{
    bool is_patience_needed = false;
    for (size_t i = 0; i < p->reply_count; i++) {
        if (cel_reply_is_wrong_server(p->replies[i])) {
            (void)cel_conn_fail(conn, CELERIAC_ERR_UNAVAILABLE, true, "wrong server", NULL);
            return;
        }
        if (cel_reply_check(p->replies[i], NULL) == CELERIAC_ERR_UNAVAILABLE)
            is_patience_needed = true;
    }
    if (is_patience_needed)
        cel_conn_count_failure(conn);
    else
        cel_conn_succeed(conn);
}

enum celeriac_err cel_pipeline_run(struct cel_pipeline *p, struct cel_conn *conn,
                                   struct celeriac_error *err)
{
    drop_replies(p);
    p->was_sent = false;
    enum celeriac_err code = make_room(p, err);
    if (code == CELERIAC_OK)
        code = cel_conn_ensure(conn, err);
    if (code != CELERIAC_OK)
        return code;
    p->was_sent = true;
    code = cel_conn_send(conn, strbuf_span(&p->out), err);
    while (code == CELERIAC_OK && p->reply_count < p->count) {
        code = cel_conn_receive(conn, &p->replies[p->reply_count], err);
        if (code == CELERIAC_OK)
            p->reply_count++;
    }
    if (code != CELERIAC_OK) {
        drop_replies(p);
        return code;
    }
    judge_server(p, conn);
    return CELERIAC_OK;
}

bool cel_pipeline_was_sent(const struct cel_pipeline *p)
{
    return p->was_sent;
}

const struct redisReply *cel_pipeline_reply(const struct cel_pipeline *p, size_t i)
{
    return i < p->reply_count ? p->replies[i] : NULL;
}

struct redisReply *cel_pipeline_take_reply(struct cel_pipeline *p, size_t i)
{
    if (i >= p->reply_count)
        return NULL;
    struct redisReply *reply = p->replies[i];
    p->replies[i] = NULL;
    return reply;
}
