/*
 * Tasks for tests of `celeriac-worker -A`, as somebody else would write them: public headers only.
 * UNLOADED names a file that is made when the worker has unloaded them.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "celeriac/app.h"

static void add(struct celeriac_task *task, void *user)
{
    int64_t x;
    int64_t y;

    (void)user;
    if (celeriac_task_arg_int(task, 0, "x", &x) || celeriac_task_arg_int(task, 1, "y", &y))
        return;
    celeriac_task_return_int(task, x + y);
}

static void fail(struct celeriac_task *task, void *user)
{
    (void)user;
    celeriac_task_fail(task, &(struct celeriac_exception){.type = "KeyError", .message = "shop"});
}

static const struct celeriac_task_options tasks[] = {
    {.name = "app.add", .run = add},
    {.name = "app.fail", .run = fail},
};

static enum celeriac_err load(struct celeriac_worker *worker, struct celeriac_error *err)
{
    enum celeriac_err code = CELERIAC_OK;

    for (size_t i = 0; code == CELERIAC_OK && i < sizeof tasks / sizeof tasks[0]; i++)
        code = celeriac_worker_register(worker, &tasks[i], err);
    return code;
}

static void unload(void)
{
    const char *name = getenv("UNLOADED");
    int file = name ? open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644) : -1;

    if (file >= 0)
        close(file);
}

CELERIAC_APP(load, unload);
