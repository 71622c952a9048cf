/* celeriac-worker: start, signals, exit codes. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/shutdown.h"
#include "celeriac/worker.h"
#include "notify/enqueue.h"
#include "notify/metrics.h"
#include "notify/webhook_feed.h"
#include "probe/server.h"
#include "worker/main/app.h"
#include "worker/main/health.h"
#include "worker/main/healthcheck.h"
#include "worker/main/metrics.h"
#include "worker/main/options.h"
#include "worker/main/pidfile.h"
#include "worker/main/sending.h"
#include "worker/main/service.h"
#include "worker/main/start.h"
#include "worker/main/stop_signals.h"

/* Exit codes: as `celery worker` (0, 1), and sysexits.h EX_USAGE for a wrong option or setting. */
#define EXIT_USAGE 64

/* sysexits.h EX_CANTCREAT: the pidfile belongs to another process, as celery/platforms.py has it.
 */
#define EXIT_LOCKED 73

/*
 * How often the outbox of a service that has nothing to do is swept. What a killed process leaves
 * there is leased to it for as long, so that sweeping more often would hardly find it sooner.
 */
#define IDLE_SWEEP_MS 5000

/* What the program is made of; built from top to bottom, taken down from bottom to top. */
struct program {
    struct worker_options options;
    struct worker_service service;
    struct worker_health health;
    struct probe_server *http;
    struct shutdown_signals *signals;
    struct worker_start start;
    struct stop_signals plan; /* of the thread that watches signals, while it runs */
    struct worker_sending sending;
    _Atomic(struct notify_enqueue *) enqueue;   /* comes while HTTP requests are answered already */
    _Atomic(struct notify_webhook_feed *) feed; /* likewise */
    struct celeriac_worker *worker;
    struct worker_app app;
    int ended_fd; /* eventfd; readable: the worker has ended */
};

/* ---- parts --------------------------------------------------------------------------------- */

/* Asked while the database is waited for; a signal ends the wait. */
static bool may_wait(void *user, bool first)
{
    struct program *program = user;

    if (first)
        worker_service_status(&program->service, "waiting for the database");
    return shutdown_next(program->signals) == 0;
}

static void on_progress(void *user, bool consuming)
{
    struct program *program = user;

    worker_health_progress(&program->health, consuming, clock_monotonic_ns());
    worker_service_progress(&program->service, consuming);
}

static bool is_live(void *user, struct strbuf *answer)
{
    struct program *program = user;
    const char *why = "";
    bool live = worker_health_is_live(&program->health, clock_monotonic_ns(), &why);

    strbuf_add_text(answer, why);
    return live;
}

static bool is_ready(void *user, struct strbuf *answer)
{
    struct program *program = user;
    const char *why = "";
    bool ready = worker_health_is_ready(&program->health, clock_monotonic_ns(), &why);

    strbuf_add_text(answer, why);
    return ready;
}

static void write_metrics(void *user, struct strbuf *out)
{
    struct program *program = user;

    worker_metrics_write(program->worker, program->sending.times, program->sending.store,
                         atomic_load(&program->enqueue), out);
    if (program->sending.poster)
        notify_metrics_webhooks(&program->sending.shared->webhook.counts, program->sending.store,
                                atomic_load(&program->feed), out);
}

/* It listens while the database is waited for, too. */
static enum celeriac_err open_http(struct program *program, struct celeriac_error *err)
{
    const struct probe_options options = {.address = program->options.http,
                                          .is_live = is_live,
                                          .is_ready = is_ready,
                                          .metrics = write_metrics,
                                          .user = program};

    return options.address ? probe_server_create(&options, &program->http, err) : CELERIAC_OK;
}

static enum celeriac_err open_worker(struct program *program, struct celeriac_error *err)
{
    struct celeriac_worker_options *options = &program->options.worker;

    options->progress = on_progress;
    options->progress_user = program;
    if (!program->options.app) {
        options->child_start = worker_sending_child_start;
        options->child_stop = worker_sending_child_stop;
        options->child_user = &program->sending;
    }
    return celeriac_worker_create(options, &program->worker, err);
}

static void on_told(void *user)
{
    struct program *program = user;

    notify_webhook_feed_wake(atomic_load(&program->feed));
}

static enum celeriac_err open_feed(struct program *program, struct celeriac_error *err)
{
    const struct celeriac_worker_options *worker = &program->options.worker;
    const struct notify_webhook_feed_options options = {
        .store = program->sending.store,
        .broker_url = worker->broker_url,
        .broker_transport_options = worker->broker_transport_options,
        .broker_use_ssl = worker->broker_use_ssl,
        .broker_failover_strategy = worker->broker_failover_strategy};
    struct notify_webhook_feed *made = NULL;
    enum celeriac_err code;

    if (!program->options.notify.webhooks.on)
        return CELERIAC_OK;
    code = notify_webhook_feed_create(&options, &made, err);
    atomic_store(&program->feed, made);
    return code;
}

/* The sweep also finds what is to be sent within the horizon: it must not be late for that. */
static unsigned idle_sweep_ms(const struct notify_settings *settings)
{
    int64_t horizon_ms = settings->send_at_horizon_us * 1000 / US_PER_SEC;

    return horizon_ms < IDLE_SWEEP_MS ? (unsigned)horizon_ms : IDLE_SWEEP_MS;
}

/*
 * The notification service: its task, the database, and what sends. With child processes these
 * send, and this one needs the database for the outbox alone.
 */
static enum celeriac_err open_notify(struct program *program, struct celeriac_error *err)
{
    const struct celeriac_worker_options *worker = &program->options.worker;
    struct worker_sending *sending = &program->sending;
    struct notify_enqueue_options enqueue = {
        .broker_url = worker->broker_url,
        .broker_transport_options = worker->broker_transport_options,
        .broker_use_ssl = worker->broker_use_ssl,
        .broker_failover_strategy = worker->broker_failover_strategy,
        .idle_sweep_ms = idle_sweep_ms(&program->options.notify)};
    struct notify_enqueue *made = NULL;
    const struct worker_webhook_share share = {
        .threads = worker->autoscale_max > 0 ? worker->autoscale_max : worker->concurrency,
        .alone = strcmp(worker->queues, NOTIFY_WEBHOOK_QUEUE) == 0};
    enum celeriac_err code =
        worker_sending_init(sending, &program->options.notify, &share, program->worker, err);

    sending->told = on_told;
    sending->told_user = program;
    if (code == CELERIAC_OK && worker->pool == CELERIAC_POOL_PREFORK)
        code = celeriac_worker_prefork(program->worker, err);
    if (code == CELERIAC_OK)
        code =
            worker_sending_open_store(sending, program->options.notify.database_connections, err);
    if (code == CELERIAC_OK)
        code = open_http(program, err);
    if (code == CELERIAC_OK)
        code = worker_sending_await_store(sending, may_wait, program, err);
    if (code == CELERIAC_OK && worker->pool != CELERIAC_POOL_PREFORK)
        code = worker_sending_begin(sending, err);
    enqueue.store = sending->store;
    if (code == CELERIAC_OK)
        code = notify_enqueue_create(&enqueue, &made, err);
    atomic_store(&program->enqueue, made);
    return code ? code : open_feed(program, err);
}

/* Tasks of others need none of what the notification service does. */
static enum celeriac_err open_all(struct program *program, struct celeriac_error *err)
{
    enum celeriac_err code = open_worker(program, err);

    if (code == CELERIAC_OK && !program->options.app)
        return open_notify(program, err);
    if (code == CELERIAC_OK)
        code = worker_app_open(&program->app, program->options.app, program->worker, err);
    if (code == CELERIAC_OK && program->options.worker.pool == CELERIAC_POOL_PREFORK)
        code = celeriac_worker_prefork(program->worker, err);
    return code ? code : open_http(program, err);
}

static void close_all(struct program *program)
{
    probe_server_destroy(program->http);
    celeriac_worker_destroy(program->worker);
    worker_app_close(&program->app);
    notify_enqueue_destroy(atomic_load(&program->enqueue));
    notify_webhook_feed_destroy(atomic_load(&program->feed));
    worker_sending_close(&program->sending);
    shutdown_destroy(program->signals);
    worker_service_close(&program->service);
    worker_options_close(&program->options);
}

/* ---- signals ------------------------------------------------------------------------------- */

static void stop(struct program *program, enum stop_action action)
{
    if (action == STOP_NOTHING)
        return;
    worker_health_stopping(&program->health);
    worker_service_stopping(&program->service);
    if (action == STOP_COLD)
        log_warning("worker", "stopping at once, returning all messages");
    else
        log_warning("worker", "stopping when running tasks have ended");
    celeriac_worker_stop(program->worker,
                         action == STOP_COLD ? CELERIAC_STOP_COLD : CELERIAC_STOP_WARM);
}

static void *watch_signals(void *argument)
{
    struct program *program = argument;
    struct pollfd fds[] = {{.fd = shutdown_fd(program->signals), .events = POLLIN},
                           {.fd = program->ended_fd, .events = POLLIN}};
    struct stop_signals *plan = &program->plan;

    for (;;) {
        struct celeriac_worker_stats stats;
        int64_t until = plan->cold_at_ns > 0 ? plan->cold_at_ns : -1;
        int number;

        if (poll(fds, 2, clock_poll_ms(clock_monotonic_ns(), until)) < 0)
            continue;
        if (fds[1].revents)
            return NULL;
        if (stop_signals_is_over(plan, clock_monotonic_ns()))
            stop(program, STOP_COLD);
        number = shutdown_next(program->signals);
        if (number == 0)
            continue;
        celeriac_worker_get_stats(program->worker, &stats);
        stop(program, stop_signals_take(plan, number, stats.active, clock_monotonic_ns()));
    }
}

static enum celeriac_err run(struct program *program, struct celeriac_error *err)
{
    const uint64_t one = 1;
    pthread_t watcher;
    enum celeriac_err code;

    program->ended_fd = eventfd(0, EFD_CLOEXEC);
    if (program->ended_fd < 0 || pthread_create(&watcher, NULL, watch_signals, program))
        return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "cannot watch signals");
    code = celeriac_worker_run(program->worker, err);
    if (write(program->ended_fd, &one, sizeof one) < 0)
        log_critical("worker", "cannot wake the signal thread");
    pthread_join(watcher, NULL);
    close(program->ended_fd);
    return code;
}

/* ---- start --------------------------------------------------------------------------------- */

static int show_help(void)
{
    struct strbuf text;

    strbuf_init(&text, 64 * 1024);
    worker_options_help(&text);
    fputs(strbuf_text(&text), stdout);
    strbuf_close(&text);
    return EXIT_SUCCESS;
}

/* Whoever started us: a service manager, if these variables are there. */
static enum celeriac_err open_service(struct program *program, struct celeriac_error *err)
{
    const struct sd_notify_options manager = {.socket = getenv("NOTIFY_SOCKET"),
                                              .watchdog_usec = getenv("WATCHDOG_USEC"),
                                              .watchdog_pid = getenv("WATCHDOG_PID"),
                                              .pid = getpid()};

    return worker_service_open(&program->service, &manager, err);
}

/* Answers within some milliseconds; a worker that is not ready, or not there, is a failure. */
static int check_health(const struct program *program)
{
    struct celeriac_error err = {0};
    struct strbuf answer;
    bool ready = false;
    enum celeriac_err code;

    if (!program->options.http) {
        fputs("celeriac-worker: healthcheck: give --http or CELERIAC_HTTP\n", stderr);
        return EXIT_USAGE;
    }
    strbuf_init(&answer, (size_t)16 * 1024);
    code = worker_healthcheck(program->options.http, &ready, &answer, &err);
    if (code)
        fprintf(stderr, "celeriac-worker: healthcheck: %s\n", err.text);
    else
        puts(strbuf_text(&answer));
    strbuf_close(&answer);
    return code == CELERIAC_OK && ready ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* The parts, the worker, and its end. */
static enum celeriac_err serve(struct program *program, struct celeriac_error *err)
{
    enum celeriac_err code;

    worker_options_notice(&program->options);
    code = open_all(program, err);
    if (code == CELERIAC_OK)
        worker_start_done(&program->start);
    if (code)
        return code;
    code = run(program, err);
    if (code == CELERIAC_ERR_SHUTDOWN) {
        /* Task threads are still inside their tasks: nothing may be released under them. */
        log_warning("worker", "stopped cold", LOG_ERR(err));
        worker_start_end(&program->start);
        _exit(program->plan.exit_code);
    }
    return code;
}

/* Whether a value of ours is to blame, and not the machine; *err says then where it came from. */
static bool is_usage(const struct program *program, struct celeriac_error *err)
{
    bool ours = settings_blame(program->options.settings, worker_options_fields, err);

    return ours && (err->code == CELERIAC_ERR_VALUE || err->code == CELERIAC_ERR_SYNTAX ||
                    err->code == CELERIAC_ERR_LIMIT || err->code == CELERIAC_ERR_UNSUPPORTED);
}

/* Says why the work ended; returns the exit code. */
static int fail(const struct program *program, struct celeriac_error *err)
{
    if (is_usage(program, err)) {
        fprintf(stderr, "celeriac-worker: %s\n", err->text);
        return EXIT_USAGE;
    }
    log_critical("worker", "cannot go on", LOG_ERR(err));
    return err->code == CELERIAC_ERR_EXISTS && program->start.locked_out ? EXIT_LOCKED
                                                                         : EXIT_FAILURE;
}

static int work(struct program *program, char *const *argv)
{
    struct celeriac_error err = {0};
    bool restart;
    int status;
    enum celeriac_err code;

    program->plan = (struct stop_signals){
        .soft_ns = program->options.soft_shutdown_ns,
        .soft_when_idle = program->options.soft_shutdown_on_idle,
        .term_is_quit = program->options.term_is_quit,
        .hup_is_term = isatty(STDIN_FILENO),
    };
    /* Celery prints its stacks then; we have none to print, and it must not end us. */
    (void)sigaction(SIGUSR1, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    code = worker_start_begin(&program->start, &program->options, &err);
    if (program->start.old_status >= 0) {
        worker_start_end(&program->start);
        worker_options_close(&program->options);
        return program->start.old_status;
    }
    if (code == CELERIAC_OK)
        code = open_service(program, &err);
    if (code == CELERIAC_OK)
        code = shutdown_create(&program->signals, &err);
    if (code == CELERIAC_OK)
        code = serve(program, &err);
    restart = code == CELERIAC_OK && program->plan.restart;
    status = code ? fail(program, &err) : program->plan.exit_code;
    worker_start_end(&program->start);
    close_all(program);
    if (restart) {
        log_warning("worker", "starting again");
        if (setenv("CELERIAC_STARTED_AGAIN", "1", 1) == 0)
            worker_start_again(argv);
    }
    return status;
}

int main(int argc, char **argv)
{
    struct program program = {.ended_fd = -1};
    struct celeriac_error err = {0};

    if (worker_options_read(&program.options, argc, argv, environ, &err)) {
        fprintf(stderr, "celeriac-worker: %s\n", err.text);
        worker_options_close(&program.options);
        return EXIT_USAGE;
    }
    if (program.options.help || program.options.version) {
        int status = program.options.help ? show_help() : EXIT_SUCCESS;

        if (program.options.version)
            puts("celeriac-worker " CELERIAC_VERSION);
        worker_options_close(&program.options);
        return status;
    }
    if (program.options.healthcheck) {
        int status = check_health(&program);

        worker_options_close(&program.options);
        return status;
    }
    return work(&program, argv);
}
