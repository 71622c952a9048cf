#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/parse_num.h"
#include "tests/support/case_file.h"

static double from_bits(struct span hex)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < hex.len; i++) {
        char c = hex.ptr[i];
        bits = bits << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Every value of the file: what we write is repr(), and what we read of it is the value. */
static void check_file(void)
{
    struct case_file *file = case_file_open("json/floats.tsv");
    struct span columns[2];
    while (case_file_next(file, columns, 2)) {
        double value = from_bits(columns[0]);
        char text[FORMAT_DOUBLE_MAX];
        size_t len = format_double(value, text);
        assert_int_equal(len, strlen(text));
        if (!span_is(columns[1], text))
            fail_msg("floats.tsv:%zu: %s", case_file_line(file), text);
        double again = 0;
        if (isfinite(value)) {
            assert_int_equal(parse_double(columns[1], &again), CELERIAC_OK);
            assert_memory_equal(&again, &value, sizeof value);
        } else {
            assert_int_equal(parse_double(columns[1], &again), CELERIAC_ERR_SYNTAX);
        }
    }
    assert_true(case_file_line(file) > 4000);
    case_file_close(file);
}

static void writes_and_reads_as_python_does(void **state)
{
    (void)state;
    check_file();
}

/* Needs a locale with a decimal comma, which a minimal system may lack. */
static void does_not_depend_on_the_locale(void **state)
{
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "pl_PL.UTF-8"};
    const char *set = NULL;
    for (size_t i = 0; !set && i < sizeof names / sizeof names[0]; i++)
        set = setlocale(LC_ALL, names[i]);
    if (!set)
        skip();
    assert_string_equal(localeconv()->decimal_point, ",");
    check_file();
    double value;
    assert_int_equal(parse_double(SPAN("1,5"), &value), CELERIAC_ERR_SYNTAX);
    assert_non_null(setlocale(LC_ALL, "C"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_and_reads_as_python_does),
        cmocka_unit_test(does_not_depend_on_the_locale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
