#include "notify/providers/webhook_post.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "notify/providers/curl_library.h"
#include "notify/providers/http_call.h"
#include "notify/providers/trust.h"
#include "notify/rules/webhook_sign.h"
#include "notify/rules/webhook_url.h"

/* An unused connection's state is closed after this time; servers close connections themselves. */
#define IDLE_NS (30 * NS_PER_SEC)

/* Longest header line that we write: two signatures and their name. */
#define SIGNATURES_MAX ((size_t)256)

/* A connection's state that nobody uses now. */
struct idle {
    struct idle *next; /* used longer ago */
    struct notify_http *http;
    int64_t since_ns;
};

struct notify_webhook_poster {
    const struct notify_webhook_allow *allow;
    struct notify_trust *trust;
    int64_t timeout_ns;
    pthread_mutex_t lock; /* guards what follows */
    struct idle *idle;    /* last used first */
};

/* ---- connections --------------------------------------------------------------------------- */

static void close_all(struct idle *list)
{
    while (list) {
        struct idle *next = list->next;

        notify_http_destroy(list->http);
        mem_free(list);
        list = next;
    }
}

/* Takes the one used last, and closes those that nobody has used for long. */
static struct idle *borrow(struct notify_webhook_poster *poster)
{
    int64_t oldest_ns = clock_monotonic_ns() - IDLE_NS;
    struct idle *found;
    struct idle *old = NULL;

    pthread_mutex_lock(&poster->lock);
    for (struct idle **at = &poster->idle; *at; at = &(*at)->next) {
        if ((*at)->since_ns < oldest_ns) {
            old = *at;
            *at = NULL;
            break;
        }
    }
    found = poster->idle;
    if (found)
        poster->idle = found->next;
    pthread_mutex_unlock(&poster->lock);
    close_all(old);
    return found;
}

static void give_back(struct notify_webhook_poster *poster, struct idle *used)
{
    used->since_ns = clock_monotonic_ns();
    pthread_mutex_lock(&poster->lock);
    used->next = poster->idle;
    poster->idle = used;
    pthread_mutex_unlock(&poster->lock);
}

static enum celeriac_err make(struct notify_webhook_poster *poster, struct idle **connection,
                              struct celeriac_error *err)
{
    const struct notify_http_options options = {
        .trust = poster->trust,
        .connect_timeout_ms = (long)(poster->timeout_ns / NS_PER_MS),
        .timeout_ms = (long)(poster->timeout_ns / NS_PER_MS),
        .allow = poster->allow,
        .discard = true,
    };
    struct idle *made = mem_calloc(1, sizeof *made);
    enum celeriac_err code;

    if (!made)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    code = notify_http_create(&options, &made->http, err);
    if (code)
        mem_free(made);
    else
        *connection = made;
    return code;
}

/* ---- the request --------------------------------------------------------------------------- */

static enum celeriac_err sign(const struct notify_webhook_delivery *delivery, struct span secret,
                              struct span id, struct strbuf *out, struct celeriac_error *err)
{
    struct notify_webhook_key key;
    enum celeriac_err code = notify_webhook_secret_read(secret, &key, err);

    return code ? code : notify_webhook_sign(&key, id, delivery->now_s, delivery->payload, out);
}

/* The values of webhook-signature, which it has one or two of. */
static enum celeriac_err write_signatures(const struct notify_webhook_delivery *delivery,
                                          const char *id, struct strbuf *line,
                                          struct celeriac_error *err)
{
    struct strbuf values;
    enum celeriac_err code;

    strbuf_init(&values, SIGNATURES_MAX);
    code = sign(delivery, delivery->secret, span_of(id), &values, err);
    if (code == CELERIAC_OK && delivery->old_secret.ptr)
        code = sign(delivery, delivery->old_secret, span_of(id), &values, err);
    strbuf_add_text(line, "webhook-signature: ");
    strbuf_add_span(line, strbuf_span(&values));
    strbuf_close(&values);
    return code ? code : strbuf_status(line);
}

/* ---- the answer ---------------------------------------------------------------------------- */

static void judge_status(const struct notify_http_answer *http,
                         struct notify_webhook_answer *answer)
{
    answer->status = http->status;
    if (http->status >= 200 && http->status < 300) {
        answer->result = NOTIFY_WEBHOOK_TAKEN;
        return;
    }
    (void)snprintf(answer->words, sizeof answer->words, "HTTP %ld%s", http->status,
                   http->status >= 300 && http->status < 400 ? ": redirects are not followed" : "");
    if (http->status == 410)
        answer->result = NOTIFY_WEBHOOK_GONE;
    if (http->status == 429 || http->status == 503)
        answer->retry_after = http->retry_after;
}

static void judge(const struct notify_http_answer *http, struct notify_webhook_answer *answer)
{
    struct notify_outcome outcome;

    if (http->status != 0) {
        judge_status(http, answer);
        return;
    }
    if (http->refused_address) {
        (void)snprintf(answer->words, sizeof answer->words, "the address is not public");
        return;
    }
    notify_http_explain_trouble(http, "webhook", &outcome);
    if (outcome.kind == NOTIFY_OUTCOME_HOLD)
        answer->result = NOTIFY_WEBHOOK_NO_MEMORY;
    (void)snprintf(answer->words, sizeof answer->words, "%s", outcome.reason);
}

/* Nothing was sent. */
static void refuse(struct notify_webhook_answer *answer, const struct celeriac_error *err)
{
    if (err->code == CELERIAC_ERR_MEMORY)
        answer->result = NOTIFY_WEBHOOK_NO_MEMORY;
    (void)snprintf(answer->words, sizeof answer->words, "%.*s", NOTIFY_WEBHOOK_WORDS_SIZE - 1,
                   err->text);
}

static void post(struct notify_webhook_poster *poster,
                 const struct notify_webhook_delivery *delivery, const char *const *headers,
                 struct notify_webhook_answer *answer)
{
    const struct notify_http_request request = {.url = delivery->url.ptr,
                                                .content_type = "Content-Type: application/json",
                                                .headers = headers,
                                                .body = delivery->payload};
    struct idle *connection = borrow(poster);
    struct celeriac_error err = {0};
    struct notify_http_answer http;

    if (!connection)
        (void)!make(poster, &connection, &err);
    if (!connection) {
        refuse(answer, &err);
        return;
    }
    notify_http_post(connection->http, &request, &http);
    judge(&http, answer);
    give_back(poster, connection);
}

void notify_webhook_post(struct notify_webhook_poster *poster,
                         const struct notify_webhook_delivery *delivery,
                         struct notify_webhook_answer *answer)
{
    char id_line[sizeof "webhook-id: " + UUID_SIZE] = "webhook-id: ";
    char *id = id_line + sizeof "webhook-id: " - 1;
    char time_line[64];
    struct celeriac_error err = {0};
    struct strbuf signatures;
    enum celeriac_err code;

    *answer = (struct notify_webhook_answer){.result = NOTIFY_WEBHOOK_FAILED};
    uuid_format(delivery->id, id);
    (void)snprintf(time_line, sizeof time_line, "webhook-timestamp: %" PRId64, delivery->now_s);
    strbuf_init(&signatures, SIGNATURES_MAX);
    code = notify_webhook_url_check(delivery->url, poster->allow, &err);
    if (code == CELERIAC_OK && delivery->payload.len > NOTIFY_WEBHOOK_PAYLOAD_MAX)
        code = celeriac_error_set(&err, CELERIAC_ERR_LIMIT, "the payload is too long");
    if (code == CELERIAC_OK)
        code = write_signatures(delivery, id, &signatures, &err);
    if (code) {
        (void)celeriac_error_set(&err, code, "%s", celeriac_err_name(code));
        refuse(answer, &err);
    } else {
        const char *const headers[] = {id_line, time_line, strbuf_text(&signatures), NULL};

        post(poster, delivery, headers, answer);
    }
    strbuf_close(&signatures);
}

/* ---- life ---------------------------------------------------------------------------------- */

enum celeriac_err notify_webhook_poster_create(const struct notify_webhook_poster_options *options,
                                               struct notify_webhook_poster **poster,
                                               struct celeriac_error *err)
{
    struct notify_webhook_poster *p = mem_calloc(1, sizeof *p);
    enum celeriac_err code;

    if (!p)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    p->allow = options->allow;
    p->timeout_ns = options->timeout_ns;
    pthread_mutex_init(&p->lock, NULL);
    code = notify_curl_start(err);
    if (code == CELERIAC_OK)
        code = notify_trust_create(options->ca_file, "CELERIAC_WEBHOOK_CA_FILE", &p->trust, err);
    if (code) {
        notify_webhook_poster_destroy(p);
        return code;
    }
    *poster = p;
    return CELERIAC_OK;
}

void notify_webhook_poster_destroy(struct notify_webhook_poster *poster)
{
    if (!poster)
        return;
    close_all(poster->idle);
    notify_trust_destroy(poster->trust);
    pthread_mutex_destroy(&poster->lock);
    mem_free(poster);
}
