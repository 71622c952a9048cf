#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "notify/providers/smtp_config.h"

static void assert_url(const char *host, unsigned port, const char *helo, const char *want)
{
    struct notify_smtp_options options = {.host = host, .port = port, .helo = helo};
    struct notify_smtp_config *config = NULL;

    assert_int_equal(notify_smtp_config_create(&options, &config, NULL), CELERIAC_OK);
    assert_string_equal(config->url, want);
    notify_smtp_config_destroy(config);
}

static void test_url(void **state)
{
    (void)state;
    assert_url("smtp.example.com", 0, "me.example.com",
               "smtp://smtp.example.com:587/me.example.com");
    assert_url("127.0.0.1", 25, "h", "smtp://127.0.0.1:25/h");
    assert_url("::1", 2525, "h", "smtp://[::1]:2525/h");
    assert_url("[::1]", 2525, "h", "smtp://[::1]:2525/h");
}

static void test_defaults(void **state)
{
    struct notify_smtp_options options = {.host = NULL};
    struct notify_smtp_config *config = NULL;

    (void)state;
    assert_int_equal(notify_smtp_config_create(&options, &config, NULL), CELERIAC_OK);
    assert_null(config->url);
    assert_string_equal(config->host, "");
    assert_string_equal(config->from, "");
    assert_int_equal(config->port, 587);
    assert_null(config->user);
    assert_null(config->trust);
    assert_int_equal(config->connect_timeout_ms, SMTP_CONNECT_TIMEOUT_MS);
    assert_int_equal(config->timeout_ms, SMTP_TIMEOUT_MS);
    notify_smtp_config_destroy(config);
    notify_smtp_config_destroy(NULL);
}

static bool has_login(const char *user, const char *password)
{
    struct notify_smtp_options options = {.host = "h", .user = user, .password = password};
    struct notify_smtp_config *config = NULL;
    bool login;

    assert_int_equal(notify_smtp_config_create(&options, &config, NULL), CELERIAC_OK);
    login = config->user != NULL && config->password != NULL;
    assert_true(login || (config->user == NULL && config->password == NULL));
    notify_smtp_config_destroy(config);
    return login;
}

static void test_login_needs_both(void **state)
{
    (void)state;
    assert_true(has_login("user", "password"));
    assert_false(has_login("user", ""));
    assert_false(has_login("", "password"));
    assert_false(has_login("user", NULL));
    assert_false(has_login(NULL, "password"));
}

static void refuse(struct notify_smtp_options options, enum celeriac_err want, const char *name)
{
    struct notify_smtp_config *config = NULL;
    struct celeriac_error err = {0};

    assert_int_equal(notify_smtp_config_create(&options, &config, &err), want);
    assert_null(config);
    assert_int_equal(err.code, want);
    if (strncmp(err.text, name, strlen(name)) != 0)
        fail_msg("expected an error about %s, got: %s", name, err.text);
}

static void test_bad_options(void **state)
{
    char long_text[SMTP_OPTION_MAX + 2];

    (void)state;
    refuse((struct notify_smtp_options){.host = "a b"}, CELERIAC_ERR_VALUE, "EMAIL_HOST: ");
    refuse((struct notify_smtp_options){.host = "h\nx"}, CELERIAC_ERR_VALUE, "EMAIL_HOST: ");
    refuse((struct notify_smtp_options){.host = "h", .port = 65536}, CELERIAC_ERR_VALUE,
           "EMAIL_PORT: ");
    refuse((struct notify_smtp_options){.user = "u\r\n"}, CELERIAC_ERR_VALUE, "EMAIL_HOST_USER: ");
    refuse((struct notify_smtp_options){.password = "p\x01"}, CELERIAC_ERR_VALUE,
           "EMAIL_HOST_PASSWORD: ");
    refuse((struct notify_smtp_options){.from = "a@b.c\n"}, CELERIAC_ERR_VALUE,
           "DEFAULT_FROM_EMAIL: ");
    refuse((struct notify_smtp_options){.helo = "a b"}, CELERIAC_ERR_VALUE,
           "CELERIAC_EMAIL_HELO: ");
    refuse((struct notify_smtp_options){.timeout_ns = -1}, CELERIAC_ERR_VALUE,
           "CELERIAC_EMAIL_TIMEOUT: ");
    refuse((struct notify_smtp_options){.connect_timeout_ns = 3601 * NS_PER_SEC},
           CELERIAC_ERR_VALUE, "CELERIAC_EMAIL_CONNECT_TIMEOUT: ");
    refuse((struct notify_smtp_options){.starttls = true, .ca_file = "/nonexistent.pem"},
           CELERIAC_ERR_SYSTEM, "CELERIAC_EMAIL_CA_FILE: ");

    memset(long_text, 'x', sizeof long_text);
    long_text[SMTP_OPTION_MAX + 1] = '\0';
    refuse((struct notify_smtp_options){.user = long_text}, CELERIAC_ERR_VALUE,
           "EMAIL_HOST_USER: ");
    long_text[SMTP_OPTION_MAX] = '\0';
    assert_true(has_login(long_text, "password"));
    long_text[256] = '\0';
    refuse((struct notify_smtp_options){.helo = long_text}, CELERIAC_ERR_VALUE,
           "CELERIAC_EMAIL_HELO: ");
}

static void test_timeouts(void **state)
{
    struct notify_smtp_options options = {.timeout_ns = 1, .connect_timeout_ns = 3600 * NS_PER_SEC};
    struct notify_smtp_config *config = NULL;

    (void)state;
    assert_int_equal(notify_smtp_config_create(&options, &config, NULL), CELERIAC_OK);
    assert_int_equal(config->timeout_ms, 1);
    assert_int_equal(config->connect_timeout_ms, 3600000);
    notify_smtp_config_destroy(config);
}

static void test_memory(void **state)
{
    struct notify_smtp_options options = {
        .host = "h", .user = "u", .password = "p", .from = "a@b.c", .helo = "me"};
    enum celeriac_err code = CELERIAC_ERR_MEMORY;

    (void)state;
    for (size_t n = 1; code != CELERIAC_OK; n++) {
        struct notify_smtp_config *config = NULL;

        mem_fail_at(n);
        code = notify_smtp_config_create(&options, &config, NULL);
        mem_fail_at(0);
        assert_true(code == CELERIAC_OK || code == CELERIAC_ERR_MEMORY);
        notify_smtp_config_destroy(config);
        assert_true(n < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_url),         cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_bad_options), cmocka_unit_test(test_login_needs_both),
        cmocka_unit_test(test_timeouts),    cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
