#include "notify/providers/fcm.h"

#include <openssl/crypto.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json_writer.h"
#include "base/strbuf.h"
#include "notify/providers/curl_library.h"
#include "notify/providers/fcm_answer.h"
#include "notify/providers/google_account.h"
#include "notify/providers/google_grant.h"
#include "notify/providers/google_token.h"
#include "notify/providers/http_url.h"
#include "notify/providers/text_message.h"

/* Each byte of a text becomes six at most. */
#define JSON_MAX (16 * NOTIFY_TEXT_MAX)

#define UNAUTHORIZED 401

struct notify_fcm_config {
    struct notify_google_account *account;
    struct notify_google_token *token;
    char *url;
    char *token_url;
    struct notify_http_options http;
};

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

/* ---- configuration --------------------------------------------------------------------------- */

static enum celeriac_err build_url(struct notify_fcm_config *c, const struct notify_fcm_options *o,
                                   struct celeriac_error *err)
{
    const char *given = is_set(o->base_url) ? o->base_url : NOTIFY_FCM_URL;
    struct strbuf url;
    char *base = NULL;
    enum celeriac_err code =
        notify_http_url_read(given, "FCM_BASE_URL", &base, &c->http.no_proxy, err);

    if (code != CELERIAC_OK)
        return code;
    strbuf_init(&url, 16 * NOTIFY_HTTP_URL_MAX);
    strbuf_add_text(&url, base);
    strbuf_add_text(&url, "/v1/projects/");
    strbuf_add_text(&url, notify_google_account_project(c->account));
    strbuf_add_text(&url, "/messages:send");
    code = strbuf_take(&url, &c->url, NULL);
    strbuf_close(&url);
    mem_free(base);
    return code;
}

static enum celeriac_err read_token_url(struct notify_fcm_config *c,
                                        const struct notify_fcm_options *o,
                                        struct celeriac_error *err)
{
    bool own = is_set(o->token_url), is_local = false;

    return notify_http_url_read(own ? o->token_url : notify_google_account_token_url(c->account),
                                own ? "FCM_TOKEN_URL" : o->credentials_name, &c->token_url,
                                &is_local, err);
}

static enum celeriac_err fill(struct notify_fcm_config *c, const struct notify_fcm_options *o,
                              struct celeriac_error *err)
{
    enum celeriac_err code =
        notify_google_account_load(o->credentials, o->credentials_name, &c->account, err);

    c->http = o->http;
    if (code == CELERIAC_OK)
        code = build_url(c, o, err);
    if (code == CELERIAC_OK)
        code = read_token_url(c, o, err);
    return code == CELERIAC_OK ? notify_google_token_create(c->account, NOTIFY_FCM_SCOPE,
                                                            c->token_url, &c->token, err)
                               : code;
}

enum celeriac_err notify_fcm_config_create(const struct notify_fcm_options *options,
                                           struct notify_fcm_config **config,
                                           struct celeriac_error *err)
{
    struct notify_fcm_config *c;
    enum celeriac_err code = notify_curl_start(err);

    if (code != CELERIAC_OK)
        return code;
    c = mem_calloc(1, sizeof *c);
    code = c != NULL ? fill(c, options, err) : CELERIAC_ERR_MEMORY;
    if (code != CELERIAC_OK) {
        notify_fcm_config_destroy(c);
        return celeriac_error_set(err, code, "%s", celeriac_err_name(code));
    }
    *config = c;
    return CELERIAC_OK;
}

void notify_fcm_config_destroy(struct notify_fcm_config *config)
{
    if (config == NULL)
        return;
    notify_google_token_destroy(config->token);
    notify_google_account_destroy(config->account);
    mem_free(config->token_url);
    mem_free(config->url);
    mem_free(config);
}

/* ---- sending --------------------------------------------------------------------------------- */

struct fcm_state {
    const struct notify_fcm_config *config;
    struct notify_http *http;
    struct strbuf json;
};

static void fcm_destroy(void *state)
{
    struct fcm_state *s = state;

    if (s == NULL)
        return;
    notify_http_destroy(s->http);
    strbuf_close(&s->json);
    mem_free(s);
}

static enum celeriac_err fcm_create(const void *config, void **state, struct celeriac_error *err)
{
    struct fcm_state *s = mem_calloc(1, sizeof *s);
    enum celeriac_err code;

    if (s == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "%s",
                                  celeriac_err_name(CELERIAC_ERR_MEMORY));
    s->config = config;
    strbuf_init(&s->json, JSON_MAX);
    code = notify_http_create(&s->config->http, &s->http, err);
    if (code != CELERIAC_OK) {
        fcm_destroy(s);
        return code;
    }
    *state = s;
    return CELERIAC_OK;
}

static bool write_json(struct strbuf *out, const struct notify_message *message)
{
    struct json_writer w;

    strbuf_clear(out);
    json_writer_init(&w, out, JSON_STYLE_PYTHON);
    json_begin_object(&w);
    json_key(&w, "message");
    json_begin_object(&w);
    json_key(&w, "token");
    json_string(&w, message->to);
    json_key(&w, "notification");
    json_begin_object(&w);
    if (message->subject.len > 0) {
        json_key(&w, "title");
        json_string(&w, message->subject);
    }
    json_key(&w, "body");
    json_string(&w, message->body);
    json_end_object(&w);
    json_end_object(&w);
    json_end_object(&w);
    return strbuf_status(out) == CELERIAC_OK;
}

/* One call with one token, which follows the prefix in header; *status is HTTP's. */
static void call(struct fcm_state *s, const char *header, struct notify_outcome *outcome,
                 long *status)
{
    const struct notify_http_request request = {
        .url = s->config->url,
        .content_type = "Content-Type: application/json",
        .authorization = header,
        .body = strbuf_span(&s->json),
    };
    struct notify_http_answer answer;

    notify_http_post(s->http, &request, &answer);
    *status = answer.status;
    fcm_answer_explain(&answer, outcome);
}

/* Sends with the token that is there; a token that is refused is dropped. Returns whether it was.
 */
static bool send_once(struct fcm_state *s, const struct notify_message *message,
                      struct notify_outcome *outcome)
{
    const struct span prefix = SPAN("Authorization: Bearer ");
    struct strbuf header;
    struct span token;
    long status = 0;

    strbuf_init(&header, prefix.len + NOTIFY_GOOGLE_TOKEN_MAX);
    strbuf_add_span(&header, prefix);
    if (notify_google_token_get(s->config->token, s->http, message, &header, outcome))
        call(s, strbuf_text(&header), outcome, &status);
    token = strbuf_span(&header);
    if (status == UNAUTHORIZED)
        notify_google_token_drop(s->config->token,
                                 (struct span){token.ptr + prefix.len, token.len - prefix.len});
    if (header.ptr != NULL)
        OPENSSL_cleanse(header.ptr, header.len);
    strbuf_close(&header);
    return status == UNAUTHORIZED;
}

static void fcm_send(void *state, const struct notify_message *message,
                     struct notify_outcome *outcome)
{
    struct fcm_state *s = state;

    if (!notify_text_check(message, "Push", outcome))
        return;
    if (!span_is_utf8(message->to)) {
        notify_outcome_fail(outcome, NOTIFY_OUTCOME_NEVER, 0, "token refused",
                            "The registration token is not valid UTF-8");
        return;
    }
    if (!write_json(&s->json, message)) {
        notify_outcome_hold_for_memory(outcome);
        return;
    }
    /* A token can be revoked before its time; a second refusal is no matter of time. */
    if (send_once(s, message, outcome))
        (void)send_once(s, message, outcome);
}

const struct notify_provider notify_fcm_provider = {
    .create = fcm_create,
    .send = fcm_send,
    .destroy = fcm_destroy,
};
