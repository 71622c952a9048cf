#include "notify/providers/google_token.h"

#include <openssl/crypto.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "notify/providers/answer_text.h"
#include "notify/providers/text_message.h"
#include "notify/providers/turn_lock.h"

#define GRANT SPAN("urn:ietf:params:oauth:grant-type:jwt-bearer")

/* How long before its end a token is not used any more; a short-lived one is for half its life. */
#define MARGIN_S 60

/* Longest life believed, in seconds; Google's is an hour. */
#define LIFE_MAX_S 86400

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

/* A token that was given. */
struct grant {
    struct strbuf token;
    int64_t life_s;
    struct strbuf problem; /* error_description, or error */
};

/* What a token may consist of in a header (RFC 6750). */
static bool is_token(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] <= ' ' || text.ptr[i] > '~')
            return false;
    }
    return text.len > 0;
}

static enum celeriac_err read_grant(struct span body, struct grant *grant)
{
    struct json_doc doc;
    const struct json_node *root, *life;
    enum celeriac_err code;

    json_init(&doc);
    code = json_parse(&doc, body, &(struct json_options){.keep_depth = 2}, NULL);
    root = json_root(&doc);
    if (code == CELERIAC_OK && (!notify_answer_text(root, "access_token", &grant->token) ||
                                !notify_answer_text(root, "error_description", &grant->problem)))
        code = CELERIAC_ERR_MEMORY;
    if (code == CELERIAC_OK && strbuf_span(&grant->problem).len == 0 &&
        !notify_answer_text(root, "error", &grant->problem))
        code = CELERIAC_ERR_MEMORY;
    life = code == CELERIAC_OK ? json_get(root, "expires_in") : NULL;
    if (life == NULL || json_int(life, 1, LIFE_MAX_S, &grant->life_s) != CELERIAC_OK)
        grant->life_s = 1;
    json_close(&doc);
    return code == CELERIAC_ERR_MEMORY ? code : CELERIAC_OK;
}

/* Asks for a token over the connection; false with *outcome when there is none. */
static bool call(struct notify_google_token *t, struct notify_http *http, struct strbuf *form,
                 struct grant *grant, struct notify_outcome *outcome)
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
    if (read_grant(answer.body, grant)) {
        notify_outcome_hold_for_memory(outcome);
        return false;
    }
    if (answer.status == 200 && is_token(strbuf_span(&grant->token)))
        return true;
    notify_outcome_fail(outcome, NOTIFY_OUTCOME_LATER, (int)answer.status, "no access token",
                        "Google gives no access token: HTTP %ld %s", answer.status,
                        strbuf_text(&grant->problem));
    outcome->retry_after = answer.retry_after;
    return false;
}

static bool ask(struct notify_google_token *t, struct notify_http *http, struct grant *grant,
                struct notify_outcome *outcome)
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
static void keep(struct notify_google_token *t, bool given, const struct grant *grant,
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
    struct grant grant = {.life_s = 0};
    bool given;

    strbuf_init(&grant.token, NOTIFY_GOOGLE_TOKEN_MAX);
    strbuf_init(&grant.problem, 512);
    given = ask(t, http, &grant, outcome);
    (void)pthread_mutex_lock(&t->lock.mutex);
    keep(t, given, &grant, outcome);
    (void)pthread_mutex_unlock(&t->lock.mutex);
    if (given)
        strbuf_add_span(out, strbuf_span(&grant.token));
    if (grant.token.ptr != NULL)
        OPENSSL_cleanse(grant.token.ptr, grant.token.len);
    strbuf_close(&grant.token);
    strbuf_close(&grant.problem);
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
