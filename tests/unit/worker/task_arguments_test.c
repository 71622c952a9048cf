/* worker/task_arguments.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "worker/task_context.h"

static atomic_bool stopping;

static void begin(struct celeriac_task *task, struct cel_task_message *message, const char *args,
                  const char *kwargs)
{
    *message = (struct cel_task_message){
        .task = SPAN("shop.tasks.add"), .args = span_of(args), .kwargs = span_of(kwargs)};
    cel_task_context_begin(task, message, 0);
}

static void by_position_or_by_name(void **state)
{
    struct celeriac_task task;
    struct cel_task_message message;
    struct celeriac_bytes text;
    struct celeriac_bytes json;
    int64_t number = 0;
    double real = 0;
    bool flag = false;

    (void)state;
    cel_task_context_init(&task, &stopping);
    begin(&task, &message, "[\"caf\\u00e9\", 7]",
          "{\"rate\": 2.5, \"fast\": true, \"who\": \"x\", \"deep\": [1, {\"a\": null}]}");
    assert_int_equal(celeriac_task_arg_text(&task, 0, "name", &text), CELERIAC_OK);
    assert_string_equal(text.ptr, "caf\xc3\xa9");
    assert_int_equal(celeriac_task_arg_int(&task, 1, NULL, &number), CELERIAC_OK);
    assert_int_equal(number, 7);
    assert_int_equal(celeriac_task_arg_double(&task, 2, "rate", &real), CELERIAC_OK);
    assert_true(real > 2.4 && real < 2.6);
    assert_int_equal(celeriac_task_arg_bool(&task, -1, "fast", &flag), CELERIAC_OK);
    assert_true(flag);
    assert_int_equal(celeriac_task_arg_json(&task, -1, "deep", &json), CELERIAC_OK);
    assert_memory_equal(json.ptr, "[1, {\"a\": null}]", json.len);
    /* What was read before stays valid. */
    assert_string_equal(text.ptr, "caf\xc3\xa9");
    assert_int_equal(task.outcome.kind, CEL_OUTCOME_SUCCESS);
    cel_task_context_close(&task);
}

static void says(const struct celeriac_task *task, const char *type, const char *message)
{
    struct span text = cel_outcome_message(&task->outcome);

    assert_int_equal(task->outcome.kind, CEL_OUTCOME_FAILURE);
    assert_true(span_is(cel_outcome_type(&task->outcome), type));
    assert_int_equal(text.len, strlen(message));
    assert_memory_equal(text.ptr, message, text.len);
}

static void errors_read_as_pythons(void **state)
{
    struct celeriac_task task;
    struct cel_task_message message;
    struct celeriac_bytes bytes = {0};
    int64_t number = 7;
    double real = 7;
    bool flag = true;

    (void)state;
    cel_task_context_init(&task, &stopping);
    begin(&task, &message, "[null, [], 2.5, NaN, true]", "{\"x\": {}, \"y\": 1}");
    assert_int_equal(celeriac_task_arg_int(&task, 0, NULL, &number), CELERIAC_ERR_VALUE);
    says(&task, "TypeError", "add() argument 1 must be int, not NoneType");
    assert_int_equal(celeriac_task_arg_int(&task, 2, "z", &number), CELERIAC_ERR_VALUE);
    says(&task, "TypeError", "add() argument 'z' must be int, not float");
    assert_int_equal(celeriac_task_arg_double(&task, 1, "z", &real), CELERIAC_ERR_VALUE);
    says(&task, "TypeError", "add() argument 'z' must be float, not list");
    assert_int_equal(celeriac_task_arg_double(&task, 3, "z", &real), CELERIAC_ERR_VALUE);
    says(&task, "ValueError", "add() argument 'z' must be finite");
    assert_int_equal(celeriac_task_arg_bool(&task, -1, "x", &flag), CELERIAC_ERR_VALUE);
    says(&task, "TypeError", "add() argument 'x' must be bool, not dict");
    assert_int_equal(celeriac_task_arg_text(&task, 4, "z", &bytes), CELERIAC_ERR_VALUE);
    says(&task, "TypeError", "add() argument 'z' must be str, not bool");
    assert_int_equal(celeriac_task_arg_int(&task, -1, "q", &number), CELERIAC_ERR_NOT_FOUND);
    says(&task, "TypeError", "add() missing 1 required keyword-only argument: 'q'");
    assert_int_equal(celeriac_task_arg_int(&task, 5, NULL, &number), CELERIAC_ERR_NOT_FOUND);
    says(&task, "TypeError", "add expected at least 6 arguments, got 5");
    assert_int_equal(celeriac_task_arg_int(&task, 0, "y", &number), CELERIAC_ERR_VALUE);
    says(&task, "TypeError", "add() got multiple values for argument 'y'");
    assert_int_equal(celeriac_task_arg_json(&task, 0, "y", &bytes), CELERIAC_ERR_VALUE);
    assert_int_equal(celeriac_task_arg_json(&task, -1, "q", &bytes), CELERIAC_ERR_NOT_FOUND);
    assert_int_equal(number, 7);
    assert_true(real > 6 && flag && !bytes.ptr);
    cel_task_context_close(&task);
}

static void what_is_missing_or_wrong_fails_by_name(void **state)
{
    struct celeriac_task task;
    struct cel_task_message message;
    struct celeriac_bytes text;
    int64_t number;
    bool flag;

    (void)state;
    cel_task_context_init(&task, &stopping);
    begin(&task, &message, "[1]", "{}");
    assert_int_equal(celeriac_task_arg_text(&task, 1, "who", &text), CELERIAC_ERR_NOT_FOUND);
    assert_int_equal(task.outcome.kind, CEL_OUTCOME_FAILURE);
    assert_true(span_is(cel_outcome_type(&task.outcome), "TypeError"));
    says(&task, "TypeError", "add() missing 1 required positional argument: 'who'");
    assert_int_equal(celeriac_task_arg_text(&task, 0, "who", &text), CELERIAC_ERR_VALUE);
    says(&task, "TypeError", "add() argument 'who' must be str, not int");
    assert_int_equal(celeriac_task_arg_bool(&task, 0, "who", &flag), CELERIAC_ERR_VALUE);
    begin(&task, &message, "[1180591620717411303424, \"a\\u0000b\", \"\\ud800\"]", "{}");
    assert_int_equal(celeriac_task_arg_int(&task, 0, "n", &number), CELERIAC_ERR_LIMIT);
    says(&task, "OverflowError", "Python int too large to convert to C long");
    assert_int_equal(celeriac_task_arg_text(&task, 1, "s", &text), CELERIAC_ERR_VALUE);
    says(&task, "ValueError",
         "add() argument 's' must not hold a null character or a lone surrogate");
    assert_int_equal(celeriac_task_arg_text(&task, 2, "s", &text), CELERIAC_ERR_VALUE);
    cel_task_context_close(&task);
}

static void survives_every_failing_allocation(void **state)
{
    enum celeriac_err code = CELERIAC_ERR_MEMORY;

    (void)state;
    for (size_t n = 1; code != CELERIAC_OK; n++) {
        struct celeriac_task task;
        struct cel_task_message message;
        struct celeriac_bytes text;

        assert_true(n < 50);
        cel_task_context_init(&task, &stopping);
        begin(&task, &message, "[\"a\\nb\"]", "{}");
        mem_fail_at(n);
        code = celeriac_task_arg_text(&task, 0, "who", &text);
        mem_fail_at(0);
        assert_true(code == CELERIAC_OK || code == CELERIAC_ERR_MEMORY);
        cel_task_context_close(&task);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_position_or_by_name),
        cmocka_unit_test(errors_read_as_pythons),
        cmocka_unit_test(what_is_missing_or_wrong_fails_by_name),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
