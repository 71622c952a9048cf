#include "celery_proto/codec/priority.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* kombu: steps[bisect_right(steps, priority) - 1] */
static void test_checklist_7_priorities_round_down_to_steps(void **state)
{
    const int wanted[] = {0, 0, 0, 3, 3, 3, 6, 6, 6, 9};
    struct cel_priority_steps steps;

    (void)state;
    cel_priority_steps_default(&steps);
    for (int p = 0; p <= 9; p++)
        assert_int_equal(cel_priority_step(&steps, p), wanted[p]);
}

static void test_custom_steps(void **state)
{
    struct cel_priority_steps steps;

    (void)state;
    assert_int_equal(cel_priority_steps_parse(SPAN("[5, 2]"), &steps, NULL), CELERIAC_OK);
    assert_int_equal(steps.count, 2);
    assert_int_equal(steps.step[0], 2);
    assert_int_equal(cel_priority_step(&steps, 4), 2);
    assert_int_equal(cel_priority_step(&steps, 5), 5);
    assert_int_equal(cel_priority_step(&steps, 9), 5);
    /* Below the first step Python's index -1 means the last one. */
    assert_int_equal(cel_priority_step(&steps, 1), 5);
    assert_int_equal(cel_priority_steps_parse(SPAN("0"), &steps, NULL), CELERIAC_OK);
    assert_int_equal(steps.count, 1);
    assert_int_equal(cel_priority_steps_parse(SPAN(" 9,8,7,6,5,4,3,2,1,0 "), &steps, NULL),
                     CELERIAC_OK);
    assert_int_equal(steps.count, CEL_PRIORITY_STEPS_MAX);
    for (size_t i = 0; i < steps.count; i++)
        assert_int_equal(steps.step[i], i);
}

static void test_refuses_bad_steps(void **state)
{
    const struct span bad[] = {
        SPAN(""),  SPAN("[]"), SPAN("10"),  SPAN("-1"), SPAN("1,1"), SPAN("1,,2"),
        SPAN("a"), SPAN("[1"), SPAN("1.5"), SPAN("1,"), SPAN("0x1"), SPAN("99999999999999999999")};
    struct cel_priority_steps steps = {.count = 77};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct celeriac_error err = {.code = CELERIAC_OK};

        assert_int_equal(cel_priority_steps_parse(bad[i], &steps, &err), CELERIAC_ERR_VALUE);
        assert_true(span_starts(span_of(err.text), SPAN("priority_steps: ")));
        assert_int_equal(steps.count, 77);
    }
}

static void test_reads_a_priority_as_python_s_int_does(void **state)
{
    const struct {
        const char *json;
        int wanted;
    } cases[] = {
        {"0", 0},
        {"5", 5},
        {"9", 9},
        {"10", 9},
        {"-1", 0},
        {"1e0", 1},
        {"5.9", 5},
        {"-0.5", 0},
        {"1e300", 9},
        {"NaN", 0},
        {"Infinity", 0},
        {"true", 1},
        {"false", 0},
        {"null", 0},
        {"[]", 0},
        {"{}", 0},
        {"\"7\"", 7},
        {"\"+7\"", 7},
        {"\" 7 \"", 7},
        {"\"x\"", 0},
        {"\"\"", 0},
        {"\"+-7\"", 0},
        {"\"-3\"", 0},
        {"\"5.5\"", 0},
        {"\"+\"", 0},
        {"99999999999999999999", 9},
        {"-99999999999999999999", 0},
    };
    struct json_doc doc;

    (void)state;
    json_init(&doc);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(json_parse(&doc, span_of(cases[i].json), NULL, NULL), CELERIAC_OK);
        assert_int_equal(cel_priority_of(json_root(&doc)), cases[i].wanted);
    }
    assert_int_equal(cel_priority_of(NULL), 0);
    json_close(&doc);
}

static void test_clamps(void **state)
{
    (void)state;
    assert_int_equal(cel_priority_clamp(LLONG_MIN), 0);
    assert_int_equal(cel_priority_clamp(-1), 0);
    assert_int_equal(cel_priority_clamp(9), 9);
    assert_int_equal(cel_priority_clamp(10), 9);
    assert_int_equal(cel_priority_clamp(LLONG_MAX), 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checklist_7_priorities_round_down_to_steps),
        cmocka_unit_test(test_custom_steps),
        cmocka_unit_test(test_refuses_bad_steps),
        cmocka_unit_test(test_reads_a_priority_as_python_s_int_does),
        cmocka_unit_test(test_clamps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
