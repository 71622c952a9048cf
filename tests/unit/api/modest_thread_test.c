#include "api/modest_thread.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

struct seen {
    int policy;
    int nice;
};

static struct seen look(void)
{
    return (struct seen){sched_getscheduler(0), getpriority(PRIO_PROCESS, (id_t)gettid())};
}

static void *become_idle(void *seen)
{
    modest_thread_idle();
    *(struct seen *)seen = look();
    return NULL;
}

static void *become_nice(void *seen)
{
    modest_thread_nice();
    *(struct seen *)seen = look();
    return NULL;
}

static struct seen run(void *(*start)(void *))
{
    struct seen seen;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, start, &seen), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    return seen;
}

/* It is the thread that steps back, not the process. */
static void only_the_calling_thread_steps_back(void **state)
{
    struct seen before = look();
    (void)state;
    assert_int_equal(run(become_idle).policy, SCHED_IDLE);
    struct seen nice = run(become_nice);
    assert_int_equal(nice.nice, 5);
    assert_int_equal(nice.policy, before.policy);
    assert_int_equal(look().policy, before.policy);
    assert_int_equal(look().nice, before.nice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_calling_thread_steps_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
