#include "notify/providers/fcm_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <curl/curl.h>

#include "base/alloc.h"

static struct notify_outcome explain(long status, const char *body, uint32_t retry_after)
{
    const struct notify_http_answer answer = {
        .status = status, .body = span_of(body), .retry_after = retry_after, .words = ""};
    struct notify_outcome outcome;

    fcm_answer_explain(&answer, &outcome);
    return outcome;
}

static void test_sent(void **state)
{
    struct notify_outcome o = explain(200, "{\"name\": \"projects/p/messages/0:1\"}", 0);

    (void)state;
    assert_int_equal(o.kind, NOTIFY_OUTCOME_SENT);
    assert_string_equal(o.provider, "push");
    assert_string_equal(o.backend, "celeriac-fcm");
    assert_string_equal(o.message_id, "projects/p/messages/0:1");
    assert_string_equal(o.status, "");
}

#define ERROR(status, code)                                                                       \
    "{\"error\": {\"code\": 1, \"message\": \"words\", \"status\": \"" status "\", \"details\": " \
    "[{\"@type\": \"type.googleapis.com/google.rpc.BadRequest\"}, {\"@type\": \"x\", "            \
    "\"errorCode\": \"" code "\"}]}}"

static void test_failures(void **state)
{
    static const struct {
        long status;
        const char *body;
        enum notify_outcome_kind kind;
        uint32_t retry_after;
        const char *reason, *error;
    } cases[] = {
        {404, ERROR("NOT_FOUND", "UNREGISTERED"), NOTIFY_OUTCOME_NEVER, 0, "token unregistered",
         "FCM refused the message: HTTP 404 UNREGISTERED: words"},
        {400, ERROR("INVALID_ARGUMENT", "INVALID_ARGUMENT"), NOTIFY_OUTCOME_NEVER, 0,
         "message refused", "FCM refused the message: HTTP 400 INVALID_ARGUMENT: words"},
        {400, "{\"error\": {\"status\": \"INVALID_ARGUMENT\"}}", NOTIFY_OUTCOME_NEVER, 0,
         "message refused", "FCM refused the message: HTTP 400 INVALID_ARGUMENT"},
        {403, ERROR("PERMISSION_DENIED", "SENDER_ID_MISMATCH"), NOTIFY_OUTCOME_NEVER, 0,
         "token of another sender", "FCM refused the message: HTTP 403 SENDER_ID_MISMATCH: words"},
        {429, ERROR("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"), NOTIFY_OUTCOME_LATER, 60,
         "too many requests", "FCM refused the message: HTTP 429 QUOTA_EXCEEDED: words"},
        {503, ERROR("UNAVAILABLE", "UNAVAILABLE"), NOTIFY_OUTCOME_LATER, 0, "server busy",
         "FCM refused the message: HTTP 503 UNAVAILABLE: words"},
        {500, ERROR("INTERNAL", "INTERNAL"), NOTIFY_OUTCOME_LATER, 0, "server failed",
         "FCM refused the message: HTTP 500 INTERNAL: words"},
        {401, ERROR("UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"), NOTIFY_OUTCOME_LATER, 0,
         "APNs login refused", "FCM refused the message: HTTP 401 THIRD_PARTY_AUTH_ERROR: words"},
        {403, "{\"error\": {\"status\": \"PERMISSION_DENIED\"}}", NOTIFY_OUTCOME_LATER, 0,
         "login refused", "FCM refused the message: HTTP 403 PERMISSION_DENIED"},
        /* The project, not the device, is not there. */
        {404, "{\"error\": {\"status\": \"NOT_FOUND\"}}", NOTIFY_OUTCOME_LATER, 0,
         "request refused", "FCM refused the message: HTTP 404 NOT_FOUND"},
        {502, "<html>", NOTIFY_OUTCOME_LATER, 0, "server failed",
         "FCM refused the message: HTTP 502 "},
        {400, "{\"error\": \"x\"}", NOTIFY_OUTCOME_LATER, 0, "request refused",
         "FCM refused the message: HTTP 400 "},
        {400, "{\"error\": {\"details\": [1, \"x\", []], \"status\": 7}}", NOTIFY_OUTCOME_LATER, 0,
         "request refused", "FCM refused the message: HTTP 400 "},
        {302, "{\"name\": \"x\"}", NOTIFY_OUTCOME_LATER, 0, "request refused",
         "FCM refused the message: HTTP 302 "},
        {200, "{}", NOTIFY_OUTCOME_LATER, 0, "odd answer",
         "FCM's answer names no message (HTTP 200)"},
        {200, "<html>", NOTIFY_OUTCOME_LATER, 0, "odd answer",
         "FCM's answer names no message (HTTP 200)"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct notify_outcome o = explain(cases[i].status, cases[i].body, 0);

        if (o.kind != cases[i].kind || o.code != (int)cases[i].status ||
            o.retry_after != cases[i].retry_after || strcmp(o.reason, cases[i].reason) != 0 ||
            strcmp(o.error, cases[i].error) != 0)
            fail_msg("%ld %s: kind %d, code %d, %s: %s", cases[i].status, cases[i].body,
                     (int)o.kind, o.code, o.reason, o.error);
    }
}

static void test_retry_after(void **state)
{
    (void)state;
    assert_int_equal(explain(429, ERROR("X", "QUOTA_EXCEEDED"), 9).retry_after, 9);
    assert_int_equal(explain(503, ERROR("X", "UNAVAILABLE"), 9).retry_after, 9);
    assert_int_equal(explain(404, ERROR("X", "UNREGISTERED"), 9).retry_after, 0);
}

static void test_trouble(void **state)
{
    const struct notify_http_answer answer = {
        .result = CURLE_OPERATION_TIMEDOUT, .words = "", .wholly_sent = true};
    struct notify_outcome o;

    (void)state;
    fcm_answer_explain(&answer, &o);
    assert_int_equal(o.kind, NOTIFY_OUTCOME_LATER);
    assert_string_equal(o.reason, "timed out");
    assert_true(o.perhaps_sent);
}

static void test_every_length(void **state)
{
    const char whole[] = "{\"name\": \"projects/p/messages/0:1\"}";

    (void)state;
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        const struct notify_http_answer answer = {.status = 200, .body = {whole, len}};
        struct notify_outcome o;

        fcm_answer_explain(&answer, &o);
        assert_int_equal(o.kind, NOTIFY_OUTCOME_LATER);
    }
}

static void test_memory(void **state)
{
    (void)state;
    for (size_t n = 1; n < 20; n++) {
        struct notify_outcome o;

        mem_fail_at(n);
        o = explain(200, "{\"name\": \"n\\u0031\"}", 0);
        mem_fail_at(0);
        assert_int_equal(o.kind, NOTIFY_OUTCOME_SENT);
        mem_fail_at(n);
        o = explain(503, ERROR("X", "UNAVAILABLE"), 0);
        mem_fail_at(0);
        assert_int_equal(o.kind, NOTIFY_OUTCOME_LATER);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sent),         cmocka_unit_test(test_failures),
        cmocka_unit_test(test_retry_after),  cmocka_unit_test(test_trouble),
        cmocka_unit_test(test_every_length), cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
