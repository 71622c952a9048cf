#include "api/webhook_document.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "tests/unit/api/hand_call.h"

static struct api api;

static const struct store_webhook webhook = {.id = {{1}},
                                             .url = {"https://example.com/", 20},
                                             .description = {"", 0},
                                             .events = 2,
                                             .is_active = true,
                                             .failing_since_us = STORE_NO_TIME,
                                             .paused_until_us = STORE_NO_TIME,
                                             .old_secret_until_us = STORE_NO_TIME,
                                             .created_at_us = INT64_C(1700000000123456),
                                             .updated_at_us = INT64_C(1700000001000000)};

#define WEBHOOK                                                                          \
    "{\"id\":\"01000000-0000-0000-0000-000000000000\",\"url\":\"https://example.com/\"," \
    "\"description\":\"\",\"events\":[\"notification.failed\"],\"is_active\":true,"      \
    "\"disabled_reason\":null,\"failing_since\":null,\"paused_until\":null,"             \
    "\"old_secret_until\":null,\"created_at\":\"2023-11-14T22:13:20.123456Z\","          \
    "\"updated_at\":\"2023-11-14T22:13:21Z\""

static const struct store_webhook_message message = {
    .id = {{1}},
    .webhook_id = {{2}},
    .notification_id = {{3}},
    .event = {"notification.sent", 17},
    .status = {"pending", 7},
    .attempts = 4,
    .response_status = 503,
    .error = {"HTTP 503", 8},
    .created_at_us = INT64_C(1700000000000000),
    .last_attempt_at_us = INT64_C(1700000001000000),
    .delivered_at_us = STORE_NO_TIME,
    .next_attempt_at_us = INT64_C(1700000002000000),
    .payload = {"{\"type\" : \"x\"}", 14}};

static int tear_down(void **state)
{
    (void)state;
    hand_call_destroy();
    return 0;
}

static void webhooks_with_and_without_their_secret(void **state)
{
    (void)state;
    reply_webhook(hand_call_create(&api, ""), 200, &webhook, NULL);
    assert_int_equal(hand_call_status(), 200);
    assert_string_equal(hand_call_body(), WEBHOOK "}");
    reply_webhook(hand_call_create(&api, ""), 201, &webhook, "whsec_x");
    assert_int_equal(hand_call_status(), 201);
    assert_string_equal(hand_call_body(), WEBHOOK ",\"secret\":\"whsec_x\"}");
}

static void messages_show_what_there_is(void **state)
{
    struct store_webhook_message test = message;

    (void)state;
    reply_webhook_message(hand_call_create(&api, ""), 202, &message);
    assert_int_equal(hand_call_status(), 202);
    assert_string_equal(hand_call_body(),
                        "{\"id\":\"01000000-0000-0000-0000-000000000000\","
                        "\"webhook_id\":\"02000000-0000-0000-0000-000000000000\","
                        "\"notification_id\":\"03000000-0000-0000-0000-000000000000\","
                        "\"event\":\"notification.sent\",\"status\":\"pending\",\"attempts\":4,"
                        "\"response_status\":503,\"error\":\"HTTP 503\","
                        "\"created_at\":\"2023-11-14T22:13:20Z\","
                        "\"last_attempt_at\":\"2023-11-14T22:13:21Z\",\"delivered_at\":null,"
                        "\"next_attempt_at\":\"2023-11-14T22:13:22Z\",\"payload\":{\"type\" : "
                        "\"x\"}}");
    /* A test event, of which nothing is known yet, in a list. */
    memset(&test.notification_id, 0, sizeof test.notification_id);
    test.response_status = 0;
    test.error.ptr = NULL;
    test.payload.ptr = NULL;
    reply_webhook_message(hand_call_create(&api, ""), 200, &test);
    assert_non_null(strstr(hand_call_body(), "\"notification_id\":null"));
    assert_non_null(strstr(hand_call_body(), "\"response_status\":null,\"error\":null"));
    assert_null(strstr(hand_call_body(), "payload"));
}

static void what_is_not_there_is_told(void **state)
{
    const struct celeriac_error none = {.code = CELERIAC_ERR_NOT_FOUND};
    const struct celeriac_error away = {.code = CELERIAC_ERR_TIMEOUT};

    (void)state;
    reply_webhook_failure(hand_call_create(&api, ""), &none);
    assert_int_equal(hand_call_status(), 404);
    assert_string_equal(hand_call_body(), "{\"error\":\"Webhook not found\"}");
    reply_webhook_message_failure(hand_call_create(&api, ""), &none);
    assert_string_equal(hand_call_body(), "{\"error\":\"Webhook message not found\"}");
    reply_webhook_failure(hand_call_create(&api, ""), &away);
    assert_int_equal(hand_call_status(), 503);
    reply_webhook_message_failure(hand_call_create(&api, ""), &away);
    assert_int_equal(hand_call_status(), 503);
}

/* Without memory for the document the answer is one that needs none. */
static void documents_without_memory(void **state)
{
    bool failed = true;

    (void)state;
    for (size_t n = 1; failed; n++) {
        struct api_call *call = hand_call_create(&api, "");

        mem_fail_at(n);
        reply_webhook(call, 200, &webhook, "whsec_x");
        failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(hand_call_status(), failed ? 503 : 200);
        assert_true(n < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(webhooks_with_and_without_their_secret, tear_down),
        cmocka_unit_test_teardown(messages_show_what_there_is, tear_down),
        cmocka_unit_test_teardown(what_is_not_there_is_told, tear_down),
        cmocka_unit_test_teardown(documents_without_memory, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
