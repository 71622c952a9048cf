/* worker/child_text.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "worker/child_text.h"

static enum celeriac_err check(const char *result, const char *children)
{
    struct cel_outcome outcome = {.kind = CEL_OUTCOME_SUCCESS};
    const struct cel_frame_state state = {
        .name = SPAN("PROGRESS"), .meta = span_of(result), .children = span_of(children)};
    enum celeriac_err code;

    strbuf_init(&outcome.result, CEL_RETURN_MAX);
    strbuf_init(&outcome.children, CEL_CHILDREN_MAX);
    strbuf_add_text(&outcome.result, result);
    strbuf_add_text(&outcome.children, children);
    code = cel_child_check_outcome(&outcome);
    assert_int_equal(cel_child_check_state(&state), code);
    strbuf_close(&outcome.result);
    strbuf_close(&outcome.children);
    return code;
}

static void what_tasks_leave_is_taken(void **state)
{
    (void)state;
    assert_int_equal(check("", ""), CELERIAC_OK);
    assert_int_equal(check("null", ""), CELERIAC_OK);
    assert_int_equal(check("{\"a\": [NaN, 1e400, \"\\ud800\"]}", ""), CELERIAC_OK);
    assert_int_equal(check("1", "[[\"a\", null], null], [[\"b\", null], null]"), CELERIAC_OK);
}

static void what_is_no_json_is_not(void **state)
{
    static const char *const bad[] = {"{", "1 2", "\"", "\"\xff\"", "nul", "[1,]", "\x01"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(check(bad[i], ""), CELERIAC_ERR_PROTOCOL);
        assert_int_equal(check("", bad[i]), CELERIAC_ERR_PROTOCOL);
    }
    assert_int_equal(check("", "1], [2"), CELERIAC_ERR_PROTOCOL);
    assert_int_equal(cel_child_check_state(&(const struct cel_frame_state){.name = SPAN("\xff")}),
                     CELERIAC_ERR_PROTOCOL);
}

static void want_of_memory_is_told_from_nonsense(void **state)
{
    const struct cel_frame_state told = {
        .name = SPAN("P"), .meta = SPAN("[1, 2]"), .children = SPAN("[[\"a\", null], null]")};
    enum celeriac_err code;
    size_t n = 0;

    (void)state;
    do {
        mem_fail_at(++n);
        code = cel_child_check_state(&told);
        assert_int_equal(code, mem_has_failed() ? CELERIAC_ERR_MEMORY : CELERIAC_OK);
        mem_fail_at(0);
    } while (code);
    assert_true(n > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_tasks_leave_is_taken),
        cmocka_unit_test(what_is_no_json_is_not),
        cmocka_unit_test(want_of_memory_is_told_from_nonsense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
