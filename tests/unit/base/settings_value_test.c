#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/settings_value.h"
#include "tests/support/case_file.h"

#define NS INT64_C(1000000000)

/* Stores text as the value of a row and says what came of it. */
static enum celeriac_err store(const struct setting *row, const char *text, int64_t *number,
                               struct celeriac_error *err)
{
    struct setting_value value = {.row = row};
    enum celeriac_err code = setting_store(&value, span_of(text), SETTING_FROM_ENV, "here", err);
    if (code == CELERIAC_OK) {
        assert_string_equal(value.text, text);
        *number = value.number;
    } else {
        assert_null(value.text);
    }
    setting_clear(&value);
    assert_null(value.text);
    return code;
}

static void reads_each_type(void **state)
{
    (void)state;
    static const struct {
        struct setting row;
        const char *text;
        int64_t number;
    } cases[] = {
        {{.type = SETTING_TEXT}, "any text\n", 0},
        {{.type = SETTING_TEXT}, "", 0},
        {{.type = SETTING_INT}, "-12", -12},
        {{.type = SETTING_INT}, " 587\t", 587},
        {{.type = SETTING_INT}, "9223372036854775807", INT64_MAX},
        {{.type = SETTING_INT, .min = 1, .max = 3}, "1", 1},
        {{.type = SETTING_INT, .min = 1, .max = 3}, "3", 3},
        {{.type = SETTING_INT, .min = 0, .max = 3}, "0", 0},
        {{.type = SETTING_INT, .min = -3, .max = 0}, "-3", -3},
        {{.type = SETTING_FLAG}, "true", 1},
        {{.type = SETTING_SECONDS}, "0.25", NS / 4},
        {{.type = SETTING_SECONDS}, "-2", -2 * NS},
        {{.type = SETTING_SECONDS, .min = 0, .max = 60}, "60", 60 * NS},
        {{.type = SETTING_SECONDS, .min = 1, .max = INT64_MAX}, "9000000000", 9000000000 * NS},
        {{.type = SETTING_LEVEL}, "Debug", 0},
        {{.type = SETTING_LEVEL}, " fatal ", 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t number = 99;
        assert_int_equal(store(&cases[i].row, cases[i].text, &number, NULL), CELERIAC_OK);
        assert_true(number == cases[i].number);
    }
}

static void says_what_is_allowed(void **state)
{
    (void)state;
    static const struct setting any_integer = {.type = SETTING_INT};
    static const struct setting integer = {.type = SETTING_INT, .min = 1, .max = 3};
    static const struct setting any_seconds = {.type = SETTING_SECONDS};
    static const struct setting seconds = {.type = SETTING_SECONDS, .min = 0, .max = 60};
    static const struct setting level = {.type = SETTING_LEVEL};
    static const struct {
        const struct setting *row;
        const char *text, *error;
    } cases[] = {
        {&any_integer, "", "here: must be an integer"},
        {&any_integer, "12a", "here: must be an integer"},
        {&any_integer, "1 2", "here: must be an integer"},
        {&any_integer, "9223372036854775808", "here: must be an integer"},
        {&integer, "0", "here: must be an integer between 1 and 3"},
        {&integer, "4", "here: must be an integer between 1 and 3"},
        {&integer, "hunter2", "here: must be an integer between 1 and 3"},
        {&integer, "99999999999999999999", "here: must be an integer between 1 and 3"},
        {&any_seconds, "1s", "here: must be seconds, at most 292 years"},
        {&any_seconds, "", "here: must be seconds, at most 292 years"},
        {&any_seconds, "99999999999", "here: must be seconds, at most 292 years"},
        {&seconds, "60.000000001", "here: must be seconds between 0 and 60"},
        {&seconds, "-0.000000001", "here: must be seconds between 0 and 60"},
        {&seconds, "99999999999", "here: must be seconds between 0 and 60"},
        {&seconds, "nan", "here: must be seconds between 0 and 60"},
        {&level, "loud", "here: must be DEBUG, INFO, WARNING, ERROR, CRITICAL or FATAL"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct celeriac_error err = {0};
        int64_t number = 99;
        assert_int_equal(store(cases[i].row, cases[i].text, &number, &err), CELERIAC_ERR_VALUE);
        assert_string_equal(err.text, cases[i].error);
        assert_true(number == 99);
    }
}

static void reads_booleans_as_django_environ_does(void **state)
{
    (void)state;
    const struct setting row = {.type = SETTING_BOOL};
    struct case_file *file = case_file_open("settings/bool.tsv");
    struct span columns[2];
    while (case_file_next(file, columns, 2)) {
        int64_t number = 99;
        assert_int_equal(store(&row, columns[0].ptr, &number, NULL), CELERIAC_OK);
        if (number != (columns[1].ptr[0] == '1'))
            fail_msg("'%s' gave %d", columns[0].ptr, (int)number);
    }
    assert_true(case_file_line(file) > 30);
    case_file_close(file);
}

static void makes_foreign_text_fit_for_an_error(void **state)
{
    (void)state;
    static const struct {
        const char *text, *quote;
    } cases[] = {
        {"", ""},
        {"plain text", "plain text"},
        {"a\nb\x1b[0m", "a?b?[0m"},
        {"\xc2\x9b\x7f\xff", "???"},
        {"caf\xc3\xa9", "caf\xc3\xa9"},
        {"0123456789012345678901234567890123456789", "0123456789012345678901234567890123456789"},
        {"01234567890123456789012345678901234567890",
         "0123456789012345678901234567890123456789..."},
        {"012345678901234567890123456789012345678\xc3\xa9",
         "012345678901234567890123456789012345678..."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char buf[SETTING_QUOTE_SIZE];
        assert_string_equal(settings_quote(span_of(cases[i].text), buf), cases[i].quote);
    }
}

static void steps_through_lists(void **state)
{
    (void)state;
    struct span rest = SPAN(" -c,--concurrency ,, ");
    struct span word;
    assert_true(settings_next_word(&rest, ',', &word));
    assert_true(span_is(word, "-c"));
    assert_true(settings_next_word(&rest, ',', &word));
    assert_true(span_is(word, "--concurrency"));
    assert_false(settings_next_word(&rest, ',', &word));
    rest = (struct span){NULL, 0};
    assert_false(settings_next_word(&rest, ',', &word));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_each_type),
        cmocka_unit_test(says_what_is_allowed),
        cmocka_unit_test(reads_booleans_as_django_environ_does),
        cmocka_unit_test(makes_foreign_text_fit_for_an_error),
        cmocka_unit_test(steps_through_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
