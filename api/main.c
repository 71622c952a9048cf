/* celeriac-api: start, signals, exit codes. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/call.h"
#include "api/check.h"
#include "api/create_tenant.h"
#include "api/dispatch.h"
#include "api/handlers.h"
#include "api/health.h"
#include "api/metrics.h"
#include "api/open_files.h"
#include "api/options.h"
#include "api/server.h"
#include "api/tenant_limit.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sd_notify.h"
#include "base/shutdown.h"
#include "notify/metrics.h"
#include "notify/store/migrate.h"
#include "probe/server.h"

/* sysexits.h EX_USAGE, for a wrong command line or setting. */
#define EXIT_USAGE 64

/* Longest output of a command: some lines of a kilobyte at most. */
#define OUTPUT_MAX ((size_t)64 * 1024)

/* How long we wait for the database before we serve without it (with 503). */
#define READY_WAIT_NS (3 * NS_PER_SEC)

/* What the program is made of; built from top to bottom, taken down from bottom to top. */
struct program {
    struct api_options options;
    struct sd_notify *manager; /* of services, such as systemd */
    struct shutdown_signals *signals;
    struct api api;
    struct server *server;
    struct api_health health;
    struct probe_server *probe;
};

/* ---- parts --------------------------------------------------------------------------------- */

static struct store_server database(const struct program *p)
{
    return (struct store_server){.keywords = p->options.notify.database.keywords,
                                 .values = p->options.notify.database.values};
}

static enum celeriac_err open_store(struct program *p, struct celeriac_error *err)
{
    const struct store_options options = {.server = database(p),
                                          .application_name = "celeriac-api",
                                          .connections = p->options.notify.database_connections};
    struct celeriac_error why = {0};
    enum celeriac_err code = store_create(&options, &p->api.store, err);

    if (code != CELERIAC_OK)
        return code;
    code = store_wait_ready(p->api.store, READY_WAIT_NS, &why);
    if (code == CELERIAC_ERR_UNAVAILABLE) {
        log_error("api", "database is away; requests get 503 until it is back", LOG_ERR(&why));
        return CELERIAC_OK;
    }
    return code == CELERIAC_OK ? code : celeriac_error_set(err, code, "%s", why.text);
}

static enum celeriac_err open_auth(struct program *p, struct celeriac_error *err)
{
    const struct store_server server = database(p);
    const struct auth_options options = {
        .store = p->api.store, .server = &server, .unknown_per_second = p->options.unknown_keys};

    return auth_create(&options, &p->api.auth, err);
}

static enum celeriac_err open_rates(struct program *p, struct celeriac_error *err)
{
    const struct notify_settings *settings = &p->options.notify;
    const struct rate_limit_options options = {
        .redis = {.broker_url = settings->broker_url,
                  .broker_transport_options = settings->redis.broker_transport_options,
                  .broker_use_ssl = settings->redis.broker_use_ssl,
                  .broker_failover_strategy = settings->redis.failover_strategy},
        .per_1000_s = p->options.rate_limit * 1000,
        .burst = p->options.rate_burst};

    return rate_limit_create(&options, &p->api.rates, err);
}

static enum celeriac_err open_services(struct program *p, struct celeriac_error *err)
{
    const struct notify_settings *settings = &p->options.notify;
    const struct notify_render_options render = {.cache_bytes = settings->templates.cache_bytes,
                                                 .fuel = settings->templates.fuel,
                                                 .max_output = settings->templates.max_output};
    struct notify_enqueue_options enqueue = {
        .broker_url = settings->broker_url,
        .broker_transport_options = settings->redis.broker_transport_options,
        .broker_use_ssl = settings->redis.broker_use_ssl,
        .broker_failover_strategy = settings->redis.failover_strategy,
        .reconcile_after_s = settings->reconcile_after_s};
    /* First, so that a broker's bad address is told before a database that is away is waited for.
     */
    enum celeriac_err code = open_rates(p, err);

    if (code == CELERIAC_OK)
        code = open_store(p, err);
    p->api.routes = api_routes;
    p->api.settings = settings;
    enqueue.store = p->api.store;
    if (code == CELERIAC_OK)
        code = api_metrics_create(api_routes, &p->api.metrics);
    if (code == CELERIAC_ERR_MEMORY)
        return celeriac_error_set(err, code, "no memory for the metrics");
    if (code == CELERIAC_OK)
        code = open_auth(p, err);
    if (code == CELERIAC_OK)
        code = work_pool_create(&p->api.work, err);
    if (code == CELERIAC_OK)
        code = notify_render_create(&render, &p->api.render, err);
    if (code == CELERIAC_OK)
        code = notify_enqueue_create(&enqueue, &p->api.enqueue, err);
    return code;
}

/* Files that are no connections, and one connection in so many that is ending besides. */
#define OTHER_FILES 256UL
#define ENDING_SHARE 8UL

/* Has the limit of open files let the connections in, or lets in no more than that allows. */
static void fit_open_files(struct program *p)
{
    unsigned long connections = p->options.connections;
    unsigned long wanted = connections + connections / ENDING_SHARE + OTHER_FILES;
    unsigned long allowed = open_files_raise(wanted);

    if (allowed >= wanted)
        return;
    connections = allowed / 2;
    if (allowed > 2 * OTHER_FILES)
        connections = (allowed - OTHER_FILES) / (ENDING_SHARE + 1) * ENDING_SHARE;
    log_warning("api", "fewer connections than wanted, by the limit of open files",
                LOG_INT("connections", (int64_t)connections),
                LOG_INT("open_files", (int64_t)allowed), LOG_INT("wanted", (int64_t)wanted));
    p->options.connections = (unsigned)(connections ? connections : 1);
}

static enum celeriac_err open_server(struct program *p, struct celeriac_error *err)
{
    struct server_options options = {.threads = p->options.threads,
                                     .connections_per_address = p->options.connections_per_address,
                                     .trusted = &p->options.trusted,
                                     .idle_seconds = p->options.idle_seconds,
                                     .body_max = dispatch_body_max,
                                     .handler = dispatch,
                                     .context = &p->api};
    unsigned port = 0;
    enum celeriac_err code;

    fit_open_files(p);
    options.connections = p->options.connections;
    code = listen_socket_open(p->options.host, p->options.port, p->options.share_port,
                              &options.listen_fd, &port, err);
    if (code == CELERIAC_OK)
        code = server_create(&options, &p->server, err);
    if (code == CELERIAC_OK)
        log_info("api", "ready", LOG_STR("host", p->options.host), LOG_INT("port", port),
                 LOG_INT("threads", p->options.threads), LOG_INT("pid", getpid()));
    return code;
}

/* ---- the operator's port -------------------------------------------------------------------- */

static bool is_live(void *user, struct strbuf *answer)
{
    const struct program *p = user;

    return api_health_is_live(&p->health, clock_monotonic_ns(), answer);
}

static bool is_ready(void *user, struct strbuf *answer)
{
    const struct program *p = user;

    return api_health_is_ready(&p->health, clock_monotonic_ns(), answer);
}

static void write_metrics(void *user, struct strbuf *out)
{
    const struct program *p = user;
    struct server_stats server;
    struct auth_stats keys;
    struct rate_limit_stats rates;

    server_get_stats(p->server, &server);
    auth_get_stats(p->api.auth, &keys);
    rate_limit_get_stats(p->api.rates, &rates);
    api_metrics_write_requests(p->api.metrics, out);
    api_metrics_write_server(&server, out);
    api_metrics_write_keys(&keys, out);
    api_metrics_write_rates(&rates, out);
    notify_metrics_store(p->api.store, out);
    notify_metrics_outbox(p->api.store, p->api.enqueue, out);
}

static enum celeriac_err open_probe(struct program *p, struct celeriac_error *err)
{
    const struct probe_options options = {.address = p->options.http,
                                          .is_live = is_live,
                                          .is_ready = is_ready,
                                          .metrics = write_metrics,
                                          .user = p};
    struct celeriac_error why = {0};
    enum celeriac_err code = CELERIAC_OK;

    p->health.store = p->api.store;
    p->health.enqueue = p->api.enqueue;
    if (options.address)
        code = probe_server_create(&options, &p->probe, &why);
    return code == CELERIAC_OK ? code
                               : celeriac_error_set(err, code, "option --http: %s", why.text);
}

/* The order matters: nothing is released while a call may still use it. */
static void close_all(struct program *p)
{
    if (p->api.auth)
        auth_stop(p->api.auth);
    if (p->server)
        server_stop(p->server, p->options.grace_ns);
    probe_server_destroy(p->probe);
    server_destroy(p->server);
    notify_enqueue_destroy(p->api.enqueue);
    rate_limit_destroy(p->api.rates);
    work_pool_destroy(p->api.work);
    if (p->api.store)
        store_stop(p->api.store);
    auth_destroy(p->api.auth);
    store_destroy(p->api.store);
    notify_render_destroy(p->api.render);
    api_metrics_destroy(p->api.metrics);
    shutdown_destroy(p->signals);
    sd_notify_destroy(p->manager);
    api_options_close(&p->options);
}

/* ---- life ---------------------------------------------------------------------------------- */

static void reopen_log(const struct program *p)
{
    struct celeriac_error err = {0};

    if (log_set_file(p->options.logfile, &err) != CELERIAC_OK)
        log_error("api", "the log file cannot be opened anew", LOG_ERR(&err));
}

/* A manager that does not listen is no reason to serve less. */
static void tell_manager(const struct program *p, const char *lines)
{
    if (sd_notify_tell(p->manager, lines) != CELERIAC_OK)
        log_warning("api", "the service manager does not listen");
}

static enum celeriac_err open_manager(struct program *p, struct celeriac_error *err)
{
    const struct sd_notify_options options = {.socket = getenv("NOTIFY_SOCKET")};

    return sd_notify_create(&options, &p->manager, err);
}

/* Until TERM, INT or QUIT; HUP opens the log file anew. */
static void await_signal(struct program *p)
{
    struct pollfd signals = {.fd = shutdown_fd(p->signals), .events = POLLIN};

    for (;;) {
        int number;

        (void)poll(&signals, 1, -1);
        number = shutdown_next(p->signals);
        if (number == SIGHUP)
            reopen_log(p);
        else if (number != 0)
            break;
    }
    atomic_store(&p->health.stopping, true);
    tell_manager(p, "STOPPING=1");
    log_info("api", "stopping when the requests in flight are answered");
}

static enum celeriac_err serve(struct program *p, struct celeriac_error *err)
{
    enum celeriac_err code = open_manager(p, err);

    if (code == CELERIAC_OK)
        code = shutdown_create(&p->signals, err);
    if (code == CELERIAC_OK)
        code = open_services(p, err);
    if (code == CELERIAC_OK)
        code = open_server(p, err);
    if (code == CELERIAC_OK)
        code = open_probe(p, err);
    if (code == CELERIAC_OK) {
        tell_manager(p, "READY=1");
        await_signal(p);
    }
    return code;
}

static enum celeriac_err migrate(struct program *p, struct celeriac_error *err)
{
    const struct store_server server = database(p);
    struct store_migration done = {0};
    enum celeriac_err code = store_migrate(&server, &done, err);

    if (code == CELERIAC_OK)
        printf("schema celeriac: version %d%s%s\n", done.to,
               done.from == done.to ? " already" : ", migrated",
               done.made_tables ? "; made the tables of the service" : "");
    return code;
}

static enum celeriac_err check(const struct program *p, struct celeriac_error *err)
{
    struct strbuf lines;
    bool good;

    strbuf_init(&lines, OUTPUT_MAX);
    good = api_check(&p->options, &lines);
    fputs(strbuf_text(&lines), stdout);
    strbuf_close(&lines);
    return good ? CELERIAC_OK : celeriac_error_set(err, CELERIAC_ERR_VALUE, "not as it should be");
}

/* A command that prints something. */
typedef enum celeriac_err print_fn(const struct api_options *options, struct strbuf *out,
                                   struct celeriac_error *err);

static enum celeriac_err print(const struct program *p, print_fn *command,
                               struct celeriac_error *err)
{
    struct strbuf lines;
    enum celeriac_err code;

    strbuf_init(&lines, OUTPUT_MAX);
    code = command(&p->options, &lines, err);
    if (code == CELERIAC_OK && strbuf_status(&lines) == CELERIAC_OK)
        fputs(strbuf_text(&lines), stdout);
    if (lines.ptr)
        explicit_bzero(lines.ptr, lines.len);
    strbuf_close(&lines);
    return code;
}

static enum celeriac_err obey(struct program *p, struct celeriac_error *err)
{
    switch (p->options.command) {
    case API_MIGRATE:
        return migrate(p, err);
    case API_CHECK:
        return check(p, err);
    case API_CREATE_TENANT:
        return print(p, api_create_tenant, err);
    case API_LIMIT:
        return print(p, api_tenant_limit, err);
    case API_SERVE:
        break;
    }
    return serve(p, err);
}

static int show_help(void)
{
    struct strbuf text;

    strbuf_init(&text, 64 * 1024);
    api_options_help(&text);
    fputs(strbuf_text(&text), stdout);
    strbuf_close(&text);
    return EXIT_SUCCESS;
}

/* Whether a value of ours is to blame, and not the machine; *err says then where it came from. */
static bool is_usage(const struct program *p, struct celeriac_error *err)
{
    bool ours = settings_blame(p->options.settings, notify_settings_fields, err);

    return ours && (err->code == CELERIAC_ERR_VALUE || err->code == CELERIAC_ERR_SYNTAX ||
                    err->code == CELERIAC_ERR_LIMIT || err->code == CELERIAC_ERR_UNSUPPORTED);
}

/* Says why a command could not be obeyed; returns the exit code. */
static int fail(const struct program *p, struct celeriac_error *err)
{
    if (p->options.command == API_CHECK)
        return EXIT_FAILURE;
    if (is_usage(p, err)) {
        fprintf(stderr, "celeriac-api: %s\n", err->text);
        return EXIT_USAGE;
    }
    if (p->options.command == API_CREATE_TENANT)
        fprintf(stderr, "celeriac-api: create-tenant: %s\n", err->text);
    else if (p->options.command == API_LIMIT)
        fprintf(stderr, "celeriac-api: limit: %s\n", err->text);
    else
        log_critical("api", "cannot go on", LOG_ERR(err));
    return EXIT_FAILURE;
}

static int run(struct program *p)
{
    struct celeriac_error err = {0};
    enum celeriac_err code;
    int status = EXIT_SUCCESS;

    log_set_level(p->options.level);
    log_set_format(p->options.format);
    code = log_set_file(p->options.logfile, &err);
    if (code == CELERIAC_OK)
        code = obey(p, &err);
    if (code != CELERIAC_OK)
        status = fail(p, &err);
    close_all(p);
    return status;
}

/* A wrong setting is a finding of `check`; everybody else cannot even begin. */
static int refuse(const struct api_options *options, const struct celeriac_error *err)
{
    struct strbuf line;

    if (options->command != API_CHECK) {
        fprintf(stderr, "celeriac-api: %s\n", err->text);
        return EXIT_USAGE;
    }
    strbuf_init(&line, OUTPUT_MAX);
    api_check_failed(&line, "settings", err->text);
    fputs(strbuf_text(&line), stdout);
    strbuf_close(&line);
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct program program = {.server = NULL};
    struct celeriac_error err = {0};

    if (api_options_read(&program.options, argc, argv, environ, &err) != CELERIAC_OK) {
        int status = refuse(&program.options, &err);

        api_options_close(&program.options);
        return status;
    }
    if (program.options.help || program.options.version) {
        int status = program.options.help ? show_help() : EXIT_SUCCESS;

        if (program.options.version)
            puts("celeriac-api " CELERIAC_VERSION);
        api_options_close(&program.options);
        return status;
    }
    return run(&program);
}
