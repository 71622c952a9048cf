/*
 * Idempotency keys: what was answered to a request that a client may repeat. The key is stored in
 * the transaction that does what the request asks for (insert.h), so a request is done once however
 * often, and by however many processes at once, it is repeated. See call.h for how to run a call.
 */
#ifndef NOTIFY_STORE_IDEMPOTENCY_H
#define NOTIFY_STORE_IDEMPOTENCY_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/uuid.h"
#include "notify/store/call.h"
#include "notify/store/digest.h"

/* Characters of a key: what the table's primary key index takes with ease. */
#define STORE_IDEMPOTENCY_KEY_MAX 255

/* Longest answer that is kept: a batch of 1,000 has less than 2 MiB. */
#define STORE_ANSWER_MAX ((size_t)16 * 1024 * 1024)

/* Keys older than a day are removed, so many in one call. */
#define STORE_SWEEP_ANSWERS_MAX 1000

/* What a repeated request finds. */
enum store_repeat {
    STORE_REPEAT_NONE = 0, /* the key is new: the request was, or may be, done */
    STORE_REPEAT_SAME,     /* the same request was done before */
    STORE_REPEAT_OTHER     /* the key belongs to another request */
};

/* A key with what it is for. */
struct store_idempotency {
    struct span key; /* 1..STORE_IDEMPOTENCY_KEY_MAX characters of text; empty: no key was given */
    struct store_digest digest; /* of the request */
    struct span document;       /* what is answered if this request is the one that is done */
    /* results */
    enum store_repeat repeat;
    struct span answer; /* STORE_REPEAT_SAME: what was answered; until store_call_release() */
};

/* Looks for a request of the past. Combined. A key that is new is no error. */
struct store_find_answer {
    struct store_call call;
    struct uuid tenant_id;
    struct store_idempotency idempotency; /* key and digest; document is not used */
};

/* Prepares the call; the caller then fills idempotency. */
void store_find_answer_init(struct store_find_answer *find, const struct uuid *tenant_id);

/* Removes up to `limit` (1..STORE_SWEEP_ANSWERS_MAX) keys older than a day. */
struct store_sweep_answers {
    struct store_call call;
    uint32_t limit;
    uint32_t removed; /* result: `limit` when there may be more */
};

/* Prepares the call. */
void store_sweep_answers_init(struct store_sweep_answers *sweep, uint32_t limit);

#endif
