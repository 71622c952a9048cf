#include "notify/store/senders.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "notify/store/kinds.h"

/* Nobody beats for, or removes, any sender but the store's own. */
static void calls_are_about_this_sender(void **state)
{
    static void (*const inits[])(struct store_call *) = {store_beat_init, store_remove_sender_init};
    struct store_context context = {{{1, 2, 3}}};
    struct store_params params;
    struct store_params_view view;
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct store_call call;
        struct store_call *calls[] = {&call};
        inits[i](&call);
        assert_true(call.own.kind->needs_sender);
        store_params_init(&params);
        call.own.kind->bind(&params, calls, 1, &context);
        store_params_view(&params, &view);
        assert_int_equal(view.count, 1);
        assert_int_equal(view.lengths[0], 16);
        assert_memory_equal(view.values[0], &context.sender, 16);
        store_params_close(&params);
    }
}

static void sweep_has_no_parameters(void **state)
{
    struct store_call call;
    struct store_call *calls[] = {&call};
    struct store_params params;
    struct store_params_view view;
    (void)state;
    store_sweep_senders_init(&call);
    assert_ptr_equal(call.own.kind, &store_kind_sweep_senders);
    store_params_init(&params);
    call.own.kind->bind(&params, calls, 1, NULL);
    store_params_view(&params, &view);
    assert_int_equal(view.count, 0);
    store_params_close(&params);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_about_this_sender),
        cmocka_unit_test(sweep_has_no_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
