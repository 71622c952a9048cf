#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/resource.h>

#include <cmocka.h>

#include "api/open_files.h"

static void the_limit_is_raised_as_far_as_it_goes(void **state)
{
    struct rlimit limit;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = 100;
    limit.rlim_max = limit.rlim_max < 300 ? limit.rlim_max : 300;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(open_files_raise(50), 100);
    assert_int_equal(open_files_raise(200), 200);
    assert_int_equal(open_files_raise(1000), limit.rlim_max);
    assert_int_equal(open_files_raise(100), limit.rlim_max);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(limit.rlim_cur, limit.rlim_max);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_limit_is_raised_as_far_as_it_goes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
