/*
 * One delivery of a webhook: the signed request, and what its answer means. Connections are kept
 * for a while and used again. Any thread.
 */
#ifndef NOTIFY_PROVIDERS_WEBHOOK_POST_H
#define NOTIFY_PROVIDERS_WEBHOOK_POST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/uuid.h"
#include "celeriac/error.h"
#include "notify/rules/webhook_allow.h"

/* Longest payload that is posted, in bytes: ours have some hundred. */
#define NOTIFY_WEBHOOK_PAYLOAD_MAX ((size_t)1024 * 1024)

/* Bytes of our words about an attempt, with their NUL. */
#define NOTIFY_WEBHOOK_WORDS_SIZE 200

struct notify_webhook_poster;

/* Borrowed; outlives the poster. */
struct notify_webhook_poster_options {
    const struct notify_webhook_allow *allow; /* required */
    const char *ca_file;                      /* PEM; NULL or "" means the system's certificates */
    int64_t timeout_ns;                       /* of one delivery, connecting included */
};

/*
 * Makes it; connects to nothing. Errors as of notify_curl_start() and notify_trust_create();
 * CELERIAC_ERR_MEMORY.
 */
enum celeriac_err notify_webhook_poster_create(const struct notify_webhook_poster_options *options,
                                               struct notify_webhook_poster **poster,
                                               struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Closes the connections; poster may be NULL. */
void notify_webhook_poster_destroy(struct notify_webhook_poster *poster);

/* What is delivered. Borrowed for the call. */
struct notify_webhook_delivery {
    const struct uuid *id; /* the header webhook-id */
    struct span url;       /* with a NUL behind */
    struct span secret;
    struct span old_secret; /* signs too; ptr NULL: none */
    struct span payload;
    int64_t now_s; /* the header webhook-timestamp: seconds since 1970 */
};

/* What came of it. */
enum notify_webhook_result {
    NOTIFY_WEBHOOK_TAKEN = 1, /* 2xx */
    NOTIFY_WEBHOOK_FAILED,    /* to be tried again */
    NOTIFY_WEBHOOK_GONE,      /* 410: nobody wants to hear anything there any more */
    NOTIFY_WEBHOOK_NO_MEMORY  /* nothing was sent, and it is our fault */
};

struct notify_webhook_answer {
    enum notify_webhook_result result;
    long status;                           /* HTTP's; 0: there was none */
    uint32_t retry_after;                  /* seconds, of 429 and 503; 0: not said */
    char words[NOTIFY_WEBHOOK_WORDS_SIZE]; /* "" for 2xx; nothing of the answer's body */
};

/* Delivers it and always fills *answer. Blocks for at most the deadline. */
void notify_webhook_post(struct notify_webhook_poster *poster,
                         const struct notify_webhook_delivery *delivery,
                         struct notify_webhook_answer *answer);

#endif
