#include "notify/rules/webhook_allow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/strbuf.h"

static struct notify_address address_of(const char *text)
{
    struct notify_address address = {.len = 0};

    if (!notify_address_parse(span_of(text), &address))
        fail_msg("%s is no address", text);
    return address;
}

static bool allows(const char *words, const char *address)
{
    struct notify_webhook_allow allow = {.http = true};
    struct notify_address parsed = address_of(address);

    assert_int_equal(notify_webhook_allow_parse(span_of(words), "X", &allow, NULL), CELERIAC_OK);
    return notify_webhook_allows(&allow, &parsed);
}

/* First and last of each range, and their neighbours outside of it. */
static void public_addresses(void **state)
{
    static const char *const list[] = {
        "1.0.0.0",          "1.1.1.1",
        "8.8.8.8",          "9.255.255.255",
        "11.0.0.0",         "100.63.255.255",
        "100.128.0.0",      "126.255.255.255",
        "128.0.0.0",        "169.253.255.255",
        "169.255.0.0",      "172.15.255.255",
        "172.32.0.0",       "191.255.255.255",
        "192.0.1.0",        "192.0.3.0",
        "192.88.98.255",    "192.88.100.0",
        "192.167.255.255",  "192.169.0.0",
        "198.17.255.255",   "198.20.0.0",
        "198.51.99.255",    "198.51.101.0",
        "203.0.112.255",    "203.0.114.0",
        "223.255.255.255",  "2000::",
        "2001:200::",       "2001:4860:4860::8888",
        "2001:db7:ffff::1", "2001:db9::",
        "2003::1",          "2606:4700:4700::1111",
        "2a00:1450::1",     "3ffd:ffff::",
        "3fff:1000::",      "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "::ffff:8.8.8.8",   "64:ff9b::8.8.8.8"};

    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        struct notify_address address = address_of(list[i]);

        if (!notify_address_is_public(&address) || !allows("", list[i]))
            fail_msg("%s is refused", list[i]);
    }
}

static void other_addresses(void **state)
{
    static const char *const list[] = {"0.0.0.0",
                                       "0.255.255.255",
                                       "10.0.0.0",
                                       "10.255.255.255",
                                       "100.64.0.0",
                                       "100.127.255.255",
                                       "127.0.0.0",
                                       "127.0.0.1",
                                       "127.255.255.255",
                                       "169.254.0.0",
                                       "169.254.169.254",
                                       "169.254.170.2",
                                       "169.254.255.255",
                                       "172.16.0.0",
                                       "172.31.255.255",
                                       "192.0.0.0",
                                       "192.0.0.192",
                                       "192.0.0.255",
                                       "192.0.2.0",
                                       "192.0.2.255",
                                       "192.31.196.1",
                                       "192.52.193.1",
                                       "192.88.99.0",
                                       "192.88.99.255",
                                       "192.168.0.0",
                                       "192.168.255.255",
                                       "192.175.48.1",
                                       "198.18.0.0",
                                       "198.19.255.255",
                                       "198.51.100.0",
                                       "198.51.100.255",
                                       "203.0.113.0",
                                       "203.0.113.255",
                                       "224.0.0.0",
                                       "239.255.255.255",
                                       "240.0.0.0",
                                       "255.255.255.255",
                                       "::",
                                       "::1",
                                       "::7f00:1",
                                       "::8.8.8.8",
                                       "::ffff:0.0.0.0",
                                       "::ffff:127.0.0.1",
                                       "::ffff:10.1.2.3",
                                       "::ffff:169.254.169.254",
                                       "64:ff9b::127.0.0.1",
                                       "64:ff9b::10.0.0.1",
                                       "64:ff9b::169.254.169.254",
                                       "64:ff9b:1::8.8.8.8",
                                       "64:ff9b:0:1::1",
                                       "100::1",
                                       "1fff:ffff::1",
                                       "2001::1",
                                       "2001:0:4136:e378::1",
                                       "2001:10::1",
                                       "2001:20::1",
                                       "2001:1ff:ffff::1",
                                       "2001:db8::",
                                       "2001:db8:ffff::1",
                                       "2002:7f00:1::",
                                       "2002:a00:1::",
                                       "2002:808:808::1",
                                       "2620:4f:8000::1",
                                       "3ffe::1",
                                       "3fff::",
                                       "3fff:fff:ffff::1",
                                       "4000::",
                                       "5f00::1",
                                       "fc00::1",
                                       "fd00:ec2::254",
                                       "fdff::1",
                                       "fe80::1",
                                       "febf::1",
                                       "fec0::1",
                                       "ff00::",
                                       "ff02::1",
                                       "ff0e::1"};

    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        struct notify_address address = address_of(list[i]);

        if (notify_address_is_public(&address) || allows("http", list[i]))
            fail_msg("%s is taken", list[i]);
        assert_true(allows("private", list[i]));
    }
}

static void only_plain_addresses_are_read(void **state)
{
    static const char *const bad[] = {"",
                                      "1",
                                      "127.1",
                                      "1.2.3",
                                      "1.2.3.4.5",
                                      "256.1.1.1",
                                      "01.2.3.4",
                                      "0x7f.0.0.1",
                                      "1.2.3.4 ",
                                      " 1.2.3.4",
                                      "1.2.3.4%1",
                                      "[::1]",
                                      "fe80::1%eth0",
                                      ":::",
                                      "1::2::3",
                                      "g::1",
                                      "1:2:3:4:5:6:7:8:9",
                                      "::ffff:256.0.0.1",
                                      "1111:2222:3333:4444:5555:6666:7777:88888888888888888"};
    struct notify_address address = {.len = 7};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (notify_address_parse(span_of(bad[i]), &address))
            fail_msg("\"%s\" is taken", bad[i]);
    }
    assert_false(notify_address_parse((struct span){"1.2.3.4\0.5", 10}, &address));
    assert_int_equal(address.len, 7);
    /* A part of a longer text. */
    assert_true(notify_address_parse((struct span){"1.2.3.45", 7}, &address));
    assert_int_equal(address.bytes[3], 4);
}

static void networks_can_be_allowed(void **state)
{
    (void)state;
    assert_true(allows("10.1.0.0/16", "10.1.255.255"));
    assert_false(allows("10.1.0.0/16", "10.2.0.0"));
    assert_false(allows("10.1.0.0/16", "127.0.0.1"));
    assert_true(allows(" http , 10.0.0.0/8,127.0.0.1 ", "127.0.0.1"));
    assert_false(allows("127.0.0.1", "127.0.0.2"));
    assert_true(allows("172.16.0.0/12", "172.31.255.255"));
    assert_true(allows("10.0.0.0/8", "::ffff:10.1.2.3"));
    assert_true(allows("fd00::/8", "fdff::1"));
    assert_false(allows("fd00::/8", "fc00::1"));
    assert_true(allows("::1", "::1"));
    assert_false(allows("::1", "127.0.0.1"));
    assert_true(allows("0.0.0.0/0", "127.0.0.1"));
    assert_false(allows("0.0.0.0/0", "::1"));
    assert_true(allows("::/0", "::1"));
    /* What is public needs no leave. */
    assert_true(allows("10.0.0.0/8", "8.8.8.8"));
}

static void words_and_networks_only(void **state)
{
    static const char *const bad[] = {"https",        "HTTP",
                                      "http,",        ",http",
                                      "10.0.0.0/33",  "10.0.0.0/",
                                      "10.0.0.1/8",   "10.0.0.0/-1",
                                      "10.0.0.0/8/8", "fd00::/129",
                                      "fd00::1/64",   "localhost",
                                      "private http", "10.0.0.0/8 10.0.0.0/8"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct notify_webhook_allow allow = {.network_count = 3};
        struct celeriac_error err = {0};

        if (notify_webhook_allow_parse(span_of(bad[i]), "CELERIAC_X", &allow, &err) !=
            CELERIAC_ERR_VALUE)
            fail_msg("\"%s\" is taken", bad[i]);
        assert_ptr_equal(strstr(err.text, "CELERIAC_X: "), err.text);
        assert_int_equal(allow.network_count, 3);
    }
}

static void there_is_a_limit_of_networks(void **state)
{
    struct notify_webhook_allow allow = {.network_count = 0};
    struct strbuf text;

    (void)state;
    strbuf_init(&text, 4096);
    for (int i = 0; i < NOTIFY_WEBHOOK_NETWORKS_MAX; i++)
        strbuf_printf(&text, "%s10.%d.0.0/16", i > 0 ? "," : "", i);
    assert_int_equal(notify_webhook_allow_parse(strbuf_span(&text), "X", &allow, NULL),
                     CELERIAC_OK);
    assert_int_equal(allow.network_count, NOTIFY_WEBHOOK_NETWORKS_MAX);
    strbuf_add_text(&text, ",http");
    assert_int_equal(notify_webhook_allow_parse(strbuf_span(&text), "X", &allow, NULL),
                     CELERIAC_OK);
    strbuf_add_text(&text, ",192.168.0.0/16");
    assert_int_equal(notify_webhook_allow_parse(strbuf_span(&text), "X", &allow, NULL),
                     CELERIAC_ERR_LIMIT);
    strbuf_close(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(public_addresses),
        cmocka_unit_test(other_addresses),
        cmocka_unit_test(only_plain_addresses_are_read),
        cmocka_unit_test(networks_can_be_allowed),
        cmocka_unit_test(words_and_networks_only),
        cmocka_unit_test(there_is_a_limit_of_networks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
