#include "worker/main/celery_settings.h"

#include <stddef.h>
#include <string.h>

#include "base/log.h"

/* Every value is a text: it is not looked at. */
#define WITHOUT_EFFECT(name, variable, why)                             \
    {                                                                   \
        name, SETTING_TEXT, NULL, variable, NULL, NULL, 0, 0, true, why \
    }

/* What has an effect, or is refused, needs no notice: it is told apart by these. */
static const char json_only[] = "json: nothing else is written or read";
static const char same_broker[] = "refused unless it is the broker's own address";

#define JSON_ONLY(name, variable) WITHOUT_EFFECT(name, variable, json_only)
#define SAME_BROKER(name, variable) WITHOUT_EFFECT(name, variable, same_broker)

/* clang-format off */
const struct setting celery_settings_table[] = {
    {"task_acks_late", SETTING_BOOL, "false", "CELERY_TASK_ACKS_LATE", NULL, NULL, 0, 0, false,
     "messages are acknowledged when their task has ended"},
    {"task_acks_on_failure_or_timeout", SETTING_BOOL, "true", "CELERY_TASK_ACKS_ON_FAILURE_OR_TIMEOUT", NULL, NULL, 0, 0,
     false, "what task_acks_on_timeout is when it is not set"},
    {"task_acks_on_timeout", SETTING_BOOL, NULL, "CELERY_TASK_ACKS_ON_TIMEOUT", NULL, NULL, 0, 0, false,
     "no: with task_acks_late a message goes back to its queue at the hard limit"},
    {"task_reject_on_worker_lost", SETTING_BOOL, "false", "CELERY_TASK_REJECT_ON_WORKER_LOST", NULL, NULL, 0, 0, false,
     "with task_acks_late a message goes back to its queue when its process has died"},
    {"task_default_rate_limit", SETTING_TEXT, NULL, "CELERY_TASK_DEFAULT_RATE_LIMIT", NULL, NULL, 0, 0, false,
     "starts by this worker, such as 10/s, 100/m or 2/h"},
    {"task_track_started", SETTING_BOOL, "false", "CELERY_TASK_TRACK_STARTED", NULL, NULL, 0, 0, false,
     "STARTED is stored when a task begins"},
    {"task_ignore_result", SETTING_BOOL, "false", "CELERY_TASK_IGNORE_RESULT", NULL, NULL, 0, 0, false,
     "no result is stored unless the message asks for it"},
    {"task_store_errors_even_if_ignored", SETTING_BOOL, "false", "CELERY_TASK_STORE_ERRORS_EVEN_IF_IGNORED", NULL, NULL, 0,
     0, false, "failures are stored also without results"},
    {"worker_disable_rate_limits", SETTING_BOOL, "false", "CELERY_WORKER_DISABLE_RATE_LIMITS", NULL, NULL, 0, 0, false,
     "no task has a rate limit"},
    {"worker_enable_remote_control", SETTING_BOOL, "true", "CELERY_WORKER_ENABLE_REMOTE_CONTROL", NULL, NULL, 0, 0, false,
     "no: no remote command is taken or answered"},
    {"worker_direct", SETTING_BOOL, "false", "CELERY_WORKER_DIRECT", NULL, NULL, 0, 0, false,
     "the queue <node name>.dq2 is consumed besides"},
    JSON_ONLY("task_serializer", "CELERY_TASK_SERIALIZER"),
    JSON_ONLY("result_serializer", "CELERY_RESULT_SERIALIZER"),
    JSON_ONLY("event_serializer", "CELERY_EVENT_SERIALIZER"),
    SAME_BROKER("broker_read_url", "CELERY_BROKER_READ_URL"),
    SAME_BROKER("broker_write_url", "CELERY_BROKER_WRITE_URL"),
    WITHOUT_EFFECT("accept_content", "CELERY_ACCEPT_CONTENT",
                   "JSON alone is taken"),
    WITHOUT_EFFECT("result_accept_content", "CELERY_RESULT_ACCEPT_CONTENT",
                   "JSON alone is taken"),
    WITHOUT_EFFECT("task_protocol", "CELERY_TASK_PROTOCOL",
                   "tasks are sent with protocol 2; both are read"),
    WITHOUT_EFFECT("task_compression", "CELERY_TASK_COMPRESSION",
                   "what is sent is not compressed"),
    WITHOUT_EFFECT("task_queues", "CELERY_TASK_QUEUES",
                   "use -Q or CELERY_WORKER_QUEUES"),
    WITHOUT_EFFECT("task_create_missing_queues", "CELERY_TASK_CREATE_MISSING_QUEUES",
                   "queues need no declaration"),
    WITHOUT_EFFECT("task_default_exchange", "CELERY_TASK_DEFAULT_EXCHANGE",
                   "the default queue is reached without an exchange"),
    WITHOUT_EFFECT("task_default_routing_key", "CELERY_TASK_DEFAULT_ROUTING_KEY",
                   "the default queue is reached without an exchange"),
    WITHOUT_EFFECT("task_default_priority", "CELERY_TASK_DEFAULT_PRIORITY",
                   "a message without a priority has priority 0"),
    WITHOUT_EFFECT("task_acks_on_failure", "CELERY_TASK_ACKS_ON_FAILURE",
                   "the message of a failed task is done with either way"),
    WITHOUT_EFFECT("task_retry_on_worker_lost", "CELERY_TASK_RETRY_ON_WORKER_LOST",
                   "a task whose process died fails, or goes back to its queue"),
    WITHOUT_EFFECT("task_publish_retry", "CELERY_TASK_PUBLISH_RETRY",
                   "publishing is always tried again"),
    WITHOUT_EFFECT("task_publish_retry_policy", "CELERY_TASK_PUBLISH_RETRY_POLICY",
                   "it is Celery's default"),
    WITHOUT_EFFECT("task_send_sent_event", "CELERY_TASK_SEND_SENT_EVENT",
                   "tasks sent by a worker have no such event"),
    WITHOUT_EFFECT("task_allow_error_cb_on_chord_header", "CELERY_TASK_ALLOW_ERROR_CB_ON_CHORD_HEADER",
                   "it is for those who send chords"),
    WITHOUT_EFFECT("broker_connection_retry", "CELERY_BROKER_CONNECTION_RETRY",
                   "a broker that is away is always waited for"),
    WITHOUT_EFFECT("broker_connection_retry_on_startup", "CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP",
                   "a broker that is away is always waited for"),
    WITHOUT_EFFECT("broker_connection_max_retries", "CELERY_BROKER_CONNECTION_MAX_RETRIES",
                   "a broker that is away is always waited for"),
    WITHOUT_EFFECT("broker_connection_timeout", "CELERY_BROKER_CONNECTION_TIMEOUT",
                   "socket_connect_timeout of the transport options"),
    WITHOUT_EFFECT("broker_pool_limit", "CELERY_BROKER_POOL_LIMIT",
                   "connections are few and fixed"),
    WITHOUT_EFFECT("redis_socket_timeout", "CELERY_REDIS_SOCKET_TIMEOUT",
                   "socket_timeout of the transport options"),
    WITHOUT_EFFECT("result_chord_join_timeout", "CELERY_RESULT_CHORD_JOIN_TIMEOUT",
                   "it is Celery's default of 3 s"),
    WITHOUT_EFFECT("result_chord_retry_interval", "CELERY_RESULT_CHORD_RETRY_INTERVAL",
                   "no chord is waited for by asking again"),
    WITHOUT_EFFECT("result_backend_always_retry", "CELERY_RESULT_BACKEND_ALWAYS_RETRY",
                   "results are kept and written when the backend is back"),
    WITHOUT_EFFECT("worker_lost_wait", "CELERY_WORKER_LOST_WAIT",
                   "what a lost worker held comes back after three seconds"),
    WITHOUT_EFFECT("worker_cancel_long_running_tasks_on_connection_loss", "CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS",
                   "tasks go on, and what they hold stays theirs"),
    WITHOUT_EFFECT("worker_enable_prefetch_count_reduction", "CELERY_WORKER_ENABLE_PREFETCH_COUNT_REDUCTION",
                   "the window stays as it is after a reconnection"),
    WITHOUT_EFFECT("worker_deduplicate_successful_tasks", "CELERY_WORKER_DEDUPLICATE_SUCCESSFUL_TASKS",
                   "what is held is not delivered twice"),
    WITHOUT_EFFECT("event_exchange", "CELERY_EVENT_EXCHANGE",
                   "it is celeryev"),
    WITHOUT_EFFECT("event_queue_prefix", "CELERY_EVENT_QUEUE_PREFIX",
                   "it is celeryev"),
    WITHOUT_EFFECT("event_queue_expires", "CELERY_EVENT_QUEUE_EXPIRES",
                   "it has no effect with Redis"),
    WITHOUT_EFFECT("event_queue_ttl", "CELERY_EVENT_QUEUE_TTL",
                   "it has no effect with Redis"),
    WITHOUT_EFFECT("control_exchange", "CELERY_CONTROL_EXCHANGE",
                   "it is celery"),
    WITHOUT_EFFECT("control_queue_ttl", "CELERY_CONTROL_QUEUE_TTL",
                   "it has no effect with Redis"),
    WITHOUT_EFFECT("control_queue_expires", "CELERY_CONTROL_QUEUE_EXPIRES",
                   "it has no effect with Redis"),
    WITHOUT_EFFECT("enable_utc", "CELERY_ENABLE_UTC",
                   "times are UTC with their offset"),
    WITHOUT_EFFECT("timezone", "CELERY_TIMEZONE",
                   "times are UTC with their offset"),
    {NULL, SETTING_TEXT, NULL, NULL, NULL, NULL, 0, 0, false, NULL},
};
/* clang-format on */

/*
 * Whether a name or a list of names, in any of the ways in which programs write them, has JSON in
 * it, and whether it has anything else.
 */
static void look_for_json(struct span text, bool *has_json, bool *has_others)
{
    static const char between[] = " \t,;'\"[](){}";
    const char *end = text.ptr + text.len;

    *has_json = false;
    *has_others = false;
    for (const char *at = text.ptr; at < end;) {
        struct span word = {.ptr = at};

        while (at < end && !memchr(between, *at, sizeof between - 1))
            at++;
        word.len = (size_t)(at - word.ptr);
        if (span_is(word, "json") || span_is(word, "application/json"))
            *has_json = true;
        else if (word.len > 0)
            *has_others = true;
        if (at < end)
            at++;
    }
}

static bool is_list_of_json(const struct setting *row)
{
    return span_ends(span_of(row->name), SPAN("accept_content"));
}

/* A worker that reads or writes something else than its peers expect is worse than none. */
static enum celeriac_err check_json(const struct settings *settings, const struct setting *row,
                                    struct celeriac_error *err)
{
    bool has_json, has_others;

    look_for_json(span_of(settings_text(settings, row->name)), &has_json, &has_others);
    if (!has_json || (has_others && !is_list_of_json(row)))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "%s: must be json: this worker reads "
                                  "and writes nothing else",
                                  row->env);
    return CELERIAC_OK;
}

static enum celeriac_err check_row(const struct settings *settings, const struct setting *row,
                                   const char *broker_url, struct celeriac_error *err)
{
    const char *value = settings_text(settings, row->name);

    if (!value || !*value)
        return CELERIAC_OK;
    if (row->help == json_only || is_list_of_json(row))
        return check_json(settings, row, err);
    if (row->help == same_broker && strcmp(value, broker_url) != 0)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "%s: this worker reads from and writes to one broker, that of "
                                  "CELERY_BROKER_URL or REDIS_URL",
                                  row->env);
    return CELERIAC_OK;
}

enum celeriac_err celery_settings_read(const struct settings *settings,
                                       struct celeriac_worker_options *worker,
                                       struct celeriac_error *err)
{
    struct celeriac_task_defaults *tasks = &worker->task_defaults;
    enum celeriac_err code = CELERIAC_OK;

    for (const struct setting *row = celery_settings_table; code == CELERIAC_OK && row->name; row++)
        code = check_row(settings, row, worker->broker_url, err);
    if (code)
        return code;
    tasks->acks_late = settings_bool(settings, "task_acks_late");
    tasks->ignore_result = settings_bool(settings, "task_ignore_result");
    tasks->track_started = settings_bool(settings, "task_track_started");
    tasks->store_errors_even_if_ignored =
        settings_bool(settings, "task_store_errors_even_if_ignored");
    tasks->reject_on_worker_lost = settings_bool(settings, "task_reject_on_worker_lost");
    tasks->requeue_on_timeout =
        !settings_bool(settings, settings_text(settings, "task_acks_on_timeout")
                                     ? "task_acks_on_timeout"
                                     : "task_acks_on_failure_or_timeout");
    tasks->rate_limit = settings_text(settings, "task_default_rate_limit");
    worker->disable_rate_limits = settings_bool(settings, "worker_disable_rate_limits");
    worker->without_remote_control = !settings_bool(settings, "worker_enable_remote_control");
    return CELERIAC_OK;
}

/* Whether there is something to say about a setting that was set. */
static bool is_without_effect(const struct settings *settings, const struct setting *row)
{
    bool has_json, has_others;

    if (row->type != SETTING_TEXT || row->help == json_only || row->help == same_broker ||
        strcmp(row->name, "task_default_rate_limit") == 0)
        return false;
    if (!is_list_of_json(row))
        return true;
    look_for_json(span_of(settings_text(settings, row->name)), &has_json, &has_others);
    return has_others;
}

void celery_settings_notice(const struct settings *settings)
{
    for (const struct setting *row = celery_settings_table; row->name; row++)
        if (settings_origin(settings, row->name) != SETTING_DEFAULT &&
            is_without_effect(settings, row))
            log_warning("worker", "setting has no effect here", LOG_STR("setting", row->name),
                        LOG_STR("because", row->help));
}
