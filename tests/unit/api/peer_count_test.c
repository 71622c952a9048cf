#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/peer_count.h"
#include "base/alloc.h"

static void each_network_has_its_own_limit(void **state)
{
    const struct peer_net a = peer_net_of("10.0.0.1"), b = peer_net_of("10.0.0.2");
    struct peer_count *count;

    (void)state;
    assert_int_equal(peer_count_create(2, &count), CELERIAC_OK);
    assert_true(peer_count_enter(count, &a));
    assert_true(peer_count_enter(count, &a));
    assert_false(peer_count_enter(count, &a));
    assert_true(peer_count_enter(count, &b));
    peer_count_leave(count, &a);
    assert_true(peer_count_enter(count, &a));
    assert_false(peer_count_enter(count, &a));
    peer_count_leave(count, &a);
    peer_count_leave(count, &a);
    peer_count_leave(count, &b);
    /* Everybody is gone, and nothing of them is left. */
    assert_true(peer_count_enter(count, &a));
    peer_count_leave(count, &a);
    peer_count_destroy(count);
    peer_count_destroy(NULL);
}

static void no_memory_is_survived(void **state)
{
    const struct peer_net net = peer_net_of("10.0.0.1");
    struct peer_count *count = NULL;
    unsigned long n = 0;
    enum celeriac_err rc;

    (void)state;
    do {
        mem_fail_at(++n);
        rc = peer_count_create(1, &count);
        mem_fail_at(0);
    } while (rc == CELERIAC_ERR_MEMORY);
    assert_int_equal(rc, CELERIAC_OK);
    assert_true(n > 1);
    for (n = 1;; n++) {
        bool entered;

        mem_fail_at(n);
        entered = peer_count_enter(count, &net);
        mem_fail_at(0);
        if (entered)
            break;
    }
    assert_true(n > 1);
    assert_false(peer_count_enter(count, &net));
    peer_count_leave(count, &net);
    peer_count_destroy(count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_network_has_its_own_limit),
        cmocka_unit_test(no_memory_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
