/* worker/world.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "worker/world.h"

static void signs_as_celery_does(void **state)
{
    struct cel_world world = {0};
    struct cel_canvas_context context;
    char first[UUID_SIZE];
    char second[UUID_SIZE];

    (void)state;
    assert_int_equal(
        cel_world_open(&world, SPAN("celery@host.test"), 42, NULL, SPAN("oid"), &context),
        CELERIAC_OK);
    assert_true(span_is(context.origin, "gen42@host.test"));
    assert_true(span_is(context.queue, "celery"));
    assert_true(span_is(context.reply_to, "oid"));
    context.new_id(context.id_context, first);
    context.new_id(context.id_context, second);
    assert_int_equal(strlen(first), UUID_LEN);
    assert_string_not_equal(first, second);
    cel_world_close(&world);
    assert_int_equal(cel_world_open(&world, SPAN("n@h"), 1, "other", SPAN(""), &context),
                     CELERIAC_OK);
    assert_true(span_is(context.queue, "other"));
    cel_world_close(&world);
    cel_world_close(&world);
}

static void survives_every_failing_allocation(void **state)
{
    bool failed = true;

    (void)state;
    for (size_t n = 1; failed; n++) {
        struct cel_world world = {0};
        struct cel_canvas_context context;
        enum celeriac_err code;

        mem_fail_at(n);
        code = cel_world_open(&world, SPAN("n@h"), 1, "q", SPAN(""), &context);
        failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(code, failed ? CELERIAC_ERR_MEMORY : CELERIAC_OK);
        cel_world_close(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_as_celery_does),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
