/* The configuration; sending is tested in tests/integration/worker/api_providers_test.py. */
#include "notify/providers/twilio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"

static struct notify_twilio_options whole(void)
{
    return (struct notify_twilio_options){.account_sid = "AC1",
                                          .auth_token = "t",
                                          .from_number = "+15005550001",
                                          .whatsapp_from = "+15005550002"};
}

static void test_what_is_enough(void **state)
{
    struct notify_twilio_options o = whole();

    (void)state;
    assert_true(notify_twilio_has_sms(&o));
    assert_true(notify_twilio_has_whatsapp(&o));
    o.from_number = "";
    assert_false(notify_twilio_has_sms(&o));
    o.messaging_service_sid = "MG1";
    assert_true(notify_twilio_has_sms(&o));
    o.whatsapp_from = NULL;
    assert_false(notify_twilio_has_whatsapp(&o));
    o = whole();
    o.auth_token = "";
    assert_false(notify_twilio_has_sms(&o));
    assert_false(notify_twilio_has_whatsapp(&o));
    o = whole();
    o.account_sid = NULL;
    assert_false(notify_twilio_has_sms(&o));
}

static void refuse(const struct notify_twilio_options *options, bool is_whatsapp, const char *name)
{
    struct notify_twilio_config *config = NULL;
    struct celeriac_error err = {0};

    assert_int_equal(notify_twilio_config_create(options, is_whatsapp, &config, &err),
                     CELERIAC_ERR_VALUE);
    assert_null(config);
    if (strncmp(err.text, name, strlen(name)) != 0)
        fail_msg("expected %s in front of: %s", name, err.text);
}

static void test_wrong_settings(void **state)
{
    struct notify_twilio_options o = whole();
    char text[258];

    (void)state;
    memset(text, '1', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    o.account_sid = "AC/..";
    refuse(&o, false, "TWILIO_ACCOUNT_SID: ");
    o.account_sid = text;
    refuse(&o, true, "TWILIO_ACCOUNT_SID: ");
    o = whole();
    o.auth_token = "a\nb";
    refuse(&o, false, "TWILIO_AUTH_TOKEN: ");
    o = whole();
    o.from_number = text;
    refuse(&o, false, "TWILIO_FROM_NUMBER: ");
    o = whole();
    o.messaging_service_sid = "M G";
    refuse(&o, false, "TWILIO_MESSAGING_SERVICE_SID: ");
    o = whole();
    o.whatsapp_from = "\xc3\xbc";
    refuse(&o, true, "TWILIO_WHATSAPP_FROM: ");
    o = whole();
    o.base_url = "http://example.com";
    refuse(&o, false, "TWILIO_BASE_URL: ");
}

static void test_memory(void **state)
{
    struct notify_twilio_options o = whole();
    bool done = false;

    (void)state;
    for (size_t n = 1; !done; n++) {
        struct notify_twilio_config *config = NULL;
        enum celeriac_err code;

        mem_fail_at(n);
        code = notify_twilio_config_create(&o, true, &config, NULL);
        done = !mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(code, done ? CELERIAC_OK : CELERIAC_ERR_MEMORY);
        notify_twilio_config_destroy(config);
        assert_true(n < 50);
    }
    notify_twilio_config_destroy(NULL);
    notify_twilio_provider.destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_enough),
        cmocka_unit_test(test_wrong_settings),
        cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
