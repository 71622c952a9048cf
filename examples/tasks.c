/*
 * Four tasks for `celeriac-worker -A ./tasks.so`:
 *
 *     shop.add(x, y)          returns the sum
 *     shop.import_rows(rows)  tells how far it is, and sends shop.add when it is done
 *     shop.fetch(path)        reads a file; is tried again, three times, while it is not there
 *     shop.report(sums)       returns an object with what it was given; see canvas.c
 *
 * Python calls them like its own: app.send_task("shop.import_rows", [100]).
 */
#include <celeriac/app.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void add(struct celeriac_task *task, void *user)
{
    int64_t x;
    int64_t y;

    (void)user;
    if (celeriac_task_arg_int(task, 0, "x", &x) || celeriac_task_arg_int(task, 1, "y", &y))
        return; /* the caller sees Python's TypeError */
    celeriac_task_return_int(task, x + y);
}

static void import_rows(struct celeriac_task *task, void *user)
{
    struct celeriac_send done = {.task = "shop.add"};
    struct celeriac_error err = {0};
    char text[64];
    int64_t rows;

    (void)user;
    if (celeriac_task_arg_int(task, 0, "rows", &rows))
        return;
    for (int64_t row = 1; row <= rows; row++) {
        /* Here a row would be imported. */
        snprintf(text, sizeof text, "{\"done\": %" PRId64 ", \"of\": %" PRId64 "}", row, rows);
        if (celeriac_task_update_state(task, "PROGRESS", text, &err))
            break;
    }
    snprintf(text, sizeof text, "[%" PRId64 ", 1]", rows);
    done.args_json = text;
    if (err.code || celeriac_task_send(task, &done, 1, NULL, &err))
        celeriac_task_fail(task, &(struct celeriac_exception){.message = err.text});
    else
        celeriac_task_return_int(task, rows);
}

static void fetch(struct celeriac_task *task, void *user)
{
    struct celeriac_bytes path;
    char line[256] = "";
    FILE *file;

    (void)user;
    if (celeriac_task_arg_text(task, 0, "path", &path))
        return;
    file = fopen(path.ptr, "r");
    if (!file) {
        /* In the time that the options below say, and as a failure when the last try is over. */
        celeriac_task_retry(
            task, -1,
            &(struct celeriac_exception){.type = "FileNotFoundError", .message = strerror(errno)});
        return;
    }
    if (fgets(line, sizeof line, file))
        line[strcspn(line, "\n")] = '\0';
    fclose(file);
    celeriac_task_return_text(task, line);
}

static void report(struct celeriac_task *task, void *user)
{
    struct celeriac_bytes sums;
    char text[1024];
    int len;

    (void)user;
    if (celeriac_task_arg_json(task, 0, "sums", &sums)) {
        celeriac_task_fail(
            task, &(struct celeriac_exception){.type = "TypeError", .message = "report what?"});
        return;
    }
    len = snprintf(text, sizeof text, "{\"sums\": %.*s}", (int)sums.len, sums.ptr);
    celeriac_task_return_json(task, text, (size_t)len < sizeof text ? (size_t)len : 0);
}

static enum celeriac_err load(struct celeriac_worker *worker, struct celeriac_error *err)
{
    const struct celeriac_task_options tasks[] = {
        {.name = "shop.add", .run = add},
        {.name = "shop.import_rows", .run = import_rows, .soft_time_limit = 60, .time_limit = 90},
        {.name = "shop.fetch", .run = fetch, .default_retry_delay = 1, .rate_limit = "100/s"},
        {.name = "shop.report", .run = report},
    };
    enum celeriac_err code = CELERIAC_OK;

    for (size_t i = 0; code == CELERIAC_OK && i < sizeof tasks / sizeof tasks[0]; i++)
        code = celeriac_worker_register(worker, &tasks[i], err);
    return code;
}

CELERIAC_APP(load, NULL);
