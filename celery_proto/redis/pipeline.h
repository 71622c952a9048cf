/*
 * Commands to a Redis server: any number are collected, sent in one write, and answered in order.
 *
 *     cel_pipeline_clear(&p);
 *     CEL_COMMAND(&p, SPAN("LLEN"), key);
 *     code = cel_pipeline_run(&p, conn, err);
 *     if (code == CELERIAC_OK) n = cel_reply_int(cel_pipeline_reply(&p, 0));
 *
 * Arguments are binary-safe. Building is sticky: the first failure (memory, size) is reported by
 * cel_pipeline_run(). One thread at a time.
 */
#ifndef CEL_REDIS_PIPELINE_H
#define CEL_REDIS_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"
#include "celery_proto/redis/conn.h"
#include "celery_proto/redis/reply.h"

/* Most bytes of commands in one pipeline: Redis' client-query-buffer-limit is 1 GiB by default. */
#define CEL_PIPELINE_BYTES_MAX ((size_t)1 << 30)

struct cel_pipeline {
    struct strbuf out;           /* encoded commands */
    size_t count;                /* commands */
    struct redisReply **replies; /* count of them after a run */
    size_t reply_count, reply_cap;
    bool was_sent; /* the last run handed bytes to the network */
};

/* Starts an empty pipeline. */
void cel_pipeline_init(struct cel_pipeline *p);

/* Releases commands and replies. */
void cel_pipeline_close(struct cel_pipeline *p);

/* Forgets commands and replies, keeps the memory. */
void cel_pipeline_clear(struct cel_pipeline *p);

/* Starts a command of argc arguments, its name included; exactly argc cel_pipeline_arg() follow. */
void cel_pipeline_begin(struct cel_pipeline *p, size_t argc);

/* One argument of the command begun. */
void cel_pipeline_arg(struct cel_pipeline *p, struct span arg);
void cel_pipeline_arg_int(struct cel_pipeline *p, int64_t n);

/* A whole command at once. */
void cel_pipeline_add(struct cel_pipeline *p, const struct span *args, size_t argc);

#define CEL_COMMAND(p, ...)                                   \
    cel_pipeline_add((p), (const struct span[]){__VA_ARGS__}, \
                     sizeof((const struct span[]){__VA_ARGS__}) / sizeof(struct span))

/*
 * Connects if needed, sends all commands and waits for all replies. CELERIAC_OK when every command
 * was answered, also if the answer is an error reply: look with cel_reply_check().
 * CELERIAC_ERR_UNAVAILABLE or _PROTOCOL: the connection was closed; how many commands the server
 * carried out is unknown unless cel_pipeline_was_sent() is false. CELERIAC_ERR_MEMORY,
 * CELERIAC_ERR_LIMIT, CELERIAC_ERR_AUTH.
 */
enum celeriac_err cel_pipeline_run(struct cel_pipeline *p, struct cel_conn *conn,
                                   struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Whether the last run handed any byte to the network. */
bool cel_pipeline_was_sent(const struct cel_pipeline *p);

/* Reply i of the last successful run; borrowed until the pipeline is cleared, run or closed. */
const struct redisReply *cel_pipeline_reply(const struct cel_pipeline *p, size_t i);

/* Moves reply i out: the caller destroys it with cel_reply_destroy(). NULL when there is none. */
struct redisReply *cel_pipeline_take_reply(struct cel_pipeline *p, size_t i);

#endif
