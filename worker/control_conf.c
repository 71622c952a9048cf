#include "worker/control_conf.h"

#include <sys/utsname.h>

#include "celery_proto/codec/pyrepr.h"
#include "worker/heartbeat.h"

/* Longest report, and longest address in it. */
#define REPORT_MAX ((size_t)64 * 1024)

/* Writes an address without user and password, or "disabled://" when there is none. */
static void add_url(const struct cel_broker_url *url, struct strbuf *out)
{
    strbuf_clear(out);
    if (url)
        cel_endpoint_describe(cel_broker_url_endpoint(url, cel_broker_url_current(url)), out);
    else
        strbuf_add_text(out, "disabled://");
}

static void write_url(struct json_writer *w, const char *key, const struct cel_broker_url *url)
{
    struct strbuf text;

    strbuf_init(&text, REPORT_MAX);
    add_url(url, &text);
    json_key(w, key);
    json_string(w, strbuf_span(&text));
    strbuf_close(&text);
}

static void write_transport_options(struct json_writer *w,
                                    const struct celeriac_worker_options *settings)
{
    json_key(w, "broker_transport_options");
    json_begin_object(w);
    if (settings->visibility_timeout > 0) {
        json_key(w, "visibility_timeout");
        json_integer(w, settings->visibility_timeout);
    }
    if (settings->global_keyprefix) {
        json_key(w, "global_keyprefix");
        json_text(w, settings->global_keyprefix);
    }
    json_end_object(w);
}

/* What cannot be changed here, with Celery's names and values. */
static void write_fixed(struct json_writer *w, const struct celeriac_worker_options *settings)
{
    static const char *const rows[][2] = {
        {"task_serializer", "json"},
        {"result_serializer", "json"},
        {"event_serializer", "json"},
        {"event_exchange", "celeryev"},
        {"event_queue_prefix", "celeryev"},
        {"control_exchange", "celery"},
        {"timezone", "UTC"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_key(w, rows[i][0]);
        json_text(w, rows[i][1]);
    }
    json_key(w, "worker_pool");
    json_text(w, settings->pool == CELERIAC_POOL_PREFORK ? "prefork" : "threads");
    json_key(w, "accept_content");
    json_begin_array(w);
    json_text(w, "json");
    json_end_array(w);
    json_key(w, "enable_utc");
    json_boolean(w, true);
    json_key(w, "worker_enable_remote_control");
    json_boolean(w, true);
}

/* What was set, or everything. */
static void write_task_defaults(struct json_writer *w,
                                const struct celeriac_worker_options *settings, bool all)
{
    const struct celeriac_task_defaults *tasks = &settings->task_defaults;
    const struct {
        const char *name;
        bool value, usual;
    } rows[] = {
        {"task_acks_late", tasks->acks_late, false},
        {"task_acks_on_timeout", !tasks->requeue_on_timeout, true},
        {"task_ignore_result", tasks->ignore_result, false},
        {"task_reject_on_worker_lost", tasks->reject_on_worker_lost, false},
        {"task_store_errors_even_if_ignored", tasks->store_errors_even_if_ignored, false},
        {"task_track_started", tasks->track_started, false},
        {"worker_disable_rate_limits", settings->disable_rate_limits, false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!all && rows[i].value == rows[i].usual)
            continue;
        json_key(w, rows[i].name);
        json_boolean(w, rows[i].value);
    }
    if (!all && !tasks->rate_limit)
        return;
    json_key(w, "task_default_rate_limit");
    if (tasks->rate_limit)
        json_text(w, tasks->rate_limit);
    else
        json_null(w);
}

void cel_control_run_conf(struct cel_control_call *call)
{
    const struct celeriac_worker_options *settings = call->view->options->settings;
    const struct json_node *all = cel_control_argument(call, "with_defaults");
    struct json_writer *w = &call->answer;

    json_begin_object(w);
    write_url(w, "broker_url", call->view->options->broker);
    write_url(w, "result_backend", call->view->options->backend);
    write_transport_options(w, settings);
    json_key(w, "result_expires");
    if (settings->result_keep)
        json_null(w);
    else
        json_integer(w, settings->result_expires);
    json_key(w, "worker_concurrency");
    json_integer(w, settings->concurrency);
    json_key(w, "worker_prefetch_multiplier");
    json_integer(w, settings->prefetch_unlimited ? 0 : settings->prefetch_multiplier);
    json_key(w, "worker_send_task_events");
    json_boolean(w, settings->task_events);
    write_task_defaults(w, settings, all && all->type == JSON_TRUE);
    if (all && all->type == JSON_TRUE) {
        json_key(w, "task_default_queue");
        json_text(w, settings->default_queue ? settings->default_queue : "celery");
        write_fixed(w, settings);
    }
    json_end_object(w);
}

/* "setting: 'value'" with Python's quotes. */
static void add_setting(const char *name, struct span value, struct strbuf *out)
{
    strbuf_add_text(out, name);
    strbuf_add_text(out, ": ");
    cel_pyrepr_string(value, out);
    strbuf_add_char(out, '\n');
}

void cel_control_run_report(struct cel_control_call *call)
{
    const struct cel_control_options *options = call->view->options;
    struct utsname system;
    struct strbuf text;
    struct strbuf url;

    if (uname(&system))
        system = (struct utsname){.sysname = "?", .machine = "?", .release = "?"};
    strbuf_init(&text, REPORT_MAX);
    strbuf_init(&url, REPORT_MAX);
    strbuf_printf(&text, "\nsoftware -> %s:%s\nplatform -> system:%s arch:%s\n", CEL_EVENT_SOFTWARE,
                  cel_software_version, system.sysname, system.machine);
    strbuf_printf(&text, "            kernel version:%s imp:C\nloader   -> built in\n",
                  system.release);
    add_url(options->backend, &url);
    strbuf_printf(&text, "settings -> transport:redis results:%s\n\n", strbuf_text(&url));
    add_setting("result_backend", strbuf_span(&url), &text);
    add_url(options->broker, &url);
    add_setting("broker_url", strbuf_span(&url), &text);
    strbuf_printf(&text, "worker_concurrency: %u\n", options->settings->concurrency);
    cel_control_ok(call, strbuf_text(&text));
    strbuf_close(&url);
    strbuf_close(&text);
}
