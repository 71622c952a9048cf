/*
 * A running worker whose broker misbehaves, or that its peers take for dead: every message is
 * executed, and nothing stays behind while the worker lives.
 */
#include "tests/integration/redis/fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
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
#define TASKS_MAX 8000

/* A sanitizer makes each task take several times as long: half as many keep the worker busy as
 * long. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SHARE 2
#else
#define SHARE 1
#endif

/* Of each experiment. */
#define ROUNDS 8
#define ROUND_TASKS (800 / SHARE)
#define KILLS 30
#define KILLED_TASKS (TASKS_MAX / SHARE)

/* In memory that child processes share. */
static atomic_int *executions;

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

static void create_worker(struct running *r)
{
    static const struct celeriac_task_options tasks[] = {
        {.name = "t.late", .run = note, .acks_late = true}, {.name = "t.early", .run = note}};
    struct celeriac_worker_options options = {.broker_url = redis_server_url(r->f->server),
                                              .concurrency = CONCURRENCY};
    assert_ok(celeriac_worker_create(&options, &r->worker, NULL));
    for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++)
        assert_ok(celeriac_worker_register(r->worker, &tasks[i], NULL));
}

static void start_worker(struct running *r)
{
    create_worker(r);
    assert_int_equal(pthread_create(&r->thread, NULL, run_worker, r), 0);
}

static void start(struct running *r, struct fixture *f)
{
    struct celeriac_client_options client = {.broker_url = redis_server_url(f->server)};
    *r = (struct running){.f = f};
    for (int i = 0; i < TASKS_MAX; i++)
        atomic_store(&executions[i], 0);
    assert_ok(celeriac_client_create(&client, &r->client, NULL));
    start_worker(r);
}

static void stop_worker(struct running *r)
{
    celeriac_worker_stop(r->worker, CELERIAC_STOP_WARM);
    assert_int_equal(pthread_join(r->thread, NULL), 0);
    assert_ok(r->code);
    celeriac_worker_destroy(r->worker);
}

static void stop(struct running *r)
{
    stop_worker(r);
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

/* Of one moment: read one after the other they would miss what moves from one to the other. */
static int64_t left_over(struct fixture *f)
{
    return RUN_INT(f, "EVAL",
                   "return redis.call('LLEN', 'celery') + redis.call('HLEN', 'unacked') + "
                   "redis.call('ZCARD', 'unacked_index')",
                   "0");
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

/* A worker ends when a broker refuses its password from the start: let it be under way. */
static void await_first_task(void)
{
    int64_t deadline = clock_monotonic_ns() + WAIT_NS;
    while (atomic_load(&executions[0]) == 0) {
        if (clock_monotonic_ns() > deadline)
            fail_msg("the first task was not executed");
        (void)usleep(1000);
    }
}

/*
 * Breaks the broker again and again while tasks are sent and executed. Each is executed exactly
 * once: what was sent before a connection broke is asked for again, not done again.
 */
static void break_while_working(struct fixture *f, void (*break_it)(struct fixture *f, int round))
{
    static const char *const tasks[] = {"t.late", "t.early"};
    for (int kind = 0; kind < 2; kind++) {
        struct running r;
        start(&r, f);
        for (int round = 0; round < ROUNDS; round++) {
            send_tasks(&r, tasks[kind], round * ROUND_TASKS, ROUND_TASKS);
            await_first_task();
            break_it(f, round);
        }
        await_nothing_left(f);
        /* What was acknowledged early may still be about to run. */
        stop(&r);
        assert_int_equal(count_repeats(ROUNDS * ROUND_TASKS), 0);
    }
}

/* Closes the connections whose name is the worker's for one purpose, in turn. */
static void cut_connections(struct fixture *f, int round)
{
    static const char *const names[] = {"celeriac-claim", "celeriac-finish", "celeriac-results",
                                        "celeriac-keep"};
    char which[32];
    (void)snprintf(which, sizeof which, "name=%s ", names[round % 4]);
    for (int i = 0; i < 8; i++) {
        char ids[16][24];
        size_t count = 0;
        struct span list = cel_reply_span(run(f, "CLIENT", "LIST", NULL));
        const char *line = list.ptr;
        while (line != NULL && *line != '\0' && count < 16) {
            const char *end = strchr(line, '\n');
            const char *at = strstr(line, which);
            if (at != NULL && (end == NULL || at < end) && strncmp(line, "id=", 3) == 0)
                (void)snprintf(ids[count++], sizeof ids[0], "%.*s", (int)strcspn(line + 3, " "),
                               line + 3);
            line = end != NULL ? end + 1 : NULL;
        }
        for (size_t k = 0; k < count; k++)
            (void)run(f, "CLIENT", "KILL", "ID", ids[k], NULL);
        (void)usleep((useconds_t)(3000 + 997 * (round * 8 + i) % 20000));
    }
}

static void flush_scripts(struct fixture *f, int round)
{
    (void)round;
    for (int i = 0; i < 200; i++)
        (void)run(f, "SCRIPT", "FLUSH", NULL);
}

/* Makes the server a replica of nobody that answers, and a master again. */
static void demote(struct fixture *f, int round)
{
    (void)usleep((useconds_t)(997 * round % 20000));
    (void)run(f, "REPLICAOF", "127.0.0.1", "1", NULL);
    (void)usleep(300000);
    (void)run(f, "REPLICAOF", "NO", "ONE", NULL);
}

static void crash(struct fixture *f, int round)
{
    (void)usleep((useconds_t)(997 * round % 20000));
    redis_server_kill(f->server);
    redis_server_revive(f->server);
    cel_conn_disconnect(f->conn);
}

static void cut_connections_cost_nothing(void **state)
{
    break_while_working(*state, cut_connections);
}

static void flushed_scripts_cost_nothing(void **state)
{
    break_while_working(*state, flush_scripts);
}

static void a_demoted_server_costs_nothing(void **state)
{
    break_while_working(*state, demote);
}

static void a_crashed_server_costs_nothing(void **state)
{
    break_while_working(*state, crash);
}

/* The password is changed, and the worker learns it from nobody until it is changed back. */
static void change_password(struct fixture *f, int round)
{
    (void)usleep((useconds_t)(997 * round % 20000));
    (void)run(f, "CONFIG", "SET", "requirepass", "another", NULL);
    (void)run(f, "CLIENT", "KILL", "TYPE", "normal", NULL);
    (void)run(f, "CLIENT", "KILL", "TYPE", "pubsub", NULL);
    (void)usleep(100000);
    (void)run(f, "CONFIG", "SET", "requirepass", "", NULL);
}

static void a_changed_password_costs_nothing(void **state)
{
    break_while_working(*state, change_password);
}

/* A worker in a process of its own that works until it is killed. */
static pid_t fork_worker(struct fixture *f)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct running r = {.f = f};
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) {
            create_worker(&r);
            (void)run_worker(&r);
        }
        _exit(1);
    }
    return pid;
}

/*
 * Kills workers at any microsecond of their work. With a late acknowledgement every task is
 * executed, and again only where a worker died with it; with an early one, as in Celery, those may
 * be missing instead that were acknowledged and about to run.
 */
static void kill_workers(struct fixture *f, const char *task, int *missing, int *repeats)
{
    struct running r;
    unsigned seed = 7;
    int64_t left = 0;
    start(&r, f);
    stop_worker(&r);
    send_tasks(&r, task, 0, KILLED_TASKS);
    for (int kills = 0; kills < KILLS; kills++) {
        left = RUN_INT(f, "LLEN", "celery");
        pid_t pid = fork_worker(f);
        while (left > 0 && RUN_INT(f, "LLEN", "celery") == left)
            (void)usleep(500);
        (void)usleep((useconds_t)rand_r(&seed) % 20000);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
    }
    start_worker(&r);
    await_nothing_left(f);
    stop(&r);
    *missing = 0;
    *repeats = 0;
    for (int i = 0; i < KILLED_TASKS; i++) {
        int n = atomic_load(&executions[i]);
        *missing += n == 0 ? 1 : 0;
        *repeats += n > 1 ? n - 1 : 0;
    }
    print_message("%s: %d kills, the last with %lld queued, %d missing, %d executions too many\n",
                  task, KILLS, (long long)left, *missing, *repeats);
}

static void killed_workers_lose_nothing(void **state)
{
    int missing;
    int repeats;
    /* Held at once: what runs, what waits to run, and what waits to be acknowledged. */
    const int in_hand = KILLS * CONCURRENCY * 4;
    kill_workers(*state, "t.late", &missing, &repeats);
    assert_int_equal(missing, 0);
    assert_in_range(repeats, 0, in_hand);
    kill_workers(*state, "t.early", &missing, &repeats);
    assert_in_range(missing, 0, KILLS * CONCURRENCY);
}

/* The memory limit is below what lies in the queue already. */
static void a_full_server_is_emptied(void **state)
{
    struct fixture *f = *state;
    struct running r;
    for (int round = 0; round < 2; round++) {
        start(&r, f);
        if (round == 1)
            stop_worker(&r);
        send_tasks(&r, "t.late", 0, 2000);
        (void)run(f, "CONFIG", "SET", "maxmemory", "100000", NULL);
        /* One that has worked already, then one that only starts now. */
        if (round == 1)
            start_worker(&r);
        await_nothing_left(f);
        assert_int_equal(count_repeats(2000), 0);
        (void)run(f, "CONFIG", "SET", "maxmemory", "0", NULL);
        stop(&r);
    }
}

/*
 * The server crashes and comes back with what it was seconds or moments ago, as with data that were
 * not on disk yet or a replica that lagged behind: the worker has ended messages that are held
 * again. They are given back and executed once more, while the worker lives.
 */
static void what_the_server_forgot_is_done_again(void **state)
{
    struct fixture *f = *state;
    static const int moments_ms[] = {0, 5, 50, 1500};
    struct running r;
    for (size_t i = 0; i < sizeof moments_ms / sizeof moments_ms[0]; i++) {
        start(&r, f);
        send_tasks(&r, "t.late", 0, 3000);
        while (RUN_INT(f, "LLEN", "celery") > 2500)
            (void)usleep(1000);
        (void)run(f, "SAVE", NULL);
        (void)usleep((useconds_t)moments_ms[i] * 1000);
        redis_server_kill(f->server);
        redis_server_revive(f->server);
        cel_conn_disconnect(f->conn);
        await_nothing_left(f);
        print_message("%d executions too many\n", count_repeats(3000));
        stop(&r);
    }
}

static int start_breakable(void **state)
{
    static const struct redis_server_options options = {.appendonly = true,
                                                        .extra = {"--enable-debug-command", "yes"}};
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    fixture_open(f, redis_server_start(&options), NULL);
    *state = f;
    return 0;
}

/* Runs all, or those whose names match the pattern given. */
int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    executions = mmap(NULL, TASKS_MAX * sizeof *executions, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (executions == MAP_FAILED)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_buried_worker_starts_anew, fixture_clear),
        cmocka_unit_test_setup(cut_connections_cost_nothing, fixture_clear),
        cmocka_unit_test_setup(flushed_scripts_cost_nothing, fixture_clear),
        cmocka_unit_test_setup(a_demoted_server_costs_nothing, fixture_clear),
        cmocka_unit_test_setup(a_crashed_server_costs_nothing, fixture_clear),
        cmocka_unit_test_setup(a_changed_password_costs_nothing, fixture_clear),
        cmocka_unit_test_setup(killed_workers_lose_nothing, fixture_clear),
        cmocka_unit_test_setup(a_full_server_is_emptied, fixture_clear),
    };
    /* Without an append-only file: a crash takes it back to the last SAVE. */
    const struct CMUnitTest forgetful[] = {
        cmocka_unit_test_setup(what_the_server_forgot_is_done_again, fixture_clear),
    };
    return cmocka_run_group_tests(tests, start_breakable, fixture_stop) +
           cmocka_run_group_tests(forgetful, fixture_start, fixture_stop);
}
