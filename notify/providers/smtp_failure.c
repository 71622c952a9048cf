#include "notify/providers/smtp_failure.h"

#include <curl/curl.h>

#include "base/span.h"

/* "Service not available, closing transmission channel", RFC 5321. */
#define CODE_CLOSING 421

/* The server said no to one of our commands: how libcurl begins its words, and ours. */
static const struct {
    const char *curl; /* lib/smtp.c of libcurl 7.20 to 8.x */
    const char *reason;
    const char *text;
    bool is_ours; /* our sender is the same for every message: its refusal is about us */
} refusals[] = {
    {"MAIL failed", "sender refused", "The mail server refused the sender", true},
    {"RCPT failed", "recipient refused", "The mail server refused the recipient", false},
    {"DATA failed", "message refused", "The mail server refused the message", false},
};

/* Trouble that is not about the message. */
static const struct {
    int result; /* CURLcode */
    const char *reason;
    const char *text;
} troubles[] = {
    {CURLE_COULDNT_RESOLVE_HOST, "host not found", "Cannot find the mail server"},
    {CURLE_COULDNT_CONNECT, "no connection", "Cannot connect to the mail server"},
    {CURLE_OPERATION_TIMEDOUT, "timed out", "The mail server took too long"},
    {CURLE_PEER_FAILED_VERIFICATION, "certificate refused",
     "The mail server's certificate is not trusted"},
    {CURLE_SSL_CONNECT_ERROR, "TLS failed", "TLS with the mail server failed"},
    {CURLE_USE_SSL_FAILED, "no STARTTLS", "The mail server does not offer STARTTLS"},
    {CURLE_LOGIN_DENIED, "login refused", "The mail server refused the login"},
    {CURLE_OUT_OF_MEMORY, "out of memory", "Out of memory while sending"},
};

/* "Exceeded storage allocation", RFC 1870: the announced size is too much. */
#define CODE_TOO_BIG 552

/* Codes of RFC 4954 that are about our login, whatever command they answer. */
static bool is_about_login(int code)
{
    return code == 530 || code == 534 || code == 535 || code == 538;
}

static bool is_refusal(const struct smtp_failure *f)
{
    return f->reply->whole && f->reply->code >= 400;
}

bool smtp_failure_is_stale(const struct smtp_failure *f)
{
    if (!f->reused || f->progress != SMTP_NOTHING_SENT)
        return false;
    if (is_refusal(f))
        return f->reply->code == CODE_CLOSING;
    return f->result == CURLE_SEND_ERROR || f->result == CURLE_RECV_ERROR ||
           f->result == CURLE_WEIRD_SERVER_REPLY || f->result == CURLE_GOT_NOTHING;
}

/* The server's code and words, when they say something about the failure. */
static void explain_reply(const struct smtp_failure *f, const char *reason, const char *text,
                          bool is_ours, struct notify_outcome *outcome)
{
    bool never = f->reply->code >= 500 && !is_about_login(f->reply->code) &&
                 (!is_ours || f->reply->code == CODE_TOO_BIG);

    notify_outcome_fail(outcome, never ? NOTIFY_OUTCOME_NEVER : NOTIFY_OUTCOME_LATER,
                        f->reply->code, reason, "%s: %d %s", text, f->reply->code, f->reply->text);
}

static enum notify_outcome_kind kind_of_trouble(int result)
{
    return result == CURLE_OUT_OF_MEMORY ? NOTIFY_OUTCOME_HOLD : NOTIFY_OUTCOME_LATER;
}

static void explain_trouble(const struct smtp_failure *f, const char *reason, const char *text,
                            struct notify_outcome *outcome)
{
    if (f->result == CURLE_LOGIN_DENIED && is_refusal(f))
        notify_outcome_fail(outcome, NOTIFY_OUTCOME_LATER, f->reply->code, reason, "%s: %d %s",
                            text, f->reply->code, f->reply->text);
    else
        notify_outcome_fail(
            outcome, kind_of_trouble(f->result), 0, reason, "%s (%s:%u): %s", text, f->host,
            f->port, f->words[0] != '\0' ? f->words : curl_easy_strerror((CURLcode)f->result));
}

static bool explain_refusal(const struct smtp_failure *f, struct notify_outcome *outcome)
{
    if (!is_refusal(f))
        return false;
    if (f->progress == SMTP_WHOLLY_SENT && f->reply_to_end) {
        explain_reply(f, "message refused", "The mail server refused the message", false, outcome);
        return true;
    }
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        if (span_starts(span_of(f->words), span_of(refusals[i].curl))) {
            explain_reply(f, refusals[i].reason, refusals[i].text, refusals[i].is_ours, outcome);
            return true;
        }
    }
    return false;
}

void smtp_failure_explain(const struct smtp_failure *f, struct notify_outcome *outcome)
{
    const char *reason = "connection lost", *text = "The connection to the mail server broke";

    if (explain_refusal(f, outcome)) {
        outcome->elsewhere = outcome->kind == NOTIFY_OUTCOME_LATER &&
                             (outcome->code == CODE_CLOSING || is_about_login(outcome->code));
        return;
    }
    if (is_refusal(f) && f->result == CURLE_WEIRD_SERVER_REPLY) {
        /* A greeting or an EHLO that was turned down: the server's state, not this message. */
        notify_outcome_fail(outcome, NOTIFY_OUTCOME_LATER, f->reply->code, "server refused",
                            "The mail server (%s:%u) is not available: %d %s", f->host, f->port,
                            f->reply->code, f->reply->text);
        outcome->elsewhere = true;
        return;
    }
    for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++) {
        if (f->result == troubles[i].result) {
            reason = troubles[i].reason;
            text = troubles[i].text;
        }
    }
    explain_trouble(f, reason, text, outcome);
    outcome->perhaps_sent = f->progress == SMTP_WHOLLY_SENT && !f->reply_to_end;
    outcome->elsewhere = outcome->kind == NOTIFY_OUTCOME_LATER && !outcome->perhaps_sent;
}
