/*
 * Replies of a Redis server, looked into without knowing hiredis. Pure; a reply is read by one
 * thread at a time.
 */
#ifndef CEL_REDIS_REPLY_H
#define CEL_REDIS_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"

/* One reply; hiredis' structure, looked into by the functions below only. */
struct redisReply;

/*
 * Turns an error reply into a code with text: CELERIAC_ERR_UNAVAILABLE (LOADING, READONLY,
 * MASTERDOWN, TRYAGAIN, BUSY, CLUSTERDOWN, MISCONF, OOM, NOREPLICAS, UNBLOCKED: waiting may help),
 * CELERIAC_ERR_AUTH (NOAUTH, WRONGPASS, NOPERM), CELERIAC_ERR_UNSUPPORTED (unknown command),
 * CELERIAC_ERR_PROTOCOL (anything else). CELERIAC_OK for other replies.
 */
enum celeriac_err cel_reply_check(const struct redisReply *reply,
                                  struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Kinds of replies. A NULL reply is none of them. */
bool cel_reply_is_nil(const struct redisReply *reply);
bool cel_reply_is_array(const struct redisReply *reply);
bool cel_reply_is_error(const struct redisReply *reply);

/* An integer reply, or a string that is one; 0 for anything else. */
int64_t cel_reply_int(const struct redisReply *reply);

/* Bytes of a string, status or error; empty for anything else. Borrowed from the reply. */
struct span cel_reply_span(const struct redisReply *reply);

/* Elements of an array; 0 and NULL for anything else. */
size_t cel_reply_count(const struct redisReply *reply);
const struct redisReply *cel_reply_at(const struct redisReply *reply, size_t i);

/*
 * Whether an error reply says that this server cannot serve us now or at all while another endpoint
 * might: LOADING, READONLY, MASTERDOWN, NOREPLICAS (a master cut off from its replicas may have a
 * successor), UNBLOCKED (it became a replica while we waited).
 */
bool cel_reply_is_wrong_server(const struct redisReply *reply);

/* Whether an error reply starts with the given word, e.g. "NOSCRIPT", or reports a script's error
 * that does. */
bool cel_reply_is_error_word(const struct redisReply *reply, const char *word);

/* Releases a reply; NULL is allowed. */
void cel_reply_destroy(struct redisReply *reply);

#endif
