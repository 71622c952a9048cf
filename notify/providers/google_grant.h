/*
 * What a token server answers (RFC 6749, section 5): an access token and its life, or why there is
 * none. Pure; one thread for each grant.
 */
#ifndef NOTIFY_PROVIDERS_GOOGLE_GRANT_H
#define NOTIFY_PROVIDERS_GOOGLE_GRANT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"

/* Longest token taken, in bytes: Google says they have up to 2,048. */
#define NOTIFY_GOOGLE_TOKEN_MAX ((size_t)8 * 1024)

/* Longest life believed, in seconds: a longer one counts as this; Google's is an hour. */
#define NOTIFY_GOOGLE_LIFE_MAX_S 86400

/* Longest text of a refusal that is kept, in bytes. */
#define NOTIFY_GOOGLE_PROBLEM_MAX ((size_t)512)

struct notify_google_grant {
    struct strbuf token;   /* whole or empty; printable ASCII without spaces (RFC 6750) */
    struct strbuf problem; /* error_description, or error; UTF-8 */
    int64_t life_s;        /* 1 to NOTIFY_GOOGLE_LIFE_MAX_S; 1 where the answer does not tell */
};

/* Starts an empty grant. */
void notify_google_grant_init(struct notify_google_grant *grant);

/* Wipes and releases it. */
void notify_google_grant_close(struct notify_google_grant *grant);

/*
 * Reads an answer into an empty grant. What is no JSON, or a token that no header can hold, gives
 * no token. CELERIAC_ERR_MEMORY.
 */
enum celeriac_err notify_google_grant_read(struct notify_google_grant *grant,
                                           struct span answer) CELERIAC_MUST_CHECK;

#endif
