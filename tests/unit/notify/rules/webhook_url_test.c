#include "notify/rules/webhook_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct notify_webhook_allow nothing;

static void must_take(const char *url, const struct notify_webhook_allow *allow)
{
    struct celeriac_error err = {0};

    if (notify_webhook_url_check(span_of(url), allow, &err) != CELERIAC_OK)
        fail_msg("\"%s\": %s", url, err.text);
}

static void must_refuse(const char *url, const struct notify_webhook_allow *allow,
                        const char *sentence)
{
    struct celeriac_error err = {0};

    if (notify_webhook_url_check(span_of(url), allow, &err) != CELERIAC_ERR_VALUE)
        fail_msg("\"%s\" is taken", url);
    assert_string_equal(err.text, sentence);
}

static void what_is_taken(void **state)
{
    static const char *const good[] = {
        "https://example.com",
        "https://example.com/",
        "HTTPS://EXAMPLE.COM/Hooks",
        "https://hooks.example.com:8443/a/b?c=d&e=%20f@g",
        "https://example.com.",
        "https://a_b.example.com?x",
        "https://xn--bcher-kva.example/",
        "https://8.8.8.8/x",
        "https://[2606:4700:4700::1111]:443/x",
        "https://example.com:1",
        "https://example.com:65535",
        "https://1.example",
        "https://local.example",
        "https://x:80/",
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        must_take(good[i], &nothing);
}

static void what_is_refused(void **state)
{
    static const struct {
        const char *url, *sentence;
    } bad[] = {
        {"", "Must begin with https://."},
        {"example.com", "Must begin with https://."},
        {"http://example.com", "Must begin with https://."},
        {"ftp://example.com", "Must begin with https://."},
        {"https:/example.com", "Must begin with https://."},
        {"file:///etc/passwd", "Must begin with https://."},
        {"https://", "Enter a valid host."},
        {"https:///x", "Enter a valid host."},
        {"https://?x", "Enter a valid host."},
        {"https://.", "Enter a valid host."},
        {"https://a..b", "Enter a valid host."},
        {"https://.a", "Enter a valid host."},
        {"https://-a.b", "Enter a valid host."},
        {"https://a-.b", "Enter a valid host."},
        {"https://a%2eb", "Enter a valid host."},
        {"https://a,b", "Enter a valid host."},
        {"https://[::1", "Enter a valid host."},
        {"https://[]", "Enter a valid host."},
        {"https://[8.8.8.8]", "Enter a valid host."},
        {"https://[fe80::1%25eth0]", "Enter a valid host."},
        {"https://[2606:4700:4700::1111]x", "Enter a valid host."},
        {"https://2606:4700::1111", "Enter a valid host."},
        {"https://127.1", "Enter a valid host."},
        {"https://2130706433/", "Enter a valid host."},
        {"https://0x7f000001", "Enter a valid host."},
        {"https://0x7f.0.0.1", "Enter a valid host."},
        {"https://1.2.3.0x4", "Enter a valid host."},
        {"https://0177.0.0.1", "Enter a valid host."},
        {"https://1.2.3.4.", "Enter a valid host."},
        {"https://256.1.1.1", "Enter a valid host."},
        {"https://a.b:", "Enter a valid port."},
        {"https://a.b:0", "Enter a valid port."},
        {"https://a.b:65536", "Enter a valid port."},
        {"https://a.b:x", "Enter a valid port."},
        {"https://a.b:1:2", "Enter a valid port."},
        {"https://[2606:4700::1]:", "Enter a valid port."},
        {"https://user@a.b", "Must have no user or password."},
        {"https://a.b:80@evil.example/", "Must have no user or password."},
        {"https://a.b/#x", "Must have no fragment."},
        {"https://a.b#x", "Must have no fragment."},
        {"https://a.b/ x", "Has a character that no address has."},
        {"https://a.b\\@c", "Has a character that no address has."},
        {"https://a.b/\n", "Has a character that no address has."},
        {"https://b\xc3\xbc"
         "cher.example",
         "Has a character that no address has."},
        {"https://127.0.0.1", "The host must be a public address."},
        {"https://10.0.0.1:9200/", "The host must be a public address."},
        {"https://169.254.169.254/latest/meta-data", "The host must be a public address."},
        {"https://[::1]/", "The host must be a public address."},
        {"https://[::ffff:127.0.0.1]/", "The host must be a public address."},
        {"https://localhost", "The host must be a public address."},
        {"https://LocalHost.:1/", "The host must be a public address."},
        {"https://x.localhost", "The host must be a public address."},
        {"https://printer.local", "The host must be a public address."},
        {"https://metadata.google.internal/", "The host must be a public address."},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        must_refuse(bad[i].url, &nothing, bad[i].sentence);
}

static void what_an_operator_allows(void **state)
{
    struct notify_webhook_allow allow = {.http = false};

    (void)state;
    assert_int_equal(notify_webhook_allow_parse(SPAN("http,127.0.0.0/8"), "X", &allow, NULL),
                     CELERIAC_OK);
    must_take("http://127.0.0.1:8000/", &allow);
    must_take("http://localhost:8000/", &allow);
    must_take("https://example.com/", &allow);
    must_refuse("http://10.0.0.1/", &allow, "The host must be a public address.");
    must_refuse("ftp://a.b/", &allow, "Must begin with https:// or http://.");
    assert_int_equal(notify_webhook_allow_parse(SPAN("private"), "X", &allow, NULL), CELERIAC_OK);
    must_take("https://10.0.0.1/", &allow);
    must_take("https://[::1]/", &allow);
    must_take("https://localhost/", &allow);
    must_refuse("http://10.0.0.1/", &allow, "Must begin with https://.");
    assert_int_equal(notify_webhook_allow_parse(SPAN("http"), "X", &allow, NULL), CELERIAC_OK);
    must_refuse("http://localhost/", &allow, "The host must be a public address.");
}

static void lengths(void **state)
{
    char url[NOTIFY_WEBHOOK_URL_MAX + 2];
    struct celeriac_error err = {0};

    (void)state;
    memset(url, 'x', sizeof url);
    memcpy(url, "https://a.b/", 12);
    url[NOTIFY_WEBHOOK_URL_MAX] = '\0';
    must_take(url, &nothing);
    url[NOTIFY_WEBHOOK_URL_MAX] = 'x';
    url[NOTIFY_WEBHOOK_URL_MAX + 1] = '\0';
    assert_int_equal(notify_webhook_url_check(span_of(url), &nothing, &err), CELERIAC_ERR_LIMIT);
    assert_string_equal(err.text, "Must have at most 2048 characters.");
    /* A label of 63 characters, and of 64. */
    url[8 + 63] = '/';
    url[100] = '\0';
    memset(url + 8, 'y', 63);
    must_take(url, &nothing);
    url[8 + 63] = 'y';
    url[8 + 64] = '/';
    must_refuse(url, &nothing, "Enter a valid host.");
}

/* A host of 253 characters, and of 254. */
static void long_hosts(void **state)
{
    char url[8 + 254 + 1] = "https://";

    (void)state;
    for (size_t i = 0; i < 254; i++)
        url[8 + i] = i % 50 == 49 ? '.' : 'z';
    url[8 + 253] = '\0';
    must_take(url, &nothing);
    url[8 + 253] = 'z';
    url[8 + 254] = '\0';
    must_refuse(url, &nothing, "Enter a valid host.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_taken),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(what_an_operator_allows),
        cmocka_unit_test(lengths),
        cmocka_unit_test(long_hosts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
