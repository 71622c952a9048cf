/*
 * Clients in several threads, as <celeriac/client.h> allows it: one for each thread, one that is
 * handed from thread to thread, and waiting that asks for nothing while it waits.
 */
#include "tests/integration/worker/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "celery_proto/redis/reply.h"

#define THREADS 8
#define ROUNDS 40

/* What a thread is given, and what it has seen. */
struct caller {
    pthread_t thread;
    int number;
    struct celeriac_client *client; /* NULL: it makes its own */
    pthread_mutex_t *turn;          /* of that client */
    struct celeriac_worker *worker; /* looked at meanwhile */
    int right;                      /* answers that were as expected */
};

static bool ask(struct celeriac_client *client, int x, int y)
{
    char args[32];
    char sum[16];
    char ids[1][CELERIAC_TASK_ID_SIZE];
    struct celeriac_result result = {0};
    const struct celeriac_send send = {.task = "t.add", .args_json = args};
    bool right;

    (void)snprintf(args, sizeof args, "[%d, %d]", x, y);
    (void)snprintf(sum, sizeof sum, "%d", x + y);
    if (celeriac_client_send(client, &send, 1, ids, NULL) ||
        celeriac_client_wait(client, ids[0], WAIT_MS, &result, NULL))
        return false;
    right = result.state == CELERIAC_SUCCESS && strcmp(result.result_json, sum) == 0;
    celeriac_result_close(&result);
    return right;
}

static void *call(void *argument)
{
    struct caller *caller = argument;
    const struct celeriac_client_options options = {.broker_url = getenv("REDIS_URL")};
    struct celeriac_client *own = NULL;
    struct celeriac_worker_stats stats;

    if (!caller->client && celeriac_client_create(&options, &own, NULL))
        return NULL;
    for (int i = 0; i < ROUNDS; i++) {
        if (caller->turn)
            pthread_mutex_lock(caller->turn);
        caller->right += ask(own ? own : caller->client, caller->number, i);
        if (caller->turn)
            pthread_mutex_unlock(caller->turn);
        celeriac_worker_get_stats(caller->worker, &stats);
    }
    celeriac_client_destroy(own);
    return NULL;
}

static void call_from_many(struct running *r, struct celeriac_client *client, pthread_mutex_t *turn)
{
    struct caller callers[THREADS];

    for (int i = 0; i < THREADS; i++) {
        callers[i] = (struct caller){
            .number = i * 1000, .client = client, .turn = turn, .worker = r->worker};
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
        assert_int_equal(callers[i].right, ROUNDS);
    }
}

static void each_thread_has_a_client(void **state)
{
    struct running *r = *state;

    worker_start(r, 4, 4);
    call_from_many(r, NULL, NULL);
}

static void threads_take_turns_with_one_client(void **state)
{
    struct running *r = *state;
    pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

    worker_start(r, 4, 4);
    call_from_many(r, r->client, &turn);
    pthread_mutex_destroy(&turn);
}

/* ---- waiting ------------------------------------------------------------------------------- */

#define TASK "aaaaaaaa-0000-4000-8000-000000000001"
#define CHANNEL "celery-task-meta-" TASK
#define RECORD                                                                         \
    "{\"status\": \"SUCCESS\", \"result\": 7, \"traceback\": null, \"children\": [], " \
    "\"date_done\": \"2026-11-23T00:00:00+00:00\", \"task_id\": \"" TASK "\"}"

static void *wait_for_seven(void *argument)
{
    struct celeriac_result result = {0};
    bool *right = argument;
    const struct celeriac_client_options options = {.broker_url = getenv("REDIS_URL")};
    struct celeriac_client *client = NULL;

    if (celeriac_client_create(&options, &client, NULL) == CELERIAC_OK &&
        celeriac_client_wait(client, TASK, WAIT_MS, &result, NULL) == CELERIAC_OK) {
        *right = strcmp(result.result_json, "7") == 0;
        celeriac_result_close(&result);
    }
    celeriac_client_destroy(client);
    return NULL;
}

/* What a script returns as a number. */
static int64_t evaluate(struct running *r, const char *script)
{
    struct cel_pipeline p;
    int64_t n;

    cel_pipeline_init(&p);
    CEL_COMMAND(&p, SPAN("EVAL"), span_of(script), SPAN("0"));
    assert_int_equal(cel_pipeline_run(&p, r->conn, NULL), CELERIAC_OK);
    n = cel_reply_int(cel_pipeline_reply(&p, 0));
    cel_pipeline_close(&p);
    return n;
}

static int64_t reads(struct running *r)
{
    return evaluate(r, "return tonumber(string.match(redis.call('INFO', 'commandstats'), "
                       "'cmdstat_get:calls=(%d+)') or '0')");
}

static void waiting_asks_for_nothing(void **state)
{
    struct running *r = *state;
    int64_t before = reads(r);
    bool right = false;
    pthread_t waiter;

    assert_int_equal(pthread_create(&waiter, NULL, wait_for_seven, &right), 0);
    /* It looks once, when it has subscribed, for a result that was there before. */
    for (int i = 0; i < WAIT_MS && reads(r) == before; i++)
        (void)usleep(1000);
    assert_int_equal(reads(r), before + 1);
    for (int i = 0; i < 300; i++)
        (void)usleep(1000);
    assert_int_equal(reads(r), before + 1);
    assert_int_equal(evaluate(r, "return redis.call('PUBLISH', '" CHANNEL "', '" RECORD "')"), 1);
    assert_int_equal(pthread_join(waiter, NULL), 0);
    assert_true(right);
    assert_int_equal(reads(r), before + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_TEST(each_thread_has_a_client),
        WORKER_TEST(threads_take_turns_with_one_client),
        WORKER_TEST(waiting_asks_for_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
