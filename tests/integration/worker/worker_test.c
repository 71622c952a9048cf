/*
 * The worker against a real Redis: what is claimed, executed, retried, postponed, left, quarantined
 * and returned. The address is in REDIS_URL, see tests/services.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "celeriac/client.h"
#include "celeriac/signature.h"
#include "celeriac/worker.h"
#include "celery_proto/redis/broker_url.h"
#include "celery_proto/redis/pipeline.h"

#define WAIT_MS                                                                       \
    20000 /* far beyond what anything here takes; only a failing test waits that long \
           */

/* ---- tasks --------------------------------------------------------------------------------- */

static atomic_int executions;
static atomic_int highest_retries;
static sem_t gate;    /* the blocking task waits here */
static sem_t entered; /* posted when it has begun */

static void add(struct celeriac_task *task, void *user)
{
    int64_t x;
    int64_t y;

    (void)user;
    if (celeriac_task_arg_int(task, 0, "x", &x) || celeriac_task_arg_int(task, 1, "y", &y))
        return;
    celeriac_task_return_int(task, x + y);
}

static void boom(struct celeriac_task *task, void *user)
{
    (void)user;
    celeriac_task_fail(task,
                       &(struct celeriac_exception){.type = "ValueError", .message = "kaboom"});
}

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

/* Returns its first argument. */
static void first(struct celeriac_task *task, void *user)
{
    struct celeriac_bytes json;

    (void)user;
    if (celeriac_task_arg_json(task, 0, "x", &json) == CELERIAC_OK)
        celeriac_task_return_json(task, json.ptr, json.len);
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

/* ---- a worker in a thread ------------------------------------------------------------------ */

struct running {
    struct celeriac_worker *worker;
    struct celeriac_client *client;
    struct cel_broker_url *url;
    struct cel_conn *conn;
    pthread_t thread;
    bool started;
    enum celeriac_err code;
};

static const struct celeriac_task_options tasks[] = {
    {.name = "t.add", .run = add},
    {.name = "t.first", .run = first},
    {.name = "t.careful", .run = careful, .soft_time_limit = 0.05, .time_limit = 100},
    {.name = "t.overdue", .run = overdue, .time_limit = 0.1},
    {.name = "t.overdue_late", .run = overdue, .acks_late = true},
    {.name = "t.hourly", .run = add, .rate_limit = "1/h"},
    {.name = "t.boom", .run = boom},
    {.name = "t.flaky", .run = flaky},
    {.name = "t.flaky_late", .run = flaky, .acks_late = true},
    {.name = "t.never_right", .run = never_right, .max_retries = 1},
    {.name = "t.block", .run = block},
    {.name = "t.block_late", .run = block, .acks_late = true, .track_started = true},
    {.name = "t.hesitant", .run = hesitant, .acks_late = true},
    {.name = "t.hesitant_early", .run = hesitant},
};

static void *run_worker(void *argument)
{
    struct running *r = argument;

    r->code = celeriac_worker_run(r->worker, NULL);
    return NULL;
}

static struct celeriac_worker *make_worker_with(const struct celeriac_worker_options *options)
{
    struct celeriac_worker *worker = NULL;

    assert_int_equal(celeriac_worker_create(options, &worker, NULL), CELERIAC_OK);
    for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++)
        assert_int_equal(celeriac_worker_register(worker, &tasks[i], NULL), CELERIAC_OK);
    return worker;
}

static struct celeriac_worker *make_worker(unsigned concurrency, unsigned multiplier)
{
    struct celeriac_worker_options options = {
        .broker_url = getenv("REDIS_URL"),
        .concurrency = concurrency,
        .prefetch_multiplier = multiplier,
    };

    return make_worker_with(&options);
}

static void start(struct running *r, unsigned concurrency, unsigned multiplier)
{
    r->worker = make_worker(concurrency, multiplier);
    assert_int_equal(pthread_create(&r->thread, NULL, run_worker, r), 0);
    r->started = true;
}

static void stop(struct running *r)
{
    celeriac_worker_stop(r->worker, CELERIAC_STOP_WARM);
    pthread_join(r->thread, NULL);
    assert_int_equal(r->code, CELERIAC_OK);
    celeriac_worker_destroy(r->worker);
    r->started = false;
}

/* ---- Redis from outside -------------------------------------------------------------------- */

static int64_t redis_int(struct running *r, const char *command, const char *key)
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

static void redis_push(struct running *r, const char *key, const char *text)
{
    struct cel_pipeline p;

    cel_pipeline_init(&p);
    CEL_COMMAND(&p, SPAN("LPUSH"), span_of(key), span_of(text));
    assert_int_equal(cel_pipeline_run(&p, r->conn, NULL), CELERIAC_OK);
    cel_pipeline_close(&p);
}

/* Waits until a key's size is what it should be. */
static void await(struct running *r, const char *command, const char *key, int64_t wanted)
{
    int64_t deadline = clock_monotonic_ns() + WAIT_MS * NS_PER_MS;
    int64_t found = redis_int(r, command, key);

    while (found != wanted && clock_monotonic_ns() < deadline) {
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
        found = redis_int(r, command, key);
    }
    assert_int_equal(found, wanted);
}

static void send_task(struct running *r, struct celeriac_send send, char *id)
{
    char ids[1][CELERIAC_TASK_ID_SIZE];

    assert_int_equal(celeriac_client_send(r->client, &send, 1, ids, NULL), CELERIAC_OK);
    memcpy(id, ids[0], CELERIAC_TASK_ID_SIZE);
}

static void expect_result(struct running *r, const char *id, enum celeriac_state state,
                          const char *json)
{
    struct celeriac_result result = {0};

    assert_int_equal(celeriac_client_wait(r->client, id, WAIT_MS, &result, NULL), CELERIAC_OK);
    assert_int_equal(result.state, state);
    if (json)
        assert_string_equal(result.result_json, json);
    celeriac_result_close(&result);
}

static int set_up(void **state)
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

static int tear_down(void **state)
{
    struct running *r = *state;

    if (r->started)
        stop(r);
    cel_conn_destroy(r->conn);
    cel_broker_url_destroy(r->url);
    celeriac_client_destroy(r->client);
    sem_destroy(&gate);
    sem_destroy(&entered);
    mem_free(r);
    return 0;
}

/* ---- tests --------------------------------------------------------------------------------- */

static void executes_and_answers(void **state)
{
    struct running *r = *state;
    char id[CELERIAC_TASK_ID_SIZE];

    start(r, 2, 4);
    send_task(r, (struct celeriac_send){.task = "t.add", .args_json = "[2, 3]"}, id);
    expect_result(r, id, CELERIAC_SUCCESS, "5");
    send_task(r, (struct celeriac_send){.task = "t.add", .kwargs_json = "{\"x\": 2, \"y\": 40}"},
              id);
    expect_result(r, id, CELERIAC_SUCCESS, "42");
    send_task(r, (struct celeriac_send){.task = "t.add", .args_json = "[2]"}, id);
    expect_result(r, id, CELERIAC_FAILURE,
                  "{\"exc_type\": \"TypeError\", \"exc_message\": [\"missing required argument: y "
                  "(position 2)\"], \"exc_module\": \"builtins\"}");
    await(r, "HLEN", "unacked", 0);
    await(r, "ZCARD", "unacked_index", 0);
    stop(r);
    assert_int_equal(redis_int(r, "LLEN", "celery"), 0);
}

static void a_thousand_of_all_priorities(void **state)
{
    enum { COUNT = 1000 };
    static struct celeriac_send sends[COUNT];
    static char ids[COUNT][CELERIAC_TASK_ID_SIZE];
    struct running *r = *state;
    struct celeriac_worker_stats stats;

    for (int i = 0; i < COUNT; i++)
        sends[i] = (struct celeriac_send){
            .task = "t.add", .args_json = "[1, 1]", .priority = i % 10, .ignore_result = i % 2};
    assert_int_equal(celeriac_client_send(r->client, sends, COUNT, ids, NULL), CELERIAC_OK);
    start(r, 4, 4);
    for (int i = 0; i < COUNT; i += 2)
        expect_result(r, ids[i], CELERIAC_SUCCESS, "2");
    await(r, "HLEN", "unacked", 0);
    for (int i = 1; i < COUNT; i += 100) {
        struct celeriac_result result = {0};

        assert_int_equal(celeriac_client_get(r->client, ids[i], &result, NULL), CELERIAC_OK);
        assert_int_equal(result.state, CELERIAC_PENDING);
        celeriac_result_close(&result);
    }
    celeriac_worker_get_stats(r->worker, &stats);
    assert_int_equal(stats.received, COUNT);
}

static void await_threads(struct running *r, unsigned wanted)
{
    int64_t deadline = clock_monotonic_ns() + WAIT_MS * NS_PER_MS;
    struct celeriac_worker_stats stats;

    celeriac_worker_get_stats(r->worker, &stats);
    while (stats.threads != wanted && clock_monotonic_ns() < deadline) {
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
        celeriac_worker_get_stats(r->worker, &stats);
    }
    assert_int_equal(stats.threads, wanted);
}

/* Blocking tasks need a thread each; when they are done the surplus goes. */
static void threads_follow_the_load(void **state)
{
    enum { COUNT = 5, MAX = 4 };
    struct running *r = *state;
    struct celeriac_worker_options options = {
        .broker_url = getenv("REDIS_URL"), .autoscale_max = MAX, .autoscale_keepalive = 0.001};
    char ids[COUNT][CELERIAC_TASK_ID_SIZE];

    r->worker = make_worker_with(&options);
    assert_int_equal(pthread_create(&r->thread, NULL, run_worker, r), 0);
    r->started = true;
    for (int i = 0; i < COUNT; i++)
        send_task(r, (struct celeriac_send){.task = "t.block"}, ids[i]);
    for (int i = 0; i < MAX; i++)
        sem_wait(&entered);
    await_threads(r, MAX);
    for (int i = 0; i < COUNT; i++)
        sem_post(&gate);
    for (int i = 0; i < COUNT; i++)
        expect_result(r, ids[i], CELERIAC_SUCCESS, "\"done\"");
    await_threads(r, 1);
}

static void checklist_55_retries_count_in_the_message(void **state)
{
    struct running *r = *state;
    char id[CELERIAC_TASK_ID_SIZE];

    start(r, 2, 4);
    send_task(r, (struct celeriac_send){.task = "t.flaky"}, id);
    expect_result(r, id, CELERIAC_SUCCESS, "2");
    assert_int_equal(atomic_load(&executions), 3);
    send_task(r, (struct celeriac_send){.task = "t.flaky_late"}, id);
    expect_result(r, id, CELERIAC_SUCCESS, "2");
    assert_int_equal(atomic_load(&executions), 6);
    await(r, "HLEN", "unacked", 0);
}

static void checklist_51_retries_end(void **state)
{
    struct running *r = *state;
    struct celeriac_result result = {0};
    char id[CELERIAC_TASK_ID_SIZE];

    start(r, 1, 4);
    send_task(r, (struct celeriac_send){.task = "t.never_right"}, id);
    assert_int_equal(celeriac_client_wait(r->client, id, WAIT_MS, &result, NULL), CELERIAC_OK);
    assert_int_equal(result.state, CELERIAC_FAILURE);
    assert_string_equal(result.exception_type, "MaxRetriesExceededError");
    assert_int_equal(atomic_load(&executions), 2);
    celeriac_result_close(&result);
}

static void checklist_48_when_it_is_acknowledged(void **state)
{
    struct running *r = *state;
    char early[CELERIAC_TASK_ID_SIZE];
    char late[CELERIAC_TASK_ID_SIZE];
    struct celeriac_result result = {0};

    start(r, 1, 4);
    send_task(r, (struct celeriac_send){.task = "t.block"}, early);
    send_task(r, (struct celeriac_send){.task = "t.block_late"}, late);
    sem_wait(&entered);
    /* The first runs and is acknowledged; the second is held. */
    await(r, "LLEN", "celery", 0);
    await(r, "HLEN", "unacked", 1);
    sem_post(&gate);
    expect_result(r, early, CELERIAC_SUCCESS, "\"done\"");
    sem_wait(&entered);
    /* The second runs and is still held. */
    assert_int_equal(redis_int(r, "HLEN", "unacked"), 1);
    assert_int_equal(redis_int(r, "ZCARD", "unacked_index"), 1);
    do {
        celeriac_result_close(&result);
        assert_int_equal(celeriac_client_get(r->client, late, &result, NULL), CELERIAC_OK);
    } while (result.state == CELERIAC_PENDING);
    assert_int_equal(result.state, CELERIAC_STARTED);
    celeriac_result_close(&result);
    sem_post(&gate);
    expect_result(r, late, CELERIAC_SUCCESS, "\"done\"");
    await(r, "HLEN", "unacked", 0);
}

static void eta_waits_and_expired_is_revoked(void **state)
{
    struct running *r = *state;
    char id[CELERIAC_TASK_ID_SIZE];
    int64_t began;

    start(r, 1, 1);
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
    await(r, "HLEN", "unacked", 0);
}

static void checklist_30_waiting_does_not_block_the_window(void **state)
{
    struct running *r = *state;
    char id[CELERIAC_TASK_ID_SIZE];

    start(r, 1, 1);
    for (int i = 0; i < 50; i++)
        send_task(r, (struct celeriac_send){.task = "t.add", .countdown_ms = 3600 * 1000}, id);
    send_task(r, (struct celeriac_send){.task = "t.add", .args_json = "[1, 2]"}, id);
    expect_result(r, id, CELERIAC_SUCCESS, "3");
    await(r, "HLEN", "unacked", 50);
    stop(r);
    /* They go back to their queue, not one lost. */
    assert_int_equal(redis_int(r, "LLEN", "celery"), 50);
    assert_int_equal(redis_int(r, "HLEN", "unacked"), 0);
}

/* What others do with the only message that the worker holds. False if that came too late. */
static bool steal_the_only_message(struct running *r, bool give_to_peer, int64_t until_us)
{
    struct cel_pipeline p;
    struct cel_pipeline q;
    const struct redisReply *keys;
    char score[32];

    /* A peer's claim of this moment; an old one would be restored as forgotten. */
    (void)snprintf(score, sizeof score, "%lld.5", (long long)(clock_wall_us() / 1000000));
    cel_pipeline_init(&p);
    CEL_COMMAND(&p, SPAN("HKEYS"), SPAN("unacked"));
    do {
        assert_int_equal(cel_pipeline_run(&p, r->conn, NULL), CELERIAC_OK);
        keys = cel_pipeline_reply(&p, 0);
    } while (cel_reply_count(keys) == 0 && clock_wall_us() < until_us);
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
    struct celeriac_worker_stats stats;
    int64_t countdown_ms = 400;

    for (int taken = 0; taken < 2;) {
        int64_t due_us = clock_wall_us() + countdown_ms * 1000;
        bool in_time;

        redis_int(r, "FLUSHALL", NULL);
        start(r, 1, 1);
        send_task(r, (struct celeriac_send){.task = "t.flaky", .countdown_ms = countdown_ms}, id);
        in_time = steal_the_only_message(r, taken == 1, due_us);
        do {
            nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
            celeriac_worker_get_stats(r->worker, &stats);
        } while (stats.waiting > 0);
        send_task(r, (struct celeriac_send){.task = "t.add", .args_json = "[1, 2]"}, id);
        expect_result(r, id, CELERIAC_SUCCESS, "3");
        if (in_time)
            assert_int_equal(atomic_load(&executions), 0);
        stop(r);
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
    start(r, 4, 4);
    for (int i = 0; i < COUNT; i++)
        expect_result(r, ids[i], CELERIAC_SUCCESS, "2");
    await(r, "HLEN", "unacked", 0);
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

    r->worker = make_worker_with(&options);
    for (int i = 0; i < 3; i++)
        send_task(r, (struct celeriac_send){.task = "t.add", .countdown_ms = 3600 * 1000}, id);
    assert_int_equal(pthread_create(&r->thread, NULL, run_worker, r), 0);
    r->started = true;
    await(r, "HLEN", "unacked", 3);
    send_task(r, (struct celeriac_send){.task = "t.add", .args_json = "[1, 2]"}, id);
    nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    assert_int_equal(redis_int(r, "LLEN", "celery"), 1);
    assert_int_equal(redis_int(r, "HLEN", "unacked"), 3);
}

static struct celeriac_signature *signature_of(const char *task, const char *args)
{
    struct celeriac_signature *signature = NULL;

    assert_int_equal(
        celeriac_signature_create(&(struct celeriac_send){.task = task, .args_json = args}, false,
                                  &signature, NULL),
        CELERIAC_OK);
    return signature;
}

static void checklist_14_canvases_are_built_and_sent_in_c(void **state)
{
    struct running *r = *state;
    struct celeriac_signature *steps[2] = {signature_of("t.add", "[1, 2]"),
                                           signature_of("t.add", "[10]")};
    struct celeriac_signature *header[2] = {NULL, signature_of("t.add", "[20, 30]")};
    struct celeriac_signature *body = signature_of("t.first", NULL);
    struct celeriac_signature *chord = NULL;
    char id[CELERIAC_TASK_ID_SIZE];

    start(r, 2, 4);
    assert_int_equal(celeriac_signature_chain(steps, 2, &header[0], NULL), CELERIAC_OK);
    assert_int_equal(celeriac_client_apply(r->client, header[0], id, NULL), CELERIAC_OK);
    expect_result(r, id, CELERIAC_SUCCESS, "13");
    assert_int_equal(celeriac_signature_chord(header, 2, body, &chord, NULL), CELERIAC_OK);
    assert_int_equal(celeriac_client_apply(r->client, chord, id, NULL), CELERIAC_OK);
    expect_result(r, id, CELERIAC_SUCCESS, "[13, 50]");
    await(r, "HLEN", "unacked", 0);
    celeriac_signature_destroy(chord);
    celeriac_signature_destroy(body);
    for (int i = 0; i < 2; i++) {
        celeriac_signature_destroy(steps[i]);
        celeriac_signature_destroy(header[i]);
    }
}

static void checklist_58_a_soft_limit_lets_the_task_clean_up(void **state)
{
    struct running *r = *state;
    char id[CELERIAC_TASK_ID_SIZE];

    start(r, 1, 4);
    send_task(r, (struct celeriac_send){.task = "t.careful"}, id);
    expect_result(r, id, CELERIAC_SUCCESS, "\"cleaned up\"");
}

#define TIMED_OUT                                                                    \
    "{\"exc_type\": \"TimeLimitExceeded\", \"exc_message\": [0.1], \"exc_module\": " \
    "\"billiard.exceptions\"}"

static void checklist_58_a_hard_limit_fails_the_task_and_replaces_its_thread(void **state)
{
    struct running *r = *state;
    char id[CELERIAC_TASK_ID_SIZE];
    struct celeriac_worker_stats stats;

    start(r, 1, 4);
    for (int i = 0; i < 3; i++) {
        struct celeriac_send send = {.task = i == 2 ? "t.overdue_late" : "t.overdue",
                                     .args_json = "[\"too late\"]",
                                     .time_limit = i == 2 ? 0.1 : 0};

        send_task(r, send, id);
        sem_wait(&entered);
        expect_result(r, id, CELERIAC_FAILURE, TIMED_OUT);
    }
    await(r, "HLEN", "unacked", 0);
    /* The only thread is lost three times over, and yet tasks run. */
    send_task(r, (struct celeriac_send){.task = "t.add", .args_json = "[1, 2]"}, id);
    expect_result(r, id, CELERIAC_SUCCESS, "3");
    celeriac_worker_get_stats(r->worker, &stats);
    assert_int_equal(stats.active, 0);
    assert_int_equal(stats.failed, 3);
    for (int i = 0; i < 3; i++)
        sem_post(&gate);
    for (int i = 0; i < 3; i++)
        sem_wait(&entered);
    /* What they said afterwards counts no more. */
    send_task(r, (struct celeriac_send){.task = "t.add", .args_json = "[1, 2]"}, id);
    expect_result(r, id, CELERIAC_SUCCESS, "3");
    celeriac_worker_get_stats(r->worker, &stats);
    assert_int_equal(stats.succeeded, 2);
    /* Their threads have time to end, so that the stop finds none that is lost. */
    nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    stop(r);
}

static void checklist_60_starts_no_more_than_its_rate(void **state)
{
    struct running *r = *state;
    char first[CELERIAC_TASK_ID_SIZE];
    char id[CELERIAC_TASK_ID_SIZE];

    start(r, 4, 4);
    send_task(r, (struct celeriac_send){.task = "t.hourly", .args_json = "[1, 1]"}, first);
    for (int i = 0; i < 3; i++)
        send_task(r, (struct celeriac_send){.task = "t.hourly", .args_json = "[1, 1]"}, id);
    expect_result(r, first, CELERIAC_SUCCESS, "2");
    /* The others wait, held, and in nobody's way. */
    send_task(r, (struct celeriac_send){.task = "t.add", .args_json = "[1, 2]"}, id);
    expect_result(r, id, CELERIAC_SUCCESS, "3");
    await(r, "HLEN", "unacked", 3);
    stop(r);
    assert_int_equal(redis_int(r, "LLEN", "celery"), 3);
    assert_int_equal(redis_int(r, "HLEN", "unacked"), 0);
}

static void revoked_ids_survive_a_restart(void **state)
{
    char path[] = "/tmp/celeriac-statedb-XXXXXX";
    char key[sizeof "celery-task-meta-" + CELERIAC_TASK_ID_SIZE];
    struct running *r = *state;
    char id[CELERIAC_TASK_ID_SIZE];
    struct celeriac_worker_options options = {
        .broker_url = getenv("REDIS_URL"), .concurrency = 1, .state_db = path};
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    send_task(r, (struct celeriac_send){.task = "t.flaky", .expires_us = clock_wall_us() - 1}, id);
    /* A task that has expired counts as revoked from then on, whoever sends its id again. */
    assert_int_equal(close(fd), 0);
    assert_int_equal(unlink(path), 0);
    r->worker = make_worker_with(&options);
    assert_int_equal(pthread_create(&r->thread, NULL, run_worker, r), 0);
    r->started = true;
    expect_result(r, id, CELERIAC_REVOKED,
                  "{\"exc_type\": \"TaskRevokedError\", \"exc_message\": [\"expired\"], "
                  "\"exc_module\": \"celery.exceptions\"}");
    stop(r);
    /* The first verdict must not be mistaken for the second, which may come after the ack. */
    (void)snprintf(key, sizeof key, "celery-task-meta-%s", id);
    assert_int_equal(redis_int(r, "DEL", key), 1);
    r->worker = make_worker_with(&options);
    assert_int_equal(pthread_create(&r->thread, NULL, run_worker, r), 0);
    r->started = true;
    assert_int_equal(celeriac_client_send(r->client,
                                          &(struct celeriac_send){.task = "t.flaky", .id = id}, 1,
                                          NULL, NULL),
                     CELERIAC_OK);
    await(r, "LLEN", "celery", 0);
    await(r, "HLEN", "unacked", 0);
    expect_result(r, id, CELERIAC_REVOKED,
                  "{\"exc_type\": \"TaskRevokedError\", \"exc_message\": [\"revoked\"], "
                  "\"exc_module\": \"celery.exceptions\"}");
    assert_int_equal(atomic_load(&executions), 0);
    assert_int_equal(unlink(path), 0);
}

static void postponing_spends_no_retry(void **state)
{
    struct running *r = *state;
    char id[CELERIAC_TASK_ID_SIZE];

    start(r, 1, 1);
    send_task(r, (struct celeriac_send){.task = "t.hesitant"}, id);
    expect_result(r, id, CELERIAC_SUCCESS, "2");
    assert_int_equal(atomic_load(&highest_retries), 0);
    await(r, "HLEN", "unacked", 0);
    atomic_store(&executions, 0);
    send_task(r, (struct celeriac_send){.task = "t.hesitant_early"}, id);
    expect_result(r, id, CELERIAC_SUCCESS, "2");
    assert_int_equal(atomic_load(&highest_retries), 0);
    await(r, "HLEN", "unacked", 0);
}

static void strays_stay_and_nobody_waits_for_them(void **state)
{
    struct running *r = *state;
    char id[CELERIAC_TASK_ID_SIZE];

    for (int i = 0; i < 300; i++)
        send_task(r, (struct celeriac_send){.task = "python.only"}, id);
    send_task(r, (struct celeriac_send){.task = "t.add", .args_json = "[1, 2]"}, id);
    start(r, 2, 4);
    expect_result(r, id, CELERIAC_SUCCESS, "3");
    await(r, "LLEN", "celery", 300);
    await(r, "HLEN", "unacked", 0);
}

static void checklist_43_what_nobody_can_read_is_kept_aside(void **state)
{
    static const char *const bad[] = {
        "not json at all",
        "{}",
        "{\"body\": \"e30=\", \"properties\": {}}",
        "{\"body\": \"W10=\", \"content-type\": \"application/json\", \"headers\": {\"task\": "
        "\"t.add\", \"id\": \"i\"}, \"properties\": {\"delivery_tag\": \"d1\", \"body_encoding\": "
        "\"base64\", \"delivery_info\": {\"exchange\": \"\", \"routing_key\": \"celery\"}}}",
        "{\"body\": \"W1tdLCB7fSwge31d\", \"content-type\": \"application/json\", \"headers\": "
        "{\"task\": \"t.add\"}, \"properties\": {\"delivery_tag\": \"d2\", \"body_encoding\": "
        "\"base64\", \"delivery_info\": {\"exchange\": \"\", \"routing_key\": \"celery\"}}}",
    };
    int64_t count = sizeof bad / sizeof bad[0];
    struct running *r = *state;
    char id[CELERIAC_TASK_ID_SIZE];

    start(r, 1, 4);
    for (int64_t i = 0; i < count; i++)
        redis_push(r, "celery", bad[i]);
    send_task(r, (struct celeriac_send){.task = "t.add", .args_json = "[1, 2]"}, id);
    expect_result(r, id, CELERIAC_SUCCESS, "3");
    await(r, "LLEN", "celeriac.quarantine", count);
    await(r, "HLEN", "unacked", 0);
    assert_int_equal(redis_int(r, "LLEN", "celery"), 0);
}

static void checklist_92_a_warm_stop_finishes_and_returns(void **state)
{
    struct running *r = *state;
    char running[CELERIAC_TASK_ID_SIZE];
    char id[CELERIAC_TASK_ID_SIZE];
    char order[3][CELERIAC_TASK_ID_SIZE];

    start(r, 1, 4);
    send_task(r, (struct celeriac_send){.task = "t.block_late"}, running);
    sem_wait(&entered);
    for (int i = 0; i < 3; i++)
        send_task(r, (struct celeriac_send){.task = "t.add", .args_json = "[1, 1]"}, order[i]);
    await(r, "HLEN", "unacked", 4);
    celeriac_worker_stop(r->worker, CELERIAC_STOP_WARM);
    /* What came after the stop stays behind what is returned. */
    send_task(r, (struct celeriac_send){.task = "t.add", .args_json = "[9, 9]"}, id);
    sem_post(&gate);
    stop(r);
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
    start(&child, concurrency, 4);
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

static void checklist_28_a_killed_workers_messages_come_back(void **state)
{
    struct running *r = *state;
    char id[CELERIAC_TASK_ID_SIZE];
    int status;
    pid_t pid;

    for (int i = 0; i < 6; i++)
        send_task(r, (struct celeriac_send){.task = "t.block_late"}, id);
    pid = fork_worker(2, false);
    await(r, "HLEN", "unacked", 6);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(redis_int(r, "HLEN", "unacked"), 6);
    start(r, 6, 4);
    for (int i = 0; i < 6; i++) {
        sem_wait(&entered);
        sem_post(&gate);
    }
    await(r, "HLEN", "unacked", 0);
    assert_int_equal(redis_int(r, "LLEN", "celery"), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(executes_and_answers),
        TEST(a_thousand_of_all_priorities),
        TEST(threads_follow_the_load),
        TEST(checklist_55_retries_count_in_the_message),
        TEST(checklist_51_retries_end),
        TEST(checklist_48_when_it_is_acknowledged),
        TEST(eta_waits_and_expired_is_revoked),
        TEST(checklist_30_waiting_does_not_block_the_window),
        TEST(checklist_29_what_others_took_is_not_run_when_it_is_due),
        TEST(a_thousand_etas_run_once_each),
        TEST(with_so_many_waiting_nothing_more_is_taken),
        TEST(checklist_14_canvases_are_built_and_sent_in_c),
        TEST(checklist_58_a_soft_limit_lets_the_task_clean_up),
        TEST(checklist_58_a_hard_limit_fails_the_task_and_replaces_its_thread),
        TEST(checklist_60_starts_no_more_than_its_rate),
        TEST(revoked_ids_survive_a_restart),
        TEST(postponing_spends_no_retry),
        TEST(strays_stay_and_nobody_waits_for_them),
        TEST(checklist_43_what_nobody_can_read_is_kept_aside),
        TEST(checklist_92_a_warm_stop_finishes_and_returns),
        TEST(a_cold_stop_returns_everything_at_once),
        TEST(checklist_28_a_killed_workers_messages_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
