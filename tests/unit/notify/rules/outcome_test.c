#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "notify/rules/outcome.h"

static void test_sent(void **state)
{
    struct notify_outcome o;
    struct strbuf json;

    (void)state;
    notify_outcome_sent(&o, "email", "celeriac-smtp", SPAN("<1@example.com>"));
    assert_int_equal(o.kind, NOTIFY_OUTCOME_SENT);
    assert_false(o.perhaps_sent);
    assert_string_equal(o.error, "");
    strbuf_init(&json, 1000);
    notify_outcome_response(&o, &json);
    assert_string_equal(strbuf_text(&json),
                        "{\"provider\": \"email\", \"status\": \"sent\", "
                        "\"message_id\": \"<1@example.com>\", "
                        "\"detail\": \"Sent to 1 recipient\", "
                        "\"raw\": {\"sent_count\": 1, \"backend\": \"celeriac-smtp\"}}");
    strbuf_close(&json);
}

static void test_sent_without_id(void **state)
{
    struct notify_outcome o;
    struct strbuf json;

    (void)state;
    notify_outcome_sent(&o, "sms", "some-sms", (struct span){NULL, 0});
    strbuf_init(&json, 1000);
    notify_outcome_response(&o, &json);
    assert_non_null(strstr(strbuf_text(&json), "\"message_id\": null"));
    strbuf_close(&json);
}

/* A provider with a word of its own for the state. */
static void test_sent_with_a_status(void **state)
{
    struct notify_outcome o;
    struct strbuf json;

    (void)state;
    notify_outcome_sent(&o, "sms", "some-sms", SPAN("SM1"));
    memcpy(o.status, "queued", sizeof "queued");
    strbuf_init(&json, 1000);
    notify_outcome_response(&o, &json);
    assert_string_equal(strbuf_text(&json),
                        "{\"provider\": \"sms\", \"status\": \"sent\", \"message_id\": \"SM1\", "
                        "\"detail\": \"Sent to 1 recipient\", \"raw\": {\"sent_count\": 1, "
                        "\"backend\": \"some-sms\", \"sid\": \"SM1\", \"status\": \"queued\"}}");
    strbuf_close(&json);
}

static void test_hold(void **state)
{
    struct notify_outcome o;

    (void)state;
    notify_outcome_hold_for_memory(&o);
    assert_int_equal(o.kind, NOTIFY_OUTCOME_HOLD);
    assert_string_equal(o.reason, "out of memory");
    assert_string_equal(notify_outcome_name(o.kind), "hold");
    assert_string_equal(notify_outcome_name(NOTIFY_OUTCOME_UNCONFIGURED), "unconfigured");
}

static void test_long_message_id(void **state)
{
    struct notify_outcome o;
    char id[NOTIFY_MESSAGE_ID_SIZE + 10];

    (void)state;
    memset(id, 'x', sizeof id);
    notify_outcome_sent(&o, "p", "b", (struct span){id, sizeof id});
    assert_int_equal(strlen(o.message_id), NOTIFY_MESSAGE_ID_SIZE - 1);
}

static void test_failure(void **state)
{
    struct notify_outcome o;

    (void)state;
    notify_outcome_fail(&o, NOTIFY_OUTCOME_LATER, 451, "recipient refused", "%s: %d\r\n", "no",
                        451);
    assert_int_equal(o.kind, NOTIFY_OUTCOME_LATER);
    assert_int_equal(o.code, 451);
    assert_string_equal(o.reason, "recipient refused");
    assert_string_equal(o.error, "no: 451");
    assert_string_equal(o.message_id, "");
    assert_string_equal(notify_outcome_name(o.kind), "later");
    assert_string_equal(notify_outcome_name(NOTIFY_OUTCOME_NEVER), "never");
    assert_string_equal(notify_outcome_name(NOTIFY_OUTCOME_SENT), "sent");
}

static void test_text_is_utf8(void **state)
{
    struct notify_outcome o;

    (void)state;
    notify_outcome_fail(&o, NOTIFY_OUTCOME_NEVER, 0, "r",
                        "latin1 \xe9t\xe9, utf8 \xc3\xa9, \xff\xfe.");
    assert_string_equal(o.error, "latin1 ?t?, utf8 \xc3\xa9, ??.");
    notify_outcome_fail(&o, NOTIFY_OUTCOME_NEVER, 0, "r", "%s", "");
    assert_string_equal(o.error, "");
}

/* A text that is too long ends with a whole character, whatever the place of the cut. */
static void test_long_text(void **state)
{
    char text[NOTIFY_ERROR_TEXT_SIZE + 8];
    struct notify_outcome o;

    (void)state;
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i + 4 < sizeof text; i += 4)
            memcpy(text + i, "\xf0\x9f\x8e\x89", 4);
        text[NOTIFY_ERROR_TEXT_SIZE + 3] = '\0';
        notify_outcome_fail(&o, NOTIFY_OUTCOME_NEVER, 0, "r", "%s", text);
        assert_true(span_is_utf8(span_of(o.error)));
        assert_true(strlen(o.error) > NOTIFY_ERROR_TEXT_SIZE - 5);
        assert_memory_equal(o.error, text, strlen(o.error));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sent),
        cmocka_unit_test(test_sent_without_id),
        cmocka_unit_test(test_sent_with_a_status),
        cmocka_unit_test(test_hold),
        cmocka_unit_test(test_long_message_id),
        cmocka_unit_test(test_failure),
        cmocka_unit_test(test_text_is_utf8),
        cmocka_unit_test(test_long_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
