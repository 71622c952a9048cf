/* worker/main/pidfile.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "tests/support/scratch.h"
#include "worker/main/pidfile.h"

static char path[SCRATCH_PATH_SIZE];

static int set_up(void **state)
{
    (void)state;
    log_set_level(LOG_CRITICAL);
    scratch_path(path, "pid");
    return 0;
}

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void expect_own(void)
{
    char text[64] = "";
    char own[64];
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    assert_int_equal(fclose(file), 0);
    (void)snprintf(own, sizeof own, "%ld\n", (long)getpid());
    assert_string_equal(text, own);
}

/* The id of a process that has ended. */
static void write_dead(void)
{
    char text[64];
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0)
        _exit(0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    (void)snprintf(text, sizeof text, "%ld\n", (long)child);
    write_file(text);
}

static void made_and_removed(void **state)
{
    (void)state;
    assert_int_equal(pidfile_create(path, NULL), CELERIAC_OK);
    expect_own();
    /* Our own id is what a container finds that was restarted. */
    assert_int_equal(pidfile_create(path, NULL), CELERIAC_OK);
    pidfile_remove(path);
    assert_int_equal(access(path, F_OK), -1);
    pidfile_remove(path);
    pidfile_remove(NULL);
}

static void a_living_process_keeps_its_file(void **state)
{
    struct celeriac_error err = {0};
    char text[64];

    (void)state;
    (void)snprintf(text, sizeof text, "%ld\n", (long)getppid());
    write_file(text);
    assert_int_equal(pidfile_create(path, &err), CELERIAC_ERR_EXISTS);
    assert_non_null(strstr(err.text, "already running"));
    pidfile_remove(path);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(unlink(path), 0);
}

static void stale_and_broken_ones_are_replaced(void **state)
{
    static const char *const broken[] = {"",
                                         "\n",
                                         "12",
                                         "x\n",
                                         "-1\n",
                                         "0\n",
                                         "99999999999999\n",
                                         "123456789012345678901234567890\n"};

    (void)state;
    write_dead();
    assert_int_equal(pidfile_create(path, NULL), CELERIAC_OK);
    expect_own();
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        write_file(broken[i]);
        assert_int_equal(pidfile_create(path, NULL), CELERIAC_OK);
        expect_own();
    }
    pidfile_remove(path);
}

static void a_folder_that_is_missing(void **state)
{
    struct celeriac_error err = {0};

    (void)state;
    assert_int_equal(pidfile_create("/nonexistent/pid", &err), CELERIAC_ERR_SYSTEM);
    assert_non_null(strstr(err.text, "/nonexistent/pid"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_and_removed),
        cmocka_unit_test(a_living_process_keeps_its_file),
        cmocka_unit_test(stale_and_broken_ones_are_replaced),
        cmocka_unit_test(a_folder_that_is_missing),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
