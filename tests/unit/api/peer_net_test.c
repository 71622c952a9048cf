#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include <cmocka.h>

#include "api/peer_net.h"

static void same(const char *a, const char *b, int expected)
{
    const struct peer_net left = peer_net_of(a), right = peer_net_of(b);
    int is_same = (int)span_equal(peer_net_span(&left), peer_net_span(&right));

    if (is_same != expected)
        fail_msg("%s and %s: %d", a, b, is_same);
}

static void addresses_stand_for_networks(void **state)
{
    (void)state;
    same("127.0.0.1", "127.0.0.1", 1);
    same("127.0.0.1", "127.0.0.2", 0);
    same("1.2.3.4", "::ffff:1.2.3.4", 1);
    same("::ffff:1.2.3.4", "::ffff:1.2.3.5", 0);
    same("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", 1);
    same("2001:db8:1:2::1", "2001:db8:1:3::1", 0);
    same("", "nonsense", 1);
    same("", "127.0.0.1", 0);
    same("1.2.3", "", 1);
}

static void addresses_are_written(void **state)
{
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    struct sockaddr none = {.sa_family = AF_UNIX};
    char text[INET6_ADDRSTRLEN];

    (void)state;
    four.sin_addr.s_addr = htonl(0x0a000102);
    peer_net_address((const struct sockaddr *)&four, text, sizeof text);
    assert_string_equal(text, "10.0.1.2");
    six.sin6_addr = in6addr_loopback;
    peer_net_address((const struct sockaddr *)&six, text, sizeof text);
    assert_string_equal(text, "::1");
    peer_net_address(&none, text, sizeof text);
    assert_string_equal(text, "");
    peer_net_address((const struct sockaddr *)&four, text, 8);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_stand_for_networks),
        cmocka_unit_test(addresses_are_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
