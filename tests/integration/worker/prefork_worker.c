/*
 * A worker whose tasks run in child processes and misbehave: prefork_worker NAME [WORD...], where a
 * word is a setting such as concurrency=2 (see options below). The broker is REDIS_URL. SIGTERM
 * stops it warm, SIGQUIT cold.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/parse_num.h"
#include "base/span.h"
#include "tests/integration/worker/worker_program.h"
#include "tests/support/sample_tasks.h"

/* Where start() leaves its mark in each child. */
static int started_in;

/* ---- tasks --------------------------------------------------------------------------------- */

/* The process it runs in, if start() was called there. */
static void pid(struct celeriac_task *task, void *user)
{
    (void)user;
    celeriac_task_return_int(task, started_in == getpid() ? getpid() : -1);
}

/* The handler of a sanitizer would turn the signal into an exit code. */
static void die(struct celeriac_task *task, void *user)
{
    int64_t number = SIGSEGV;
    sigset_t set;

    (void)user;
    if (celeriac_task_arg_int(task, 0, "signal", &number))
        return;
    (void)signal((int)number, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, (int)number);
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
    (void)raise((int)number);
}

/* Reads what is not there. */
static void segfault(struct celeriac_task *task, void *user)
{
    volatile int *nothing = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)user;
    (void)signal(SIGSEGV, SIG_DFL);
    celeriac_task_return_int(task, *nothing);
}

/* Dies the first time only. */
static void die_once(struct celeriac_task *task, void *user)
{
    (void)user;
    if (!celeriac_task_redelivered(task)) {
        (void)signal(SIGSEGV, SIG_DFL);
        (void)raise(SIGSEGV);
    }
    celeriac_task_return_text(task, "lived");
}

static void leave(struct celeriac_task *task, void *user)
{
    int64_t code = 0;

    (void)user;
    if (celeriac_task_arg_int(task, 0, "code", &code) == CELERIAC_OK)
        _exit((int)code);
}

/* Cannot be asked to end, only killed. */
static void stubborn(struct celeriac_task *task, void *user)
{
    (void)signal(SIGTERM, SIG_IGN);
    sample_sleep(task, user);
    (void)signal(SIGTERM, SIG_DFL);
}

/* Until a file is gone, so that a test says when. */
static void hold(struct celeriac_task *task, void *user)
{
    struct celeriac_bytes file;

    (void)user;
    if (celeriac_task_arg_text(task, 0, "file", &file))
        return;
    while (access(file.ptr, F_OK) == 0)
        (void)usleep(2000);
    celeriac_task_return_text(task, "held");
}

/* One long wait, which only a signal can cut short. */
static void soft(struct celeriac_task *task, void *user)
{
    const struct timespec hour = {.tv_sec = 3600};

    (void)user;
    if (nanosleep(&hour, NULL) < 0 && errno == EINTR && celeriac_task_soft_limit_exceeded(task))
        celeriac_task_return_text(task, "cleaned up");
}

/* Waits for the first time when the signal of its limit has come and gone. */
static void soft_late(struct celeriac_task *task, void *user)
{
    int64_t until;

    while (!celeriac_task_soft_limit_exceeded(task))
        continue;
    until = clock_monotonic_ns() + 300 * NS_PER_MS;
    while (clock_monotonic_ns() < until)
        continue;
    soft(task, user);
}

static void eat(struct celeriac_task *task, void *user)
{
    int64_t kib = 0;
    char *food;

    (void)user;
    if (celeriac_task_arg_int(task, 0, "kib", &kib))
        return;
    food = malloc((size_t)kib * 1024);
    if (food)
        memset(food, 1, (size_t)kib * 1024);
    celeriac_task_return_int(task, food && food[kib] == 1 ? getpid() : -1);
    free(food);
}

/* Says how far it is, and goes on. */
static void tell(struct celeriac_task *task, void *user)
{
    if (celeriac_task_update_state(task, "PROGRESS", "{\"done\": 0.5}", NULL))
        celeriac_task_fail(task, &(struct celeriac_exception){.type = "OSError"});
    else
        sample_sleep(task, user);
}

/* Says how far it is without end. */
static void flood(struct celeriac_task *task, void *user)
{
    (void)user;
    while (celeriac_task_update_state(task, "PROGRESS", "0.5", NULL) == CELERIAC_OK)
        continue;
}

/* Sends p.add and returns its id. */
static void parent(struct celeriac_task *task, void *user)
{
    const struct celeriac_send child = {.task = "p.add", .args_json = "[20, 3]"};
    char ids[1][CELERIAC_TASK_ID_SIZE];
    struct celeriac_error err = {0};

    (void)user;
    if (celeriac_task_send(task, &child, 1, ids, &err))
        celeriac_task_fail(task,
                           &(struct celeriac_exception){.type = "OSError", .message = err.text});
    else
        celeriac_task_return_text(task, ids[0]);
}

/* Takes its socket away from the child. */
static void close_all(struct celeriac_task *task, void *user)
{
    (void)user;
    celeriac_task_return_null(task);
    closefrom(3);
}

/* Talks nonsense on every descriptor that it finds. */
static void babble(struct celeriac_task *task, void *user)
{
    (void)user;
    for (int fd = 3; fd < 64; fd++)
        if (write(fd, "nonsense, and more of it", 24) < 0)
            errno = 0;
    sample_sleep(task, user);
}

static const struct celeriac_task_options tasks[] = {
    {.name = "p.add", .run = sample_add},
    {.name = "p.pid", .run = pid, .track_started = true},
    {.name = "p.identity", .run = sample_identity},
    {.name = "p.identity_late", .run = sample_identity, .acks_late = true},
    {.name = "p.boom", .run = sample_boom},
    {.name = "p.flaky", .run = sample_flaky},
    {.name = "p.die", .run = die},
    {.name = "p.die_late", .run = die, .acks_late = true},
    {.name = "p.segfault", .run = segfault},
    {.name = "p.die_once", .run = die_once, .acks_late = true, .reject_on_worker_lost = true},
    {.name = "p.exit", .run = leave},
    {.name = "p.sleep", .run = sample_sleep},
    {.name = "p.sleep_late", .run = sample_sleep, .acks_late = true},
    {.name = "p.hold", .run = hold},
    {.name = "p.stubborn", .run = stubborn},
    {.name = "p.soft", .run = soft},
    {.name = "p.soft_late", .run = soft_late},
    {.name = "p.eat", .run = eat},
    {.name = "p.close", .run = close_all},
    {.name = "p.tell", .run = tell},
    {.name = "p.flood", .run = flood},
    {.name = "p.parent", .run = parent},
    {.name = "p.babble", .run = babble},
};

/* ---- the program --------------------------------------------------------------------------- */

/* Files that make every start fail, or hang, while they are there. */
struct obstacles {
    const char *fail;
    const char *hang;
};

static bool is_there(const char *file)
{
    return file && access(file, F_OK) == 0;
}

static enum celeriac_err start(void *user, struct celeriac_error *err)
{
    const struct obstacles *obstacles = user;

    if (is_there(obstacles->fail))
        return celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE, "not yet");
    /* Nothing wakes it, as with a lock that nobody will ever give back. */
    while (is_there(obstacles->hang))
        pause();
    started_in = getpid();
    return CELERIAC_OK;
}

static bool take_number(struct celeriac_worker_options *options, struct span name, int64_t number)
{
    if (span_is(name, "concurrency"))
        options->concurrency = (unsigned)number;
    else if (span_is(name, "autoscale"))
        options->autoscale_max = (unsigned)number;
    else if (span_is(name, "tasks"))
        options->max_tasks_per_child = (unsigned)number;
    else if (span_is(name, "memory"))
        options->max_memory_per_child = (unsigned)number;
    else if (span_is(name, "limit_ms"))
        options->time_limit = (double)number / 1000;
    else if (span_is(name, "start_ms"))
        options->child_start_timeout = (double)number / 1000;
    else if (span_is(name, "soft_ms"))
        options->soft_time_limit = (double)number / 1000;
    else
        return false;
    return true;
}

static bool take_word(struct celeriac_worker_options *options, char *word)
{
    struct obstacles *obstacles = options->child_user;
    struct span name;
    struct span value;
    int64_t number = 0;

    if (strcmp(word, "events") == 0) {
        options->task_events = true;
        return true;
    }
    if (strcmp(word, "restarts") == 0) {
        options->pool_restarts = true;
        return true;
    }
    if (!span_cut(span_of(word), '=', &name, &value))
        return false;
    if (span_is(name, "fail")) {
        obstacles->fail = word + 5;
        return true;
    }
    if (span_is(name, "hang")) {
        obstacles->hang = word + 5;
        return true;
    }
    return parse_int64(value, 0, 1000000000, &number) == CELERIAC_OK &&
           take_number(options, name, number);
}

int main(int argc, char **argv)
{
    struct obstacles obstacles = {0};
    struct celeriac_worker_options options = {.broker_url = getenv("REDIS_URL"),
                                              .pool = CELERIAC_POOL_PREFORK,
                                              .concurrency = 2,
                                              .autoscale_keepalive = 0.2,
                                              .heartbeat_interval = 0.5,
                                              .child_start = start,
                                              .child_user = &obstacles};

    options.hostname = argc > 1 ? argv[1] : NULL;
    for (int i = 2; i < argc; i++) {
        if (!take_word(&options, argv[i])) {
            fprintf(stderr, "prefork_worker: what is %s?\n", argv[i]);
            return EXIT_FAILURE;
        }
    }
    log_set_level(LOG_DEBUG);
    return worker_program_run(&options, tasks, sizeof tasks / sizeof tasks[0]);
}
