#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/shutdown.h"

static struct shutdown_signals *open_signals(void)
{
    struct shutdown_signals *s = NULL;
    assert_int_equal(shutdown_create(&s, NULL), CELERIAC_OK);
    return s;
}

static bool is_readable(const struct shutdown_signals *s)
{
    struct pollfd waiting = {.fd = shutdown_fd(s), .events = POLLIN};
    return poll(&waiting, 1, 0) == 1;
}

static void hands_out_each_signal_once(void **state)
{
    (void)state;
    static const int signals[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP};
    struct shutdown_signals *s = open_signals();
    assert_false(is_readable(s));
    assert_int_equal(shutdown_next(s), 0);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        assert_int_equal(kill(getpid(), signals[i]), 0);
        assert_true(is_readable(s));
        assert_int_equal(shutdown_next(s), signals[i]);
        assert_int_equal(shutdown_next(s), 0);
        assert_false(is_readable(s));
    }
    shutdown_destroy(s);
}

static void hands_out_all_that_wait(void **state)
{
    (void)state;
    struct shutdown_signals *s = open_signals();
    assert_int_equal(kill(getpid(), SIGINT), 0);
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    int first = shutdown_next(s);
    int second = shutdown_next(s);
    assert_true((first == SIGINT && second == SIGTERM) || (first == SIGTERM && second == SIGINT));
    assert_int_equal(shutdown_next(s), 0);
    shutdown_destroy(s);
}

static void *signal_own_process(void *sent)
{
    *(bool *)sent = kill(getpid(), SIGTERM) == 0;
    return NULL;
}

/* Were the signal not blocked in later threads, it would end the process. */
static void blocks_signals_in_later_threads(void **state)
{
    (void)state;
    struct shutdown_signals *s = open_signals();
    pthread_t thread;
    bool sent = false;
    assert_int_equal(pthread_create(&thread, NULL, signal_own_process, &sent), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(sent);
    assert_int_equal(shutdown_next(s), SIGTERM);
    shutdown_destroy(s);
}

static void reports_broken_pipes_as_errors(void **state)
{
    (void)state;
    struct shutdown_signals *s = open_signals();
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    (void)close(fds[0]);
    assert_int_equal(write(fds[1], "x", 1), -1);
    (void)close(fds[1]);
    shutdown_destroy(s);
}

static void is_not_inherited(void **state)
{
    (void)state;
    struct shutdown_signals *s = open_signals();
    assert_true(fcntl(shutdown_fd(s), F_GETFD) & FD_CLOEXEC);
    shutdown_destroy(s);
    shutdown_destroy(NULL);
}

static void reports_lack_of_memory(void **state)
{
    (void)state;
    struct shutdown_signals *s = NULL;
    struct celeriac_error err = {0};
    mem_fail_at(1);
    enum celeriac_err code = shutdown_create(&s, &err);
    mem_fail_at(0);
    assert_int_equal(code, CELERIAC_ERR_MEMORY);
    assert_null(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hands_out_each_signal_once),
        cmocka_unit_test(hands_out_all_that_wait),
        cmocka_unit_test(blocks_signals_in_later_threads),
        cmocka_unit_test(reports_broken_pipes_as_errors),
        cmocka_unit_test(is_not_inherited),
        cmocka_unit_test(reports_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
