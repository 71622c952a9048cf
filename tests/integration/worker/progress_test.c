/*
 * What a worker says of its own progress, with a real Redis (REDIS_URL, see tests/services) and
 * with none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <pthread.h>

#include "celeriac/worker.h"

/* A port that nobody listens on: reserved, and below those that anybody may take. */
#define NOBODY "redis://127.0.0.1:1/0"

struct watch {
    struct celeriac_worker *worker;
    bool wanted;   /* what `consuming` shall be */
    int remaining; /* calls with that value until the worker is stopped */
    pthread_t caller;
};

static void never(struct celeriac_task *task, void *user)
{
    (void)task;
    (void)user;
}

static void on_progress(void *user, bool consuming)
{
    struct watch *watch = user;

    if (consuming != watch->wanted || watch->remaining == 0)
        return;
    watch->caller = pthread_self();
    if (--watch->remaining == 0)
        celeriac_worker_stop(watch->worker, CELERIAC_STOP_WARM);
}

/* Runs a worker without work until it was heard three times. */
static void hear_three_times(const char *broker_url, bool consuming)
{
    struct watch watch = {.wanted = consuming, .remaining = 3};
    const struct celeriac_worker_options options = {.broker_url = broker_url,
                                                    .concurrency = 1,
                                                    .progress = on_progress,
                                                    .progress_user = &watch};
    const struct celeriac_task_options task = {.name = "t.never", .run = never};

    assert_int_equal(celeriac_worker_create(&options, &watch.worker, NULL), CELERIAC_OK);
    assert_int_equal(celeriac_worker_register(watch.worker, &task, NULL), CELERIAC_OK);
    assert_int_equal(celeriac_worker_run(watch.worker, NULL), CELERIAC_OK);
    assert_int_equal(watch.remaining, 0);
    /* The consumer is the thread that runs the worker. */
    assert_true(pthread_equal(watch.caller, pthread_self()));
    celeriac_worker_destroy(watch.worker);
}

static void an_idle_worker_says_that_it_consumes(void **state)
{
    (void)state;
    hear_three_times(getenv("REDIS_URL"), true);
}

static void a_worker_without_broker_lives_and_says_so(void **state)
{
    (void)state;
    hear_three_times(NOBODY, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_worker_says_that_it_consumes),
        cmocka_unit_test(a_worker_without_broker_lives_and_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
