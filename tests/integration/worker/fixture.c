#include "tests/integration/worker/fixture.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "celery_proto/redis/broker_url.h"
#include "tests/support/sample_tasks.h"

#define POLL_NS 2000000 /* between two looks at what is waited for */

/* ---- tasks --------------------------------------------------------------------------------- */

atomic_int executions;
atomic_int highest_retries;
sem_t gate;
sem_t entered;

/* Fails until it was retried twice. */
static void flaky(struct celeriac_task *task, void *user)
{
    (void)user;
    atomic_fetch_add(&executions, 1);
    if (celeriac_task_retries(task) < 2)
        celeriac_task_retry(task, 0, &(struct celeriac_exception){.type = "OSError"});
    else
        celeriac_task_return_int(task, celeriac_task_retries(task));
}

static void never_right(struct celeriac_task *task, void *user)
{
    (void)user;
    atomic_fetch_add(&executions, 1);
    celeriac_task_retry(task, 0, NULL);
}

static void block(struct celeriac_task *task, void *user)
{
    (void)user;
    sem_post(&entered);
    sem_wait(&gate);
    celeriac_task_return_text(task, "done");
}

/* Twice not now, then a result. */
static void hesitant(struct celeriac_task *task, void *user)
{
    int n = atomic_fetch_add(&executions, 1);

    (void)user;
    if ((int)celeriac_task_retries(task) > atomic_load(&highest_retries))
        atomic_store(&highest_retries, (int)celeriac_task_retries(task));
    if (n < 2)
        celeriac_task_postpone(task, 0.01);
    else
        celeriac_task_return_int(task, n);
}

/* Until its soft limit, then it cleans up. */
static void careful(struct celeriac_task *task, void *user)
{
    (void)user;
    while (!celeriac_task_soft_limit_exceeded(task))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    celeriac_task_return_text(task, "cleaned up");
}

/* Reads its arguments also when its time is over. */
static void overdue(struct celeriac_task *task, void *user)
{
    struct celeriac_bytes text;

    (void)user;
    sem_post(&entered);
    sem_wait(&gate);
    if (celeriac_task_arg_text(task, 0, "text", &text) == CELERIAC_OK)
        celeriac_task_return_text(task, text.ptr);
    sem_post(&entered);
}

static const struct celeriac_task_options tasks[] = {
    {.name = "t.add", .run = sample_add},
    {.name = "t.first", .run = sample_identity},
    {.name = "t.careful", .run = careful, .soft_time_limit = 0.05, .time_limit = 100},
    {.name = "t.overdue", .run = overdue, .time_limit = 0.1},
    {.name = "t.overdue_late", .run = overdue, .acks_late = true},
    {.name = "t.hourly", .run = sample_add, .rate_limit = "1/h"},
    {.name = "t.boom", .run = sample_boom},
    {.name = "t.flaky", .run = flaky},
    {.name = "t.flaky_late", .run = flaky, .acks_late = true},
    {.name = "t.never_right", .run = never_right, .max_retries = 1},
    {.name = "t.block", .run = block},
    {.name = "t.block_late", .run = block, .acks_late = true, .track_started = true},
    {.name = "t.hesitant", .run = hesitant, .acks_late = true},
    {.name = "t.hesitant_early", .run = hesitant},
};

/* ---- a worker in a thread ------------------------------------------------------------------ */

static void *run_worker(void *argument)
{
    struct running *r = argument;

    r->code = celeriac_worker_run(r->worker, NULL);
    return NULL;
}

void worker_start_with(struct running *r, const struct celeriac_worker_options *options)
{
    assert_int_equal(celeriac_worker_create(options, &r->worker, NULL), CELERIAC_OK);
    for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++)
        assert_int_equal(celeriac_worker_register(r->worker, &tasks[i], NULL), CELERIAC_OK);
    assert_int_equal(pthread_create(&r->thread, NULL, run_worker, r), 0);
    r->started = true;
}

void worker_start(struct running *r, unsigned concurrency, unsigned prefetch_multiplier)
{
    struct celeriac_worker_options options = {
        .broker_url = getenv("REDIS_URL"),
        .concurrency = concurrency,
        .prefetch_multiplier = prefetch_multiplier,
    };

    worker_start_with(r, &options);
}

void worker_stop(struct running *r)
{
    celeriac_worker_stop(r->worker, CELERIAC_STOP_WARM);
    assert_int_equal(pthread_join(r->thread, NULL), 0);
    r->started = false;
    assert_int_equal(r->code, CELERIAC_OK);
    celeriac_worker_destroy(r->worker);
}

/* ---- Redis from outside -------------------------------------------------------------------- */

int64_t redis_int(struct running *r, const char *command, const char *key)
{
    struct cel_pipeline p;
    int64_t n;

    cel_pipeline_init(&p);
    if (key)
        CEL_COMMAND(&p, span_of(command), span_of(key));
    else
        CEL_COMMAND(&p, span_of(command));
    assert_int_equal(cel_pipeline_run(&p, r->conn, NULL), CELERIAC_OK);
    n = cel_reply_int(cel_pipeline_reply(&p, 0));
    cel_pipeline_close(&p);
    return n;
}

void await_size(struct running *r, const char *command, const char *key, int64_t wanted)
{
    int64_t deadline = clock_monotonic_ns() + WAIT_MS * NS_PER_MS;
    int64_t found = redis_int(r, command, key);

    while (found != wanted && clock_monotonic_ns() < deadline) {
        nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
        found = redis_int(r, command, key);
    }
    assert_int_equal(found, wanted);
}

/* ---- the worker from outside --------------------------------------------------------------- */

static uint64_t read_stat(const struct running *r,
                          uint64_t (*get)(const struct celeriac_worker_stats *stats))
{
    struct celeriac_worker_stats stats;

    celeriac_worker_get_stats(r->worker, &stats);
    return get(&stats);
}

void await_stat(struct running *r, uint64_t (*get)(const struct celeriac_worker_stats *stats),
                uint64_t wanted)
{
    int64_t deadline = clock_monotonic_ns() + WAIT_MS * NS_PER_MS;
    uint64_t found = read_stat(r, get);

    while (found != wanted && clock_monotonic_ns() < deadline) {
        nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
        found = read_stat(r, get);
    }
    assert_int_equal(found, wanted);
}

void send_task(struct running *r, struct celeriac_send send, char *id)
{
    char ids[1][CELERIAC_TASK_ID_SIZE];

    assert_int_equal(celeriac_client_send(r->client, &send, 1, ids, NULL), CELERIAC_OK);
    memcpy(id, ids[0], CELERIAC_TASK_ID_SIZE);
}

void expect_result(struct running *r, const char *id, enum celeriac_state state, const char *json)
{
    struct celeriac_result result = {0};

    assert_int_equal(celeriac_client_wait(r->client, id, WAIT_MS, &result, NULL), CELERIAC_OK);
    assert_int_equal(result.state, state);
    if (json)
        assert_string_equal(result.result_json, json);
    celeriac_result_close(&result);
}

/* ---- set-up ---------------------------------------------------------------------------------- */

int worker_set_up(void **state)
{
    struct running *r = mem_calloc(1, sizeof *r);
    struct celeriac_client_options client = {.broker_url = getenv("REDIS_URL")};
    struct cel_conn_options conn = {0};

    assert_non_null(r);
    assert_non_null(client.broker_url);
    assert_int_equal(celeriac_client_create(&client, &r->client, NULL), CELERIAC_OK);
    assert_int_equal(
        cel_broker_url_parse(span_of(client.broker_url), CEL_URL_BROKER, &r->url, NULL),
        CELERIAC_OK);
    conn.url = r->url;
    assert_int_equal(cel_conn_create(&conn, &r->conn, NULL), CELERIAC_OK);
    redis_int(r, "FLUSHALL", NULL);
    atomic_store(&executions, 0);
    atomic_store(&highest_retries, 0);
    sem_init(&gate, 0, 0);
    sem_init(&entered, 0, 0);
    *state = r;
    return 0;
}

int worker_tear_down(void **state)
{
    struct running *r = *state;

    if (r->started)
        worker_stop(r);
    cel_conn_destroy(r->conn);
    cel_broker_url_destroy(r->url);
    celeriac_client_destroy(r->client);
    sem_destroy(&gate);
    sem_destroy(&entered);
    mem_free(r);
    return 0;
}
