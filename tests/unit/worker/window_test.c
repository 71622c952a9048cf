/* worker/window.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "worker/window.h"

static int wakes(int fd)
{
    uint64_t count = 0;

    return read(fd, &count, sizeof count) < 0 ? 0 : (int)count;
}

static void room_is_what_is_not_taken(void **state)
{
    struct cel_window *window = NULL;
    int fd = eventfd(0, EFD_NONBLOCK);

    (void)state;
    assert_int_equal(cel_window_create(8, fd, &window), CELERIAC_OK);
    assert_int_equal(cel_window_room(window, 0, 2), 8);
    cel_window_take(window, 8);
    assert_int_equal(cel_window_room(window, 6, 2), 0);
    cel_window_give(window, 1);
    assert_int_equal(wakes(fd), 1);
    /* One of eight is not worth a round trip while six wait to be started ... */
    assert_int_equal(cel_window_room(window, 6, 2), 0);
    /* ... but it is when the threads are about to run dry. */
    assert_int_equal(cel_window_room(window, 1, 2), 1);
    cel_window_give(window, 1);
    assert_int_equal(cel_window_room(window, 6, 2), 2);
    assert_int_equal(wakes(fd), 0);
    cel_window_destroy(window);
    cel_window_destroy(NULL);
    close(fd);
}

struct race {
    struct cel_window *window;
    int gives;
};

static void *give_all(void *argument)
{
    struct race *race = argument;

    for (int i = 0; i < race->gives; i++)
        cel_window_give(race->window, 1);
    return NULL;
}

/* A consumer that sleeps whenever it is refused must always be woken again. */
static void no_wake_is_lost(void **state)
{
    enum { LIMIT = 4, ROUNDS = 500 };
    struct race race = {.gives = LIMIT};
    int fd = eventfd(0, 0);

    (void)state;
    assert_int_equal(cel_window_create(LIMIT, fd, &race.window), CELERIAC_OK);
    for (int i = 0; i < ROUNDS; i++) {
        pthread_t giver;

        cel_window_take(race.window, LIMIT);
        assert_int_equal(pthread_create(&giver, NULL, give_all, &race), 0);
        while (cel_window_room(race.window, LIMIT, 1) < LIMIT) {
            uint64_t count;

            if (cel_window_room(race.window, LIMIT, 1) == 0)
                assert_int_equal(read(fd, &count, sizeof count), sizeof count);
        }
        pthread_join(giver, NULL);
    }
    cel_window_destroy(race.window);
    close(fd);
}

static void limit_changes(void **state)
{
    struct cel_window *window = NULL;
    int fd = eventfd(0, EFD_NONBLOCK);

    (void)state;
    assert_int_equal(cel_window_create(4, fd, &window), CELERIAC_OK);
    cel_window_take(window, 4);
    assert_int_equal(cel_window_room(window, 9, 2), 0);
    cel_window_set_limit(window, 8);
    assert_int_equal(cel_window_limit(window), 8);
    assert_int_equal(wakes(fd), 1);
    assert_int_equal(cel_window_room(window, 9, 2), 4);
    cel_window_set_limit(window, 2);
    assert_int_equal(wakes(fd), 0);
    assert_int_equal(cel_window_room(window, 0, 2), 0);
    cel_window_destroy(window);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(room_is_what_is_not_taken),
        cmocka_unit_test(no_wake_is_lost),
        cmocka_unit_test(limit_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
