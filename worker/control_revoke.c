/* Remote commands about revoking tasks (celery/worker/control.py). */

#include <signal.h>

#include "base/clock.h"
#include "base/log.h"
#include "celery_proto/codec/pyrepr.h"
#include "worker/control_call.h"
#include "worker/events.h"
#include "worker/live.h"
#include "worker/mingle.h"
#include "worker/pool.h"
#include "worker/request.h"
#include "worker/revoke_record.h"
#include "worker/revoked.h"

/* Longest text of an answer: what is revoked is repeated in it. */
#define TEXT_MAX ((size_t)8 * 1024 * 1024)

/* ---- arguments ------------------------------------------------------------------------------- */

/* The elements of a list, or the one value that stands for a list of itself. */
static const struct json_node *first_of(const struct json_node *values)
{
    if (json_is_null(values))
        return NULL;
    return values->type == JSON_ARRAY ? json_first(values) : values;
}

static const struct json_node *next_of(const struct json_node *values, const struct json_node *one)
{
    return values->type == JSON_ARRAY ? json_next(values, one) : NULL;
}

static bool wants_termination(const struct cel_control_call *call)
{
    const struct json_node *terminate = cel_control_argument(call, "terminate");

    return !json_is_null(terminate) && terminate->type != JSON_FALSE &&
           !span_is(json_raw(terminate), "0") && !span_is(json_raw(terminate), "\"\"");
}

/*
 * The signal of the argument, a name or a number, SIGTERM when there is none; answers with Python's
 * error when it is no signal.
 */
static bool read_signal(struct cel_control_call *call, int *signum)
{
    static const struct {
        const char *name;
        int number;
    } names[] = {{"TERM", SIGTERM}, {"KILL", SIGKILL}, {"INT", SIGINT},   {"QUIT", SIGQUIT},
                 {"HUP", SIGHUP},   {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"ALRM", SIGALRM},
                 {"ABRT", SIGABRT}, {"STOP", SIGSTOP}, {"CONT", SIGCONT}, {"SEGV", SIGSEGV}};
    const struct json_node *signal = cel_control_argument(call, "signal");
    struct strbuf text;
    struct span name;
    int64_t number = SIGTERM;
    bool known = json_is_null(signal);

    if (!known && signal->type == JSON_INT) {
        known = json_int(signal, 1, NSIG - 1, &number) == CELERIAC_OK;
        if (!known)
            cel_control_raise(call, "OSError", "signal: must be 1 to %d", NSIG - 1);
        *signum = (int)number;
        return known;
    }
    strbuf_init(&text, TEXT_MAX);
    if (!known && cel_control_text(call, "signal", &text)) {
        name = strbuf_span(&text);
        if (span_starts(name, SPAN("SIG")))
            name = (struct span){name.ptr + 3, name.len - 3};
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            if (!span_is(name, names[i].name))
                continue;
            number = names[i].number;
            known = true;
        }
        if (!known)
            cel_control_raise(call, "AttributeError", "module 'signal' has no attribute 'SIG%.*s'",
                              SPAN_PRINTF(name));
    } else if (!known) {
        cel_control_raise(call, "TypeError", "signal name must be uppercase string.");
    }
    strbuf_close(&text);
    *signum = (int)number;
    return known;
}

/* ---- running tasks --------------------------------------------------------------------------- */

/* Decides whether a command means a request. */
typedef bool meant_fn(const struct json_node *what, const struct cel_task_message *message);

/* Whether a list of ids, or the one id, names a message. */
static bool names_id(const struct json_node *ids, const struct cel_task_message *message)
{
    struct strbuf text;
    bool found = false;

    strbuf_init(&text, TEXT_MAX);
    for (const struct json_node *id = first_of(ids); id && !found; id = next_of(ids, id)) {
        strbuf_clear(&text);
        found = json_decode_string(id, &text) == CELERIAC_OK &&
                span_equal(strbuf_span(&text), message->id);
    }
    strbuf_close(&text);
    return found;
}

/*
 * Ends a running task if it has a process of its own. One that has ended meanwhile is left as it
 * ended.
 */
static void terminate(struct cel_control_call *call, const struct cel_request *request, int signum)
{
    struct cel_runtime *runtime = call->view->runtime;

    if (!runtime->fork_server)
        return;
    log_info("control", "terminating", LOG_SPAN("id", request->message->id),
             LOG_INT("signal", signum));
    if (!cel_pool_terminate(runtime->pool, request, signum))
        log_info("control", "it had ended already", LOG_SPAN("id", request->message->id));
}

/*
 * How many of the requests in a state are meant; their ids are added to *shown. Those that run are
 * terminated where that is possible.
 */
static size_t count_meant(struct cel_control_call *call, enum cel_live_state state, meant_fn *meant,
                          const struct json_node *what, int signum, struct strbuf *shown)
{
    struct cel_live_entry *entries = NULL;
    size_t count = 0;
    size_t found = 0;

    if (cel_live_snapshot(call->view->runtime->live, state, SIZE_MAX - 1, &entries, &count))
        return 0;
    for (size_t i = 0; i < count; i++) {
        const struct cel_task_message *message = entries[i].request->message;

        if (!meant(what, message))
            continue;
        found++;
        strbuf_add_text(shown, shown->len > 0 ? ", " : "");
        strbuf_add_span(shown, message->id);
        if (state == CEL_LIVE_ACTIVE)
            terminate(call, entries[i].request, signum);
    }
    cel_live_release(entries, count);
    return found;
}

static void refuse_termination(struct cel_control_call *call, size_t running)
{
    cel_control_raise(call, "NotImplementedError",
                      "tasks run in threads here, which cannot be killed: %zu running task(s) go "
                      "on; those not started yet are revoked",
                      running);
}

/* ---- revoke, terminate ----------------------------------------------------------------------- */

/* {'a', 'b'}, as Python shows a set of strings. */
static void show_set(const struct json_node *ids, struct strbuf *out)
{
    bool empty = true;
    struct strbuf text;

    strbuf_init(&text, TEXT_MAX);
    for (const struct json_node *id = first_of(ids); id; id = next_of(ids, id)) {
        strbuf_clear(&text);
        if (json_decode_string(id, &text))
            continue;
        strbuf_add_text(out, empty ? "{" : ", ");
        cel_pyrepr_string(strbuf_span(&text), out);
        empty = false;
    }
    strbuf_add_text(out, empty ? "set()" : "}");
    strbuf_close(&text);
}

static void flag_id(struct cel_control_call *call, const struct json_node *id)
{
    struct strbuf text;

    strbuf_init(&text, TEXT_MAX);
    if (json_decode_string(id, &text) == CELERIAC_OK &&
        cel_revoked_add(call->view->runtime->revoked, strbuf_span(&text), clock_wall_us()))
        log_warning("control", "an id could not be revoked", LOG_INT("bytes", text.len));
    strbuf_close(&text);
}

static void revoke_ids(struct cel_control_call *call, bool terminating)
{
    const struct json_node *ids = cel_control_argument(call, "task_id");
    struct strbuf shown;
    size_t running = 0;
    size_t waiting = 0;
    int signum = 0;

    for (const struct json_node *id = first_of(ids); id; id = next_of(ids, id))
        flag_id(call, id);
    /* Before anything is terminated, which then records itself. */
    cel_revoke_record(call, ids);
    if (terminating && !read_signal(call, &signum))
        return;
    strbuf_init(&shown, TEXT_MAX);
    if (terminating) {
        waiting = count_meant(call, CEL_LIVE_RESERVED, names_id, ids, signum, &shown);
        running = count_meant(call, CEL_LIVE_ACTIVE, names_id, ids, signum, &shown);
    }
    log_info("control", "tasks flagged as revoked", LOG_INT("running", running));
    if (running > 0 && !call->view->runtime->fork_server) {
        refuse_termination(call, running);
    } else {
        struct strbuf answer;

        strbuf_init(&answer, TEXT_MAX);
        if (!terminating) {
            strbuf_add_text(&answer, "tasks ");
            show_set(ids, &answer);
            strbuf_add_text(&answer, " flagged as revoked");
        } else if (waiting + running > 0) {
            strbuf_add_text(&answer, "terminate: ");
            strbuf_add_span(&answer, strbuf_span(&shown));
        } else {
            strbuf_add_text(&answer, "terminate: tasks unknown");
        }
        cel_control_ok(call, strbuf_text(&answer));
        strbuf_close(&answer);
    }
    strbuf_close(&shown);
}

static void run_revoke(struct cel_control_call *call)
{
    revoke_ids(call, wants_termination(call));
}

static void run_terminate(struct cel_control_call *call)
{
    if (!cel_control_argument(call, "signal"))
        cel_control_raise(call, "TypeError",
                          "terminate() missing 1 required positional argument: 'signal'");
    else
        revoke_ids(call, true);
}

/* ---- stamps ---------------------------------------------------------------------------------- */

static void flag_values(struct cel_control_call *call, struct span stamp,
                        const struct json_node *values)
{
    for (const struct json_node *v = first_of(values); v; v = next_of(values, v))
        if (cel_revoked_add_stamp(call->view->runtime->revoked, stamp, json_raw(v)))
            log_warning("control", "a stamp could not be revoked", LOG_SPAN("stamp", stamp));
}

/* "key=value", as the command line gives it. */
static void flag_pair(struct cel_control_call *call, struct span pair)
{
    struct strbuf quoted;
    struct span stamp;
    struct span value;

    strbuf_init(&quoted, TEXT_MAX);
    (void)span_cut(pair, '=', &stamp, &value);
    json_quote(&quoted, value, JSON_STYLE_PYTHON);
    if (strbuf_status(&quoted) ||
        cel_revoked_add_stamp(call->view->runtime->revoked, stamp, strbuf_span(&quoted)))
        log_warning("control", "a stamp could not be revoked", LOG_SPAN("stamp", stamp));
    strbuf_close(&quoted);
}

/* Flags what `headers` holds: an object of stamps, or a list of pairs. */
static void flag_headers(struct cel_control_call *call, const struct json_node *headers)
{
    struct strbuf text;

    strbuf_init(&text, TEXT_MAX);
    for (const struct json_node *n = json_first(headers); n; n = json_next(headers, n)) {
        strbuf_clear(&text);
        if (json_decode_string(n, &text))
            continue;
        if (headers->type == JSON_ARRAY) {
            flag_pair(call, strbuf_span(&text));
        } else {
            n = json_next(headers, n);
            flag_values(call, strbuf_span(&text), n);
        }
    }
    strbuf_close(&text);
}

/*
 * The set of what was just revoked is the worker's: a message is meant when that set says so. Those
 * that run are terminated where that is possible.
 */
static size_t count_stamped(struct cel_control_call *call, int signum)
{
    struct cel_live_entry *entries = NULL;
    size_t count = 0;
    size_t found = 0;

    if (cel_live_snapshot(call->view->runtime->live, CEL_LIVE_ACTIVE, SIZE_MAX - 1, &entries,
                          &count))
        return 0;
    for (size_t i = 0; i < count; i++) {
        if (!cel_revoked_has_message(call->view->runtime->revoked, entries[i].request->message,
                                     clock_wall_us()))
            continue;
        found++;
        terminate(call, entries[i].request, signum);
    }
    cel_live_release(entries, count);
    return found;
}

static void run_revoke_by_stamped_headers(struct cel_control_call *call)
{
    const struct json_node *headers = cel_control_argument(call, "headers");
    bool terminating = wants_termination(call);
    const char *fate = " flagged as revoked, but not terminated";
    struct strbuf answer;
    size_t running;
    int signum = 0;

    if (!read_signal(call, &signum))
        return;
    if (headers->type != JSON_OBJECT && headers->type != JSON_ARRAY) {
        cel_control_raise(call, "AttributeError", "headers: neither a mapping nor a list");
        return;
    }
    flag_headers(call, headers);
    running = terminating ? count_stamped(call, signum) : 0;
    if (running > 0 && !call->view->runtime->fork_server) {
        refuse_termination(call, running);
        return;
    }
    strbuf_init(&answer, TEXT_MAX);
    strbuf_add_text(&answer, "headers ");
    cel_pyrepr_exact(headers, false, &answer);
    if (terminating)
        fate = running > 0 ? " revoked" : " were not terminated";
    strbuf_add_text(&answer, fate);
    cel_control_ok(call, strbuf_text(&answer));
    strbuf_close(&answer);
}

/* ---- showing and sharing --------------------------------------------------------------------- */

static bool show_id(void *context, struct span id, int64_t since_us)
{
    (void)since_us;
    json_string(context, id);
    return true;
}

static void run_revoked(struct cel_control_call *call)
{
    json_begin_array(&call->answer);
    cel_revoked_each(call->view->runtime->revoked, show_id, &call->answer);
    json_end_array(&call->answer);
}

static void run_hello(struct cel_control_call *call)
{
    struct cel_runtime *runtime = call->view->runtime;
    struct strbuf from;

    strbuf_init(&from, TEXT_MAX);
    (void)cel_control_text(call, "from_node", &from);
    if (span_equal(strbuf_span(&from), runtime->hostname)) {
        json_null(&call->answer);
    } else {
        log_info("control", "sync", LOG_SPAN("node", strbuf_span(&from)));
        cel_mingle_merge(runtime, cel_control_argument(call, "revoked"));
        json_begin_object(&call->answer);
        json_key(&call->answer, "revoked");
        cel_mingle_write(runtime, &call->answer);
        json_key(&call->answer, "clock");
        json_integer(&call->answer,
                     (int64_t)cel_lamport_forward(cel_events_clock(runtime->events)));
        json_end_object(&call->answer);
    }
    strbuf_close(&from);
}

/* ---- the table ------------------------------------------------------------------------------- */

const struct cel_control_command cel_control_revoking[] = {
    {"revoke", NULL, run_revoke, "task_id", NULL},
    {"terminate", NULL, run_terminate, "task_id", NULL},
    {"revoke_by_stamped_headers", NULL, run_revoke_by_stamped_headers, "headers", NULL},
    {"revoked", "dump_revoked", run_revoked, NULL, NULL},
    {"hello", NULL, run_hello, "from_node", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
