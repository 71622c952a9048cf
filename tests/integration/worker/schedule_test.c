/*
 * Messages that wait for their eta or have expired, with a real Redis (REDIS_URL, see
 * tests/services).
 */
#include "tests/integration/worker/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

static void eta_waits_and_expired_is_revoked(void **state)
{
    struct running *r = *state;
    char id[CELERIAC_TASK_ID_SIZE];
    int64_t began;

    worker_start(r, 1, 1);
    began = clock_wall_us();
    send_task(
        r, (struct celeriac_send){.task = "t.add", .args_json = "[1, 2]", .countdown_ms = 300}, id);
    expect_result(r, id, CELERIAC_SUCCESS, "3");
    assert_true(clock_wall_us() - began >= 300000);
    send_task(r,
              (struct celeriac_send){
                  .task = "t.add", .args_json = "[1, 2]", .expires_us = clock_wall_us() - 1000000},
              id);
    expect_result(r, id, CELERIAC_REVOKED, NULL);
    await_size(r, "HLEN", "unacked", 0);
}

static void checklist_30_waiting_does_not_block_the_window(void **state)
{
    struct running *r = *state;
    char id[CELERIAC_TASK_ID_SIZE];

    worker_start(r, 1, 1);
    for (int i = 0; i < 50; i++)
        send_task(r, (struct celeriac_send){.task = "t.add", .countdown_ms = 3600 * 1000}, id);
    send_task(r, (struct celeriac_send){.task = "t.add", .args_json = "[1, 2]"}, id);
    expect_result(r, id, CELERIAC_SUCCESS, "3");
    await_size(r, "HLEN", "unacked", 50);
    worker_stop(r);
    /* They go back to their queue, not one lost. */
    assert_int_equal(redis_int(r, "LLEN", "celery"), 50);
    assert_int_equal(redis_int(r, "HLEN", "unacked"), 0);
}

static uint64_t waiting(const struct celeriac_worker *worker)
{
    struct celeriac_worker_stats stats;

    celeriac_worker_get_stats(worker, &stats);
    return stats.waiting;
}

static void pause_shortly(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

/* What others do with the only message that the worker holds. False if that came too late. */
static bool steal_the_only_message(struct running *r, bool give_to_peer, int64_t until_us)
{
    struct cel_pipeline p;
    struct cel_pipeline q;
    const struct redisReply *keys;
    char score[32];

    /* Not yet waiting, it would not be missed at its time. */
    while (waiting(r->worker) == 0 && clock_wall_us() < until_us)
        pause_shortly();
    /* A peer's claim of this moment; an old one would be restored as forgotten. */
    (void)snprintf(score, sizeof score, "%lld.5", (long long)(clock_wall_us() / 1000000));
    cel_pipeline_init(&p);
    CEL_COMMAND(&p, SPAN("HKEYS"), SPAN("unacked"));
    assert_int_equal(cel_pipeline_run(&p, r->conn, NULL), CELERIAC_OK);
    keys = cel_pipeline_reply(&p, 0);
    if (cel_reply_count(keys) > 0) {
        cel_pipeline_init(&q);
        if (give_to_peer)
            CEL_COMMAND(&q, SPAN("ZADD"), SPAN("unacked_index"), span_of(score),
                        cel_reply_span(cel_reply_at(keys, 0)));
        else
            CEL_COMMAND(&q, SPAN("HDEL"), SPAN("unacked"), cel_reply_span(cel_reply_at(keys, 0)));
        assert_int_equal(cel_pipeline_run(&q, r->conn, NULL), CELERIAC_OK);
        cel_pipeline_close(&q);
    }
    cel_pipeline_close(&p);
    return clock_wall_us() < until_us;
}

static void checklist_29_what_others_took_is_not_run_when_it_is_due(void **state)
{
    struct running *r = *state;
    char id[CELERIAC_TASK_ID_SIZE];
    int64_t countdown_ms = 400;

    for (int taken = 0; taken < 2;) {
        int64_t due_us = clock_wall_us() + countdown_ms * 1000;
        bool in_time;

        redis_int(r, "FLUSHALL", NULL);
        worker_start(r, 1, 1);
        send_task(r, (struct celeriac_send){.task = "t.flaky", .countdown_ms = countdown_ms}, id);
        in_time = steal_the_only_message(r, taken == 1, due_us);
        while (waiting(r->worker) > 0)
            pause_shortly();
        send_task(r, (struct celeriac_send){.task = "t.add", .args_json = "[1, 2]"}, id);
        expect_result(r, id, CELERIAC_SUCCESS, "3");
        if (in_time)
            assert_int_equal(atomic_load(&executions), 0);
        worker_stop(r);
        /* Stolen too late, as on a machine that has much else to do, it proves nothing. */
        atomic_store(&executions, 0);
        countdown_ms *= in_time ? 1 : 2;
        taken += in_time ? 1 : 0;
    }
}

/* More are due at the same moment than one reading takes, with a window that holds fewer. */
static void a_thousand_etas_run_once_each(void **state)
{
    enum { COUNT = 1000 };
    static struct celeriac_send sends[COUNT];
    static char ids[COUNT][CELERIAC_TASK_ID_SIZE];
    struct running *r = *state;
    struct celeriac_worker_stats stats;
    int64_t eta_us = clock_wall_us() + 500000;

    for (int i = 0; i < COUNT; i++)
        sends[i] = (struct celeriac_send){.task = "t.add", .args_json = "[1, 1]", .eta_us = eta_us};
    assert_int_equal(celeriac_client_send(r->client, sends, COUNT, ids, NULL), CELERIAC_OK);
    worker_start(r, 4, 4);
    for (int i = 0; i < COUNT; i++)
        expect_result(r, ids[i], CELERIAC_SUCCESS, "2");
    await_size(r, "HLEN", "unacked", 0);
    celeriac_worker_get_stats(r->worker, &stats);
    assert_int_equal(stats.started, COUNT);
    assert_int_equal(stats.received, COUNT);
}

static void with_so_many_waiting_nothing_more_is_taken(void **state)
{
    struct running *r = *state;
    char id[CELERIAC_TASK_ID_SIZE];
    struct celeriac_worker_options options = {
        .broker_url = getenv("REDIS_URL"), .concurrency = 1, .eta_task_limit = 3};

    for (int i = 0; i < 3; i++)
        send_task(r, (struct celeriac_send){.task = "t.add", .countdown_ms = 3600 * 1000}, id);
    worker_start_with(r, &options);
    await_size(r, "HLEN", "unacked", 3);
    send_task(r, (struct celeriac_send){.task = "t.add", .args_json = "[1, 2]"}, id);
    nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    assert_int_equal(redis_int(r, "LLEN", "celery"), 1);
    assert_int_equal(redis_int(r, "HLEN", "unacked"), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_TEST(eta_waits_and_expired_is_revoked),
        WORKER_TEST(checklist_30_waiting_does_not_block_the_window),
        WORKER_TEST(checklist_29_what_others_took_is_not_run_when_it_is_due),
        WORKER_TEST(a_thousand_etas_run_once_each),
        WORKER_TEST(with_so_many_waiting_nothing_more_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
