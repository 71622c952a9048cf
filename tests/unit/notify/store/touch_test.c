#include "notify/store/touch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "notify/store/kinds.h"

#define NOW (INT64_C(1000) * STORE_TOUCH_NS)

static struct store_touches *touches;
static struct store_touch_keys keys;

static int set_up(void **state)
{
    (void)state;
    return store_touches_create(&touches) == CELERIAC_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    store_touches_destroy(touches);
    return 0;
}

static void first_use_is_due_at_once(void **state)
{
    (void)state;
    assert_int_equal(store_touches_note(touches, 7, 100, NOW), NOW);
    assert_int_equal(store_touches_collect(touches, NOW, &keys), NOW + STORE_TOUCH_NS);
    assert_int_equal(keys.count, 1);
    assert_int_equal(keys.list[0].key_id, 7);
    assert_int_equal(keys.list[0].used_at_us, 100);
}

static void later_uses_wait_for_their_second(void **state)
{
    int64_t next = NOW + STORE_TOUCH_NS;
    (void)state;
    (void)store_touches_note(touches, 7, 100, NOW);
    (void)store_touches_collect(touches, NOW, &keys);
    assert_int_equal(store_touches_note(touches, 7, 300, NOW + 1), next);
    assert_int_equal(store_touches_note(touches, 7, 200, NOW + 2), next);
    assert_int_equal(store_touches_collect(touches, next - 1, &keys), next);
    assert_int_equal(keys.count, 0);
    assert_int_equal(store_touches_collect(touches, next, &keys), next + STORE_TOUCH_NS);
    assert_int_equal(keys.count, 1);
    /* The latest use, in whatever order they were noted. */
    assert_int_equal(keys.list[0].used_at_us, 300);
}

static void key_that_rests_is_forgotten(void **state)
{
    (void)state;
    (void)store_touches_note(touches, 7, 100, NOW);
    (void)store_touches_collect(touches, NOW, &keys);
    assert_int_equal(store_touches_collect(touches, NOW + STORE_TOUCH_NS, &keys), INT64_MAX);
    assert_int_equal(keys.count, 0);
    /* Forgotten, it is due at once when it is used again. */
    assert_int_equal(store_touches_note(touches, 7, 500, NOW + STORE_TOUCH_NS + 5),
                     NOW + STORE_TOUCH_NS + 5);
}

static void keys_are_sorted_and_come_in_batches(void **state)
{
    bool seen[STORE_TOUCH_BATCH_MAX + 1] = {false};
    (void)state;
    for (int64_t id = STORE_TOUCH_BATCH_MAX + 1; id >= 1; id--)
        (void)store_touches_note(touches, id, id * 10, NOW);
    /* One is left, and due already. */
    assert_int_equal(store_touches_collect(touches, NOW, &keys), NOW);
    assert_int_equal(keys.count, STORE_TOUCH_BATCH_MAX);
    for (size_t i = 0; i < keys.count; i++) {
        assert_true(i == 0 || keys.list[i - 1].key_id < keys.list[i].key_id);
        assert_int_equal(keys.list[i].used_at_us, keys.list[i].key_id * 10);
        seen[keys.list[i].key_id - 1] = true;
    }
    assert_int_equal(store_touches_collect(touches, NOW, &keys), NOW + STORE_TOUCH_NS);
    assert_int_equal(keys.count, 1);
    assert_false(seen[keys.list[0].key_id - 1]);
}

/* At the end all is due, and what was written is not written again. */
static void all_is_collected_at_the_end(void **state)
{
    size_t collected = 0;
    (void)state;
    for (int64_t id = 1; id <= STORE_TOUCH_BATCH_MAX + 10; id++)
        (void)store_touches_note(touches, id, 1, NOW);
    (void)store_touches_collect(touches, NOW, &keys);
    (void)store_touches_note(touches, keys.list[0].key_id, 2, NOW + 1);
    for (int i = 0; i < 3; i++) {
        (void)store_touches_collect(touches, INT64_MAX, &keys);
        collected += keys.count;
    }
    assert_int_equal(keys.count, 0);
    assert_int_equal(collected, 11);
}

static void no_more_keys_than_allowed(void **state)
{
    (void)state;
    for (int64_t id = 1; id <= STORE_TOUCH_KEYS_MAX; id++)
        assert_int_equal(store_touches_note(touches, id, 1, NOW), NOW);
    assert_int_equal(store_touches_note(touches, STORE_TOUCH_KEYS_MAX + 1, 1, NOW), INT64_MAX);
    assert_int_equal(store_touches_note(touches, 1, 2, NOW), NOW);
}

static void want_of_memory_loses_only_the_note(void **state)
{
    bool failed = true;
    (void)state;
    for (size_t n = 1; failed; n++) {
        mem_fail_at(n);
        int64_t due = store_touches_note(touches, (int64_t)n, 1, NOW);
        failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(due, failed ? INT64_MAX : NOW);
    }
    (void)store_touches_collect(touches, NOW, &keys);
    assert_int_equal(keys.count, 1);
}

static void want_of_memory_at_the_start(void **state)
{
    struct store_touches *made = NULL;
    size_t n = 1;
    (void)state;
    for (;; n++) {
        mem_fail_at(n);
        enum celeriac_err rc = store_touches_create(&made);
        mem_fail_at(0);
        if (rc == CELERIAC_OK)
            break;
        assert_int_equal(rc, CELERIAC_ERR_MEMORY);
        assert_null(made);
    }
    assert_true(n > 2);
    store_touches_destroy(made);
    store_touches_destroy(NULL);
}

static void call_carries_the_batch(void **state)
{
    struct store_params p;
    struct store_params_view view;
    struct store_call *calls[] = {&keys.call};
    (void)state;
    store_touch_keys_init(&keys);
    assert_int_equal(keys.count, 0);
    (void)store_touches_note(touches, 1, INT64_C(946684800000002), NOW);
    (void)store_touches_collect(touches, NOW, &keys);
    store_params_init(&p);
    keys.call.own.kind->bind(&p, calls, 1, NULL);
    assert_int_equal(store_params_status(&p), CELERIAC_OK);
    store_params_view(&p, &view);
    assert_int_equal(view.count, 2);
    assert_int_equal(view.lengths[0], 32);
    assert_memory_equal(view.values[0] + 20, "\0\0\0\10\0\0\0\0\0\0\0\1", 12);
    assert_memory_equal(view.values[1] + 20, "\0\0\0\10\0\0\0\0\0\0\0\2", 12);
    store_params_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(first_use_is_due_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(later_uses_wait_for_their_second, set_up, tear_down),
        cmocka_unit_test_setup_teardown(key_that_rests_is_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_are_sorted_and_come_in_batches, set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_is_collected_at_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_more_keys_than_allowed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(want_of_memory_loses_only_the_note, set_up, tear_down),
        cmocka_unit_test(want_of_memory_at_the_start),
        cmocka_unit_test_setup_teardown(call_carries_the_batch, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
