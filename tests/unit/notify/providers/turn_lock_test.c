#include "notify/providers/turn_lock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct notify_turn_lock lock;
static bool told;

static void *tell(void *unused)
{
    (void)unused;
    (void)pthread_mutex_lock(&lock.mutex);
    told = true;
    (void)pthread_cond_signal(&lock.changed);
    (void)pthread_mutex_unlock(&lock.mutex);
    return NULL;
}

/* A change is seen, and without one the wait ends by itself. */
static void test_wait(void **state)
{
    pthread_t thread;
    int64_t began_ns;

    (void)state;
    assert_true(notify_turn_lock_init(&lock));
    (void)pthread_mutex_lock(&lock.mutex);
    assert_int_equal(pthread_create(&thread, NULL, tell, NULL), 0);
    while (!told)
        notify_turn_lock_wait(&lock);
    began_ns = clock_monotonic_ns();
    notify_turn_lock_wait(&lock);
    (void)pthread_mutex_unlock(&lock.mutex);
    assert_true(clock_monotonic_ns() > began_ns);
    assert_int_equal(pthread_join(thread, NULL), 0);
    notify_turn_lock_destroy(&lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_wait)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
