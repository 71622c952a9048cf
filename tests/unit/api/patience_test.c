#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/patience.h"
#include "base/alloc.h"
#include "base/clock.h"

/* Longer than any test. */
#define HOUR_NS (3600 * NS_PER_SEC)

/* Waits for the end of a connection; the watched end was shut down when this returns. */
static void await_end(int fd)
{
    char byte;

    assert_int_equal(read(fd, &byte, 1), 0);
}

static void waiting_connections_are_cut_off(void **state)
{
    struct patience_entry *waiting, *again, *busy;
    struct patience *p;
    int a[2], b[2], c[2];
    char byte;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, a), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, b), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, c), 0);
    assert_int_equal(patience_create(50 * NS_PER_MS, HOUR_NS, &p, NULL), CELERIAC_OK);
    waiting = patience_enter(p, a[0]);
    busy = patience_enter(p, b[0]);
    patience_busy(p, busy);
    again = patience_enter(p, c[0]);
    patience_busy(p, again);
    patience_waiting(p, again);
    await_end(a[1]);
    await_end(c[1]);
    /* The busy one was there all the time, and lives. */
    assert_int_equal(write(b[0], "x", 1), 1);
    patience_waiting(p, busy);
    patience_leave(p, again);
    patience_leave(p, waiting);
    assert_int_equal(read(b[1], &byte, 1), 1);
    await_end(b[1]);
    patience_leave(p, busy);
    patience_destroy(p);
    for (int i = 0; i < 2; i++) {
        close(a[i]);
        close(b[i]);
        close(c[i]);
    }
}

/* Reading an answer has a time of its own. */
static void slow_readers_are_cut_off(void **state)
{
    struct patience_entry *reading, *working;
    struct patience *p;
    int a[2], b[2];
    char byte;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, a), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, b), 0);
    assert_int_equal(patience_create(HOUR_NS, 50 * NS_PER_MS, &p, NULL), CELERIAC_OK);
    reading = patience_enter(p, a[0]);
    working = patience_enter(p, b[0]);
    patience_busy(p, reading);
    patience_busy(p, working);
    patience_answering(p, reading);
    await_end(a[1]);
    /* One whose answer is still being made lives. */
    assert_int_equal(write(b[0], "x", 1), 1);
    assert_int_equal(read(b[1], &byte, 1), 1);
    patience_answering(p, NULL);
    patience_leave(p, reading);
    patience_leave(p, working);
    patience_destroy(p);
    for (int i = 0; i < 2; i++) {
        close(a[i]);
        close(b[i]);
    }
}

static void entries_leave_in_any_order(void **state)
{
    struct patience_entry *e[3];
    struct patience *p;

    (void)state;
    for (int first = 0; first < 3; first++) {
        assert_int_equal(patience_create(NS_PER_SEC, NS_PER_SEC, &p, NULL), CELERIAC_OK);
        for (int i = 0; i < 3; i++)
            e[i] = patience_enter(p, -1);
        for (int i = 0; i < 3; i++)
            patience_leave(p, e[(first + i) % 3]);
        patience_leave(p, NULL);
        patience_busy(p, NULL);
        patience_waiting(p, NULL);
        patience_destroy(p);
    }
    patience_destroy(NULL);
}

static void no_memory_is_survived(void **state)
{
    struct patience *p = NULL;

    (void)state;
    mem_fail_at(1);
    assert_int_equal(patience_create(NS_PER_SEC, NS_PER_SEC, &p, NULL), CELERIAC_ERR_MEMORY);
    mem_fail_at(0);
    assert_null(p);
    assert_int_equal(patience_create(NS_PER_SEC, NS_PER_SEC, &p, NULL), CELERIAC_OK);
    mem_fail_at(1);
    assert_null(patience_enter(p, 0));
    mem_fail_at(0);
    patience_destroy(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waiting_connections_are_cut_off),
        cmocka_unit_test(slow_readers_are_cut_off),
        cmocka_unit_test(entries_leave_in_any_order),
        cmocka_unit_test(no_memory_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
