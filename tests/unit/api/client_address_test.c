#include "api/client_address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PROXIES "10.0.0.0/8, 192.0.2.7,2001:db8:1::/48 ,::1"

static struct trusted_proxies parse(const char *list)
{
    struct trusted_proxies proxies;
    struct celeriac_error err = {0};

    if (trusted_proxies_parse(span_of(list), &proxies, &err) != CELERIAC_OK)
        fail_msg("%s: %s", list, err.text);
    return proxies;
}

static void networks_of_both_kinds(void **state)
{
    static const struct {
        const char *address;
        bool is_trusted;
    } cases[] = {
        {"10.0.0.0", true},
        {"10.255.255.255", true},
        {"9.255.255.255", false},
        {"11.0.0.0", false},
        {"192.0.2.7", true},
        {"192.0.2.6", false},
        {"2001:db8:1::", true},
        {"2001:db8:1:ffff::9", true},
        {"2001:db8:2::", false},
        {"::1", true},
        {"::2", false},
        {"::ffff:10.1.2.3", true},
        {"::ffff:11.1.2.3", false},
        {"", false},
        {"host", false},
        {"10.0.0.1:80", false},
        {"10.0.0.01", false},
        {"10.0.1", false},
    };
    const struct trusted_proxies proxies = parse(PROXIES), none = parse("  ");

    (void)state;
    assert_int_equal(proxies.count, 4);
    assert_int_equal(none.count, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (trusted_proxies_has(&proxies, cases[i].address) != cases[i].is_trusted)
            fail_msg("%s", cases[i].address);
        assert_false(trusted_proxies_has(&none, cases[i].address));
    }
}

/* At every length: the last bit that counts does, the next one does not. */
static void every_prefix_is_exact(void **state)
{
    (void)state;
    for (unsigned prefix = 1; prefix < 32; prefix++) {
        uint32_t net = UINT32_C(0xffffffff) << (32 - prefix);
        uint32_t inside = net | 1, outside = net ^ (UINT32_C(1) << (32 - prefix));
        char list[64], address[64];
        struct trusted_proxies proxies;

#define TEXT_OF(n) (n) >> 24, (n) >> 16 & 255, (n) >> 8 & 255, (n)&255
        (void)snprintf(list, sizeof list, "%u.%u.%u.%u/%u", TEXT_OF(net), prefix);
        proxies = parse(list);
        (void)snprintf(address, sizeof address, "%u.%u.%u.%u", TEXT_OF(inside));
        assert_true(trusted_proxies_has(&proxies, address));
        (void)snprintf(address, sizeof address, "%u.%u.%u.%u", TEXT_OF(outside));
        assert_false(trusted_proxies_has(&proxies, address));
    }
}

static void all_of_one_kind_is_not_all_of_the_other(void **state)
{
    const struct trusted_proxies four = parse("0.0.0.0/0"), six = parse("::/0"),
                                 part = parse("128.0.0.0/1, 8000::/1");

    (void)state;
    assert_true(trusted_proxies_has(&four, "1.2.3.4") &&
                !trusted_proxies_has(&four, "2001:db8::1"));
    assert_true(trusted_proxies_has(&six, "2001:db8::1") && !trusted_proxies_has(&six, "1.2.3.4"));
    assert_true(trusted_proxies_has_all(&four) && trusted_proxies_has_all(&six));
    assert_false(trusted_proxies_has_all(&part));
}

static void bad_lists_are_named(void **state)
{
    static const struct {
        const char *list, *complaint;
    } cases[] = {
        {"10.0.0.0/33", "\"10.0.0.0/33\" is no network"},
        {"::1, 2001:db8::/129", "\"2001:db8::/129\" is no network"},
        {"10.0.0.0/", "\"10.0.0.0/\" is no network"},
        {"10.0.0.0/-1", "\"10.0.0.0/-1\" is no network"},
        {"10.0.0.0/+8", "\"10.0.0.0/+8\" is no network"},
        {"10.0.0.0/8/8", "\"10.0.0.0/8/8\" is no network"},
        {"10.0.0.300", "\"10.0.0.300\" is no network"},
        {"10.0.0.1,", "\"\" is no network"},
        {",", "\"\" is no network"},
        {"proxy.example", "\"proxy.example\" is no network"},
        {"10.0.0.0/255.0.0.0", "\"10.0.0.0/255.0.0.0\" is no network"},
        {"::ffff:10.0.0.0/104", "\"::ffff:10.0.0.0/104\" is no network"},
        {"[::1]", "\"[::1]\" is no network"},
        {"10.0.0.1/8", "\"10.0.0.1/8\" has bits set beyond its prefix"},
        {"2001:db8::1/64", "\"2001:db8::1/64\" has bits set beyond its prefix"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct trusted_proxies proxies = {.count = 42};
        struct celeriac_error err = {0};

        assert_int_equal(trusted_proxies_parse(span_of(cases[i].list), &proxies, &err),
                         CELERIAC_ERR_VALUE);
        if (!strstr(err.text, cases[i].complaint))
            fail_msg("%s: %s", cases[i].list, err.text);
        assert_int_equal(proxies.count, 42);
    }
}

static void so_many_networks(void **state)
{
    static char list[TRUSTED_PROXIES_MAX * 8 + 8];
    struct trusted_proxies proxies = {.count = 42};

    (void)state;
    for (int i = 0; i < TRUSTED_PROXIES_MAX; i++)
        strncat(list, i == 0 ? "10.0.0.1" : ",::1", sizeof list - strlen(list) - 1);
    assert_int_equal(trusted_proxies_parse(span_of(list), &proxies, NULL), CELERIAC_OK);
    assert_int_equal(proxies.count, TRUSTED_PROXIES_MAX);
    strncat(list, ",::2", sizeof list - strlen(list) - 1);
    assert_int_equal(trusted_proxies_parse(span_of(list), &proxies, NULL), CELERIAC_ERR_LIMIT);
    assert_int_equal(proxies.count, TRUSTED_PROXIES_MAX);
}

/* Up to three lines; a NULL ends them. */
static void assert_client(const char *peer, const char *const *lines, const char *wanted)
{
    const struct trusted_proxies proxies = parse(PROXIES);
    struct forwarded_lines forwarded = {.count = 0};
    char client[CLIENT_ADDRESS_SIZE];

    while (lines[forwarded.count]) {
        forwarded_lines_add(&forwarded, "X-Forwarded", "198.51.100.77");
        forwarded_lines_add(&forwarded, "x-forwarded-FOR", lines[forwarded.count]);
    }
    client_address_find(&proxies, peer, &forwarded, client);
    if (strcmp(client, wanted) != 0)
        fail_msg("%s, %s: %s instead of %s", peer, lines[0], client, wanted);
}

#define LINES(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_LINES ((const char *const[]){NULL})

static void the_last_that_is_not_ours_is_the_client(void **state)
{
    (void)state;
    assert_client("10.0.0.1", LINES("203.0.113.9"), "203.0.113.9");
    assert_client("10.0.0.1", LINES("203.0.113.9, 10.0.0.2"), "203.0.113.9");
    assert_client("::1", LINES("203.0.113.9 ,\t192.0.2.7,10.9.9.9"), "203.0.113.9");
    assert_client("2001:db8:1::5", LINES("2001:0DB8:0002::0009"), "2001:db8:2::9");
    assert_client("::ffff:10.0.0.1", LINES("::ffff:203.0.113.9"), "203.0.113.9");
    /* What the client wrote itself, sense or nonsense, is not looked at. */
    assert_client("10.0.0.1", LINES("198.51.100.1, 203.0.113.9"), "203.0.113.9");
    assert_client("10.0.0.1", LINES("10.0.0.3, 203.0.113.9, 10.0.0.2"), "203.0.113.9");
    assert_client("10.0.0.1", LINES("<script>, ,unknown, 203.0.113.9"), "203.0.113.9");
    /* A proxy may add a line of its own. */
    assert_client("10.0.0.1", LINES("198.51.100.1", "203.0.113.9"), "203.0.113.9");
    assert_client("10.0.0.1", LINES("198.51.100.1, 203.0.113.9", "10.0.0.2", "192.0.2.7"),
                  "203.0.113.9");
    /* All are ours: it began with the first. */
    assert_client("10.0.0.1", LINES("10.0.0.3, 10.0.0.2"), "10.0.0.3");
    assert_client("10.0.0.1", LINES("10.0.0.4", "10.0.0.3"), "10.0.0.4");
}

static void ports_and_brackets(void **state)
{
    (void)state;
    assert_client("10.0.0.1", LINES("203.0.113.9:65535"), "203.0.113.9");
    assert_client("10.0.0.1", LINES("[2001:db8:2::9]"), "2001:db8:2::9");
    assert_client("10.0.0.1", LINES("[2001:db8:2::9]:1, 10.0.0.2:4711"), "2001:db8:2::9");
}

static void strangers_are_not_believed(void **state)
{
    (void)state;
    assert_client("203.0.113.5", LINES("198.51.100.1"), "203.0.113.5");
    assert_client("192.0.2.8", LINES("10.0.0.1"), "192.0.2.8");
    assert_client("", LINES("198.51.100.1"), "");
}

static void what_is_malformed_tells_nothing(void **state)
{
    static const char *const entries[] = {
        "",
        "unknown",
        "_hidden",
        "203.0.113.9:",
        "203.0.113.9:65536",
        "203.0.113.9:-1",
        "203.0.113.9:x",
        "203.0.113.9 x",
        "203.0.113",
        "203.0.113.256",
        "\"203.0.113.9\"",
        "[203.0.113.9]",
        "[2001:db8::9",
        "2001:db8::9]",
        "[2001:db8::9]x",
        "[2001:db8::9]:",
        "[]",
        "fe80::1%eth0",
        "2001:db8::9::1",
        "for=203.0.113.9",
        ":80",
        "203.0.113.9/32",
        "host.example",
        "2001:db8:1111:2222:3333:4444:5555:6666:7777:8888",
    };

    (void)state;
    assert_client("10.0.0.1", NO_LINES, "10.0.0.1");
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        char line[128];

        assert_client("10.0.0.1", LINES(entries[i]), "10.0.0.1");
        (void)snprintf(line, sizeof line, "203.0.113.9, %s, 10.0.0.2", entries[i]);
        assert_client("10.0.0.1", LINES(line), "10.0.0.1");
    }
}

static void so_many_hops_and_lines(void **state)
{
    const struct trusted_proxies proxies = parse(PROXIES);
    struct forwarded_lines forwarded = {.count = FORWARDED_LINES_MAX};
    char client[CLIENT_ADDRESS_SIZE], line[1024] = "203.0.113.9";

    (void)state;
    for (size_t i = 0; i < FORWARDED_LINES_MAX; i++)
        forwarded.lines[i] = i == 0 ? SPAN("203.0.113.9") : SPAN("10.0.0.2");
    client_address_find(&proxies, "10.0.0.1", &forwarded, client);
    assert_string_equal(client, "203.0.113.9");
    forwarded.count++;
    client_address_find(&proxies, "10.0.0.1", &forwarded, client);
    assert_string_equal(client, "10.0.0.1");
    for (int i = 1; i < FORWARDED_HOPS_MAX; i++)
        strncat(line, ",::1", sizeof line - strlen(line) - 1);
    assert_client("10.0.0.1", LINES(line), "203.0.113.9");
    strncat(line, ",::1", sizeof line - strlen(line) - 1);
    assert_client("10.0.0.1", LINES(line), "10.0.0.1");
}

/* Cut at every byte it is another address, or none, but never read beyond. */
static void every_beginning_of_a_line(void **state)
{
    const struct trusted_proxies proxies = parse(PROXIES);
    const char *line = "203.0.113.9:80, [2001:db8:2::9]:443, 10.0.0.2";
    char client[CLIENT_ADDRESS_SIZE], copy[64];

    (void)state;
    for (size_t len = 0; len <= strlen(line); len++) {
        struct forwarded_lines forwarded = {.count = 1};

        memset(copy, '9', sizeof copy);
        memcpy(copy, line, len);
        forwarded.lines[0] = (struct span){copy, len};
        client_address_find(&proxies, "10.0.0.1", &forwarded, client);
        assert_true(client[0] != '\0');
        if (len == strlen("203.0.113.9:80"))
            assert_string_equal(client, "203.0.113.9");
    }
    assert_string_equal(client, "2001:db8:2::9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_of_both_kinds),
        cmocka_unit_test(every_prefix_is_exact),
        cmocka_unit_test(all_of_one_kind_is_not_all_of_the_other),
        cmocka_unit_test(bad_lists_are_named),
        cmocka_unit_test(so_many_networks),
        cmocka_unit_test(the_last_that_is_not_ours_is_the_client),
        cmocka_unit_test(ports_and_brackets),
        cmocka_unit_test(strangers_are_not_believed),
        cmocka_unit_test(what_is_malformed_tells_nothing),
        cmocka_unit_test(so_many_hops_and_lines),
        cmocka_unit_test(every_beginning_of_a_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
