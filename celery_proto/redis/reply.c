#include "celery_proto/redis/reply.h"

#include <hiredis/hiredis.h>
#include <string.h>

#include "base/parse_num.h"

static bool is(const struct redisReply *reply, int type)
{
    return reply != NULL && reply->type == type;
}

bool cel_reply_is_nil(const struct redisReply *reply)
{
    return is(reply, REDIS_REPLY_NIL);
}

bool cel_reply_is_array(const struct redisReply *reply)
{
    return is(reply, REDIS_REPLY_ARRAY);
}

bool cel_reply_is_error(const struct redisReply *reply)
{
    return is(reply, REDIS_REPLY_ERROR);
}

struct span cel_reply_span(const struct redisReply *reply)
{
    if (is(reply, REDIS_REPLY_STRING) || is(reply, REDIS_REPLY_STATUS) ||
        is(reply, REDIS_REPLY_ERROR))
        return (struct span){reply->str, (size_t)reply->len};
    return (struct span){0};
}

int64_t cel_reply_int(const struct redisReply *reply)
{
    int64_t n = 0;
    if (is(reply, REDIS_REPLY_INTEGER))
        return reply->integer;
    if (parse_int64(cel_reply_span(reply), INT64_MIN, INT64_MAX, &n) != CELERIAC_OK)
        return 0;
    return n;
}

size_t cel_reply_count(const struct redisReply *reply)
{
    return cel_reply_is_array(reply) ? reply->elements : 0;
}

const struct redisReply *cel_reply_at(const struct redisReply *reply, size_t i)
{
    return i < cel_reply_count(reply) ? reply->element[i] : NULL;
}

/*
 * The word that an error reply starts with. Redis before 7 reports an error inside of a script as
 * "ERR Error running script (...): ... -READONLY You can't write ...": there it is the inner one.
 */
static struct span error_word(const struct redisReply *reply)
{
    static const char inner[] = " -";
    struct span text = cel_reply_span(reply);
    struct span head;
    struct span rest;
    if (span_starts(text, SPAN("ERR Error running script"))) {
        const char *at = memmem(text.ptr, text.len, inner, sizeof inner - 1);
        if (at != NULL) {
            at += sizeof inner - 1;
            text = (struct span){at, text.len - (size_t)(at - text.ptr)};
        }
    }
    (void)span_cut(text, ' ', &head, &rest);
    return head;
}

bool cel_reply_is_error_word(const struct redisReply *reply, const char *word)
{
    return cel_reply_is_error(reply) && span_is(error_word(reply), word);
}

bool cel_reply_is_wrong_server(const struct redisReply *reply)
{
    static const char *const words[] = {"LOADING", "READONLY", "MASTERDOWN", "NOREPLICAS",
                                        "UNBLOCKED"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (cel_reply_is_error_word(reply, words[i]))
            return true;
    }
    return false;
}

enum celeriac_err cel_reply_check(const struct redisReply *reply, struct celeriac_error *err)
{
    static const struct {
        const char *word;
        enum celeriac_err code;
    } table[] = {
        {"LOADING", CELERIAC_ERR_UNAVAILABLE},    {"READONLY", CELERIAC_ERR_UNAVAILABLE},
        {"MASTERDOWN", CELERIAC_ERR_UNAVAILABLE}, {"TRYAGAIN", CELERIAC_ERR_UNAVAILABLE},
        {"BUSY", CELERIAC_ERR_UNAVAILABLE},       {"CLUSTERDOWN", CELERIAC_ERR_UNAVAILABLE},
        {"MISCONF", CELERIAC_ERR_UNAVAILABLE},    {"OOM", CELERIAC_ERR_UNAVAILABLE},
        {"NOREPLICAS", CELERIAC_ERR_UNAVAILABLE}, {"UNBLOCKED", CELERIAC_ERR_UNAVAILABLE},
        {"UNKILLABLE", CELERIAC_ERR_UNAVAILABLE}, {"NOAUTH", CELERIAC_ERR_AUTH},
        {"WRONGPASS", CELERIAC_ERR_AUTH},         {"NOPERM", CELERIAC_ERR_AUTH},
    };
    if (!cel_reply_is_error(reply))
        return CELERIAC_OK;
    struct span text = cel_reply_span(reply);
    enum celeriac_err code = CELERIAC_ERR_PROTOCOL;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (cel_reply_is_error_word(reply, table[i].word))
            code = table[i].code;
    }
    if (span_starts(text, SPAN("ERR unknown command")) ||
        span_starts(text, SPAN("ERR unknown subcommand")) ||
        span_starts(text, SPAN("ERR Unknown subcommand")))
        code = CELERIAC_ERR_UNSUPPORTED;
    return celeriac_error_set(err, code, "Redis: %.*s", SPAN_PRINTF(text));
}

void cel_reply_destroy(struct redisReply *reply)
{
    if (reply != NULL)
        freeReplyObject(reply);
}
