#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/parse_num.h"
#include "tests/support/case_file.h"
#include "tests/support/scratch.h"

/* Room for the name of a temporary folder. */

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

/* Makes a locale with a decimal comma, which a minimal system lacks, in a folder of its own. */
static void make_comma_locale(char folder[SCRATCH_PATH_SIZE])
{
    char command[4 * SCRATCH_PATH_SIZE + 200];
    scratch_make_folder(folder);
    (void)snprintf(command, sizeof command,
                   "printf 'LC_NUMERIC\\ndecimal_point \",\"\\nthousands_sep \".\"\\ngrouping 3\\n"
                   "END LC_NUMERIC\\n' >%s/source && localedef -c -f UTF-8 -i %s/source %s/comma"
                   " >%s/log 2>&1",
                   folder, folder, folder, folder);
    /* The other categories are missing, which is a warning and exit code 1. */
    (void)!system(command);
    assert_int_equal(setenv("LOCPATH", folder, 1), 0);
    if (!setlocale(LC_NUMERIC, "comma"))
        fail_msg("localedef has made no locale (package locales), see %s/log", folder);
}

static void does_not_depend_on_the_locale(void **state)
{
    char folder[SCRATCH_PATH_SIZE];
    (void)state;
    make_comma_locale(folder);
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
