/*
 * What the tests of a running worker share: tasks, a worker in a thread, a client, and a look at
 * Redis from outside. The server's address is in REDIS_URL, see tests/services. Everything fails
 * the running test when it does not work. The test's thread calls; tasks run on the worker's.
 */
#ifndef TESTS_WORKER_FIXTURE_H
#define TESTS_WORKER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "celeriac/client.h"
#include "celeriac/worker.h"
#include "celery_proto/redis/pipeline.h"

/* Milliseconds, far beyond what anything here takes; only a failing test waits that long. */
#define WAIT_MS 20000

/* What the tasks tell, see `tasks` in fixture.c. Fresh for each test. */
extern atomic_int executions; /* of t.flaky, t.never_right and t.hesitant, each with suffixes */
extern atomic_int highest_retries; /* that t.hesitant has seen */
extern sem_t entered; /* t.block and t.overdue post it when they begin, t.overdue at its end too */
extern sem_t gate;    /* they wait here */

/* A worker in a thread, and the means to work with it. */
struct running {
    struct celeriac_worker *worker;
    struct celeriac_client *client;
    struct cel_broker_url *url;
    struct cel_conn *conn; /* for the test's own commands */
    pthread_t thread;
    bool started;
    enum celeriac_err code; /* of celeriac_worker_run() */
};

/* cmocka set-up and tear-down of one test: an empty server, no worker yet; *state is a running. */
int worker_set_up(void **state);
int worker_tear_down(void **state);

#define WORKER_TEST(f) cmocka_unit_test_setup_teardown(f, worker_set_up, worker_tear_down)

/* Makes a worker with all tasks and starts its thread; stopped warm by worker_stop(). */
void worker_start_with(struct running *r, const struct celeriac_worker_options *options);
void worker_start(struct running *r, unsigned concurrency, unsigned prefetch_multiplier);
void worker_stop(struct running *r);

/* Runs a command with one key, or none, whose reply is a number. */
int64_t redis_int(struct running *r, const char *command, const char *key);

/*
 * Waits until a key's size (LLEN, HLEN, ZCARD) is what it should be. Ask for a state that cannot
 * be true before what is waited for: an empty `unacked` says nothing while messages are queued.
 */
void await_size(struct running *r, const char *command, const char *key, int64_t wanted);

/* Waits until one of the worker's counters, as get() reads it, is what it should be. */
void await_stat(struct running *r, uint64_t (*get)(const struct celeriac_worker_stats *stats),
                uint64_t wanted);

/* Sends a task; id has room for CELERIAC_TASK_ID_SIZE. */
void send_task(struct running *r, struct celeriac_send send, char *id);

/* Waits for a task's end and compares its state, and its result unless json is NULL. */
void expect_result(struct running *r, const char *id, enum celeriac_state state, const char *json);

#endif
