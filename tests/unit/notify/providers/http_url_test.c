#include "notify/providers/http_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"

static void take(const char *text, const char *want, bool want_local)
{
    char *url = NULL;
    bool is_local = !want_local;
    struct celeriac_error err = {0};

    if (notify_http_url_read(text, "X_URL", &url, &is_local, &err) != CELERIAC_OK)
        fail_msg("%s: %s", text, err.text);
    assert_string_equal(url, want);
    assert_int_equal(is_local, want_local);
    mem_free(url);
}

static void test_taken(void **state)
{
    (void)state;
    take("https://api.twilio.com", "https://api.twilio.com", false);
    take("https://api.example.com:8443/proxy//", "https://api.example.com:8443/proxy", false);
    take("http://127.0.0.1:8080", "http://127.0.0.1:8080", true);
    take("http://127.1.2.3", "http://127.1.2.3", true);
    take("http://localhost/", "http://localhost", true);
    take("http://[::1]:1", "http://[::1]:1", true);
    take("https://localhost", "https://localhost", true);
}

static void test_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "api.twilio.com",
        "http://api.twilio.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://128.0.0.1",
        "ftp://localhost",
        "file:///etc/passwd",
        "https://",
        "https://user@host",
        "https://user:password@host",
        "https://:password@host",
        "https://host?x",
        "https://host#x",
        "https://ho st",
        "https://host\r\nX: y",
        "https://h\xc3\xb6st",
        "https://host:99999",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *url = NULL;
        bool is_local = false;
        struct celeriac_error err = {0};

        if (notify_http_url_read(bad[i], "X_URL", &url, &is_local, &err) != CELERIAC_ERR_VALUE)
            fail_msg("\"%s\" is taken", bad[i]);
        assert_ptr_equal(strstr(err.text, "X_URL: "), err.text);
        assert_null(strstr(err.text, "password"));
        assert_null(url);
    }
}

static void test_longest(void **state)
{
    char text[NOTIFY_HTTP_URL_MAX + 2];
    char *url = NULL;
    bool is_local = false;

    (void)state;
    memset(text, 'a', sizeof text);
    memcpy(text, "https://host/", strlen("https://host/"));
    text[NOTIFY_HTTP_URL_MAX] = '\0';
    take(text, text, false);
    text[NOTIFY_HTTP_URL_MAX] = 'a';
    text[NOTIFY_HTTP_URL_MAX + 1] = '\0';
    assert_int_equal(notify_http_url_read(text, "X", &url, &is_local, NULL), CELERIAC_ERR_VALUE);
    mem_fail_at(1);
    assert_int_equal(notify_http_url_read("https://h", "X", &url, &is_local, NULL),
                     CELERIAC_ERR_MEMORY);
    mem_fail_at(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_longest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
