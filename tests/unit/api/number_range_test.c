#include "api/number_range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/api/hand_call.h"

static struct api api;

static int tear_down(void **state)
{
    (void)state;
    hand_call_destroy();
    return 0;
}

/* What comes of a number between 5 and 10, 7 by default; 0: it is refused. */
static int64_t read_number(enum value_state is, const char *text, bool fits, int64_t number)
{
    struct value value = {
        .state = is, .text = span_of(text), .number_fits = fits, .number = number};
    int64_t result = 7;

    return number_in_range(hand_call_create(&api, ""), "count", &value, 5, 10, &result) ? result
                                                                                        : 0;
}

static void numbers_within_their_bounds(void **state)
{
    (void)state;
    assert_int_equal(read_number(VALUE_MISSING, "", false, 0), 7);
    assert_int_equal(read_number(VALUE_NULL, "", false, 0), 7);
    assert_int_equal(read_number(VALUE_SET, "5", true, 5), 5);
    assert_int_equal(read_number(VALUE_SET, "10", true, 10), 10);
}

static void numbers_beyond_them(void **state)
{
    const char *low = "{\"count\":[\"Ensure this value is greater than or equal to 5.\"]}";
    const char *high = "{\"count\":[\"Ensure this value is less than or equal to 10.\"]}";

    (void)state;
    assert_int_equal(read_number(VALUE_SET, "4", true, 4), 0);
    assert_int_equal(hand_call_status(), 400);
    assert_string_equal(hand_call_body(), low);
    assert_int_equal(read_number(VALUE_SET, "-99999999999999999999", false, 0), 0);
    assert_string_equal(hand_call_body(), low);
    assert_int_equal(read_number(VALUE_SET, "11", true, 11), 0);
    assert_string_equal(hand_call_body(), high);
    assert_int_equal(read_number(VALUE_SET, "99999999999999999999", false, 0), 0);
    assert_string_equal(hand_call_body(), high);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(numbers_within_their_bounds, tear_down),
        cmocka_unit_test_teardown(numbers_beyond_them, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
