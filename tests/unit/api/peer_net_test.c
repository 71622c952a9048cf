#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_stand_for_networks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
