#include "notify/store/pg_time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define EPOCH INT64_C(946684800000000)

static void years_1970_and_2000(void **state)
{
    (void)state;
    assert_int_equal(store_pg_time(0), -EPOCH);
    assert_int_equal(store_pg_time(EPOCH), 0);
    assert_int_equal(store_pg_time(EPOCH + 1), 1);
    assert_int_equal(store_unix_time(0), EPOCH);
    assert_int_equal(store_unix_time(-EPOCH), 0);
    assert_int_equal(store_unix_time(-1), EPOCH - 1);
}

static void there_and_back(void **state)
{
    const int64_t times[] = {INT64_MIN + EPOCH + 1, -1, 0, 1, INT64_C(1700000000123456), INT64_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        assert_int_equal(store_unix_time(store_pg_time(times[i])), times[i]);
}

/* PostgreSQL's infinities are the ends of the range; nothing wraps around to the other end. */
static void ends_of_the_range(void **state)
{
    (void)state;
    assert_int_equal(store_pg_time(INT64_MIN), INT64_MIN);
    assert_int_equal(store_pg_time(INT64_MIN + EPOCH - 1), INT64_MIN);
    assert_int_equal(store_pg_time(INT64_MIN + EPOCH), INT64_MIN);
    assert_int_equal(store_pg_time(INT64_MIN + EPOCH + 1), INT64_MIN + 1);
    assert_int_equal(store_unix_time(INT64_MIN), INT64_MIN);
    assert_int_equal(store_unix_time(INT64_MAX), INT64_MAX);
    assert_int_equal(store_unix_time(INT64_MAX - EPOCH), INT64_MAX);
    assert_int_equal(store_unix_time(INT64_MAX - EPOCH + 1), INT64_MAX);
    assert_int_equal(store_unix_time(INT64_MAX - EPOCH - 1), INT64_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(years_1970_and_2000),
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(ends_of_the_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
