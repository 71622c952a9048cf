/*
 * What Twilio, FCM, Google's token server and an SMTP server may answer, the same bytes to all of
 * them: whatever comes, a send has an outcome that can be stored, and no token is half a token.
 */
#include "tests/fuzz/fuzz_target.h"

#include <string.h>

#include "base/json.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "notify/providers/answer_text.h"
#include "notify/providers/fcm_answer.h"
#include "notify/providers/google_grant.h"
#include "notify/providers/smtp_failure.h"
#include "notify/providers/smtp_reply.h"
#include "notify/providers/twilio_answer.h"

/* A short one, so that texts are cut. */
#define SHORT_TEXT ((size_t)7)

#define RETRY_AFTER_S 9

static const long statuses[] = {200, 201, 302, 400, 429, 503};

/* libcurl's CURLE_SEND_ERROR and CURLE_RECV_ERROR, and one that it does not have. */
static const int results[] = {55, 56, 9999};

/* As jsonb takes it: valid JSON whose strings are characters, none of them U+0000. */
static void check_storable(struct span json)
{
    struct json_doc doc;
    struct strbuf text;

    json_init(&doc);
    strbuf_init(&text, json.len);
    FUZZ_PROMISE(json_parse(&doc, json, NULL, NULL) == CELERIAC_OK);
    for (uint32_t i = 0; i < doc.count; i++) {
        const struct json_node *node = &doc.nodes[i];

        if (node->type != JSON_STRING)
            continue;
        FUZZ_PROMISE(!json_has_lone_surrogate(node));
        strbuf_clear(&text);
        FUZZ_PROMISE(json_decode_string(node, &text) == CELERIAC_OK);
        FUZZ_PROMISE(strlen(strbuf_text(&text)) == text.len);
    }
    strbuf_close(&text);
    json_close(&doc);
}

static void check_sent(const struct notify_outcome *o)
{
    struct strbuf response;

    FUZZ_PROMISE(o->error[0] == '\0' && o->message_id[0] != '\0' && !o->perhaps_sent);
    FUZZ_PROMISE(span_is_utf8(span_of(o->message_id)) && span_is_utf8(span_of(o->status)));
    strbuf_init(&response, (size_t)64 * 1024);
    notify_outcome_response(o, &response);
    FUZZ_PROMISE(strbuf_status(&response) == CELERIAC_OK);
    check_storable(strbuf_span(&response));
    strbuf_close(&response);
}

static void check_outcome(const struct notify_outcome *o, bool may_be_sent)
{
    FUZZ_PROMISE(o->reason != NULL && memchr(o->error, '\0', sizeof o->error) != NULL);
    if (o->kind == NOTIFY_OUTCOME_SENT) {
        FUZZ_PROMISE(may_be_sent);
        check_sent(o);
        return;
    }
    FUZZ_PROMISE(o->kind == NOTIFY_OUTCOME_LATER || o->kind == NOTIFY_OUTCOME_NEVER);
    FUZZ_PROMISE(o->error[0] != '\0' && span_is_utf8(span_of(o->error)));
    FUZZ_PROMISE(o->message_id[0] == '\0' && o->status[0] == '\0');
    FUZZ_PROMISE(o->kind == NOTIFY_OUTCOME_LATER || o->retry_after == 0);
}

static void check_http(struct span body)
{
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        const struct notify_http_answer answer = {
            .status = statuses[i], .body = body, .retry_after = RETRY_AFTER_S, .words = ""};
        struct notify_outcome outcome;

        twilio_answer_explain(&answer, "sms", &outcome);
        check_outcome(&outcome, statuses[i] < 300);
        fcm_answer_explain(&answer, &outcome);
        check_outcome(&outcome, statuses[i] == 200);
    }
}

static void check_grant(struct span body)
{
    struct notify_google_grant grant;
    struct span token;

    notify_google_grant_init(&grant);
    FUZZ_PROMISE(notify_google_grant_read(&grant, body) == CELERIAC_OK);
    token = strbuf_span(&grant.token);
    FUZZ_PROMISE(token.len <= NOTIFY_GOOGLE_TOKEN_MAX);
    for (size_t i = 0; i < token.len; i++)
        FUZZ_PROMISE(token.ptr[i] > ' ' && token.ptr[i] <= '~');
    FUZZ_PROMISE(grant.life_s >= 1 && grant.life_s <= NOTIFY_GOOGLE_LIFE_MAX_S);
    FUZZ_PROMISE(span_is_utf8(strbuf_span(&grant.problem)));
    notify_google_grant_close(&grant);
}

/* A text that is cut is the beginning of the whole. */
static void check_text(struct span body)
{
    struct strbuf whole, cut;
    struct json_doc doc;

    json_init(&doc);
    strbuf_init(&whole, body.len);
    strbuf_init(&cut, SHORT_TEXT);
    if (json_parse(&doc, body, NULL, NULL) == CELERIAC_OK) {
        FUZZ_PROMISE(notify_answer_text(json_root(&doc), "sid", &whole));
        FUZZ_PROMISE(notify_answer_text(json_root(&doc), "sid", &cut));
        FUZZ_PROMISE(span_starts(strbuf_span(&whole), strbuf_span(&cut)));
        FUZZ_PROMISE(span_is_utf8(strbuf_span(&cut)));
        FUZZ_PROMISE(whole.len == cut.len || cut.len + UTF8_MAX > SHORT_TEXT);
    }
    strbuf_close(&cut);
    strbuf_close(&whole);
    json_close(&doc);
}

static void check_failure(const struct smtp_reply *reply, int result)
{
    for (size_t i = 0; i < 8; i++) {
        const struct smtp_failure failure = {
            .result = result,
            .words = "RCPT failed: 550",
            .host = "mail.example.com",
            .port = 25,
            .progress = (enum smtp_progress)(i % 3),
            .reused = i & 1,
            .reply_to_end = i & 4,
            .reply = reply,
        };
        struct notify_outcome outcome;

        (void)smtp_failure_is_stale(&failure);
        smtp_failure_explain(&failure, &outcome);
        check_outcome(&outcome, false);
    }
}

/* A server's lines one after the other, with a failure after each of them. */
static void check_smtp(struct span text)
{
    struct smtp_reply reply;
    bool more = true;

    smtp_reply_clear(&reply);
    for (unsigned lines = 0; more && lines < 64; lines++) {
        struct span line;

        more = span_cut(text, '\n', &line, &text);
        smtp_reply_line(&reply, line);
        FUZZ_PROMISE(reply.len < sizeof reply.text && strlen(reply.text) == reply.len);
        FUZZ_PROMISE(reply.code == 0 || (reply.code >= 200 && reply.code <= 599));
        FUZZ_PROMISE(reply.code != 0 || (!reply.whole && reply.len == 0));
        for (size_t i = 0; i < reply.len; i++) {
            unsigned char c = (unsigned char)reply.text[i];

            FUZZ_PROMISE((c >= ' ' && c != 0x7F) || c == '\n');
        }
        check_failure(&reply, results[lines % (sizeof results / sizeof results[0])]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span body = {(const char *)data, size};

    check_http(body);
    check_grant(body);
    check_text(body);
    check_smtp(body);
    return 0;
}
