#include "notify/providers/google_token.h"

#include <openssl/crypto.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "notify/providers/google_grant.h"
#include "notify/providers/text_message.h"
#include "notify/providers/turn_lock.h"

#define GRANT SPAN("urn:ietf:params:oauth:grant-type:jwt-bearer")

/* How long before its end a token is not used any more; a short-lived one is for half its life. */
#define MARGIN_S 60

#define FORM_MAX ((size_t)64 * 1024)

struct notify_google_token {
    const struct notify_google_account *account;
    const char *scope;
    const char *url;
    struct notify_turn_lock lock; /* guards what follows; it changes when somebody's asking ends */
    bool asking;
    unsigned asked; /* how often asking ended */
    bool failed;    /* the last time; then failure says why */
    struct notify_outcome failure;
    char token[NOTIFY_GOOGLE_TOKEN_MAX];
    size_t len; /* 0: none */
    int64_t until_ns;
};

enum celeriac_err notify_google_token_create(const struct notify_google_account *account,
                                             const char *scope, const char *url,
                                             struct notify_google_token **token,
                                             struct celeriac_error *err)
{
    struct notify_google_token *t = mem_calloc(1, sizeof *t);

    if (t == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "%s",
                                  celeriac_err_name(CELERIAC_ERR_MEMORY));
    if (!notify_turn_lock_init(&t->lock)) {
        mem_free(t);
        return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "cannot make a lock");
    }
    t->account = account;
    t->scope = scope;
    t->url = url;
    *token = t;
    return CELERIAC_OK;
}

void notify_google_token_destroy(struct notify_google_token *token)
{
    if (token == NULL)
        return;
    notify_turn_lock_destroy(&token->lock);
    OPENSSL_cleanse(token->token, sizeof token->token);
    mem_free(token);
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* Asks for a token over the connection; false with *outcome when there is none. */
static bool call(struct notify_google_token *t, struct notify_http *http, struct strbuf *form,
                 struct notify_google_grant *grant, struct notify_outcome *outcome)
{
    struct notify_http_request request = {
        .url = t->url,
        .content_type = "Content-Type: application/x-www-form-urlencoded",
        .body = strbuf_span(form),
    };
    struct notify_http_answer answer;

    notify_http_post(http, &request, &answer);
    if (answer.status == 0) {
        notify_http_explain_trouble(&answer, "Google's token server", outcome);
        outcome->perhaps_sent = false;
        return false;
    }
    if (notify_google_grant_read(grant, answer.body) != CELERIAC_OK) {
        notify_outcome_hold_for_memory(outcome);
        return false;
    }
    if (answer.status == 200 && strbuf_span(&grant->token).len > 0)
        return true;
    notify_outcome_fail(outcome, NOTIFY_OUTCOME_LATER, (int)answer.status, "no access token",
                        "Google gives no access token: HTTP %ld %s", answer.status,
                        strbuf_text(&grant->problem));
    outcome->retry_after = answer.retry_after;
    return false;
}

static bool ask(struct notify_google_token *t, struct notify_http *http,
                struct notify_google_grant *grant, struct notify_outcome *outcome)
{
    struct strbuf assertion, form;
    enum celeriac_err code;
    bool given = false;

    strbuf_init(&assertion, FORM_MAX);
    strbuf_init(&form, FORM_MAX);
    code = notify_google_account_assert(t->account, t->scope, t->url, clock_wall_us() / US_PER_SEC,
                                        &assertion);
    notify_form_add(&form, "grant_type", GRANT);
    notify_form_add(&form, "assertion", strbuf_span(&assertion));
    if (code == CELERIAC_ERR_SYSTEM)
        notify_outcome_fail(outcome, NOTIFY_OUTCOME_LATER, 0, "cannot sign",
                            "cannot sign with the service account's key");
    else if (code != CELERIAC_OK || strbuf_status(&form) != CELERIAC_OK)
        notify_outcome_hold_for_memory(outcome);
    else
        given = call(t, http, &form, grant, outcome);
    if (form.ptr != NULL)
        OPENSSL_cleanse(form.ptr, form.len);
    strbuf_close(&form);
    strbuf_close(&assertion);
    return given;
}

/* Keeps what was given, or why nothing was. Under the lock. */
static void keep(struct notify_google_token *t, bool given, const struct notify_google_grant *grant,
                 const struct notify_outcome *outcome)
{
    struct span token = strbuf_span(&grant->token);
    int64_t life_s = grant->life_s > 2 * MARGIN_S ? grant->life_s - MARGIN_S : grant->life_s / 2;

    t->asking = false;
    t->asked++;
    t->failed = !given;
    if (given) {
        memcpy(t->token, token.ptr, token.len);
        t->len = token.len;
        t->until_ns = clock_monotonic_ns() + life_s * NS_PER_SEC;
    } else {
        t->failure = *outcome;
    }
    (void)pthread_cond_broadcast(&t->lock.changed);
}

/* Asks for all. */
static bool fetch(struct notify_google_token *t, struct notify_http *http, struct strbuf *out,
                  struct notify_outcome *outcome)
{
    struct notify_google_grant grant;
    bool given;

    notify_google_grant_init(&grant);
    given = ask(t, http, &grant, outcome);
    (void)pthread_mutex_lock(&t->lock.mutex);
    keep(t, given, &grant, outcome);
    (void)pthread_mutex_unlock(&t->lock.mutex);
    if (given)
        strbuf_add_span(out, strbuf_span(&grant.token));
    notify_google_grant_close(&grant);
    return given;
}

/* ---- waiting --------------------------------------------------------------------------------- */

enum look { LOOK_FOUND, LOOK_FAILED, LOOK_ASK };

/* Waits for the end of somebody's asking, under the lock; false when the message is to stop. */
static bool await_end(struct notify_google_token *t, const struct notify_message *message)
{
    const unsigned before = t->asked;

    while (t->asking && t->asked == before) {
        if (notify_message_stops(message))
            return false;
        notify_turn_lock_wait(&t->lock);
    }
    return true;
}

/* Takes the token that is there, or becomes the one who asks. */
static enum look look(struct notify_google_token *t, const struct notify_message *message,
                      struct strbuf *out, struct notify_outcome *outcome)
{
    enum look found = LOOK_FAILED;
    unsigned before;

    (void)pthread_mutex_lock(&t->lock.mutex);
    before = t->asked;
    if (t->asking && !await_end(t, message)) {
        notify_outcome_fail(outcome, NOTIFY_OUTCOME_HOLD, 0, "stopping", "the worker stops");
    } else if (t->len > 0 && clock_monotonic_ns() < t->until_ns) {
        strbuf_add(out, t->token, t->len);
        found = LOOK_FOUND;
    } else if (t->asked != before && t->failed) {
        *outcome = t->failure;
    } else if (t->asking) {
        /* Another one has begun already, after a token that lasted no longer than this wait. */
        notify_outcome_fail(outcome, NOTIFY_OUTCOME_LATER, 0, "no access token",
                            "Google's access tokens end before they can be used");
    } else {
        t->asking = true;
        found = LOOK_ASK;
    }
    (void)pthread_mutex_unlock(&t->lock.mutex);
    return found;
}

bool notify_google_token_get(struct notify_google_token *token, struct notify_http *http,
                             const struct notify_message *message, struct strbuf *out,
                             struct notify_outcome *outcome)
{
    enum look found = look(token, message, out, outcome);

    if (found == LOOK_ASK && !fetch(token, http, out, outcome))
        return false;
    if (found == LOOK_FAILED)
        return false;
    if (strbuf_status(out) == CELERIAC_OK)
        return true;
    notify_outcome_hold_for_memory(outcome);
    return false;
}

void notify_google_token_drop(struct notify_google_token *token, struct span refused)
{
    (void)pthread_mutex_lock(&token->lock.mutex);
    if (span_equal((struct span){token->token, token->len}, refused))
        token->len = 0;
    (void)pthread_mutex_unlock(&token->lock.mutex);
}
