#include "tests/support/sample_tasks.h"

#include <time.h>

/* Between two looks whether it is time. */
#define LOOK_NS 2000000

void sample_add(struct celeriac_task *task, void *user)
{
    int64_t x;
    int64_t y;

    (void)user;
    if (celeriac_task_arg_int(task, 0, "x", &x) || celeriac_task_arg_int(task, 1, "y", &y))
        return;
    celeriac_task_return_int(task, x + y);
}

void sample_identity(struct celeriac_task *task, void *user)
{
    struct celeriac_bytes json;

    (void)user;
    if (celeriac_task_arg_json(task, 0, "x", &json) == CELERIAC_OK)
        celeriac_task_return_json(task, json.ptr, json.len);
}

void sample_boom(struct celeriac_task *task, void *user)
{
    (void)user;
    celeriac_task_fail(task,
                       &(struct celeriac_exception){.type = "ValueError", .message = "kaboom"});
}

void sample_flaky(struct celeriac_task *task, void *user)
{
    (void)user;
    if (celeriac_task_retries(task) < 1)
        celeriac_task_retry(task, 0,
                            &(struct celeriac_exception){.type = "KeyError", .message = "nope"});
    else
        celeriac_task_return_int(task, celeriac_task_retries(task));
}

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void sleep_for(struct celeriac_task *task, bool unless_stopping)
{
    double seconds;
    double until;

    if (celeriac_task_arg_double(task, 0, "seconds", &seconds))
        return;
    until = now() + seconds;
    while (now() < until && !(unless_stopping && celeriac_task_stopping(task)))
        (void)nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
    celeriac_task_return_text(task, "slept");
}

void sample_sleep(struct celeriac_task *task, void *user)
{
    (void)user;
    sleep_for(task, false);
}

void sample_sleep_unless_stopping(struct celeriac_task *task, void *user)
{
    (void)user;
    sleep_for(task, true);
}
