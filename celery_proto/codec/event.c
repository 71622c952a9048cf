#include "celery_proto/codec/event.h"

#include "base/iso8601.h"
#include "base/json_writer.h"
#include "celery_proto/codec/envelope.h"
#include "celery_proto/codec/pyrepr.h"

/* Longest headers object of an event: a node name, escaped. */
#define HEADERS_MAX 8192

/* Hundredths fit exactly enough below this; no machine has such a load. */
#define LOAD_MAX 1e12

static const char *const worker_types[] = {
    [CEL_WORKER_ONLINE] = "worker-online",
    [CEL_WORKER_HEARTBEAT] = "worker-heartbeat",
    [CEL_WORKER_OFFLINE] = "worker-offline",
    [CEL_WORKER_PROMPTED] = "worker-heartbeat",
};

static const char *const task_types[] = {
    [CEL_TASK_STARTED] = "task-started",     [CEL_TASK_SUCCEEDED] = "task-succeeded",
    [CEL_TASK_FAILED] = "task-failed",       [CEL_TASK_RETRIED] = "task-retried",
    [CEL_TASK_REVOKED] = "task-revoked",     [CEL_TASK_REJECTED] = "task-rejected",
    [CEL_TASK_CANCELLED] = "task-cancelled",
};

const char *cel_worker_event_type(enum cel_worker_event kind)
{
    return worker_types[kind];
}

static void begin(struct json_writer *w, const struct cel_event_origin *origin,
                  const struct cel_event_moment *moment, struct strbuf *out)
{
    json_writer_init(w, out, JSON_STYLE_PYTHON);
    json_begin_object(w);
    json_key(w, "hostname");
    json_string(w, origin->hostname);
    json_key(w, "utcoffset");
    json_number(w, origin->utc_offset);
    json_key(w, "pid");
    json_integer(w, origin->pid);
    json_key(w, "clock");
    json_integer(w, (int64_t)moment->clock);
}

static void end(struct json_writer *w, const struct cel_event_moment *moment, const char *type)
{
    json_key(w, "timestamp");
    json_number(w, (double)moment->now_us / 1e6);
    json_key(w, "type");
    json_text(w, type);
    json_end_object(w);
}

/* null for what the message does not say. */
static void add_text(struct json_writer *w, const char *key, struct span text)
{
    json_key(w, key);
    if (text.ptr)
        json_string(w, text);
    else
        json_null(w);
}

static void add_time(struct json_writer *w, const char *key, const struct cel_time *time)
{
    char text[ISO8601_MAX];

    json_key(w, key);
    if (time->set)
        json_string(w, (struct span){.ptr = text, .len = iso8601_python(time->us, text)});
    else
        json_null(w);
}

/* celery/utils/sysinfo.py: two digits, rounded up. */
static double hundredths(double load)
{
    int64_t n;

    if (!(load >= 0) || load > LOAD_MAX)
        return 0;
    n = (int64_t)(load * 100);
    if ((double)n < load * 100)
        n++;
    return (double)n / 100;
}

void cel_event_worker(const struct cel_event_origin *origin, const struct cel_event_moment *moment,
                      enum cel_worker_event kind, const struct cel_worker_state *state,
                      struct strbuf *out)
{
    struct json_writer w;

    begin(&w, origin, moment, out);
    json_key(&w, "freq");
    if (kind == CEL_WORKER_PROMPTED) {
        json_integer(&w, 5);
    } else {
        json_number(&w, state->freq);
        json_key(&w, "active");
        json_integer(&w, (int64_t)state->active);
        json_key(&w, "processed");
        json_integer(&w, (int64_t)state->processed);
        json_key(&w, "loadavg");
        json_begin_array(&w);
        for (size_t i = 0; i < 3; i++)
            json_number(&w, hundredths(state->load[i]));
        json_end_array(&w);
    }
    json_key(&w, "sw_ident");
    json_text(&w, CEL_EVENT_SOFTWARE);
    json_key(&w, "sw_ver");
    json_string(&w, state->version);
    json_key(&w, "sw_sys");
    json_text(&w, "Linux");
    end(&w, moment, worker_types[kind]);
}

/* Arguments as the producer showed them; protocol 1 has none to show, so we do as Celery. */
static void add_arguments(struct json_writer *w, const char *key, struct span shown,
                          struct span arguments, enum cel_protocol protocol)
{
    struct strbuf text;

    strbuf_init(&text, CEL_BODY_MAX);
    if (shown.ptr)
        strbuf_add_span(&text, shown);
    else if (protocol != CEL_PROTOCOL_2 &&
             cel_pyrepr(arguments, false, CEL_PYREPR_MAX, &text) != CELERIAC_OK)
        strbuf_clear(&text);
    json_key(w, key);
    json_string(w, strbuf_span(&text));
    strbuf_close(&text);
}

void cel_event_received(const struct cel_event_origin *origin,
                        const struct cel_event_moment *moment,
                        const struct cel_task_message *message, struct strbuf *out)
{
    struct json_writer w;

    begin(&w, origin, moment, out);
    add_text(&w, "uuid", message->id);
    add_text(&w, "name", message->shadow.len > 0 ? message->shadow : message->task);
    add_arguments(&w, "args", message->argsrepr, message->args, message->protocol);
    add_arguments(&w, "kwargs", message->kwargsrepr, message->kwargs, message->protocol);
    add_text(&w, "root_id", message->root_id);
    add_text(&w, "parent_id", message->parent_id);
    json_key(&w, "retries");
    json_integer(&w, message->retries);
    add_time(&w, "eta", &message->eta);
    add_time(&w, "expires", &message->expires);
    end(&w, moment, "task-received");
}

void cel_event_task(const struct cel_event_origin *origin, const struct cel_event_moment *moment,
                    const struct cel_task_event_fields *fields, struct strbuf *out)
{
    struct json_writer w;

    begin(&w, origin, moment, out);
    add_text(&w, "uuid", fields->id);
    switch (fields->kind) {
    case CEL_TASK_SUCCEEDED:
        add_text(&w, "result", fields->result);
        json_key(&w, "runtime");
        json_number(&w, fields->runtime);
        break;
    case CEL_TASK_FAILED:
    case CEL_TASK_RETRIED:
        add_text(&w, "exception", fields->exception);
        if (fields->traceback.ptr)
            add_text(&w, "traceback", fields->traceback);
        break;
    case CEL_TASK_REVOKED:
        json_key(&w, "terminated");
        json_boolean(&w, fields->terminated);
        json_key(&w, "signum");
        if (fields->signum > 0)
            json_integer(&w, fields->signum);
        else
            json_null(&w);
        json_key(&w, "expired");
        json_boolean(&w, fields->expired);
        break;
    case CEL_TASK_REJECTED:
        json_key(&w, "requeue");
        json_boolean(&w, fields->requeue);
        break;
    case CEL_TASK_STARTED:
    case CEL_TASK_CANCELLED:
        break;
    }
    end(&w, moment, task_types[fields->kind]);
}

void cel_event_routing_key(const char *type, char key[CEL_EVENT_KEY_MAX + 1])
{
    size_t n = 0;

    for (; type[n] && n < CEL_EVENT_KEY_MAX; n++)
        key[n] = type[n] == '-' ? '.' : type[n];
    key[n] = '\0';
}

enum celeriac_err cel_event_envelope(struct span hostname, const char *routing_key, struct span tag,
                                     struct span body, struct strbuf *out)
{
    struct cel_envelope_fields fields = {
        .body = body,
        .delivery_mode = 1,
        .exchange = SPAN(CEL_EVENT_EXCHANGE),
        .routing_key = span_of(routing_key),
        .delivery_tag = tag,
    };
    struct json_writer w;
    struct strbuf headers;
    enum celeriac_err code;

    strbuf_init(&headers, HEADERS_MAX);
    json_writer_init(&w, &headers, JSON_STYLE_PYTHON);
    json_begin_object(&w);
    json_key(&w, "hostname");
    json_string(&w, hostname);
    json_end_object(&w);
    fields.headers = strbuf_span(&headers);
    code = strbuf_status(&headers);
    if (code == CELERIAC_OK)
        code = cel_envelope_write(&fields, out, NULL);
    strbuf_close(&headers);
    return code;
}
