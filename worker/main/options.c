#include "worker/main/options.h"

#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/listen_socket.h"
#include "base/parse_num.h"
#include "notify/webhook_task.h"
#include "worker/main/app.h"
#include "worker/main/celery_settings.h"

/* Stack of a task thread: rendering a template and a TLS handshake fit into this (jinja/jinja.h).
 */
#define TASK_STACK ((size_t)512 * 1024)

/* Stack of a task thread for code of others: what programs usually have. Pages that are never
 * touched cost nothing. */
#define APP_TASK_STACK ((size_t)8 * 1024 * 1024)

/* Most task threads, as celeriac/worker.h has it. */
#define CONCURRENCY_MAX 4096

#define DEFAULT_QUEUE "celery"

/* Bytes of a list of queues: a worker takes 256 names, which are short as a rule. */
#define QUEUES_MAX ((size_t)64 * 1024)

/* clang-format off */
static const struct setting table[] = {
    {"broker", SETTING_TEXT, NULL, NULL, "-b, --broker", "URL", 0, 0, true,
     "broker URL; wins over CELERY_BROKER_URL and REDIS_URL"},
    {"result_backend", SETTING_TEXT, NULL, NULL, "--result-backend", "URL", 0, 0, true,
     "where results go; wins over CELERY_RESULT_BACKEND; \"disabled://\" stores none"},
    {"hostname", SETTING_TEXT, NULL, "CELERY_WORKER_HOSTNAME", "-n, --hostname", "NAME", 0, 0, false,
     "node name; %h is the host, %n its first label, %d its domain (default celery@%h)"},
    {"queues", SETTING_TEXT, NULL, "CELERY_WORKER_QUEUES", "-Q, --queues", "LIST", 0, 0, false,
     "queues to consume, separated by commas (default celery)"},
    {"concurrency", SETTING_INT, "0", "CELERY_WORKER_CONCURRENCY", "-c, --concurrency", "N", 0, 4096, false,
     "task threads or child processes; 0 means one for each processor"},
    {"loglevel", SETTING_LEVEL, "WARNING", "CELERY_WORKER_LOGLEVEL", "-l, --loglevel", "LEVEL", 0, 0, false,
     "DEBUG, INFO, WARNING, ERROR, CRITICAL or FATAL"},
    {"logfile", SETTING_TEXT, NULL, "CELERY_WORKER_LOGFILE", "-f, --logfile", "FILE", 0, 0, false,
     "log file; standard error when not given"},
    {"prefetch_multiplier", SETTING_INT, "0", "CELERY_WORKER_PREFETCH_MULTIPLIER", "--prefetch-multiplier", "N",
     0, 1024, false, "messages held for each task thread; 0 means 4"},
    {"unknown_tasks", SETTING_TEXT, "leave", "CELERIAC_UNKNOWN_TASKS", "--unknown-tasks", "WHAT", 0, 0, false,
     "leave: messages of other tasks stay in the queue for others; fail: NotRegistered, as Celery does"},
    {"visibility_timeout", SETTING_INT, "0", "CELERIAC_VISIBILITY_TIMEOUT", "--visibility-timeout", "SECONDS",
     0, 31536000, false, "as in the producers' broker_transport_options; 0: what ours say, or 3600"},
    {"statedb", SETTING_TEXT, NULL, "CELERY_WORKER_STATEDB CELERY_WORKER_STATE_DB", "-S, --statedb", "FILE", 0, 0, false,
     "file that keeps revoked ids over a restart"},
    {"eta_task_limit", SETTING_INT, "0", "CELERY_WORKER_ETA_TASK_LIMIT", "--eta-task-limit", "N", 0, 1000000, false,
     "messages that may wait for their eta before no more are taken; 0 means 1,000,000"},
    {"result_extended", SETTING_FLAG, NULL, "CELERY_RESULT_EXTENDED", "--result-extended", NULL, 0, 0, false,
     "results say name, arguments, worker and queue of their task"},
    {"result_expires", SETTING_SECONDS, "86400", "CELERY_RESULT_EXPIRES", NULL, NULL, 0, 315360000, false,
     "time that results are kept; 0: for ever"},
    {"default_queue", SETTING_TEXT, NULL, "CELERY_TASK_DEFAULT_QUEUE", NULL, NULL, 0, 0, false,
     "queue that is consumed without -Q, and that takes what follows a task"},
    {"task_routes", SETTING_TEXT, NULL, "CELERY_TASK_ROUTES", NULL, NULL, 0, 0, false,
     "JSON: where tasks go that a worker or its tasks send, by their names"},
    {"inherit_parent_priority", SETTING_BOOL, "false", "CELERY_TASK_INHERIT_PARENT_PRIORITY", NULL, NULL, 0, 0, false,
     "what follows a task has its priority"},
    {"time_limit", SETTING_SECONDS, "0", "CELERY_WORKER_TIME_LIMIT CELERY_TASK_TIME_LIMIT", "--time-limit", "SECONDS", 0, 315360000, false,
     "hard limit of tasks that have none of their own; 0 means none"},
    {"soft_time_limit", SETTING_SECONDS, "0", "CELERY_WORKER_SOFT_TIME_LIMIT CELERY_TASK_SOFT_TIME_LIMIT", "--soft-time-limit", "SECONDS", 0, 315360000, false,
     "likewise the soft limit"},
    {"http", SETTING_TEXT, NULL, "CELERIAC_HTTP", "--http", "HOST:PORT", 0, 0, false,
     "serve /livez, /readyz and /metrics there; also where `celeriac-worker healthcheck` asks"},
    {"autoscale", SETTING_TEXT, NULL, "CELERY_WORKER_AUTOSCALE", "--autoscale", "MAX,MIN", 0, 0, false,
     "let the number of task threads follow the load between MIN (default 1) and MAX"},
    {"autoscale_keepalive", SETTING_SECONDS, "30", "AUTOSCALE_KEEPALIVE", NULL, NULL, 0, 86400, false,
     "time without a new task after which surplus threads end"},
    {"exclude_queues", SETTING_TEXT, NULL, "CELERY_WORKER_EXCLUDE_QUEUES", "-X, --exclude-queues", "LIST", 0, 0, false,
     "queues not to consume"},
    {"purge", SETTING_FLAG, NULL, "CELERY_WORKER_PURGE", "--purge, --discard", NULL, 0, 0, false,
     "delete what waits in the queues before the start"},
    {"disable_prefetch", SETTING_FLAG, NULL, "CELERY_WORKER_DISABLE_PREFETCH", "--disable-prefetch", NULL, 0, 0, false,
     "hold no more than one message for each task thread"},
    {"detach", SETTING_FLAG, NULL, "CELERY_WORKER_DETACH", "-D, --detach", NULL, 0, 0, false,
     "go on in the background, once the start went well"},
    {"pidfile", SETTING_TEXT, NULL, "CELERY_WORKER_PIDFILE", "--pidfile", "FILE", 0, 0, false,
     "file for the process id; %n, %h, %d and %p stand for parts of the node name"},
    {"uid", SETTING_TEXT, NULL, "CELERY_WORKER_UID", "--uid", "USER", 0, 0, false, "become that user"},
    {"gid", SETTING_TEXT, NULL, "CELERY_WORKER_GID", "--gid", "GROUP", 0, 0, false, "become that group"},
    {"umask", SETTING_TEXT, NULL, "CELERY_WORKER_UMASK", "--umask", "OCTAL", 0, 0, false, "umask, such as 027"},
    {"soft_shutdown_timeout", SETTING_SECONDS, "0", "CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT", NULL, NULL, 0, 86400, false,
     "time that running tasks have to end after SIGQUIT"},
    {"soft_shutdown_on_idle", SETTING_BOOL, "false", "CELERY_WORKER_ENABLE_SOFT_SHUTDOWN_ON_IDLE", NULL, NULL, 0, 0,
     false, "wait as well when no task runs"},
    {"remap_sigterm", SETTING_TEXT, NULL, "REMAP_SIGTERM", NULL, NULL, 0, 0, false,
     "SIGQUIT makes SIGTERM stop at once"},
    {"log_format", SETTING_TEXT, "auto", "CELERIAC_LOG_FORMAT", "--log-format", "FORMAT", 0, 0, false,
     "text, json, or auto: text on a terminal and JSON elsewhere"},
    {"quiet", SETTING_FLAG, NULL, "CELERY_QUIET", "-q, --quiet", NULL, 0, 0, false, "show no banner"},
    {"no_color", SETTING_FLAG, NULL, "CELERY_NO_COLOR", "-C, --no-color", NULL, 0, 0, false,
     "no colours, also on a terminal; so does NO_COLOR"},
    {"no_color_wanted", SETTING_TEXT, NULL, "NO_COLOR", NULL, NULL, 0, 0, false, "anything: no colours"},
    {"started_again", SETTING_TEXT, NULL, "CELERIAC_STARTED_AGAIN", NULL, NULL, 0, 0, false,
     "set by the program itself after SIGHUP"},
    {"beat", SETTING_FLAG, NULL, "CELERY_WORKER_BEAT", "-B, --beat", NULL, 0, 0, false,
     "refused: run `celery beat` beside the workers"},
    {"workdir", SETTING_TEXT, NULL, NULL, "--workdir", "FOLDER", 0, 0, false,
     "working folder, where .env is read"},
    {"pool", SETTING_TEXT, "threads", "CELERY_WORKER_POOL", "-P, --pool", "POOL", 0, 0, false,
     "threads; prefork (or processes): each task in a child process, for code that may hang or crash"},
    {"pool_restarts", SETTING_BOOL, "false", "CELERY_WORKER_POOL_RESTARTS", NULL, NULL, 0, 0, false,
     "the remote command pool_restart replaces child processes"},
    {"app", SETTING_TEXT, NULL, NULL, "-A, --app", "FILE.so", 0, 0, false,
     "serve the tasks of this shared object instead of the notification service's; a Python module has no effect"},
    {"config", SETTING_TEXT, NULL, NULL, "--config", "MODULE", 0, 0, false, "accepted without effect"},
    {"loader", SETTING_TEXT, NULL, NULL, "--loader", "NAME", 0, 0, false, "accepted without effect"},
    {"include", SETTING_TEXT, NULL, NULL, "-I, --include", "LIST", 0, 0, false, "accepted without effect"},
    {"optimization", SETTING_TEXT, NULL, NULL, "-O, --optimization", "WHAT", 0, 0, false,
     "accepted without effect"},
    {"skip_checks", SETTING_FLAG, NULL, NULL, "--skip-checks", NULL, 0, 0, false, "accepted without effect"},
    {"executable", SETTING_TEXT, NULL, NULL, "--executable", "FILE", 0, 0, false, "accepted without effect"},
    {"max_tasks_per_child", SETTING_INT, "0", "CELERY_WORKER_MAX_TASKS_PER_CHILD", "--max-tasks-per-child", "N",
     0, 1000000000, false, "prefork: a child process is replaced after so many tasks; 0 means never"},
    {"max_memory_per_child", SETTING_INT, "0", "CELERY_WORKER_MAX_MEMORY_PER_CHILD", "--max-memory-per-child", "KIB",
     0, 1000000000, false, "prefork: a child process is replaced when it has used more memory; 0 means never"},
    {"proc_alive_timeout", SETTING_SECONDS, "60", "CELERY_WORKER_PROC_ALIVE_TIMEOUT", NULL, NULL, 0, 86400, false,
     "prefork: a child process whose start takes longer is killed and replaced"},
    {"pool_start_method", SETTING_TEXT, NULL, NULL, "--pool-start-method", "METHOD", 0, 0, false,
     "accepted without effect: child processes are forked"},
    {"schedule", SETTING_TEXT, NULL, NULL, "-s, --schedule, --schedule-filename", "FILE", 0, 0, false,
     "accepted without effect: it is for -B"},
    {"scheduler", SETTING_TEXT, NULL, NULL, "--scheduler", "NAME", 0, 0, false,
     "accepted without effect: it is for -B"},
    {"without_gossip", SETTING_FLAG, NULL, "CELERY_WORKER_WITHOUT_GOSSIP", "--without-gossip", NULL, 0, 0, false,
     "do not listen to other workers' events"},
    {"without_mingle", SETTING_FLAG, NULL, "CELERY_WORKER_WITHOUT_MINGLE", "--without-mingle", NULL, 0, 0, false,
     "do not ask other workers for revoked ids at the start"},
    {"without_heartbeat", SETTING_FLAG, NULL, "CELERY_WORKER_WITHOUT_HEARTBEAT", "--without-heartbeat", NULL, 0, 0,
     false, "send no worker-online, worker-heartbeat and worker-offline events"},
    {"heartbeat_interval", SETTING_SECONDS, "2", "CELERY_WORKER_HEARTBEAT_INTERVAL", "--heartbeat-interval",
     "SECONDS", 0, 3600, false, "time between heartbeats"},
    {"task_events", SETTING_FLAG, NULL, "CELERY_WORKER_TASK_EVENTS CELERY_WORKER_SEND_TASK_EVENTS", "-E, --events, --task-events", NULL, 0, 0,
     false, "send events of tasks to monitors"},
    {"help", SETTING_FLAG, NULL, NULL, "-h, --help", NULL, 0, 0, false, "show this text and exit"},
    {"version", SETTING_FLAG, NULL, NULL, "--version", NULL, 0, 0, false, "show the version and exit"},
    {NULL, SETTING_TEXT, NULL, NULL, NULL, NULL, 0, 0, false, NULL},
};
/* clang-format on */

const struct setting_field worker_options_fields[] = {
    {"broker_url", "broker celery_broker_url redis_url"},
    {"result_backend", "result_backend celery_result_backend redis_url"},
    {"broker_transport_options", "celery_broker_transport_options"},
    {"result_backend_transport_options",
     "celery_result_backend_transport_options celery_broker_transport_options"},
    {"broker_use_ssl", "celery_broker_use_ssl"},
    {"redis_backend_use_ssl", "celery_redis_backend_use_ssl celery_broker_use_ssl"},
    {"broker_failover_strategy", "celery_broker_failover_strategy"},
    {"task_routes", "task_routes"},
    {"task_defaults.rate_limit", "task_default_rate_limit"},
    {"hostname", "hostname"},
    {"queues", "queues default_queue"},
    {"heartbeat_interval", "heartbeat_interval"},
    {"uid", "uid"},
    {"gid", "gid"},
    {"umask", "umask"},
    {"logfile", "logfile"},
    {"pidfile", "pidfile"},
    {"dbname", "db_name"},
    {NULL, NULL},
};

/* Options that scripts of existing deployments give and that mean nothing here. */
static const char *const without_effect[] = {
    "config",      "loader",     "include",           "optimization",
    "skip_checks", "executable", "pool_start_method", "schedule",
    "scheduler",
};

static const struct setting *const tables[] = {table, celery_settings_table, notify_settings_table,
                                               NULL};

/* `celery -A app worker ...` is spelt with the command's name; it is allowed to stay. Ours has one
 * command besides. */
static enum celeriac_err check_words(char *const *words, bool *healthcheck,
                                     struct celeriac_error *err)
{
    *healthcheck = words[0] && span_is(span_of(words[0]), "healthcheck");
    if (*healthcheck || (words[0] && span_is(span_of(words[0]), "worker")))
        words++;
    if (words[0])
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "unexpected argument: %s", words[0]);
    return CELERIAC_OK;
}

static enum celeriac_err read_sources(struct worker_options *options, int argc, char *const *argv,
                                      char *const *environment, struct celeriac_error *err)
{
    char **words = NULL;
    const char *folder;
    enum celeriac_err code = settings_create(tables, &options->settings, err);

    if (code)
        return code;
    code = settings_read_options(options->settings, argc, argv, &words, err);
    if (code == CELERIAC_OK)
        code = check_words(words, &options->healthcheck, err);
    mem_free(words);
    if (code)
        return code;
    folder = settings_text(options->settings, "workdir");
    if (folder && chdir(folder))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "option --workdir: cannot enter %s",
                                  folder);
    /* First, so that a bad line of the file which a variable overrides is no error. */
    code = settings_read_environment(options->settings, environment, err);
    if (code == CELERIAC_OK)
        code = settings_read_dotenv(options->settings, NOTIFY_SETTINGS_DOTENV, true, err);
    return code;
}

static enum celeriac_err read_unknown(const struct worker_options *options,
                                      enum celeriac_unknown_task *unknown,
                                      struct celeriac_error *err)
{
    struct span text = span_of(settings_text(options->settings, "unknown_tasks"));

    if (!span_is(text, "leave") && !span_is(text, "fail"))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: must be leave or fail",
                                  settings_place(options->settings, "unknown_tasks"));
    *unknown = span_is(text, "fail") ? CELERIAC_UNKNOWN_FAIL : CELERIAC_UNKNOWN_LEAVE;
    return CELERIAC_OK;
}

/* "MAX" or "MAX,MIN", as Celery takes them. */
static enum celeriac_err read_autoscale(const struct settings *settings,
                                        struct celeriac_worker_options *worker,
                                        struct celeriac_error *err)
{
    const char *text = settings_text(settings, "autoscale");
    struct span first;
    struct span second;
    int64_t max = 0;
    int64_t min = 0;

    if (!text)
        return CELERIAC_OK;
    if (!span_cut(span_of(text), ',', &first, &second))
        first = span_of(text);
    else if (parse_int64(span_trim(second), 0, CONCURRENCY_MAX, &min))
        max = -1;
    if (max < 0 || parse_int64(span_trim(first), 1, CONCURRENCY_MAX, &max) || max < min)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "%s: must be MAX,MIN with MAX 1 to %d and not below MIN",
                                  settings_place(settings, "autoscale"), CONCURRENCY_MAX);
    worker->autoscale_max = (unsigned)max;
    worker->autoscale_min = (unsigned)min;
    worker->autoscale_keepalive =
        (double)settings_seconds_ns(settings, "autoscale_keepalive") / (double)NS_PER_SEC;
    return CELERIAC_OK;
}

/* What Celery does and this program does not; said before anything starts. */
static enum celeriac_err refuse(const struct settings *settings, struct celeriac_error *err)
{
    if (settings_bool(settings, "beat"))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "%s: there is no scheduler in this worker; run `celery beat` "
                                  "beside it",
                                  settings_place(settings, "beat"));
    return CELERIAC_OK;
}

/* Celery's other pools are kinds of concurrency in one process, as threads are. */
static void read_pool(const struct settings *settings, struct celeriac_worker_options *worker)
{
    struct span pool = span_of(settings_text(settings, "pool"));

    if (span_is(pool, "prefork") || span_is(pool, "processes"))
        worker->pool = CELERIAC_POOL_PREFORK;
    worker->max_tasks_per_child = (unsigned)settings_int(settings, "max_tasks_per_child");
    worker->max_memory_per_child = (unsigned)settings_int(settings, "max_memory_per_child");
    worker->pool_restarts = settings_bool(settings, "pool_restarts");
    worker->child_start_timeout =
        (double)settings_seconds_ns(settings, "proc_alive_timeout") / (double)NS_PER_SEC;
}

static bool is_listed(struct span list, struct span name)
{
    struct span item;
    bool more = true;

    while (more) {
        more = span_cut(list, ',', &item, &list);
        if (span_equal(span_trim(item), name))
            return true;
    }
    return false;
}

/* worker_direct: the queue of this node alone, whatever -Q and -X say (celery/app/utils.py). */
static enum celeriac_err add_direct_queue(struct worker_options *options,
                                          struct celeriac_error *err)
{
    char name[CELERIAC_NODENAME_SIZE];
    enum celeriac_err code;

    if (!settings_bool(options->settings, "worker_direct"))
        return CELERIAC_OK;
    code = celeriac_worker_nodename(settings_text(options->settings, "hostname"), name, err);
    if (code)
        return code;
    if (strbuf_span(&options->queues).len > 0)
        strbuf_add_char(&options->queues, ',');
    strbuf_add_text(&options->queues, name);
    strbuf_add_text(&options->queues, ".dq2");
    return CELERIAC_OK;
}

/* That of the webhooks, unless the queues were chosen. */
static void add_webhook_queue(struct worker_options *options, const char *excluded)
{
    if (options->names_queues || options->app || !options->notify.webhooks.on ||
        strbuf_span(&options->queues).len == 0 ||
        (excluded && is_listed(span_of(excluded), SPAN(NOTIFY_WEBHOOK_QUEUE))))
        return;
    strbuf_add_char(&options->queues, ',');
    strbuf_add_text(&options->queues, NOTIFY_WEBHOOK_QUEUE);
}

/* The queues without those of -X. */
static enum celeriac_err read_queues(struct worker_options *options, struct celeriac_error *err)
{
    const char *all = settings_text(options->settings, "queues");
    const char *excluded = settings_text(options->settings, "exclude_queues");
    const char *usual = settings_text(options->settings, "default_queue");
    struct span rest = span_of(all && *all ? all : usual && *usual ? usual : DEFAULT_QUEUE);
    struct span name;
    bool more = true;
    enum celeriac_err code;

    options->names_queues = all && *all;
    strbuf_init(&options->queues, QUEUES_MAX);
    while (more) {
        more = span_cut(rest, ',', &name, &rest);
        name = span_trim(name);
        if (name.len == 0 || (excluded && is_listed(span_of(excluded), name)))
            continue;
        if (strbuf_span(&options->queues).len > 0)
            strbuf_add_char(&options->queues, ',');
        strbuf_add_span(&options->queues, name);
    }
    add_webhook_queue(options, excluded);
    code = add_direct_queue(options, err);
    if (code)
        return code;
    if (strbuf_status(&options->queues))
        return celeriac_error_set(err, strbuf_status(&options->queues), "%s: too long",
                                  settings_place(options->settings, "queues"));
    if (strbuf_span(&options->queues).len == 0)
        return celeriac_error_set(
            err, CELERIAC_ERR_VALUE, "%s: no queue is left",
            settings_place(options->settings, all ? "queues" : "exclude_queues"));
    options->worker.queues = strbuf_text(&options->queues);
    return CELERIAC_OK;
}

static enum celeriac_err read_log(struct worker_options *options, struct celeriac_error *err)
{
    struct span format = span_of(settings_text(options->settings, "log_format"));

    options->quiet = settings_bool(options->settings, "quiet");
    options->no_color = settings_bool(options->settings, "no_color") ||
                        settings_text(options->settings, "no_color_wanted");
    options->logfile = settings_text(options->settings, "logfile");
    options->auto_format = span_is(format, "auto");
    options->format = span_is(format, "json") ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT;
    if (!options->auto_format && options->format == LOG_FORMAT_TEXT && !span_is(format, "text"))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: must be auto, text or json",
                                  settings_place(options->settings, "log_format"));
    return log_level_parse(span_of(settings_text(options->settings, "loglevel")), &options->level);
}

static void read_app(struct worker_options *options)
{
    const char *app = settings_text(options->settings, "app");

    if (app && worker_app_is_library(span_of(app)))
        options->app = app;
    options->worker.task_stack = options->app ? APP_TASK_STACK : TASK_STACK;
}

static void read_daemon(struct worker_options *options)
{
    const struct settings *settings = options->settings;
    const char *remap = settings_text(settings, "remap_sigterm");

    options->detach = settings_bool(settings, "detach");
    options->started_again = settings_text(settings, "started_again");
    options->pidfile = settings_text(settings, "pidfile");
    options->user = settings_text(settings, "uid");
    options->group = settings_text(settings, "gid");
    options->umask = settings_text(settings, "umask");
    options->soft_shutdown_ns = settings_seconds_ns(settings, "soft_shutdown_timeout");
    options->soft_shutdown_on_idle = settings_bool(settings, "soft_shutdown_on_idle");
    options->term_is_quit = remap && span_is(span_of(remap), "SIGQUIT");
}

static enum celeriac_err read_http(struct worker_options *options, struct celeriac_error *err)
{
    struct celeriac_error why = {0};
    char host[LISTEN_HOST_SIZE];
    unsigned port;
    enum celeriac_err code = CELERIAC_OK;

    options->http = settings_text(options->settings, "http");
    if (options->http)
        code = listen_address_parse(span_of(options->http), host, &port, &why);
    return code ? celeriac_error_set(err, code, "%s: %s", settings_place(options->settings, "http"),
                                     why.text)
                : CELERIAC_OK;
}

/* What the values mean, once they are there. */
static enum celeriac_err interpret(struct worker_options *options, struct celeriac_error *err)
{
    struct celeriac_worker_options *worker = &options->worker;
    struct settings *settings = options->settings;
    enum celeriac_err code;

    options->help = settings_bool(settings, "help");
    options->version = settings_bool(settings, "version");
    code = notify_settings_load(settings, &options->notify, err);
    if (code == CELERIAC_OK)
        code = read_unknown(options, &worker->unknown_task, err);
    if (code == CELERIAC_OK)
        code = refuse(settings, err);
    read_app(options);
    if (code == CELERIAC_OK)
        code = read_queues(options, err);
    if (code == CELERIAC_OK)
        code = read_log(options, err);
    if (code == CELERIAC_OK)
        code = read_http(options, err);
    if (code == CELERIAC_OK)
        code = read_autoscale(settings, worker, err);
    if (code)
        return code;
    read_daemon(options);
    read_pool(settings, worker);
    worker->broker_url = settings_text(settings, "broker");
    if (!worker->broker_url)
        worker->broker_url = options->notify.broker_url;
    worker->result_backend = settings_text(settings, "result_backend");
    if (!worker->result_backend)
        worker->result_backend = options->notify.result_backend;
    worker->purge = settings_bool(settings, "purge");
    worker->hostname = settings_text(settings, "hostname");
    worker->concurrency = (unsigned)settings_int(settings, "concurrency");
    worker->prefetch_multiplier = (unsigned)settings_int(settings, "prefetch_multiplier");
    if (settings_bool(settings, "disable_prefetch"))
        worker->prefetch_multiplier = 1;
    worker->visibility_timeout = (unsigned)settings_int(settings, "visibility_timeout");
    worker->broker_transport_options = options->notify.redis.broker_transport_options;
    worker->result_backend_transport_options = options->notify.redis.backend_transport_options;
    worker->broker_use_ssl = options->notify.redis.broker_use_ssl;
    worker->redis_backend_use_ssl = options->notify.redis.backend_use_ssl;
    worker->broker_failover_strategy = options->notify.redis.failover_strategy;
    worker->task_events = settings_bool(settings, "task_events");
    worker->without_mingle = settings_bool(settings, "without_mingle");
    worker->without_gossip = settings_bool(settings, "without_gossip");
    worker->without_heartbeat = settings_bool(settings, "without_heartbeat");
    worker->heartbeat_interval =
        (double)settings_seconds_ns(settings, "heartbeat_interval") / (double)NS_PER_SEC;
    worker->state_db = settings_text(settings, "statedb");
    worker->eta_task_limit = (unsigned)settings_int(settings, "eta_task_limit");
    worker->result_extended = settings_bool(settings, "result_extended");
    worker->result_expires =
        (unsigned)(settings_seconds_ns(settings, "result_expires") / NS_PER_SEC);
    worker->result_keep = worker->result_expires == 0;
    worker->default_queue = settings_text(settings, "default_queue");
    worker->task_routes = settings_text(settings, "task_routes");
    worker->inherit_parent_priority = settings_bool(settings, "inherit_parent_priority");
    worker->time_limit = (double)settings_seconds_ns(settings, "time_limit") / (double)NS_PER_SEC;
    worker->soft_time_limit =
        (double)settings_seconds_ns(settings, "soft_time_limit") / (double)NS_PER_SEC;
    return celery_settings_read(settings, worker, err);
}

enum celeriac_err worker_options_read(struct worker_options *options, int argc, char *const *argv,
                                      char *const *environment, struct celeriac_error *err)
{
    enum celeriac_err code = read_sources(options, argc, argv, environment, err);

    if (code)
        return code;
    code = interpret(options, err);
    if (code && err)
        (void)settings_blame(options->settings, worker_options_fields, err);
    return code;
}

void worker_options_close(struct worker_options *options)
{
    strbuf_close(&options->queues);
    settings_destroy(options->settings);
    options->settings = NULL;
}

void worker_options_help(struct strbuf *out)
{
    strbuf_add_text(out, "usage: celeriac-worker [options]\n"
                         "       celeriac-worker healthcheck [--http HOST:PORT]\n\n"
                         "A worker for the notification service, with the options of "
                         "`celery worker`.\nSettings come from the environment or from .env; "
                         "see docs/settings.md.\n\n");
    settings_help(table, out);
}

static void notice(const struct worker_options *options, const char *option)
{
    if (settings_origin(options->settings, option) == SETTING_FROM_OPTION)
        log_warning("worker", "option has no effect here", LOG_STR("option", option));
}

void worker_options_notice(const struct worker_options *options)
{
    struct span pool = span_of(settings_text(options->settings, "pool"));

    celery_settings_notice(options->settings);
    for (size_t i = 0; i < sizeof without_effect / sizeof without_effect[0]; i++)
        notice(options, without_effect[i]);
    if (!options->app && settings_origin(options->settings, "app") == SETTING_FROM_OPTION)
        log_info("worker", "the tasks of a Python module cannot be served; serving our own",
                 LOG_STR("option", "app"));
    if (options->worker.pool == CELERIAC_POOL_PREFORK)
        return;
    notice(options, "max_tasks_per_child");
    notice(options, "max_memory_per_child");
    if (!span_is(pool, "threads"))
        log_warning("worker", "tasks run in threads instead of this pool", LOG_SPAN("pool", pool));
}
