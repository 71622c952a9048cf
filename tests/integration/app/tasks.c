/*
 * Tasks for tests of `celeriac-worker -A`, as somebody else would write them: public headers only.
 * UNLOADED names a file that is made when the worker has unloaded them.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "celeriac/app.h"
#include "tests/support/sample_tasks.h"

static void fail(struct celeriac_task *task, void *user)
{
    (void)user;
    celeriac_task_fail(task, &(struct celeriac_exception){.type = "KeyError", .message = "shop"});
}

static void wait_while_there(const struct celeriac_task *task, const char *file)
{
    while (access(file, F_OK) == 0 && !celeriac_task_stopping(task))
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

static void make(const char *name)
{
    int file = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    if (file >= 0)
        close(file);
}

/* Says that it has begun by making a file, and does not end. */
static void stuck(struct celeriac_task *task, void *user)
{
    struct celeriac_bytes file;

    (void)user;
    if (celeriac_task_arg_text(task, 0, "file", &file))
        return;
    make(file.ptr);
    for (;;)
        pause();
}

/* Tells a state of any name, and goes on when the file is gone. */
static void tell(struct celeriac_task *task, void *user)
{
    struct celeriac_error err = {0};
    struct celeriac_bytes state;
    struct celeriac_bytes meta;
    struct celeriac_bytes file;

    (void)user;
    if (celeriac_task_arg_text(task, 0, "state", &state) ||
        celeriac_task_arg_text(task, 1, "meta", &meta) ||
        celeriac_task_arg_text(task, 2, "file", &file))
        return;
    if (celeriac_task_update_state(task, state.ptr, meta.ptr, &err)) {
        celeriac_task_fail(task,
                           &(struct celeriac_exception){.type = "ValueError", .message = err.text});
        return;
    }
    wait_while_there(task, file.ptr);
    celeriac_task_return_text(task, "told");
}

/* Many states one after the other; with a file it says BEGUN first and waits until that is gone. */
static void count(struct celeriac_task *task, void *user)
{
    struct celeriac_bytes file;
    char meta[32];
    int64_t n;

    (void)user;
    if (celeriac_task_arg_int(task, 0, "n", &n))
        return;
    if (celeriac_task_arg_text(task, 1, "file", &file) == CELERIAC_OK) {
        if (celeriac_task_update_state(task, "BEGUN", NULL, NULL))
            return;
        wait_while_there(task, file.ptr);
    }
    for (int64_t i = 0; i < n; i++) {
        snprintf(meta, sizeof meta, "{\"i\": %" PRId64 "}", i);
        if (celeriac_task_update_state(task, "PROGRESS", meta, NULL))
            return;
    }
    celeriac_task_return_int(task, n);
}

/* Tells a state when its hard limit is over, and makes the file `after`. */
static void too_late(struct celeriac_task *task, void *user)
{
    struct celeriac_bytes file;
    struct celeriac_bytes after;

    (void)user;
    if (celeriac_task_arg_text(task, 0, "file", &file) ||
        celeriac_task_arg_text(task, 1, "after", &after))
        return;
    wait_while_there(task, file.ptr);
    if (celeriac_task_update_state(task, "PROGRESS", "1", NULL) == CELERIAC_OK)
        make(after.ptr);
}

static void flaky(struct celeriac_task *task, void *user)
{
    int64_t times;

    (void)user;
    if (celeriac_task_arg_int(task, 0, "times", &times))
        return;
    if (celeriac_task_retries(task) < times)
        celeriac_task_retry(task, 0,
                            &(struct celeriac_exception){.type = "OSError", .message = "not yet"});
    else
        celeriac_task_return_int(task, celeriac_task_retries(task));
}

/* Sends the task `name` to the queue, twice in one go. */
static void parent(struct celeriac_task *task, void *user)
{
    struct celeriac_send sends[2] = {{.args_json = "[]"}, {.args_json = "[]", .priority = 3}};
    char ids[2][CELERIAC_TASK_ID_SIZE];
    char result[2 * CELERIAC_TASK_ID_SIZE + 16];
    struct celeriac_error err = {0};
    struct celeriac_bytes name;
    struct celeriac_bytes queue;

    (void)user;
    if (celeriac_task_arg_text(task, 0, "name", &name) ||
        celeriac_task_arg_text(task, 1, "queue", &queue))
        return;
    sends[0].task = sends[1].task = name.ptr;
    sends[0].queue = sends[1].queue = queue.ptr;
    if (celeriac_task_send(task, sends, 2, ids, &err)) {
        celeriac_task_fail(task,
                           &(struct celeriac_exception){.type = "OSError", .message = err.text});
        return;
    }
    snprintf(result, sizeof result, "[\"%s\", \"%s\"]", ids[0], ids[1]);
    celeriac_task_return_json(task, result, strlen(result));
}

/* Applies the canvas that it is given as a JSON text. */
static void dispatch(struct celeriac_task *task, void *user)
{
    struct celeriac_signature *signature = NULL;
    char id[CELERIAC_TASK_ID_SIZE];
    struct celeriac_error err = {0};
    struct celeriac_bytes canvas;

    (void)user;
    if (celeriac_task_arg_text(task, 0, "canvas", &canvas))
        return;
    if (celeriac_signature_from_json(canvas.ptr, &signature, &err) ||
        celeriac_task_apply(task, signature, id, &err))
        celeriac_task_fail(task,
                           &(struct celeriac_exception){.type = "OSError", .message = err.text});
    else
        celeriac_task_return_text(task, id);
    celeriac_signature_destroy(signature);
}

/* Returns each argument as it was read: text, int, double, bool, JSON. */
static void echo(struct celeriac_task *task, void *user)
{
    struct celeriac_bytes text;
    struct celeriac_bytes json;
    int64_t whole;
    double real;
    bool flag;
    char *result = NULL;
    size_t len = 0;
    FILE *out;

    (void)user;
    if (celeriac_task_arg_text(task, 0, "text", &text) ||
        celeriac_task_arg_int(task, 1, "whole", &whole) ||
        celeriac_task_arg_double(task, 2, "real", &real) ||
        celeriac_task_arg_bool(task, 3, "flag", &flag) ||
        celeriac_task_arg_json(task, 4, "json", &json))
        return;
    out = open_memstream(&result, &len);
    fprintf(out, "[%zu, %" PRId64 ", %.17g, %s, ", text.len, whole, real, flag ? "true" : "false");
    fwrite(json.ptr, 1, json.len, out);
    fputc(']', out);
    fclose(out);
    celeriac_task_return_json(task, result, len);
    free(result);
}

static const struct celeriac_task_options tasks[] = {
    {.name = "app.add", .run = sample_add},
    {.name = "app.fail", .run = fail},
    {.name = "app.tell", .run = tell},
    {.name = "app.count", .run = count},
    {.name = "app.too_late", .run = too_late, .time_limit = 0.2},
    {.name = "app.flaky", .run = flaky},
    {.name = "app.parent", .run = parent},
    {.name = "app.dispatch", .run = dispatch},
    {.name = "app.echo", .run = echo},
    {.name = "app.stuck", .run = stuck},
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

    if (name)
        make(name);
}

CELERIAC_APP(load, unload);
