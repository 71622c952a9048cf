#include "worker/control_queues.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/alloc.h"
#include "celery_proto/redis/claim.h"
#include "celery_proto/redis/publish.h"

static void test_adds_and_removes(void **state)
{
    const char *const names[] = {"a", "b", "a"};
    struct cel_control_queues queues, copy;

    (void)state;
    assert_int_equal(cel_control_queues_init(&queues, names, 3), CELERIAC_OK);
    assert_int_equal(queues.count, 2);
    assert_int_equal(cel_control_queues_add(&queues, SPAN("b")), CELERIAC_ERR_EXISTS);
    assert_int_equal(cel_control_queues_add(&queues, SPAN("")), CELERIAC_ERR_VALUE);
    assert_int_equal(cel_control_queues_add(&queues, SPAN("x\0y")), CELERIAC_ERR_VALUE);
    assert_int_equal(cel_control_queues_add(&queues, SPAN("c")), CELERIAC_OK);
    assert_true(cel_control_queues_remove(&queues, SPAN("a")));
    assert_false(cel_control_queues_remove(&queues, SPAN("a")));
    assert_int_equal(queues.count, 2);
    assert_int_equal(cel_control_queues_copy(&queues, &copy), CELERIAC_OK);
    cel_control_queues_close(&queues);
    assert_int_equal(copy.count, 2);
    assert_string_equal(copy.names[0], "c");
    cel_control_queues_close(&copy);
    cel_control_queues_close(&copy);
}

static void test_limits(void **state)
{
    struct cel_control_queues queues;
    char name[CEL_NAME_MAX + 1];

    (void)state;
    assert_int_equal(cel_control_queues_init(&queues, NULL, 0), CELERIAC_OK);
    for (size_t i = 0; i < sizeof name; i++)
        name[i] = 'q';
    assert_int_equal(cel_control_queues_add(&queues, (struct span){name, CEL_NAME_MAX + 1}),
                     CELERIAC_ERR_LIMIT);
    assert_int_equal(cel_control_queues_add(&queues, (struct span){name, CEL_NAME_MAX}),
                     CELERIAC_OK);
    for (int i = 1; i < CEL_CLAIM_QUEUES_MAX; i++) {
        (void)snprintf(name, sizeof name, "q%d", i);
        assert_int_equal(cel_control_queues_add(&queues, span_of(name)), CELERIAC_OK);
    }
    assert_int_equal(cel_control_queues_add(&queues, SPAN("more")), CELERIAC_ERR_LIMIT);
    cel_control_queues_close(&queues);
}

static void test_short_memory(void **state)
{
    const char *const names[] = {"a", "b"};
    struct cel_control_queues queues;
    enum celeriac_err code = CELERIAC_ERR_MEMORY;

    (void)state;
    for (size_t n = 1; code != CELERIAC_OK; n++) {
        mem_fail_at(n);
        code = cel_control_queues_init(&queues, names, 2);
        mem_fail_at(0);
        assert_true(code == CELERIAC_OK || code == CELERIAC_ERR_MEMORY);
    }
    cel_control_queues_close(&queues);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adds_and_removes),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_short_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
