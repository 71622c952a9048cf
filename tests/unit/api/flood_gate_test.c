#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>

#include <cmocka.h>

#include "api/flood_gate.h"
#include "base/alloc.h"
#include "base/clock.h"

#define NOW (1000 * NS_PER_SEC)

/* How many tries a network has at a time. */
static int tries(struct flood_gate *gate, const char *address, int64_t now_ns)
{
    const struct peer_net net = peer_net_of(address);
    int64_t wait_ns = 0;
    int count = 0;

    while (flood_gate_take(gate, &net, now_ns, &wait_ns))
        count++;
    assert_true(wait_ns > 0);
    return count;
}

static void tries_come_back_at_the_rate(void **state)
{
    const struct peer_net net = peer_net_of("10.0.0.1");
    struct flood_gate *gate;
    int64_t wait_ns;

    (void)state;
    assert_int_equal(flood_gate_create(20, &gate), CELERIAC_OK);
    assert_int_equal(tries(gate, "10.0.0.1", NOW), 20 * FLOOD_GATE_BURST);
    assert_int_equal(tries(gate, "10.0.0.1", NOW), 0);
    assert_false(flood_gate_take(gate, &net, NOW, &wait_ns));
    assert_int_equal(wait_ns, NS_PER_SEC / 20);
    assert_false(flood_gate_take(gate, &net, NOW + wait_ns - 1, &(int64_t){0}));
    assert_true(flood_gate_take(gate, &net, NOW + wait_ns, &wait_ns));
    assert_int_equal(tries(gate, "10.0.0.1", NOW + NS_PER_SEC), 19);
    /* Not more than at the beginning, however long it was silent. */
    assert_int_equal(tries(gate, "10.0.0.1", NOW + 1000 * NS_PER_SEC), 20 * FLOOD_GATE_BURST);
    flood_gate_destroy(gate);
}

static void each_network_has_its_own(void **state)
{
    struct flood_gate *gate;

    (void)state;
    assert_int_equal(flood_gate_create(1, &gate), CELERIAC_OK);
    assert_int_equal(tries(gate, "10.0.0.1", NOW), FLOOD_GATE_BURST);
    assert_int_equal(tries(gate, "10.0.0.2", NOW), FLOOD_GATE_BURST);
    assert_int_equal(tries(gate, "2001:db8::1", NOW), FLOOD_GATE_BURST);
    assert_int_equal(tries(gate, "2001:db8::2", NOW), 0);
    flood_gate_destroy(gate);
}

static void a_known_key_costs_nothing(void **state)
{
    const struct peer_net net = peer_net_of("10.0.0.1"), stranger = peer_net_of("10.0.0.2");
    struct flood_gate *gate;
    int64_t wait_ns;

    (void)state;
    assert_int_equal(flood_gate_create(1, &gate), CELERIAC_OK);
    for (int i = 0; i < 100; i++) {
        assert_true(flood_gate_take(gate, &net, NOW, &wait_ns));
        flood_gate_give_back(gate, &net);
    }
    flood_gate_give_back(gate, &stranger);
    assert_int_equal(tries(gate, "10.0.0.1", NOW), FLOOD_GATE_BURST);
    flood_gate_destroy(gate);
}

/* Far more networks than there is room for: each still has its burst, and not much more. */
static void the_table_is_bounded(void **state)
{
    struct flood_gate *gate;
    char address[32];

    (void)state;
    assert_int_equal(flood_gate_create(1, &gate), CELERIAC_OK);
    for (int i = 0; i < 4 * FLOOD_GATE_ENTRIES; i++) {
        (void)snprintf(address, sizeof address, "10.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
        assert_int_equal(tries(gate, address, NOW + i), FLOOD_GATE_BURST);
    }
    assert_int_equal(tries(gate, address, NOW + 4 * FLOOD_GATE_ENTRIES), 0);
    flood_gate_destroy(gate);
    flood_gate_destroy(NULL);
}

static void no_memory_is_survived(void **state)
{
    struct flood_gate *gate = NULL;

    (void)state;
    mem_fail_at(1);
    assert_int_equal(flood_gate_create(1, &gate), CELERIAC_ERR_MEMORY);
    mem_fail_at(0);
    assert_null(gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tries_come_back_at_the_rate), cmocka_unit_test(each_network_has_its_own),
        cmocka_unit_test(a_known_key_costs_nothing),   cmocka_unit_test(the_table_is_bounded),
        cmocka_unit_test(no_memory_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
