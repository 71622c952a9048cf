/*
 * A running worker whose broker misbehaves, or that its peers take for dead: every message is
 * executed, and nothing stays behind while the worker lives.
 */
#include "tests/integration/redis/fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "celeriac/client.h"
#include "celeriac/worker.h"

/* Far beyond what anything here takes; only a failing test waits that long. */
#define WAIT_NS (60 * NS_PER_SEC)

#define CONCURRENCY 4
#define SEND_CHUNK 100

/* Tasks tell their number, 0 to TASKS_MAX - 1. */
#define TASKS_MAX 20000

static atomic_int executions[TASKS_MAX];

/* Takes about as long as a round trip, so that something is always queued, running and ending. */
static void note(struct celeriac_task *task, void *user)
{
    int64_t number = 0;
    (void)user;
    if (celeriac_task_arg_int(task, 0, "number", &number))
        return;
    (void)usleep(100);
    atomic_fetch_add(&executions[number], 1);
    celeriac_task_return_int(task, number);
}

struct running {
    struct fixture *f;
    struct celeriac_worker *worker;
    struct celeriac_client *client;
    pthread_t thread;
    enum celeriac_err code;
};

static void *run_worker(void *argument)
{
    struct running *r = argument;
    r->code = celeriac_worker_run(r->worker, NULL);
    return NULL;
}

static void start(struct running *r, struct fixture *f)
{
    static const struct celeriac_task_options tasks[] = {
        {.name = "t.late", .run = note, .acks_late = true}, {.name = "t.early", .run = note}};
    struct celeriac_worker_options options = {.broker_url = redis_server_url(f->server),
                                              .concurrency = CONCURRENCY};
    struct celeriac_client_options client = {.broker_url = options.broker_url};
    *r = (struct running){.f = f};
    for (int i = 0; i < TASKS_MAX; i++)
        atomic_store(&executions[i], 0);
    assert_ok(celeriac_client_create(&client, &r->client, NULL));
    assert_ok(celeriac_worker_create(&options, &r->worker, NULL));
    for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++)
        assert_ok(celeriac_worker_register(r->worker, &tasks[i], NULL));
    assert_int_equal(pthread_create(&r->thread, NULL, run_worker, r), 0);
}

static void stop(struct running *r)
{
    celeriac_worker_stop(r->worker, CELERIAC_STOP_WARM);
    assert_int_equal(pthread_join(r->thread, NULL), 0);
    assert_ok(r->code);
    celeriac_worker_destroy(r->worker);
    celeriac_client_destroy(r->client);
}

/* Sends tasks with the numbers from first on. */
static void send_tasks(struct running *r, const char *name, int first, int count)
{
    static char args[SEND_CHUNK][32];
    static struct celeriac_send sends[SEND_CHUNK];
    static char ids[SEND_CHUNK][CELERIAC_TASK_ID_SIZE];
    for (int done = 0; done < count; done += SEND_CHUNK) {
        int chunk = count - done < SEND_CHUNK ? count - done : SEND_CHUNK;
        for (int i = 0; i < chunk; i++) {
            (void)snprintf(args[i], sizeof args[i], "[%d]", first + done + i);
            sends[i] = (struct celeriac_send){.task = name, .args_json = args[i]};
        }
        assert_ok(celeriac_client_send(r->client, sends, (size_t)chunk, ids, NULL));
    }
}

static int64_t left_over(struct fixture *f)
{
    return RUN_INT(f, "LLEN", "celery") + RUN_INT(f, "HLEN", "unacked") +
           RUN_INT(f, "ZCARD", "unacked_index");
}

/* Waits until nothing is queued or held. */
static void await_nothing_left(struct fixture *f)
{
    int64_t deadline = clock_monotonic_ns() + WAIT_NS;
    while (left_over(f) > 0) {
        if (clock_monotonic_ns() > deadline)
            fail_msg("%lld queued, %lld held, %lld in the index",
                     (long long)RUN_INT(f, "LLEN", "celery"),
                     (long long)RUN_INT(f, "HLEN", "unacked"),
                     (long long)RUN_INT(f, "ZCARD", "unacked_index"));
        (void)usleep(5000);
    }
}

/* How often tasks were executed too often; fails if one was not executed. */
static int count_repeats(int count)
{
    int repeats = 0;
    for (int i = 0; i < count; i++) {
        int n = atomic_load(&executions[i]);
        if (n == 0)
            fail_msg("task %d of %d was never executed", i, count);
        repeats += n - 1;
    }
    return repeats;
}

/* What peers do to a worker that they take for dead, in one go. */
static void bury(struct fixture *f)
{
    (void)run(f, "EVAL",
              "for _, id in ipairs(redis.call('HKEYS', KEYS[1])) do if id ~= '' then "
              "  local own = 'celeriac.own.' .. id "
              "  for _, tag in ipairs(redis.call('HKEYS', own)) do if tag ~= '' then "
              "    local entry = redis.call('HGET', 'unacked', tag) "
              "    redis.call('RPUSH', 'celery', entry:match('^%[(.*), \"\", \"celery\"%]$')) "
              "    redis.call('HDEL', 'unacked', tag) "
              "    redis.call('ZREM', 'unacked_index', tag) end end "
              "  redis.call('DEL', own, 'celeriac.claim.' .. id) "
              "  redis.call('HDEL', KEYS[1], id) end end return 1",
              "1", "celeriac.workers", NULL);
    assert_false(cel_reply_is_error(cel_pipeline_reply(&f->pipeline, 0)));
}

static void a_buried_worker_starts_anew(void **state)
{
    struct fixture *f = *state;
    struct running r;
    start(&r, f);
    for (int round = 0; round < 10; round++) {
        send_tasks(&r, "t.late", round * 200, 200);
        (void)usleep(10000);
        bury(f);
        await_nothing_left(f);
    }
    print_message("%d executions too many\n", count_repeats(2000));
    stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_buried_worker_starts_anew, fixture_clear),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
