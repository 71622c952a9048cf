/*
 * What bounds executions, with a real Redis (REDIS_URL, see tests/services): time limits, rates,
 * and the number of threads.
 */
#include "tests/integration/worker/fixture.h"

#include <dirent.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

static uint64_t threads(const struct celeriac_worker_stats *stats)
{
    return stats->threads;
}

/* Blocking tasks need a thread each; when they are done the surplus goes. */
static void threads_follow_the_load(void **state)
{
    enum { COUNT = 5, MAX = 4 };
    struct running *r = *state;
    struct celeriac_worker_options options = {
        .broker_url = getenv("REDIS_URL"), .autoscale_max = MAX, .autoscale_keepalive = 0.001};
    char ids[COUNT][CELERIAC_TASK_ID_SIZE];

    worker_start_with(r, &options);
    for (int i = 0; i < COUNT; i++)
        send_task(r, (struct celeriac_send){.task = "t.block"}, ids[i]);
    for (int i = 0; i < MAX; i++)
        sem_wait(&entered);
    await_stat(r, threads, MAX);
    for (int i = 0; i < COUNT; i++)
        sem_post(&gate);
    for (int i = 0; i < COUNT; i++)
        expect_result(r, ids[i], CELERIAC_SUCCESS, "\"done\"");
    await_stat(r, threads, 1);
}

static void checklist_58_a_soft_limit_lets_the_task_clean_up(void **state)
{
    struct running *r = *state;
    char id[CELERIAC_TASK_ID_SIZE];

    worker_start(r, 1, 4);
    send_task(r, (struct celeriac_send){.task = "t.careful"}, id);
    expect_result(r, id, CELERIAC_SUCCESS, "\"cleaned up\"");
}

static size_t threads_of_this_process(void)
{
    DIR *tasks = opendir("/proc/self/task");
    size_t count = 0;

    assert_non_null(tasks);
    for (const struct dirent *entry = readdir(tasks); entry; entry = readdir(tasks))
        count += entry->d_name[0] != '.' ? 1 : 0;
    assert_int_equal(closedir(tasks), 0);
    return count;
}

static void await_threads_of_this_process(size_t wanted)
{
    int64_t deadline = clock_monotonic_ns() + WAIT_MS * NS_PER_MS;

    while (threads_of_this_process() != wanted && clock_monotonic_ns() < deadline)
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    assert_int_equal(threads_of_this_process(), wanted);
}

#define TIMED_OUT                                                                    \
    "{\"exc_type\": \"TimeLimitExceeded\", \"exc_message\": [0.1], \"exc_module\": " \
    "\"billiard.exceptions\"}"

static void checklist_58_a_hard_limit_fails_the_task_and_replaces_its_thread(void **state)
{
    struct running *r = *state;
    char id[CELERIAC_TASK_ID_SIZE];
    struct celeriac_worker_stats stats;
    size_t without;

    worker_start(r, 1, 4);
    for (int i = 0; i < 3; i++) {
        struct celeriac_send send = {.task = i == 2 ? "t.overdue_late" : "t.overdue",
                                     .args_json = "[\"too late\"]",
                                     .time_limit = i == 2 ? 0.1 : 0};

        send_task(r, send, id);
        sem_wait(&entered);
        expect_result(r, id, CELERIAC_FAILURE, TIMED_OUT);
    }
    await_size(r, "HLEN", "unacked", 0);
    /* The only thread is lost three times over, and yet tasks run. */
    send_task(r, (struct celeriac_send){.task = "t.add", .args_json = "[1, 2]"}, id);
    expect_result(r, id, CELERIAC_SUCCESS, "3");
    celeriac_worker_get_stats(r->worker, &stats);
    assert_int_equal(stats.active, 0);
    assert_int_equal(stats.failed, 3);
    without = threads_of_this_process() - 3;
    for (int i = 0; i < 3; i++)
        sem_post(&gate);
    for (int i = 0; i < 3; i++)
        sem_wait(&entered);
    /* What they said afterwards counts no more. */
    send_task(r, (struct celeriac_send){.task = "t.add", .args_json = "[1, 2]"}, id);
    expect_result(r, id, CELERIAC_SUCCESS, "3");
    celeriac_worker_get_stats(r->worker, &stats);
    assert_int_equal(stats.succeeded, 2);
    /* When their threads have ended, the stop finds none that is lost. */
    await_threads_of_this_process(without);
    worker_stop(r);
}

static void checklist_60_starts_no_more_than_its_rate(void **state)
{
    struct running *r = *state;
    char first[CELERIAC_TASK_ID_SIZE];
    char id[CELERIAC_TASK_ID_SIZE];

    worker_start(r, 4, 4);
    send_task(r, (struct celeriac_send){.task = "t.hourly", .args_json = "[1, 1]"}, first);
    for (int i = 0; i < 3; i++)
        send_task(r, (struct celeriac_send){.task = "t.hourly", .args_json = "[1, 1]"}, id);
    expect_result(r, first, CELERIAC_SUCCESS, "2");
    /* The others wait, held, and in nobody's way. */
    send_task(r, (struct celeriac_send){.task = "t.add", .args_json = "[1, 2]"}, id);
    expect_result(r, id, CELERIAC_SUCCESS, "3");
    await_size(r, "HLEN", "unacked", 3);
    worker_stop(r);
    assert_int_equal(redis_int(r, "LLEN", "celery"), 3);
    assert_int_equal(redis_int(r, "HLEN", "unacked"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_TEST(threads_follow_the_load),
        WORKER_TEST(checklist_58_a_soft_limit_lets_the_task_clean_up),
        WORKER_TEST(checklist_58_a_hard_limit_fails_the_task_and_replaces_its_thread),
        WORKER_TEST(checklist_60_starts_no_more_than_its_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
