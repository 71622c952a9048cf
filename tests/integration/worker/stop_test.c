/*
 * How a worker stops or is killed, and what its successors take over, with a real Redis (REDIS_URL,
 * see tests/services).
 */
#include "tests/integration/worker/fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/support/scratch.h"

static void checklist_92_a_warm_stop_finishes_and_returns(void **state)
{
    struct running *r = *state;
    char running[CELERIAC_TASK_ID_SIZE];
    char id[CELERIAC_TASK_ID_SIZE];
    char order[3][CELERIAC_TASK_ID_SIZE];

    worker_start(r, 1, 4);
    send_task(r, (struct celeriac_send){.task = "t.block_late"}, running);
    sem_wait(&entered);
    for (int i = 0; i < 3; i++)
        send_task(r, (struct celeriac_send){.task = "t.add", .args_json = "[1, 1]"}, order[i]);
    await_size(r, "HLEN", "unacked", 4);
    celeriac_worker_stop(r->worker, CELERIAC_STOP_WARM);
    /* What came after the stop stays behind what is returned. */
    send_task(r, (struct celeriac_send){.task = "t.add", .args_json = "[9, 9]"}, id);
    sem_post(&gate);
    worker_stop(r);
    expect_result(r, running, CELERIAC_SUCCESS, "\"done\"");
    assert_int_equal(redis_int(r, "LLEN", "celery"), 4);
    assert_int_equal(redis_int(r, "HLEN", "unacked"), 0);
    for (int i = 0; i < 3; i++) {
        struct cel_pipeline p;
        struct span message;

        cel_pipeline_init(&p);
        CEL_COMMAND(&p, SPAN("LINDEX"), SPAN("celery"),
                    i == 0 ? SPAN("-1") : (i == 1 ? SPAN("-2") : SPAN("-3")));
        assert_int_equal(cel_pipeline_run(&p, r->conn, NULL), CELERIAC_OK);
        message = cel_reply_span(cel_pipeline_reply(&p, 0));
        assert_non_null(memmem(message.ptr, message.len, order[i], strlen(order[i])));
        assert_non_null(memmem(message.ptr, message.len, "\"redelivered\": true", 19));
        cel_pipeline_close(&p);
    }
}

/* A process of its own: after a cold stop, or a kill, its threads are still inside tasks. */
static pid_t fork_worker(unsigned concurrency, bool cold)
{
    pid_t pid = fork();
    struct running child = {0};

    if (pid != 0)
        return pid;
    worker_start(&child, concurrency, 4);
    for (unsigned i = 0; i < concurrency; i++)
        sem_wait(&entered);
    if (!cold)
        for (;;)
            pause();
    celeriac_worker_stop(child.worker, CELERIAC_STOP_WARM);
    celeriac_worker_stop(child.worker, CELERIAC_STOP_COLD);
    pthread_join(child.thread, NULL);
    _exit(child.code == CELERIAC_ERR_SHUTDOWN ? 0 : 1);
}

static void a_cold_stop_returns_everything_at_once(void **state)
{
    struct running *r = *state;
    char id[CELERIAC_TASK_ID_SIZE];
    int status = -1;
    pid_t pid;

    for (int i = 0; i < 5; i++)
        send_task(r, (struct celeriac_send){.task = "t.block_late"}, id);
    pid = fork_worker(2, true);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(redis_int(r, "LLEN", "celery"), 5);
    assert_int_equal(redis_int(r, "HLEN", "unacked"), 0);
}

/* Nobody has a task: all threads end, and nothing is said to have been broken off. */
static void a_cold_stop_of_an_idle_worker_is_a_warm_one(void **state)
{
    struct running *r = *state;

    for (int i = 0; i < 20; i++) {
        worker_start(r, 8, 4);
        celeriac_worker_stop(r->worker, CELERIAC_STOP_COLD);
        worker_stop(r);
    }
}

static void checklist_28_a_killed_workers_messages_come_back(void **state)
{
    struct running *r = *state;
    char id[CELERIAC_TASK_ID_SIZE];
    int status;
    pid_t pid;

    for (int i = 0; i < 6; i++)
        send_task(r, (struct celeriac_send){.task = "t.block_late"}, id);
    pid = fork_worker(2, false);
    await_size(r, "HLEN", "unacked", 6);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(redis_int(r, "HLEN", "unacked"), 6);
    worker_start(r, 6, 4);
    for (int i = 0; i < 6; i++) {
        sem_wait(&entered);
        sem_post(&gate);
    }
    await_size(r, "HLEN", "unacked", 0);
    assert_int_equal(redis_int(r, "LLEN", "celery"), 0);
}

static void revoked_ids_survive_a_restart(void **state)
{
    char path[SCRATCH_PATH_SIZE];
    char key[sizeof "celery-task-meta-" + CELERIAC_TASK_ID_SIZE];
    struct running *r = *state;
    char id[CELERIAC_TASK_ID_SIZE];
    struct celeriac_worker_options options = {
        .broker_url = getenv("REDIS_URL"), .concurrency = 1, .state_db = path};

    scratch_path(path, "statedb");
    send_task(r, (struct celeriac_send){.task = "t.flaky", .expires_us = clock_wall_us() - 1}, id);
    /* A task that has expired counts as revoked from then on, whoever sends its id again. */
    worker_start_with(r, &options);
    expect_result(r, id, CELERIAC_REVOKED,
                  "{\"exc_type\": \"TaskRevokedError\", \"exc_message\": [\"expired\"], "
                  "\"exc_module\": \"celery.exceptions\"}");
    worker_stop(r);
    /* The first verdict must not be mistaken for the second, which may come after the ack. */
    (void)snprintf(key, sizeof key, "celery-task-meta-%s", id);
    assert_int_equal(redis_int(r, "DEL", key), 1);
    worker_start_with(r, &options);
    assert_int_equal(celeriac_client_send(r->client,
                                          &(struct celeriac_send){.task = "t.flaky", .id = id}, 1,
                                          NULL, NULL),
                     CELERIAC_OK);
    await_size(r, "LLEN", "celery", 0);
    await_size(r, "HLEN", "unacked", 0);
    expect_result(r, id, CELERIAC_REVOKED,
                  "{\"exc_type\": \"TaskRevokedError\", \"exc_message\": [\"revoked\"], "
                  "\"exc_module\": \"celery.exceptions\"}");
    assert_int_equal(atomic_load(&executions), 0);
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_TEST(checklist_92_a_warm_stop_finishes_and_returns),
        WORKER_TEST(a_cold_stop_returns_everything_at_once),
        WORKER_TEST(a_cold_stop_of_an_idle_worker_is_a_warm_one),
        WORKER_TEST(checklist_28_a_killed_workers_messages_come_back),
        WORKER_TEST(revoked_ids_survive_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
