#include "notify/rules/webhook_sign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"

/* The vector that the libraries of Standard Webhooks test with. */
#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define ID "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define TIME 1614265330
#define PAYLOAD "{\"test\": 2432232314}"
#define SIGNATURE "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

static struct notify_webhook_key key_of(const char *secret)
{
    struct notify_webhook_key key;

    assert_int_equal(notify_webhook_secret_read(span_of(secret), &key, NULL), CELERIAC_OK);
    return key;
}

static void the_published_vector(void **state)
{
    struct notify_webhook_key key = key_of(SECRET);
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 256);
    assert_int_equal(notify_webhook_sign(&key, SPAN(ID), TIME, SPAN(PAYLOAD), &out), CELERIAC_OK);
    assert_string_equal(strbuf_text(&out), SIGNATURE);
    assert_int_equal(strbuf_span(&out).len, NOTIFY_WEBHOOK_SIGNATURE_LEN);
    strbuf_close(&out);
}

static void two_keys_sign_one_header(void **state)
{
    struct notify_webhook_key other = key_of("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    struct notify_webhook_key key = key_of(SECRET);
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 256);
    assert_int_equal(notify_webhook_sign(&other, SPAN(ID), TIME, SPAN(PAYLOAD), &out), CELERIAC_OK);
    assert_int_equal(notify_webhook_sign(&key, SPAN(ID), TIME, SPAN(PAYLOAD), &out), CELERIAC_OK);
    assert_int_equal(strbuf_span(&out).len, (size_t)2 * NOTIFY_WEBHOOK_SIGNATURE_LEN + 1);
    assert_string_equal(strbuf_text(&out) + NOTIFY_WEBHOOK_SIGNATURE_LEN, " " SIGNATURE);
    assert_null(strstr(SIGNATURE, strbuf_text(&out)));
    strbuf_close(&out);
}

/* A NUL in the payload is a byte like any other; id and time count as well. */
static void everything_counts(void **state)
{
    static const struct {
        struct span id;
        int64_t time;
        struct span payload;
    } cases[] = {
        {{ID, sizeof ID - 1}, TIME, {"a\0b", 3}},  {{ID, sizeof ID - 1}, TIME, {"a\0c", 3}},
        {{ID, sizeof ID - 1}, TIME, {"a", 1}},     {{ID, sizeof ID - 1}, TIME, {NULL, 0}},
        {{ID, sizeof ID - 1}, TIME + 1, {"a", 1}}, {{"x", 1}, TIME, {"a", 1}},
    };
    struct notify_webhook_key key = key_of(SECRET);
    struct strbuf out[sizeof cases / sizeof cases[0]];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        strbuf_init(&out[i], 256);
        assert_int_equal(
            notify_webhook_sign(&key, cases[i].id, cases[i].time, cases[i].payload, &out[i]),
            CELERIAC_OK);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(strbuf_text(&out[i]), strbuf_text(&out[j]));
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        strbuf_close(&out[i]);
}

static void room_may_be_short(void **state)
{
    struct notify_webhook_key key = key_of(SECRET);
    struct strbuf out;

    (void)state;
    strbuf_init(&out, NOTIFY_WEBHOOK_SIGNATURE_LEN - 1);
    assert_int_equal(notify_webhook_sign(&key, SPAN(ID), TIME, SPAN(PAYLOAD), &out),
                     CELERIAC_ERR_LIMIT);
    strbuf_close(&out);
    strbuf_init(&out, NOTIFY_WEBHOOK_SIGNATURE_LEN);
    assert_int_equal(notify_webhook_sign(&key, SPAN(ID), TIME, SPAN(PAYLOAD), &out), CELERIAC_OK);
    strbuf_close(&out);
}

static void memory_may_be_short(void **state)
{
    struct notify_webhook_key key = key_of(SECRET);
    enum celeriac_err code;
    size_t n = 0;

    (void)state;
    do {
        struct strbuf out;

        strbuf_init(&out, 256);
        mem_fail_at(++n);
        code = notify_webhook_sign(&key, SPAN(ID), TIME, SPAN(PAYLOAD), &out);
        assert_int_equal(code, mem_has_failed() ? CELERIAC_ERR_MEMORY : CELERIAC_OK);
        mem_fail_at(0);
        strbuf_close(&out);
    } while (code != CELERIAC_OK);
    assert_in_range(n, 2, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_vector), cmocka_unit_test(two_keys_sign_one_header),
        cmocka_unit_test(everything_counts),    cmocka_unit_test(room_may_be_short),
        cmocka_unit_test(memory_may_be_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
