#include "notify/providers/twilio.h"

#include <openssl/crypto.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "notify/providers/curl_library.h"
#include "notify/providers/http_url.h"
#include "notify/providers/text_message.h"
#include "notify/providers/twilio_answer.h"

/* Longest setting taken, in bytes: SIDs have 34 characters, tokens 32. */
#define SETTING_MAX 256

#define WHATSAPP SPAN("whatsapp:")

/* Three bytes for each of a text, its recipient and the names. */
#define FORM_MAX (3 * NOTIFY_TEXT_MAX + 4096)

struct notify_twilio_config {
    bool is_whatsapp;
    char *url;
    char *account_sid;
    char *auth_token;
    char *from; /* NULL: the messaging service chooses */
    char *service;
    struct notify_http_options http;
};

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static bool has_account(const struct notify_twilio_options *o)
{
    return is_set(o->account_sid) && is_set(o->auth_token);
}

bool notify_twilio_has_sms(const struct notify_twilio_options *options)
{
    return has_account(options) &&
           (is_set(options->from_number) || is_set(options->messaging_service_sid));
}

bool notify_twilio_has_whatsapp(const struct notify_twilio_options *options)
{
    return has_account(options) && is_set(options->whatsapp_from);
}

/* ---- configuration --------------------------------------------------------------------------- */

/* Letters and digits: a SID is a part of the address. */
static enum celeriac_err check_sid(const char *name, const char *text, struct celeriac_error *err)
{
    size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");

    if (text[len] != '\0' || len > SETTING_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: must be letters and digits", name);
    return CELERIAC_OK;
}

static enum celeriac_err check_text(const char *name, const char *text, struct celeriac_error *err)
{
    if (strlen(text) > SETTING_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: longer than %d bytes", name,
                                  SETTING_MAX);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c < ' ' || *c > '~')
            return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: must be plain ASCII", name);
    }
    return CELERIAC_OK;
}

static enum celeriac_err check(const struct notify_twilio_options *o, bool is_whatsapp,
                               struct celeriac_error *err)
{
    enum celeriac_err code = check_sid("TWILIO_ACCOUNT_SID", o->account_sid, err);

    if (code == CELERIAC_OK)
        code = check_text("TWILIO_AUTH_TOKEN", o->auth_token, err);
    if (code == CELERIAC_OK && is_whatsapp)
        return check_text("TWILIO_WHATSAPP_FROM", o->whatsapp_from, err);
    if (code == CELERIAC_OK && is_set(o->messaging_service_sid))
        return check_sid("TWILIO_MESSAGING_SERVICE_SID", o->messaging_service_sid, err);
    return code == CELERIAC_OK ? check_text("TWILIO_FROM_NUMBER", o->from_number, err) : code;
}

static enum celeriac_err copy(const char *prefix, const char *text, char **out)
{
    struct strbuf joined;
    enum celeriac_err code;

    strbuf_init(&joined, NOTIFY_HTTP_URL_MAX + 2 * SETTING_MAX);
    strbuf_add_text(&joined, prefix);
    strbuf_add_text(&joined, text);
    code = strbuf_take(&joined, out, NULL);
    strbuf_close(&joined);
    return code;
}

static enum celeriac_err build_url(struct notify_twilio_config *c,
                                   const struct notify_twilio_options *o,
                                   struct celeriac_error *err)
{
    const char *given = is_set(o->base_url) ? o->base_url : NOTIFY_TWILIO_URL;
    struct strbuf url;
    char *base = NULL;
    enum celeriac_err code =
        notify_http_url_read(given, "TWILIO_BASE_URL", &base, &c->http.no_proxy, err);

    if (code != CELERIAC_OK)
        return code;
    strbuf_init(&url, NOTIFY_HTTP_URL_MAX + 2 * SETTING_MAX);
    strbuf_add_text(&url, base);
    strbuf_add_text(&url, "/2010-04-01/Accounts/");
    strbuf_add_text(&url, o->account_sid);
    strbuf_add_text(&url, "/Messages.json");
    code = strbuf_take(&url, &c->url, NULL);
    strbuf_close(&url);
    mem_free(base);
    return code;
}

static enum celeriac_err fill(struct notify_twilio_config *c, const struct notify_twilio_options *o,
                              struct celeriac_error *err)
{
    enum celeriac_err code = check(o, c->is_whatsapp, err);

    c->http = o->http;
    if (code == CELERIAC_OK)
        code = build_url(c, o, err);
    if (code == CELERIAC_OK)
        code = copy("", o->account_sid, &c->account_sid);
    if (code == CELERIAC_OK)
        code = copy("", o->auth_token, &c->auth_token);
    if (code != CELERIAC_OK)
        return code;
    if (!c->is_whatsapp)
        return is_set(o->messaging_service_sid) ? copy("", o->messaging_service_sid, &c->service)
                                                : copy("", o->from_number, &c->from);
    return copy(span_starts(span_of(o->whatsapp_from), WHATSAPP) ? "" : WHATSAPP.ptr,
                o->whatsapp_from, &c->from);
}

enum celeriac_err notify_twilio_config_create(const struct notify_twilio_options *options,
                                              bool is_whatsapp,
                                              struct notify_twilio_config **config,
                                              struct celeriac_error *err)
{
    struct notify_twilio_config *c = NULL;
    enum celeriac_err code = notify_curl_start(err);

    if (code != CELERIAC_OK)
        return code;
    c = mem_calloc(1, sizeof *c);
    if (c == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "%s",
                                  celeriac_err_name(CELERIAC_ERR_MEMORY));
    c->is_whatsapp = is_whatsapp;
    code = fill(c, options, err);
    if (code != CELERIAC_OK) {
        notify_twilio_config_destroy(c);
        return celeriac_error_set(err, code, "%s", celeriac_err_name(code));
    }
    *config = c;
    return CELERIAC_OK;
}

void notify_twilio_config_destroy(struct notify_twilio_config *config)
{
    if (config == NULL)
        return;
    if (config->auth_token != NULL)
        OPENSSL_cleanse(config->auth_token, strlen(config->auth_token));
    mem_free(config->auth_token);
    mem_free(config->account_sid);
    mem_free(config->service);
    mem_free(config->from);
    mem_free(config->url);
    mem_free(config);
}

/* ---- sending --------------------------------------------------------------------------------- */

struct twilio_state {
    const struct notify_twilio_config *config;
    struct notify_http *http;
    struct strbuf form;
};

static void twilio_destroy(void *state)
{
    struct twilio_state *s = state;

    if (s == NULL)
        return;
    notify_http_destroy(s->http);
    strbuf_close(&s->form);
    mem_free(s);
}

static enum celeriac_err twilio_create(const void *config, void **state, struct celeriac_error *err)
{
    struct twilio_state *s = mem_calloc(1, sizeof *s);
    enum celeriac_err code;

    if (s == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "%s",
                                  celeriac_err_name(CELERIAC_ERR_MEMORY));
    s->config = config;
    strbuf_init(&s->form, FORM_MAX);
    code = notify_http_create(&s->config->http, &s->http, err);
    if (code != CELERIAC_OK) {
        twilio_destroy(s);
        return code;
    }
    *state = s;
    return CELERIAC_OK;
}

/* The recipient as Twilio names it: WhatsApp's numbers have the channel in front. */
static bool write_form(struct twilio_state *s, const struct notify_message *message)
{
    const struct notify_twilio_config *config = s->config;
    struct strbuf to;
    bool written;

    strbuf_init(&to, NOTIFY_TEXT_MAX);
    if (config->is_whatsapp)
        strbuf_add_span(&to, WHATSAPP);
    strbuf_add_span(&to, message->to);
    strbuf_clear(&s->form);
    notify_form_add(&s->form, "To", strbuf_span(&to));
    if (config->service != NULL)
        notify_form_add(&s->form, "MessagingServiceSid", span_of(config->service));
    else
        notify_form_add(&s->form, "From", span_of(config->from));
    notify_form_add(&s->form, "Body", message->body);
    written = strbuf_status(&to) == CELERIAC_OK && strbuf_status(&s->form) == CELERIAC_OK;
    strbuf_close(&to);
    return written;
}

static void twilio_send(void *state, const struct notify_message *message,
                        struct notify_outcome *outcome)
{
    struct twilio_state *s = state;
    struct notify_http_request request = {
        .url = s->config->url,
        .content_type = "Content-Type: application/x-www-form-urlencoded",
        .user = s->config->account_sid,
        .password = s->config->auth_token,
    };
    struct notify_http_answer answer;

    if (!notify_text_check(message, s->config->is_whatsapp ? "WhatsApp" : "SMS", outcome))
        return;
    if (!write_form(s, message)) {
        notify_outcome_hold_for_memory(outcome);
        return;
    }
    request.body = strbuf_span(&s->form);
    notify_http_post(s->http, &request, &answer);
    twilio_answer_explain(&answer, s->config->is_whatsapp ? "whatsapp" : "sms", outcome);
}

const struct notify_provider notify_twilio_provider = {
    .create = twilio_create,
    .send = twilio_send,
    .destroy = twilio_destroy,
};
