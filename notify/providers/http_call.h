/*
 * Calls of HTTP APIs over libcurl: one kept connection (one state of a provider), one request at a
 * time. TLS is verified, redirects are not followed, and whoever answers has a deadline. A
 * connection that the server closed in the meantime is replaced without a failure, as long as it
 * had answered nothing. One thread at a time for each connection.
 */
#ifndef NOTIFY_PROVIDERS_HTTP_CALL_H
#define NOTIFY_PROVIDERS_HTTP_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"
#include "notify/rules/outcome.h"
#include "notify/rules/webhook_allow.h"

struct notify_trust;

/* Longest answer taken, in bytes: what these APIs say has some hundred. */
#define NOTIFY_HTTP_ANSWER_MAX ((size_t)64 * 1024)

/* Longest Retry-After reported, in seconds; what is asked for beyond that is cut. */
#define NOTIFY_HTTP_RETRY_AFTER_MAX 31536000

/* What all calls of one API have in common. Borrowed; outlives the connections. */
struct notify_http_options {
    struct notify_trust *trust; /* borrowed, outlives the handle; see trust.h */
    bool no_proxy; /* not through https_proxy and the like: the API is on this machine */
    long connect_timeout_ms;
    long timeout_ms; /* one call, all in all */
    /*
     * For addresses that others have chosen: each is judged by what it leads to when it is
     * connected to, whatever its name meant before, and no proxy is used. NULL: all may be
     * connected to.
     */
    const struct notify_webhook_allow *allow;
    bool discard; /* nobody wants the answer's body: whatever is wrong with it is no failure */
};

/* One POST. Borrowed for the call. */
struct notify_http_request {
    const char *url;
    const char *content_type;   /* the whole header line, "Content-Type: ..." */
    const char *authorization;  /* likewise; NULL: none */
    const char *const *headers; /* further lines, the last one NULL; NULL: none */
    const char *user;           /* Basic authentication; NULL: none */
    const char *password;
    struct span body;
};

struct notify_http_answer {
    long status;          /* HTTP's; 0: there was no whole answer */
    uint32_t retry_after; /* seconds; 0: not said */
    struct span body;     /* borrowed from the connection until its next call */
    int result;           /* CURLcode; not CURLE_OK when status is 0 */
    const char *words;    /* libcurl's about it; "" when it has none */
    bool wholly_sent;     /* the whole request had left: it may have been carried out */
    bool refused_address; /* of all that the name leads to, none may be connected to */
};

struct notify_http;

/* Makes a connection's state; connects to nothing. CELERIAC_ERR_MEMORY or _SYSTEM. */
enum celeriac_err notify_http_create(const struct notify_http_options *options,
                                     struct notify_http **http,
                                     struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Closes it; http may be NULL. */
void notify_http_destroy(struct notify_http *http);

/* Makes one call, and always fills *answer. Blocks for at most the deadline. */
void notify_http_post(struct notify_http *http, const struct notify_http_request *request,
                      struct notify_http_answer *answer);

/*
 * Fills *outcome for an answer with status 0. service is a constant name for texts, e.g. "Twilio".
 * Later, and perhaps sent when the request had left; hold for want of memory.
 */
void notify_http_explain_trouble(const struct notify_http_answer *answer, const char *service,
                                 struct notify_outcome *outcome);

#endif
