#include "notify/providers/fcm_answer.h"

#include <string.h>

#include "base/json.h"
#include "base/strbuf.h"
#include "notify/providers/answer_text.h"

#define PROVIDER "push"
#define BACKEND "celeriac-fcm"

/* Longest code and text of an answer that are kept. */
#define CODE_MAX ((size_t)64)
#define TEXT_MAX ((size_t)512)

#define OK_STATUS 200

static const struct {
    const char *code; /* errorCode of an FcmError, else the error's status */
    enum notify_outcome_kind kind;
    const char *reason;
} meanings[] = {
    {"UNREGISTERED", NOTIFY_OUTCOME_NEVER, "token unregistered"},
    {"INVALID_ARGUMENT", NOTIFY_OUTCOME_NEVER, "message refused"},
    {"SENDER_ID_MISMATCH", NOTIFY_OUTCOME_NEVER, "token of another sender"},
    {"QUOTA_EXCEEDED", NOTIFY_OUTCOME_LATER, "too many requests"},
    {"RESOURCE_EXHAUSTED", NOTIFY_OUTCOME_LATER, "too many requests"},
    {"UNAVAILABLE", NOTIFY_OUTCOME_LATER, "server busy"},
    {"INTERNAL", NOTIFY_OUTCOME_LATER, "server failed"},
    {"THIRD_PARTY_AUTH_ERROR", NOTIFY_OUTCOME_LATER, "APNs login refused"},
    {"UNAUTHENTICATED", NOTIFY_OUTCOME_LATER, "login refused"},
    {"PERMISSION_DENIED", NOTIFY_OUTCOME_LATER, "login refused"},
};

/* What an answer says, as far as it is JSON. */
struct answer {
    struct strbuf name;
    struct strbuf code;
    struct strbuf text;
    bool no_memory;
};

static void read_text(const struct json_node *object, const char *key, struct answer *a,
                      struct strbuf *out)
{
    a->no_memory = !notify_answer_text(object, key, out) || a->no_memory;
}

/* The errorCode of the detail that is FCM's own. */
static void read_details(const struct json_node *details, struct answer *a)
{
    const struct json_node *detail;

    if (details == NULL || details->type != JSON_ARRAY)
        return;
    for (detail = json_first(details); detail != NULL; detail = json_next(details, detail)) {
        if (strbuf_span(&a->code).len == 0)
            read_text(detail, "errorCode", a, &a->code);
    }
}

static void read_answer(struct span body, struct answer *a)
{
    const struct json_node *error;
    struct json_doc doc;
    enum celeriac_err code;

    json_init(&doc);
    code = json_parse(&doc, body, NULL, NULL);
    if (code == CELERIAC_OK) {
        read_text(json_root(&doc), "name", a, &a->name);
        error = json_get(json_root(&doc), "error");
        read_details(json_get(error, "details"), a);
        if (strbuf_span(&a->code).len == 0)
            read_text(error, "status", a, &a->code);
        read_text(error, "message", a, &a->text);
    }
    a->no_memory = a->no_memory || code == CELERIAC_ERR_MEMORY;
    json_close(&doc);
}

static void explain_failure(const struct notify_http_answer *http, const struct answer *a,
                            struct notify_outcome *outcome)
{
    enum notify_outcome_kind kind = NOTIFY_OUTCOME_LATER;
    const char *reason = http->status >= 500 ? "server failed" : "request refused";

    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        if (span_is(strbuf_span(&a->code), meanings[i].code)) {
            kind = meanings[i].kind;
            reason = meanings[i].reason;
        }
    }
    notify_outcome_fail(outcome, kind, (int)http->status, reason,
                        "FCM refused the message: HTTP %ld %s%s%s", http->status,
                        strbuf_text(&a->code), strbuf_span(&a->text).len > 0 ? ": " : "",
                        strbuf_text(&a->text));
    if (kind != NOTIFY_OUTCOME_LATER)
        return;
    outcome->retry_after = http->retry_after;
    if (http->retry_after == 0 && span_is(strbuf_span(&a->code), "QUOTA_EXCEEDED"))
        outcome->retry_after = FCM_QUOTA_WAIT_S;
}

void fcm_answer_explain(const struct notify_http_answer *answer, struct notify_outcome *outcome)
{
    struct answer a = {.no_memory = false};

    if (answer->status == 0) {
        notify_http_explain_trouble(answer, "FCM", outcome);
        return;
    }
    strbuf_init(&a.name, NOTIFY_MESSAGE_ID_SIZE - 1);
    strbuf_init(&a.code, CODE_MAX);
    strbuf_init(&a.text, TEXT_MAX);
    read_answer(answer->body, &a);
    if (answer->status != OK_STATUS)
        explain_failure(answer, &a, outcome);
    else if (strbuf_span(&a.name).len > 0 || a.no_memory)
        notify_outcome_sent(outcome, PROVIDER, BACKEND, strbuf_span(&a.name));
    else {
        /* Not FCM's words: something on the way has answered in its place. */
        notify_outcome_fail(outcome, NOTIFY_OUTCOME_LATER, (int)answer->status, "odd answer",
                            "FCM's answer names no message (HTTP %ld)", answer->status);
        outcome->perhaps_sent = true;
    }
    strbuf_close(&a.text);
    strbuf_close(&a.code);
    strbuf_close(&a.name);
}
