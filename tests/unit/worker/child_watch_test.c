/* worker/child_watch.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <semaphore.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "worker/child_watch.h"

struct told {
    sem_t some;
    atomic_uint count;
    atomic_uint last;
};

static void tell(void *context, uint32_t token)
{
    struct told *told = context;

    atomic_fetch_add(&told->count, 1);
    atomic_store(&told->last, token);
    sem_post(&told->some);
}

static void make_readable(int fd)
{
    const uint64_t one = 1;

    assert_int_equal(write(fd, &one, sizeof one), sizeof one);
}

static void tells_once_of_what_is_readable(void **state)
{
    struct cel_child_watch *watch = NULL;
    struct told told = {0};
    int fds[2] = {eventfd(0, EFD_CLOEXEC), eventfd(1, EFD_CLOEXEC)};

    (void)state;
    sem_init(&told.some, 0, 0);
    assert_int_equal(cel_child_watch_create(tell, &told, &watch), CELERIAC_OK);
    assert_int_equal(cel_child_watch_add(watch, fds[0], 7), CELERIAC_OK);
    assert_int_equal(atomic_load(&told.count), 0);
    make_readable(fds[0]);
    sem_wait(&told.some);
    assert_int_equal(atomic_load(&told.last), 7);
    /* It stays readable, and is not told of again; this one was readable before. */
    assert_int_equal(cel_child_watch_add(watch, fds[1], UINT32_MAX), CELERIAC_OK);
    sem_wait(&told.some);
    assert_int_equal(atomic_load(&told.last), UINT32_MAX);
    assert_int_equal(atomic_load(&told.count), 2);
    cel_child_watch_destroy(watch);
    assert_int_equal(atomic_load(&told.count), 2);
    sem_destroy(&told.some);
    close(fds[0]);
    close(fds[1]);
}

static void forgets_what_it_shall_forget(void **state)
{
    struct cel_child_watch *watch = NULL;
    struct told told = {0};
    int fds[2] = {eventfd(0, EFD_CLOEXEC), eventfd(0, EFD_CLOEXEC)};

    (void)state;
    sem_init(&told.some, 0, 0);
    assert_int_equal(cel_child_watch_create(tell, &told, &watch), CELERIAC_OK);
    assert_int_equal(cel_child_watch_add(watch, fds[0], 1), CELERIAC_OK);
    assert_int_equal(cel_child_watch_add(watch, fds[1], 2), CELERIAC_OK);
    cel_child_watch_remove(watch, fds[0]);
    cel_child_watch_remove(watch, fds[0]);
    cel_child_watch_remove(watch, -1);
    make_readable(fds[0]);
    make_readable(fds[1]);
    sem_wait(&told.some);
    assert_int_equal(atomic_load(&told.last), 2);
    cel_child_watch_destroy(watch);
    assert_int_equal(atomic_load(&told.count), 1);
    sem_destroy(&told.some);
    close(fds[0]);
    close(fds[1]);
}

static void what_cannot_be_watched_is_refused(void **state)
{
    struct cel_child_watch *watch = NULL;
    struct told told = {0};

    (void)state;
    mem_fail_at(1);
    assert_int_equal(cel_child_watch_create(tell, &told, &watch), CELERIAC_ERR_MEMORY);
    mem_fail_at(0);
    assert_null(watch);
    assert_int_equal(cel_child_watch_create(tell, &told, &watch), CELERIAC_OK);
    assert_int_equal(cel_child_watch_add(watch, -1, 1), CELERIAC_ERR_SYSTEM);
    cel_child_watch_destroy(watch);
    cel_child_watch_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_once_of_what_is_readable),
        cmocka_unit_test(forgets_what_it_shall_forget),
        cmocka_unit_test(what_cannot_be_watched_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
