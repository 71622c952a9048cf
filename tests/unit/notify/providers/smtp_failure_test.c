#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <curl/curl.h>

#include "notify/providers/smtp_failure.h"

#define HOST "mail.example.com"

/* A failure as the transfer sees it, and what it is to mean. */
struct meaning {
    const char *name;
    int result;
    const char *words;
    enum smtp_progress progress;
    bool reply_to_end;
    const char *line; /* the server's last line; "" for none */
    enum notify_outcome_kind kind;
    int code;
    bool perhaps_sent;
    const char *reason;
    const char
        *error; /* after a last ": " come libcurl's own words, which change with its version */
};

static const struct meaning meanings[] = {
    {"unknown recipient", CURLE_SEND_ERROR, "RCPT failed: 550", SMTP_NOTHING_SENT, false,
     "550 5.1.1 no such user", NOTIFY_OUTCOME_NEVER, 550, false, "recipient refused",
     "The mail server refused the recipient: 550 5.1.1 no such user"},
    {"busy mailbox", CURLE_SEND_ERROR, "RCPT failed: 450", SMTP_NOTHING_SENT, false,
     "450 4.2.0 greylisted", NOTIFY_OUTCOME_LATER, 450, false, "recipient refused",
     "The mail server refused the recipient: 450 4.2.0 greylisted"},
    {"bad sender", CURLE_SEND_ERROR, "MAIL failed: 553", SMTP_NOTHING_SENT, false, "553 not yours",
     NOTIFY_OUTCOME_LATER, 553, false, "sender refused",
     "The mail server refused the sender: 553 not yours"},
    {"too big", CURLE_SEND_ERROR, "MAIL failed: 552", SMTP_NOTHING_SENT, false, "552 too big",
     NOTIFY_OUTCOME_NEVER, 552, false, "sender refused",
     "The mail server refused the sender: 552 too big"},
    {"going down", CURLE_SEND_ERROR, "RCPT failed: 421", SMTP_NOTHING_SENT, false, "421 bye",
     NOTIFY_OUTCOME_LATER, 421, false, "recipient refused",
     "The mail server refused the recipient: 421 bye"},
    {"login wanted", CURLE_SEND_ERROR, "MAIL failed: 530", SMTP_NOTHING_SENT, false,
     "530 5.7.0 authentication required", NOTIFY_OUTCOME_LATER, 530, false, "sender refused",
     "The mail server refused the sender: 530 5.7.0 authentication required"},
    {"no data now", CURLE_SEND_ERROR, "DATA failed: 451", SMTP_NOTHING_SENT, false, "451 later",
     NOTIFY_OUTCOME_LATER, 451, false, "message refused",
     "The mail server refused the message: 451 later"},
    {"spam", CURLE_WEIRD_SERVER_REPLY, "", SMTP_WHOLLY_SENT, true, "554 5.7.1 looks like spam",
     NOTIFY_OUTCOME_NEVER, 554, false, "message refused",
     "The mail server refused the message: 554 5.7.1 looks like spam"},
    {"disk full", CURLE_WEIRD_SERVER_REPLY, "", SMTP_WHOLLY_SENT, true, "452 disk full",
     NOTIFY_OUTCOME_LATER, 452, false, "message refused",
     "The mail server refused the message: 452 disk full"},
    {"died after the end", CURLE_RECV_ERROR, "response reading failed (errno: 104)",
     SMTP_WHOLLY_SENT, false, "354 go ahead", NOTIFY_OUTCOME_LATER, 0, true, "connection lost",
     "The connection to the mail server broke (mail.example.com:587): response reading failed "
     "(errno: 104)"},
    {"silent after the end", CURLE_OPERATION_TIMEDOUT, "Operation timed out", SMTP_WHOLLY_SENT,
     false, "354 go ahead", NOTIFY_OUTCOME_LATER, 0, true, "timed out",
     "The mail server took too long (mail.example.com:587): Operation timed out"},
    {"died within the message", CURLE_SEND_ERROR, "Send failure: Broken pipe", SMTP_PARTLY_SENT,
     false, "354 go ahead", NOTIFY_OUTCOME_LATER, 0, false, "connection lost",
     "The connection to the mail server broke (mail.example.com:587): Send failure: Broken pipe"},
    {"nobody there", CURLE_COULDNT_CONNECT, "Connection refused", SMTP_NOTHING_SENT, false, "",
     NOTIFY_OUTCOME_LATER, 0, false, "no connection",
     "Cannot connect to the mail server (mail.example.com:587): Connection refused"},
    {"no such host", CURLE_COULDNT_RESOLVE_HOST, "", SMTP_NOTHING_SENT, false, "",
     NOTIFY_OUTCOME_LATER, 0, false, "host not found",
     "Cannot find the mail server (mail.example.com:587): "},
    {"bad certificate", CURLE_PEER_FAILED_VERIFICATION, "certificate has expired",
     SMTP_NOTHING_SENT, false, "220 go ahead", NOTIFY_OUTCOME_LATER, 0, false,
     "certificate refused",
     "The mail server's certificate is not trusted (mail.example.com:587): certificate has "
     "expired"},
    {"no STARTTLS", CURLE_USE_SSL_FAILED, "STARTTLS denied", SMTP_NOTHING_SENT, false, "250 HELP",
     NOTIFY_OUTCOME_LATER, 0, false, "no STARTTLS",
     "The mail server does not offer STARTTLS (mail.example.com:587): STARTTLS denied"},
    {"bad password", CURLE_LOGIN_DENIED, "Login denied", SMTP_NOTHING_SENT, false,
     "535 5.7.8 bad credentials", NOTIFY_OUTCOME_LATER, 535, false, "login refused",
     "The mail server refused the login: 535 5.7.8 bad credentials"},
    {"not open", CURLE_WEIRD_SERVER_REPLY, "Got unexpected smtp-server response: 554",
     SMTP_NOTHING_SENT, false, "554 no service", NOTIFY_OUTCOME_LATER, 554, false, "server refused",
     "The mail server (mail.example.com:587) is not available: 554 no service"},
    {"memory", CURLE_OUT_OF_MEMORY, "", SMTP_NOTHING_SENT, false, "", NOTIFY_OUTCOME_HOLD, 0, false,
     "out of memory", "Out of memory while sending (mail.example.com:587): "},
};

/* The whole text is as wanted. */
static bool is_text(const char *text, const char *wanted, int result)
{
    size_t len = strlen(wanted);

    if (len < 2 || strcmp(wanted + len - 2, ": ") != 0)
        return strcmp(text, wanted) == 0;
    return strncmp(text, wanted, len) == 0 &&
           strcmp(text + len, curl_easy_strerror((CURLcode)result)) == 0;
}

static struct notify_outcome explain(const struct meaning *m)
{
    struct smtp_reply reply = {.code = 0};
    struct smtp_failure failure = {
        .result = m->result,
        .words = m->words,
        .host = HOST,
        .port = 587,
        .progress = m->progress,
        .reply_to_end = m->reply_to_end,
        .reply = &reply,
    };
    struct notify_outcome outcome;

    smtp_reply_line(&reply, span_of(m->line));
    smtp_failure_explain(&failure, &outcome);
    return outcome;
}

static void test_meanings(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        const struct meaning *m = &meanings[i];
        struct notify_outcome outcome = explain(m);

        if (outcome.kind != m->kind || outcome.code != m->code ||
            outcome.perhaps_sent != m->perhaps_sent || strcmp(outcome.reason, m->reason) != 0 ||
            !is_text(outcome.error, m->error, m->result))
            fail_msg("%s: kind %d, code %d, perhaps_sent %d, %s: %s", m->name, (int)outcome.kind,
                     outcome.code, outcome.perhaps_sent, outcome.reason, outcome.error);
    }
}

/* What another server may take: trouble with this one, never what it said of the message. */
static void test_elsewhere(void **state)
{
    static const char *const names[] = {"login wanted", "going down",   "died within the message",
                                        "nobody there", "no such host", "bad certificate",
                                        "no STARTTLS",  "bad password", "not open"};
    size_t found = 0;

    (void)state;
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        struct notify_outcome outcome = explain(&meanings[i]);
        bool wanted = false;

        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
            wanted = wanted || strcmp(names[k], meanings[i].name) == 0;
        if (outcome.elsewhere != wanted)
            fail_msg("%s: elsewhere is %d", meanings[i].name, outcome.elsewhere);
        found += wanted;
    }
    assert_int_equal(found, sizeof names / sizeof names[0]);
}

static bool is_stale(int result, bool reused, enum smtp_progress progress, const char *line)
{
    struct smtp_reply reply = {.code = 0};
    struct smtp_failure failure = {
        .result = result,
        .words = "",
        .host = HOST,
        .progress = progress,
        .reused = reused,
        .reply = &reply,
    };

    smtp_reply_line(&reply, span_of(line));
    return smtp_failure_is_stale(&failure);
}

static void test_stale(void **state)
{
    (void)state;
    assert_true(is_stale(CURLE_RECV_ERROR, true, SMTP_NOTHING_SENT, ""));
    assert_true(is_stale(CURLE_SEND_ERROR, true, SMTP_NOTHING_SENT, ""));
    assert_true(is_stale(CURLE_SEND_ERROR, true, SMTP_NOTHING_SENT, "421 timeout"));
    assert_true(is_stale(CURLE_RECV_ERROR, true, SMTP_NOTHING_SENT, "250 sender ok"));
    /* A first mail, a refusal, a deadline, or anything of the message under way is a failure. */
    assert_false(is_stale(CURLE_RECV_ERROR, false, SMTP_NOTHING_SENT, ""));
    assert_false(is_stale(CURLE_SEND_ERROR, true, SMTP_NOTHING_SENT, "550 no"));
    assert_false(is_stale(CURLE_SEND_ERROR, true, SMTP_NOTHING_SENT, "450 later"));
    assert_false(is_stale(CURLE_OPERATION_TIMEDOUT, true, SMTP_NOTHING_SENT, ""));
    assert_false(is_stale(CURLE_RECV_ERROR, true, SMTP_PARTLY_SENT, ""));
    assert_false(is_stale(CURLE_RECV_ERROR, true, SMTP_WHOLLY_SENT, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meanings),
        cmocka_unit_test(test_elsewhere),
        cmocka_unit_test(test_stale),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
