#include "notify/providers/twilio_answer.h"

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

    twilio_answer_explain(&answer, "sms", &outcome);
    return outcome;
}

static void test_sent(void **state)
{
    struct notify_outcome o = explain(
        201, "{\"sid\": \"SM1\", \"status\": \"queued\", \"to\": \"+1\", \"error_code\": null}", 0);

    (void)state;
    assert_int_equal(o.kind, NOTIFY_OUTCOME_SENT);
    assert_string_equal(o.provider, "sms");
    assert_string_equal(o.backend, "celeriac-twilio");
    assert_string_equal(o.message_id, "SM1");
    assert_string_equal(o.status, "queued");
    /* A sent message must be recorded: what PostgreSQL refuses is not in its id. */
    o = explain(200, "{\"sid\": \"\\u0000SM\\ud800\", \"status\": \"\\udc00\"}", 0);
    assert_int_equal(o.kind, NOTIFY_OUTCOME_SENT);
    assert_string_equal(o.message_id, "SM?");
    assert_string_equal(o.status, "?");
    o = explain(200, "{\"sid\": \"SM1\"}", 0);
    assert_int_equal(o.kind, NOTIFY_OUTCOME_SENT);
    assert_string_equal(o.status, "");
}

static void test_failures(void **state)
{
    static const struct {
        long status;
        const char *body;
        enum notify_outcome_kind kind;
        int code;
        const char *reason, *error;
    } cases[] = {
        {400, "{\"code\": 21211, \"message\": \"bad To\", \"status\": 400}", NOTIFY_OUTCOME_NEVER,
         21211, "number refused", "Twilio refused the message: HTTP 400, code 21211: bad To"},
        {400, "{\"code\": 21610, \"message\": \"STOP\"}", NOTIFY_OUTCOME_NEVER, 21610,
         "recipient unsubscribed", "Twilio refused the message: HTTP 400, code 21610: STOP"},
        {400, "{\"code\": 21617}", NOTIFY_OUTCOME_NEVER, 21617, "text refused",
         "Twilio refused the message: HTTP 400, code 21617"},
        /* Our own number is wrong: no fault of the message's. */
        {400, "{\"code\": 21606, \"message\": \"bad From\"}", NOTIFY_OUTCOME_LATER, 21606,
         "request refused", "Twilio refused the message: HTTP 400, code 21606: bad From"},
        {401, "{\"code\": 20003, \"message\": \"Authenticate\"}", NOTIFY_OUTCOME_LATER, 20003,
         "login refused", "Twilio refused the message: HTTP 401, code 20003: Authenticate"},
        {429, "{\"code\": 20429}", NOTIFY_OUTCOME_LATER, 20429, "too many requests",
         "Twilio refused the message: HTTP 429, code 20429"},
        {503, "<html>", NOTIFY_OUTCOME_LATER, 503, "server refused",
         "Twilio refused the message: HTTP 503, code 0"},
        {500, "", NOTIFY_OUTCOME_LATER, 500, "server refused",
         "Twilio refused the message: HTTP 500, code 0"},
        {400, "{\"code\": \"21211\", \"message\": 5}", NOTIFY_OUTCOME_LATER, 400, "request refused",
         "Twilio refused the message: HTTP 400, code 0"},
        {400, "{\"code\": 99999999999999999999}", NOTIFY_OUTCOME_LATER, 400, "request refused",
         "Twilio refused the message: HTTP 400, code 0"},
        {400, "{\"code\": -21211}", NOTIFY_OUTCOME_LATER, 400, "request refused",
         "Twilio refused the message: HTTP 400, code 0"},
        {400, "[21211]", NOTIFY_OUTCOME_LATER, 400, "request refused",
         "Twilio refused the message: HTTP 400, code 0"},
        {302, "{\"sid\": \"SM1\"}", NOTIFY_OUTCOME_LATER, 302, "request refused",
         "Twilio refused the message: HTTP 302, code 0"},
        /* Taken and given up in one answer. */
        {201,
         "{\"sid\": \"SM1\", \"status\": \"failed\", \"error_code\": 30006, \"error_message\": "
         "\"landline\"}",
         NOTIFY_OUTCOME_NEVER, 30006, "number refused",
         "Twilio refused the message: HTTP 201, code 30006: landline"},
        {201, "{\"sid\": \"SM1\", \"status\": \"undelivered\"}", NOTIFY_OUTCOME_LATER, 201,
         "request refused", "Twilio refused the message: HTTP 201, code 0"},
        /* Somebody else's answer. */
        {200, "<html>", NOTIFY_OUTCOME_LATER, 200, "odd answer",
         "Twilio's answer names no message (HTTP 200)"},
        {204, "", NOTIFY_OUTCOME_LATER, 204, "odd answer",
         "Twilio's answer names no message (HTTP 204)"},
        {200, "{\"sid\": null}", NOTIFY_OUTCOME_LATER, 200, "odd answer",
         "Twilio's answer names no message (HTTP 200)"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct notify_outcome o = explain(cases[i].status, cases[i].body, 7);

        if (o.kind != cases[i].kind || o.code != cases[i].code ||
            strcmp(o.reason, cases[i].reason) != 0 || strcmp(o.error, cases[i].error) != 0)
            fail_msg("%ld %s: kind %d, code %d, %s: %s", cases[i].status, cases[i].body,
                     (int)o.kind, o.code, o.reason, o.error);
        if (strcmp(o.reason, "odd answer") != 0)
            assert_int_equal(o.retry_after, o.kind == NOTIFY_OUTCOME_LATER ? 7 : 0);
        assert_int_equal(o.perhaps_sent, strcmp(o.reason, "odd answer") == 0);
        assert_false(o.elsewhere);
    }
}

static void test_trouble(void **state)
{
    static const struct {
        int result;
        bool wholly_sent;
        enum notify_outcome_kind kind;
        const char *error;
    } cases[] = {
        {CURLE_COULDNT_CONNECT, false, NOTIFY_OUTCOME_LATER, "Twilio: no connection: words"},
        {CURLE_OPERATION_TIMEDOUT, true, NOTIFY_OUTCOME_LATER, "Twilio: timed out: words"},
        {CURLE_GOT_NOTHING, true, NOTIFY_OUTCOME_LATER, "Twilio: connection lost: words"},
        {CURLE_PEER_FAILED_VERIFICATION, false, NOTIFY_OUTCOME_LATER,
         "Twilio: certificate refused: words"},
        {CURLE_OUT_OF_MEMORY, false, NOTIFY_OUTCOME_HOLD, "out of memory"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct notify_http_answer answer = {
            .result = cases[i].result, .words = "words", .wholly_sent = cases[i].wholly_sent};
        struct notify_outcome o;

        twilio_answer_explain(&answer, "sms", &o);
        assert_int_equal(o.kind, cases[i].kind);
        assert_string_equal(o.error, cases[i].error);
        assert_int_equal(o.perhaps_sent, cases[i].wholly_sent);
    }
}

/* Whatever is cut off, nothing looks sent that names no message. */
static void test_every_length(void **state)
{
    const char whole[] = "{\"sid\": \"SM1\", \"status\": \"queued\"}";

    (void)state;
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        const struct notify_http_answer answer = {.status = 201, .body = {whole, len}};
        struct notify_outcome o;

        twilio_answer_explain(&answer, "sms", &o);
        assert_int_equal(o.kind, NOTIFY_OUTCOME_LATER);
    }
}

/* A message that was taken stays taken when memory is short, and a refusal is no success. */
static void test_memory(void **state)
{
    (void)state;
    for (size_t n = 1; n < 20; n++) {
        struct notify_outcome o;

        mem_fail_at(n);
        o = explain(201, "{\"sid\": \"SM\\u0031\", \"status\": \"queued\"}", 0);
        mem_fail_at(0);
        assert_int_equal(o.kind, NOTIFY_OUTCOME_SENT);
        mem_fail_at(n);
        o = explain(500, "{\"code\": 20500}", 0);
        mem_fail_at(0);
        assert_int_equal(o.kind, NOTIFY_OUTCOME_LATER);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sent),    cmocka_unit_test(test_failures),
        cmocka_unit_test(test_trouble), cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
