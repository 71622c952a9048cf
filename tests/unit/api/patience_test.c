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

static struct patience *start(struct patience_limits limits)
{
    struct patience *p = NULL;

    assert_int_equal(patience_create(&limits, &p, NULL), CELERIAC_OK);
    return p;
}

static void pair(int fds[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
}

static void close_pair(const int fds[2])
{
    close(fds[0]);
    close(fds[1]);
}

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
    p = start((struct patience_limits){50 * NS_PER_MS, HOUR_NS, HOUR_NS, 0});
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
    p = start((struct patience_limits){HOUR_NS, HOUR_NS, 50 * NS_PER_MS, 0});
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
        p = start((struct patience_limits){NS_PER_SEC, NS_PER_SEC, NS_PER_SEC, 0});
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

/* A body has a time of its own; when it is complete, it is up to us. */
static void slow_bodies_are_cut_off(void **state)
{
    struct patience *p = start((struct patience_limits){HOUR_NS, 50 * NS_PER_MS, HOUR_NS, 0});
    struct patience_entry *sending, *complete;
    int a[2], b[2];
    char byte;

    (void)state;
    pair(a);
    pair(b);
    sending = patience_enter(p, a[0]);
    complete = patience_enter(p, b[0]);
    patience_reading(p, complete);
    patience_busy(p, complete);
    patience_reading(p, sending);
    await_end(a[1]);
    assert_int_equal(write(b[0], "x", 1), 1);
    assert_int_equal(read(b[1], &byte, 1), 1);
    patience_reading(p, NULL);
    patience_leave(p, sending);
    patience_leave(p, complete);
    patience_destroy(p);
    close_pair(a);
    close_pair(b);
}

/* Who leaves before its request is complete, also right after its last byte, is cut off. */
static void who_leaves_is_cut_off(void **state)
{
    struct patience *p = start((struct patience_limits){HOUR_NS, HOUR_NS, HOUR_NS, 0});
    struct patience_entry *silent, *in_body;
    int a[2], b[2];
    char byte;

    (void)state;
    pair(a);
    pair(b);
    silent = patience_enter(p, a[0]);
    in_body = patience_enter(p, b[0]);
    patience_reading(p, in_body);
    /* The other end is still there to see that we end ours. */
    shutdown(a[1], SHUT_WR);
    assert_int_equal(write(b[1], "x", 1), 1);
    shutdown(b[1], SHUT_WR);
    assert_int_equal(read(b[0], &byte, 1), 1);
    await_end(a[1]);
    await_end(b[1]);
    patience_leave(p, silent);
    patience_leave(p, in_body);
    patience_destroy(p);
    close_pair(a);
    close_pair(b);
}

/* Who ends its half and waits for the answer gets it, as does one whose request is not read yet. */
static void who_waits_for_the_answer_stays(void **state)
{
    struct patience *p = start((struct patience_limits){HOUR_NS, HOUR_NS, HOUR_NS, 0});
    struct patience_entry *busy, *answering, *unread, *gone;
    int a[2], b[2], c[2], d[2];
    char byte;

    (void)state;
    pair(a);
    pair(b);
    pair(c);
    pair(d);
    busy = patience_enter(p, a[0]);
    answering = patience_enter(p, b[0]);
    unread = patience_enter(p, c[0]);
    patience_busy(p, busy);
    patience_answering(p, answering);
    shutdown(a[1], SHUT_WR);
    shutdown(b[1], SHUT_WR);
    assert_int_equal(write(c[1], "x", 1), 1);
    shutdown(c[1], SHUT_WR);
    /* The one that is cut off left after them: the others were looked at by then. */
    gone = patience_enter(p, d[0]);
    shutdown(d[1], SHUT_WR);
    await_end(d[1]);
    assert_int_equal(send(a[0], "x", 1, MSG_NOSIGNAL), 1);
    assert_int_equal(send(b[0], "x", 1, MSG_NOSIGNAL), 1);
    assert_int_equal(send(c[0], "x", 1, MSG_NOSIGNAL), 1);
    /* And when they have it, and nothing more to say, they are done with. */
    patience_waiting(p, busy);
    assert_int_equal(read(a[1], &byte, 1), 1);
    await_end(a[1]);
    patience_leave(p, busy);
    patience_leave(p, answering);
    patience_leave(p, unread);
    patience_leave(p, gone);
    patience_destroy(p);
    close_pair(a);
    close_pair(b);
    close_pair(c);
    close_pair(d);
}

/* One too many: who has waited longest for a request goes, and nobody who is being served. */
static void room_is_made_for_new_ones(void **state)
{
    struct patience *p = start((struct patience_limits){HOUR_NS, HOUR_NS, HOUR_NS, 3});
    struct patience_entry *e[6];
    int fds[6][2];

    (void)state;
    for (int i = 0; i < 6; i++)
        pair(fds[i]);
    for (int i = 0; i < 3; i++)
        e[i] = patience_enter(p, fds[i][0]);
    patience_busy(p, e[0]);
    patience_busy(p, e[1]);
    patience_waiting(p, e[1]);
    assert_int_equal(send(fds[2][0], "x", 1, MSG_NOSIGNAL), 1);
    e[3] = patience_enter(p, fds[3][0]);
    assert_int_equal(send(fds[2][0], "x", 1, MSG_NOSIGNAL), -1);
    assert_int_equal(send(fds[1][0], "x", 1, MSG_NOSIGNAL), 1);
    e[4] = patience_enter(p, fds[4][0]);
    assert_int_equal(send(fds[1][0], "x", 1, MSG_NOSIGNAL), -1);
    /* Those in a body follow when nobody waits any more; who was cut off stays so. */
    patience_busy(p, e[2]);
    patience_waiting(p, e[2]);
    patience_reading(p, e[3]);
    patience_busy(p, e[4]);
    e[5] = patience_enter(p, fds[5][0]);
    assert_int_equal(send(fds[3][0], "x", 1, MSG_NOSIGNAL), -1);
    assert_int_equal(send(fds[0][0], "x", 1, MSG_NOSIGNAL), 1);
    assert_int_equal(send(fds[4][0], "x", 1, MSG_NOSIGNAL), 1);
    assert_int_equal(send(fds[5][0], "x", 1, MSG_NOSIGNAL), 1);
    for (int i = 0; i < 6; i++) {
        patience_leave(p, e[i]);
        close_pair(fds[i]);
    }
    patience_destroy(p);
}

static void no_memory_is_survived(void **state)
{
    const struct patience_limits limits = {NS_PER_SEC, NS_PER_SEC, NS_PER_SEC, 0};
    struct patience_entry *unseen;
    struct patience *p = NULL;

    (void)state;
    mem_fail_at(1);
    assert_int_equal(patience_create(&limits, &p, NULL), CELERIAC_ERR_MEMORY);
    mem_fail_at(0);
    assert_null(p);
    p = start(limits);
    mem_fail_at(1);
    assert_null(patience_enter(p, 0));
    /* Without room to note its descriptor a connection is watched by its limits alone. */
    mem_fail_at(2);
    unseen = patience_enter(p, 0);
    mem_fail_at(0);
    assert_non_null(unseen);
    patience_leave(p, unseen);
    patience_destroy(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waiting_connections_are_cut_off),
        cmocka_unit_test(slow_readers_are_cut_off),
        cmocka_unit_test(slow_bodies_are_cut_off),
        cmocka_unit_test(who_leaves_is_cut_off),
        cmocka_unit_test(who_waits_for_the_answer_stays),
        cmocka_unit_test(room_is_made_for_new_ones),
        cmocka_unit_test(entries_leave_in_any_order),
        cmocka_unit_test(no_memory_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
