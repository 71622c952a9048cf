/* worker/peers.c: who beats, and who has ceased to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "worker/peers.h"

static void hear(struct cel_peers *peers, const char *name, double freq, int64_t now_ns,
                 bool expect_new)
{
    bool is_new = !expect_new;

    assert_int_equal(cel_peers_hear(peers, span_of(name), freq, now_ns, &is_new), CELERIAC_OK);
    assert_int_equal(is_new, expect_new);
}

static void who_misses_two_beats_is_lost_once(void **state)
{
    struct cel_peers *peers = NULL;
    char name[CEL_PEER_NAME_MAX + 1];

    (void)state;
    cel_peers_destroy(NULL);
    assert_int_equal(cel_peers_create(&peers), CELERIAC_OK);
    assert_false(cel_peers_lose(peers, 0, name));
    hear(peers, "a@h", 2, 0, true);
    hear(peers, "b@h", 2, 1 * NS_PER_SEC, true);
    hear(peers, "a@h", 2, 2 * NS_PER_SEC, false);
    assert_int_equal(cel_peers_count(peers), 2);
    assert_false(cel_peers_lose(peers, 5 * NS_PER_SEC - 1, name));
    assert_true(cel_peers_lose(peers, 5 * NS_PER_SEC, name));
    assert_string_equal(name, "b@h");
    assert_false(cel_peers_lose(peers, 5 * NS_PER_SEC, name));
    cel_peers_leave(peers, SPAN("a@h"));
    cel_peers_leave(peers, SPAN("nobody"));
    assert_int_equal(cel_peers_count(peers), 0);
    /* Who does not say how often it beats is given a minute for each. */
    hear(peers, "c@h", 0, 0, true);
    assert_false(cel_peers_lose(peers, 119 * NS_PER_SEC, name));
    assert_true(cel_peers_lose(peers, 120 * NS_PER_SEC, name));
    hear(peers, "d@h", 1e300, 0, true);
    assert_true(cel_peers_lose(peers, INT64_MAX, name));
    cel_peers_destroy(peers);
}

static void whoever_was_deaf_excuses_all(void **state)
{
    struct cel_peers *peers = NULL;
    char name[CEL_PEER_NAME_MAX + 1];

    (void)state;
    assert_int_equal(cel_peers_create(&peers), CELERIAC_OK);
    hear(peers, "a@h", 2, 0, true);
    cel_peers_excuse(peers, 100 * NS_PER_SEC);
    assert_false(cel_peers_lose(peers, 103 * NS_PER_SEC, name));
    assert_true(cel_peers_lose(peers, 104 * NS_PER_SEC, name));
    cel_peers_destroy(peers);
}

static void names_and_numbers_have_limits(void **state)
{
    struct cel_peers *peers = NULL;
    char name[CEL_PEER_NAME_MAX + 2];
    bool is_new = false;

    (void)state;
    assert_int_equal(cel_peers_create(&peers), CELERIAC_OK);
    memset(name, 'a', sizeof name);
    assert_int_equal(
        cel_peers_hear(peers, (struct span){name, CEL_PEER_NAME_MAX + 1}, 2, 0, &is_new),
        CELERIAC_ERR_LIMIT);
    assert_int_equal(cel_peers_hear(peers, (struct span){0}, 2, 0, &is_new), CELERIAC_ERR_LIMIT);
    assert_int_equal(cel_peers_hear(peers, (struct span){name, CEL_PEER_NAME_MAX}, 2, 0, &is_new),
                     CELERIAC_OK);
    for (int i = 1; i < CEL_PEERS_MAX; i++) {
        char one[32];

        (void)snprintf(one, sizeof one, "w%d@h", i);
        hear(peers, one, 2, i, true);
    }
    assert_int_equal(cel_peers_count(peers), CEL_PEERS_MAX);
    /* One more: the first goes. */
    hear(peers, "more@h", 2, CEL_PEERS_MAX, true);
    assert_int_equal(cel_peers_count(peers), CEL_PEERS_MAX);
    hear(peers, "w1@h", 2, CEL_PEERS_MAX, false);
    assert_true(cel_peers_lose(peers, INT64_MAX, name));
    cel_peers_destroy(peers);
}

static void survives_every_failing_allocation(void **state)
{
    enum celeriac_err code = CELERIAC_ERR_MEMORY;

    (void)state;
    for (size_t n = 1; code != CELERIAC_OK; n++) {
        struct cel_peers *peers = NULL;
        bool is_new = false;

        mem_fail_at(n);
        code = cel_peers_create(&peers);
        if (code == CELERIAC_OK)
            code = cel_peers_hear(peers, SPAN("a@h"), 2, 0, &is_new);
        mem_fail_at(0);
        assert_true(code == CELERIAC_OK || code == CELERIAC_ERR_MEMORY);
        cel_peers_destroy(peers);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_misses_two_beats_is_lost_once),
        cmocka_unit_test(whoever_was_deaf_excuses_all),
        cmocka_unit_test(names_and_numbers_have_limits),
        cmocka_unit_test(survives_every_failing_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
