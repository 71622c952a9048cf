#include "notify/providers/twilio_answer.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "notify/providers/answer_text.h"

#define BACKEND "celeriac-twilio"

/* Largest code taken: Twilio's have five digits. */
#define CODE_MAX 9999999

/* Longest text of an answer that is kept. */
#define TEXT_MAX ((size_t)512)

/* Refusals of this number or this text, which another attempt does not change. */
static const struct {
    int code;
    const char *reason;
} refusals[] = {
    {21211, "number refused"},         /* To is no valid number */
    {21214, "number refused"},         /* To cannot be reached */
    {21217, "number refused"},         /* To does not seem to be valid */
    {21265, "number refused"},         /* To is a short code */
    {21266, "number refused"},         /* To is From */
    {21421, "number refused"},         /* not a valid number */
    {21602, "text refused"},           /* no body */
    {21604, "number refused"},         /* no To */
    {21610, "recipient unsubscribed"}, /* STOP was sent */
    {21612, "number refused"},         /* no route from From to To */
    {21614, "number refused"},         /* To is no mobile number */
    {21617, "text refused"},           /* more than 1,600 characters */
    {21619, "text refused"},           /* no body, media or content */
    {21635, "number refused"},         /* To is a landline */
    {30004, "message blocked"},        /* the recipient blocks messages */
    {30005, "number refused"},         /* unknown handset */
    {30006, "number refused"},         /* landline, or carrier without messages */
    {30007, "message filtered"},       /* taken for spam */
    {63003, "recipient not found"},    /* nobody at that WhatsApp address */
    {63016, "template required"},      /* outside of WhatsApp's 24 hours */
    {63024, "recipient refused"},      /* invalid recipient */
    {63032, "recipient refused"},      /* WhatsApp does not send to this user */
    {63033, "recipient unsubscribed"}, /* the user has blocked the sender */
};

/* What an answer says, as far as it is JSON. */
struct answer {
    struct strbuf sid;
    struct strbuf status;
    struct strbuf text; /* message, or error_message */
    int64_t code;       /* code, or error_code; 0: none */
    bool no_memory;
};

static void read_text(const struct json_node *object, const char *key, struct answer *a,
                      struct strbuf *out)
{
    a->no_memory = !notify_answer_text(object, key, out) || a->no_memory;
}

static void read_code(const struct json_node *object, const char *key, struct answer *a)
{
    const struct json_node *value = json_get(object, key);
    int64_t code;

    if (value != NULL && json_int(value, 1, CODE_MAX, &code) == CELERIAC_OK)
        a->code = code;
}

static void read_answer(struct span body, struct answer *a)
{
    struct json_doc doc;
    enum celeriac_err code;

    json_init(&doc);
    code = json_parse(&doc, body, &(struct json_options){.keep_depth = 2}, NULL);
    if (code == CELERIAC_OK) {
        read_text(json_root(&doc), "sid", a, &a->sid);
        read_text(json_root(&doc), "message", a, &a->text);
        if (strbuf_span(&a->text).len == 0)
            read_text(json_root(&doc), "error_message", a, &a->text);
        if (strbuf_span(&a->sid).len > 0)
            read_text(json_root(&doc), "status", a, &a->status);
        read_code(json_root(&doc), "error_code", a);
        read_code(json_root(&doc), "code", a);
    }
    a->no_memory = a->no_memory || code == CELERIAC_ERR_MEMORY;
    json_close(&doc);
}

static const char *refusal(int64_t code)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        if (refusals[i].code == code)
            return refusals[i].reason;
    }
    return NULL;
}

static const char *reason_of(long status)
{
    if (status == 401 || status == 403)
        return "login refused";
    if (status == 429)
        return "too many requests";
    return status >= 500 ? "server refused" : "request refused";
}

static void explain_failure(const struct notify_http_answer *http, const struct answer *a,
                            struct notify_outcome *outcome)
{
    const char *refused = refusal(a->code);
    bool has_code = a->code > 0;

    notify_outcome_fail(outcome, refused != NULL ? NOTIFY_OUTCOME_NEVER : NOTIFY_OUTCOME_LATER,
                        has_code ? (int)a->code : (int)http->status,
                        refused != NULL ? refused : reason_of(http->status),
                        "Twilio refused the message: HTTP %ld, code %lld%s%s", http->status,
                        (long long)a->code, strbuf_span(&a->text).len > 0 ? ": " : "",
                        strbuf_text(&a->text));
    if (refused == NULL)
        outcome->retry_after = http->retry_after;
}

/* Twilio has taken the message; what it says of it may be missing where memory is short. */
static void explain_success(const struct answer *a, const char *provider,
                            struct notify_outcome *outcome)
{
    notify_outcome_sent(outcome, provider, BACKEND, strbuf_span(&a->sid));
    (void)snprintf(outcome->status, sizeof outcome->status, "%s", strbuf_text(&a->status));
}

static bool has_failed(const struct answer *a)
{
    struct span status = strbuf_span(&a->status);

    return span_is(status, "failed") || span_is(status, "undelivered") ||
           span_is(status, "canceled");
}

void twilio_answer_explain(const struct notify_http_answer *answer, const char *provider,
                           struct notify_outcome *outcome)
{
    struct answer a = {.code = 0};
    bool taken = answer->status >= 200 && answer->status < 300;

    if (answer->status == 0) {
        notify_http_explain_trouble(answer, "Twilio", outcome);
        return;
    }
    strbuf_init(&a.sid, NOTIFY_MESSAGE_ID_SIZE - 1);
    strbuf_init(&a.status, NOTIFY_PROVIDER_STATUS_SIZE - 1);
    strbuf_init(&a.text, TEXT_MAX);
    read_answer(answer->body, &a);
    if (!taken || (!a.no_memory && has_failed(&a)))
        explain_failure(answer, &a, outcome);
    else if (strbuf_span(&a.sid).len > 0 || a.no_memory)
        explain_success(&a, provider, outcome);
    else {
        /* Not Twilio's words: something on the way has answered in its place. */
        notify_outcome_fail(outcome, NOTIFY_OUTCOME_LATER, (int)answer->status, "odd answer",
                            "Twilio's answer names no message (HTTP %ld)", answer->status);
        outcome->perhaps_sent = true;
    }
    strbuf_close(&a.text);
    strbuf_close(&a.status);
    strbuf_close(&a.sid);
}
