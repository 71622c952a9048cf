#include "worker/main/start.h"

#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "worker/main/banner.h"
#include "worker/main/daemon.h"
#include "worker/main/file_name.h"
#include "worker/main/pidfile.h"

/* Longest banner: a hundred names of tasks and queues. */
#define BANNER_MAX ((size_t)256 * 1024)

static enum celeriac_err detach(struct worker_start *start, const struct worker_options *options,
                                struct celeriac_error *err)
{
    enum celeriac_err code = CELERIAC_OK;

    if (!options->detach || options->started_again)
        return CELERIAC_OK;
    code = daemon_detach(&start->report, &start->old_status, err);
    start->detached = code == CELERIAC_OK && start->old_status < 0;
    return code;
}

/* The name of a file with the node name filled in, for an option; NULL stays NULL. */
static enum celeriac_err expand(const char *option, const char *pattern, const char *nodename,
                                char **name, struct celeriac_error *err)
{
    struct strbuf text;
    enum celeriac_err code;

    if (!pattern)
        return CELERIAC_OK;
    strbuf_init(&text, FILE_NAME_MAX);
    code = file_name_expand(span_of(pattern), span_of(nodename), &text);
    if (code == CELERIAC_OK)
        code = strbuf_take(&text, name, NULL);
    strbuf_close(&text);
    return code ? celeriac_error_set(err, code, "%s: %s", option, celeriac_err_name(code))
                : CELERIAC_OK;
}

static bool on_terminal(const struct worker_start *start)
{
    return !start->logfile && !start->detached && isatty(STDERR_FILENO);
}

static enum celeriac_err open_log(const struct worker_start *start,
                                  const struct worker_options *options, struct celeriac_error *err)
{
    enum log_format format = options->format;

    if (options->auto_format)
        format = on_terminal(start) ? LOG_FORMAT_TEXT : LOG_FORMAT_JSON;
    log_set_level(options->level);
    log_set_format(format);
    log_set_colors(on_terminal(start) && !options->no_color);
    return log_set_file(start->logfile, err);
}

static enum celeriac_err open_pidfile(struct worker_start *start, char **name,
                                      struct celeriac_error *err)
{
    enum celeriac_err code = *name ? pidfile_create(*name, err) : CELERIAC_OK;

    start->locked_out = code == CELERIAC_ERR_EXISTS;
    if (code == CELERIAC_OK) {
        start->pidfile = *name;
        *name = NULL;
    }
    return code;
}

static void show_banner(const struct worker_options *options, const char *nodename)
{
    const char *const tasks[] = {options->app ? options->app
                                              : "notifications.tasks.send_notification_task"};
    const struct celeriac_worker_options *worker = &options->worker;
    const char *broker = worker->broker_url ? worker->broker_url : "redis://127.0.0.1:6379/0";
    const char *pool = worker->pool == CELERIAC_POOL_PREFORK ? "prefork" : "threads";
    char concurrency[64];
    struct banner banner = {
        .nodename = nodename,
        .version = CELERIAC_VERSION,
        .broker = broker,
        .results = worker->result_backend ? worker->result_backend : broker,
        .concurrency = concurrency,
        .events = worker->task_events ? "ON" : "OFF (enable -E to monitor tasks in this worker)",
        .http = options->http,
        .queues = worker->queues,
        .tasks = tasks,
        .task_count = sizeof tasks / sizeof tasks[0],
    };
    struct strbuf text;

    if (worker->autoscale_max > 0)
        (void)snprintf(concurrency, sizeof concurrency, "%u to %u (%s)", worker->autoscale_min,
                       worker->autoscale_max, pool);
    else if (worker->concurrency > 0)
        (void)snprintf(concurrency, sizeof concurrency, "%u (%s)", worker->concurrency, pool);
    else
        (void)snprintf(concurrency, sizeof concurrency, "one for each processor (%s)", pool);
    strbuf_init(&text, BANNER_MAX);
    banner_write(&banner, !options->no_color, &text);
    fputs(strbuf_text(&text), stderr);
    strbuf_close(&text);
}

enum celeriac_err worker_start_begin(struct worker_start *start,
                                     const struct worker_options *options,
                                     struct celeriac_error *err)
{
    char nodename[CELERIAC_NODENAME_SIZE];
    char *pidfile = NULL;
    enum celeriac_err code;

    start->old_status = -1;
    code = celeriac_worker_nodename(options->worker.hostname, nodename, err);

    if (code == CELERIAC_OK)
        code = expand("logfile", options->logfile, nodename, &start->logfile, err);
    if (code == CELERIAC_OK)
        code = expand("pidfile", options->pidfile, nodename, &pidfile, err);
    if (code == CELERIAC_OK && options->umask)
        code = daemon_set_umask(options->umask, err);
    if (code == CELERIAC_OK)
        code = daemon_become(options->user, options->group, err);
    if (code == CELERIAC_OK)
        code = detach(start, options, err);
    if (start->old_status >= 0) {
        mem_free(pidfile);
        return code;
    }
    if (code == CELERIAC_OK)
        code = open_log(start, options, err);
    if (code == CELERIAC_OK)
        code = open_pidfile(start, &pidfile, err);
    mem_free(pidfile);
    if (code == CELERIAC_OK && on_terminal(start) && !options->quiet)
        show_banner(options, nodename);
    return code;
}

void worker_start_done(struct worker_start *start)
{
    if (start->detached)
        daemon_close(start->report);
    start->detached = false;
}

void worker_start_end(struct worker_start *start)
{
    pidfile_remove(start->pidfile);
    mem_free(start->pidfile);
    mem_free(start->logfile);
    start->pidfile = NULL;
    start->logfile = NULL;
}

void worker_start_again(char *const *argv)
{
    struct celeriac_error err = {0};

    (void)execv("/proc/self/exe", argv);
    (void)celeriac_error_set(&err, CELERIAC_ERR_SYSTEM, "execv");
    log_critical("worker", "cannot start again", LOG_ERR(&err));
}
