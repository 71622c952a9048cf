#include "notify/rules/webhook_secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/strbuf.h"

static void what_is_made_can_be_read(void **state)
{
    uint8_t random[NOTIFY_WEBHOOK_KEY_RANDOM];
    char secret[NOTIFY_WEBHOOK_SECRET_SIZE];
    struct notify_webhook_key key;

    (void)state;
    for (size_t i = 0; i < sizeof random; i++)
        random[i] = (uint8_t)(250 + i);
    assert_int_equal(notify_webhook_secret_make(random, secret), CELERIAC_OK);
    assert_string_equal(secret, "whsec_+vv8/f7/AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBk=");
    assert_int_equal(notify_webhook_secret_read(span_of(secret), &key, NULL), CELERIAC_OK);
    assert_int_equal(key.len, sizeof random);
    assert_memory_equal(key.bytes, random, sizeof random);
}

/* Reads the secret of a key of so many bytes. */
static enum celeriac_err read_length(size_t len, struct celeriac_error *err)
{
    char bytes[NOTIFY_WEBHOOK_KEY_MAX + 3] = {0};
    struct notify_webhook_key key = {.len = 1};
    struct strbuf text;
    enum celeriac_err code;

    strbuf_init(&text, 256);
    strbuf_add_text(&text, "whsec_");
    base64_encode(&text, (struct span){bytes, len});
    assert_int_equal(strbuf_status(&text), CELERIAC_OK);
    code = notify_webhook_secret_read(strbuf_span(&text), &key, err);
    assert_int_equal(key.len, code == CELERIAC_OK ? len : 1);
    strbuf_close(&text);
    return code;
}

static void keys_have_24_to_64_bytes(void **state)
{
    struct celeriac_error err = {0};

    (void)state;
    assert_int_equal(read_length(NOTIFY_WEBHOOK_KEY_MIN, NULL), CELERIAC_OK);
    assert_int_equal(read_length(NOTIFY_WEBHOOK_KEY_MAX, NULL), CELERIAC_OK);
    assert_int_equal(read_length(NOTIFY_WEBHOOK_KEY_MIN - 1, &err), CELERIAC_ERR_VALUE);
    assert_string_equal(err.text, "secret: must be of 24 to 64 bytes");
    assert_int_equal(read_length(NOTIFY_WEBHOOK_KEY_MAX + 1, NULL), CELERIAC_ERR_VALUE);
    assert_int_equal(read_length(NOTIFY_WEBHOOK_KEY_MAX + 2, NULL), CELERIAC_ERR_VALUE);
    assert_int_equal(read_length(NOTIFY_WEBHOOK_KEY_MAX + 3, NULL), CELERIAC_ERR_VALUE);
}

static void only_the_one_form_is_taken(void **state)
{
    static const char *const bad[] = {
        "",
        "whsec_",
        "whsec",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw=",
        "whsec_MfKQ9r8GKYqrTwjUPD8I LPZIo2LaLaSw",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
        "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",   /* padding is missing */
        "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB==", /* bits that no byte has */
        "whsec_-_KQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",     /* the URL-safe alphabet */
    };
    struct notify_webhook_key key;

    (void)state;
    assert_int_equal(
        notify_webhook_secret_read(SPAN("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), &key, NULL),
        CELERIAC_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct celeriac_error err = {0};

        if (notify_webhook_secret_read(span_of(bad[i]), &key, &err) != CELERIAC_ERR_VALUE)
            fail_msg("\"%s\" is taken", bad[i]);
        assert_ptr_equal(strstr(err.text, "secret: "), err.text);
        if (strlen(bad[i]) > 8)
            assert_null(strstr(err.text, bad[i] + 6));
    }
}

static void memory_may_be_short(void **state)
{
    const uint8_t random[NOTIFY_WEBHOOK_KEY_RANDOM] = {0};
    char secret[NOTIFY_WEBHOOK_SECRET_SIZE];
    struct notify_webhook_key key;
    enum celeriac_err code;
    size_t n = 0;

    (void)state;
    do {
        mem_fail_at(++n);
        code = notify_webhook_secret_make(random, secret);
        if (code == CELERIAC_OK)
            code = notify_webhook_secret_read(span_of(secret), &key, NULL);
        assert_int_equal(code, mem_has_failed() ? CELERIAC_ERR_MEMORY : CELERIAC_OK);
        mem_fail_at(0);
    } while (code != CELERIAC_OK);
    assert_in_range(n, 2, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_made_can_be_read),
        cmocka_unit_test(keys_have_24_to_64_bytes),
        cmocka_unit_test(only_the_one_form_is_taken),
        cmocka_unit_test(memory_may_be_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
