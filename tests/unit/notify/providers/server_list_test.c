#include "notify/providers/server_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_lists(void **state)
{
    struct notify_server_list list = {.count = 0};

    (void)state;
    assert_int_equal(
        notify_server_list_parse(SPAN(" mx1.example.com,mx2.example.com:2525 , [::1]:25,"
                                      "[fe80::2],10.0.0.1:1,a:65535"),
                                 "X", &list, NULL),
        CELERIAC_OK);
    assert_int_equal(list.count, 6);
    assert_string_equal(list.servers[0].host, "mx1.example.com");
    assert_int_equal(list.servers[0].port, 0);
    assert_string_equal(list.servers[1].host, "mx2.example.com");
    assert_int_equal(list.servers[1].port, 2525);
    assert_string_equal(list.servers[2].host, "::1");
    assert_int_equal(list.servers[2].port, 25);
    assert_string_equal(list.servers[3].host, "fe80::2");
    assert_int_equal(list.servers[3].port, 0);
    assert_int_equal(list.servers[4].port, 1);
    assert_int_equal(list.servers[5].port, 65535);
    assert_int_equal(notify_server_list_parse(SPAN("  "), "X", &list, NULL), CELERIAC_OK);
    assert_int_equal(list.count, 0);
}

static void test_bad_lists(void **state)
{
    static const char *const bad[] = {
        ",",   "a,",   "a,,b", "a:",     "a:0",    "a:65536", "a:x",     ":25",   "a b",
        "::1", "[::1", "[]:1", "[::1]x", "[::1]:", "a:1:2",   "[::1]:0", "a\x7f", "a,b c",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct notify_server_list list = {.count = 5};
        struct celeriac_error err = {0};
        enum celeriac_err code =
            notify_server_list_parse(span_of(bad[i]), "CELERIAC_SMTP_HOSTS", &list, &err);

        if (code != CELERIAC_ERR_VALUE)
            fail_msg("\"%s\" is taken", bad[i]);
        assert_ptr_equal(strstr(err.text, "CELERIAC_SMTP_HOSTS: server "), err.text);
        assert_int_equal(list.count, 5);
    }
}

static void test_limits(void **state)
{
    struct notify_server_list list = {.count = 0};
    char host[NOTIFY_SERVER_HOST_SIZE];

    (void)state;
    assert_int_equal(notify_server_list_parse(SPAN("a,b,c,d,e,f,g,h"), "X", &list, NULL),
                     CELERIAC_OK);
    assert_int_equal(list.count, NOTIFY_SERVERS_MAX);
    assert_int_equal(notify_server_list_parse(SPAN("a,b,c,d,e,f,g,h,i"), "X", &list, NULL),
                     CELERIAC_ERR_LIMIT);
    memset(host, 'h', sizeof host);
    assert_int_equal(
        notify_server_list_parse((struct span){host, sizeof host - 1}, "X", &list, NULL),
        CELERIAC_OK);
    assert_int_equal(strlen(list.servers[0].host), NOTIFY_SERVER_HOST_SIZE - 1);
    assert_int_equal(notify_server_list_parse((struct span){host, sizeof host}, "X", &list, NULL),
                     CELERIAC_ERR_VALUE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_bad_lists),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
