/* worker/task_outcome.c and worker/task_context.c: the last outcome counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "worker/task_context.h"

static atomic_bool stopping;

static void the_last_outcome_counts(void **state)
{
    struct cel_task_message message = {.id = SPAN("i"), .task = SPAN("t"), .retries = 2};
    struct celeriac_task task;

    (void)state;
    cel_task_context_init(&task, &stopping);
    cel_task_context_begin(&task, &message, 0);
    celeriac_task_fail(&task, &(struct celeriac_exception){.type = "KeyError", .message = "x"});
    celeriac_task_return_text(&task, "fine \xe2\x82\xac");
    assert_int_equal(task.outcome.kind, CEL_OUTCOME_SUCCESS);
    assert_false(task.outcome.has_exception);
    assert_string_equal(strbuf_text(&task.outcome.result), "\"fine \\u20ac\"");
    celeriac_task_retry(&task, 5, &(struct celeriac_exception){.type = "OSError"});
    assert_int_equal(task.outcome.kind, CEL_OUTCOME_RETRY);
    assert_int_equal(task.outcome.countdown, 5);
    assert_true(span_is(cel_outcome_type(&task.outcome), "OSError"));
    assert_false(task.outcome.has_message);
    assert_int_equal(strbuf_span(&task.outcome.result).len, 0);
    celeriac_task_return_null(&task);
    assert_int_equal(task.outcome.kind, CEL_OUTCOME_SUCCESS);
    celeriac_task_return_double(&task, 0.1);
    assert_string_equal(strbuf_text(&task.outcome.result), "0.1");
    celeriac_task_return_double(&task, 3);
    assert_string_equal(strbuf_text(&task.outcome.result), "3.0");
    celeriac_task_return_bool(&task, true);
    assert_string_equal(strbuf_text(&task.outcome.result), "true");
    celeriac_task_return_bool(&task, false);
    assert_string_equal(strbuf_text(&task.outcome.result), "false");
    celeriac_task_postpone(&task, -3);
    assert_int_equal(task.outcome.kind, CEL_OUTCOME_POSTPONE);
    assert_true(task.outcome.seconds >= 0);
    cel_task_context_begin(&task, &message, 0);
    assert_int_equal(task.outcome.kind, CEL_OUTCOME_SUCCESS);
    assert_int_equal(celeriac_task_retries(&task), 2);
    assert_int_equal(celeriac_task_id(&task).len, 1);
    assert_false(celeriac_task_stopping(&task));
    cel_task_context_close(&task);
}

static void only_one_json_value_is_a_result(void **state)
{
    static const char *const bad[] = {"", "{", "1 2", "nul", "'x'"};
    struct cel_task_message message = {.id = SPAN("i")};
    struct celeriac_task task;

    (void)state;
    cel_task_context_init(&task, &stopping);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cel_task_context_begin(&task, &message, 0);
        celeriac_task_return_json(&task, bad[i], span_of(bad[i]).len);
        assert_int_equal(task.outcome.kind, CEL_OUTCOME_FAILURE);
        assert_true(span_is(cel_outcome_type(&task.outcome), "EncodeError"));
    }
    celeriac_task_return_json(&task, " [1, NaN] ", 10);
    assert_string_equal(strbuf_text(&task.outcome.result), "[1, NaN]");
    celeriac_task_return_text(&task, "\xff");
    assert_int_equal(task.outcome.kind, CEL_OUTCOME_FAILURE);
    cel_task_context_close(&task);
}

static void a_message_that_is_not_utf8_is_named_as_such(void **state)
{
    struct cel_task_message message = {.id = SPAN("i")};
    struct celeriac_task task;

    (void)state;
    cel_task_context_init(&task, &stopping);
    cel_task_context_begin(&task, &message, 0);
    celeriac_task_fail(&task, &(struct celeriac_exception){.type = "E", .message = "a\xff"});
    assert_true(span_is(cel_outcome_message(&task.outcome), "(not UTF-8)"));
    cel_task_context_close(&task);
}

static void a_failure_stays_one_without_memory(void **state)
{
    struct cel_task_message message = {.id = SPAN("i")};

    (void)state;
    for (size_t n = 1; n < 5; n++) {
        struct celeriac_task task;

        cel_task_context_init(&task, &stopping);
        cel_task_context_begin(&task, &message, 0);
        mem_fail_at(n);
        celeriac_task_fail(&task, &(struct celeriac_exception){.type = "E", .message = "m"});
        mem_fail_at(0);
        assert_int_equal(task.outcome.kind, CEL_OUTCOME_FAILURE);
        assert_true(task.outcome.has_exception);
        cel_task_context_close(&task);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_outcome_counts),
        cmocka_unit_test(only_one_json_value_is_a_result),
        cmocka_unit_test(a_message_that_is_not_utf8_is_named_as_such),
        cmocka_unit_test(a_failure_stays_one_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
