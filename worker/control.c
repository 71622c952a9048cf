#include "worker/control.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/uuid.h"
#include "celery_proto/codec/pidbox.h"
#include "celery_proto/redis/mailbox.h"
#include "worker/cancelled.h"
#include "worker/control_call.h"
#include "worker/event_sender.h"
#include "worker/events.h"
#include "worker/gossip.h"
#include "worker/heartbeat.h"
#include "worker/mingle.h"

/* Longest envelope of an answer: base64 makes it a third longer. */
#define REPLY_MAX (CEL_CONTROL_ANSWER_MAX * 2)

/* Memory of an unusually long request is given back. */
#define KEEP_BYTES ((size_t)256 * 1024)

/*
 * A consumer that has not taken a turn for so long, although it was woken, will take none: each of
 * its waits for the broker ends within a few seconds.
 */
#define DEAF_NS (20 * NS_PER_SEC)

/* Wakes without a heartbeat: often enough for health checks. */
#define IDLE_NS (60 * NS_PER_SEC)

struct cel_control {
    struct cel_runtime *runtime;
    struct cel_control_options options;
    struct cel_control_view view;
    struct cel_mailbox *mailbox;
    struct cel_event_sender *sender;
    struct cel_mingle *mingle;
    struct cel_gossip *gossip; /* NULL: --without-gossip */
    struct cel_pidbox_reader reader;
    struct strbuf answer;
    struct strbuf reply;
    int64_t interval_ns; /* between heartbeats; 0: none */
    int64_t next_beat_ns;
    unsigned turns;    /* of the consumer at the last look */
    int64_t turned_ns; /* when they last moved */
    bool deaf_reported;
    bool away_reported;
    pthread_t thread;
    bool thread_started;
    atomic_bool stopping;
};

/* ---- one command ----------------------------------------------------------------------------- */

static const struct cel_control_command *find_in(const struct cel_control_command *table,
                                                 struct span name)
{
    for (; table->name; table++)
        if (span_is(name, table->name) || (table->alias && span_is(name, table->alias)))
            return table;
    return NULL;
}

static const struct cel_control_command *find_command(struct span name)
{
    const struct cel_control_command *command = find_in(cel_control_inspect, name);

    if (!command)
        command = find_in(cel_control_stats, name);
    if (!command)
        command = find_in(cel_control_revoking, name);
    return command ? command : find_in(cel_control_actions, name);
}

/* Whether a word is in a list separated by spaces. */
static bool is_listed(const char *list, struct span word)
{
    struct span rest = span_of(list);
    struct span head;

    do {
        bool more = span_cut(rest, ' ', &head, &rest);

        if (span_equal(head, word))
            return true;
        if (!more)
            return false;
    } while (rest.ptr);
    return false;
}

/* Python refuses calls that do not fit the signature; so do we, in its words. */
static bool check_arguments(struct cel_control_call *call,
                            const struct cel_control_command *command)
{
    const struct json_node *key = call->arguments ? json_first(call->arguments) : NULL;

    while (command->allowed && key) {
        struct span name;

        if (!json_peek_string(key, &name) || !is_listed(command->allowed, name)) {
            cel_control_raise(call, "TypeError", "%s() got an unexpected keyword argument '%.*s'",
                              command->name, SPAN_PRINTF(name));
            return false;
        }
        key = json_next(call->arguments, key);
        key = key ? json_next(call->arguments, key) : NULL;
    }
    if (command->required && !cel_control_argument(call, command->required)) {
        cel_control_raise(call, "TypeError", "%s() missing 1 required positional argument: '%s'",
                          command->name, command->required);
        return false;
    }
    return true;
}

/* Runs a command; its answer is then in control->answer. False when there shall be none. */
static bool run_command(struct cel_control *control, const struct cel_pidbox_request *request)
{
    const struct cel_control_command *command = find_command(request->method);
    struct cel_control_call call = {
        .view = &control->view, .arguments = request->arguments, .out = &control->answer};

    strbuf_clear(&control->answer);
    json_writer_init(&call.answer, call.out, JSON_STYLE_PYTHON);
    if (!command) {
        log_error("control", "no such control command", LOG_SPAN("command", request->method));
        cel_control_raise(&call, "KeyError", "%.*s", SPAN_PRINTF(request->method));
        return true;
    }
    log_debug("control", "command", LOG_STR("command", command->name));
    call.command = command->name;
    if (check_arguments(&call, command))
        command->run(&call);
    if (call.silent || (strbuf_status(call.out) == CELERIAC_OK && call.out->len > 0))
        return !call.silent;
    strbuf_clear(call.out);
    json_writer_init(&call.answer, call.out, JSON_STYLE_PYTHON);
    cel_control_raise(&call, "MemoryError", "the answer is too long, or memory is short");
    return true;
}

static void send_reply(struct cel_control *control, const struct cel_pidbox_request *request)
{
    struct cel_outgoing message = {.exchange = request->reply_exchange,
                                   .routing_key = request->reply_key,
                                   .exchange_type = CEL_EXCHANGE_DIRECT,
                                   .list_seconds = CEL_MAILBOX_REPLY_SECONDS};
    struct celeriac_error err = {0};
    char tag[UUID_SIZE];
    enum celeriac_err code;

    uuid_new(tag);
    strbuf_clear(&control->reply);
    code = cel_pidbox_reply(request, control->runtime->hostname, strbuf_span(&control->answer),
                            cel_lamport_forward(cel_events_clock(control->runtime->events)),
                            (struct span){tag, UUID_LEN}, &control->reply);
    message.message = strbuf_span(&control->reply);
    if (code == CELERIAC_OK)
        code = cel_mailbox_send(control->mailbox, &message, 1, &err);
    if (code)
        log_warning("control", "a reply could not be sent", LOG_SPAN("command", request->method),
                    LOG_ERR(&err));
}

/* Whatever arrives, the worker goes on: what cannot be understood is logged and dropped. */
static void on_request(void *context, struct span message)
{
    struct cel_control *control = context;
    struct cel_lamport *clock = cel_events_clock(control->runtime->events);
    struct cel_pidbox_request request;
    struct celeriac_error err = {0};
    bool is_for_us = false;
    enum celeriac_err code;

    if (control->options.settings->without_remote_control)
        return;
    code = cel_pidbox_read(&control->reader, message, &request, &err);

    (void)cel_lamport_forward(clock);
    if (code == CELERIAC_OK) {
        (void)cel_lamport_adjust(clock, request.clock);
        code = cel_pidbox_is_for(&request, control->runtime->hostname, &is_for_us, &err);
    }
    if (code)
        log_error("control", "a remote command cannot be understood", LOG_ERR(&err),
                  LOG_INT("bytes", message.len));
    if (is_for_us) {
        bool answered = run_command(control, &request);

        if (answered && request.wants_reply)
            send_reply(control, &request);
    }
    if (message.len > KEEP_BYTES || control->answer.len > KEEP_BYTES) {
        cel_pidbox_reader_close(&control->reader);
        strbuf_close(&control->answer);
        strbuf_close(&control->reply);
    }
}

/* ---- events ---------------------------------------------------------------------------------- */

static enum celeriac_err send_state(struct cel_control *control, enum cel_worker_event kind,
                                    struct celeriac_error *err)
{
    struct cel_runtime *runtime = control->runtime;

    return cel_event_sender_state(control->sender, runtime->live, kind,
                                  control->options.settings->heartbeat_interval, err);
}

/*
 * Whether the consumer has come to a stop: a worker that is up but takes nothing must not look
 * alive to monitors. An idle consumer is woken, so that it can show itself.
 */
static bool is_deaf(struct cel_control *control, int64_t now)
{
    struct cel_runtime *runtime = control->runtime;
    unsigned turns = atomic_load(&runtime->turns);

    if (turns != control->turns || atomic_load(&runtime->stopping)) {
        control->turns = turns;
        control->turned_ns = now;
        control->deaf_reported = false;
        return false;
    }
    cel_runtime_wake(runtime);
    if (now - control->turned_ns < DEAF_NS)
        return false;
    if (!control->deaf_reported)
        log_critical("control", "the consumer does not move: no heartbeats until it does");
    control->deaf_reported = true;
    return true;
}

static enum celeriac_err beat(struct cel_control *control, bool is_new, struct celeriac_error *err)
{
    int64_t now = clock_monotonic_ns();
    enum celeriac_err code = CELERIAC_OK;

    if (control->view.beat_wanted) {
        control->view.beat_wanted = false;
        code = send_state(control, CEL_WORKER_PROMPTED, err);
    }
    if (code || control->interval_ns == 0)
        return code;
    if (is_new) {
        control->turned_ns = now;
        control->next_beat_ns = now + control->interval_ns;
        return send_state(control, CEL_WORKER_ONLINE, err);
    }
    if (now < control->next_beat_ns)
        return CELERIAC_OK;
    control->next_beat_ns = cel_heartbeat_next(control->next_beat_ns, now, control->interval_ns);
    if (is_deaf(control, now))
        return CELERIAC_OK;
    return send_state(control, CEL_WORKER_HEARTBEAT, err);
}

/* Asks the peers after each connect, and looks at their answers when it is time. */
static enum celeriac_err mingle(struct cel_control *control, bool is_new,
                                struct celeriac_error *err)
{
    if (is_new && !control->options.settings->without_mingle)
        return cel_mingle_ask(control->mingle, err);
    if (clock_monotonic_ns() >= cel_mingle_due(control->mingle))
        return cel_mingle_finish(control->mingle, err);
    return CELERIAC_OK;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void drain_wake(const struct cel_control *control)
{
    uint64_t wakes;

    /* Nothing to read means that nobody woke us. */
    if (read(control->runtime->control_fd, &wakes, sizeof wakes) < 0)
        return;
}

static int64_t earlier(int64_t a_ns, int64_t b_ns)
{
    return a_ns < b_ns ? a_ns : b_ns;
}

/* What is to be done, then sleep until there is more. */
static enum celeriac_err turn(struct cel_control *control, struct celeriac_error *err)
{
    bool is_new = false;
    bool more = false;
    int64_t now;
    int64_t until;
    enum celeriac_err code = cel_mailbox_connect(control->mailbox, &is_new, err);

    if (code == CELERIAC_OK)
        code = beat(control, is_new, err);
    if (code == CELERIAC_OK)
        code = cel_event_sender_flush(control->sender, &more, err);
    if (code == CELERIAC_OK)
        code = mingle(control, is_new, err);
    if (code || atomic_load(&control->stopping))
        return code;
    if (control->away_reported)
        log_info("control", "broker is back");
    control->away_reported = false;
    now = clock_monotonic_ns();
    if (is_new)
        cel_gossip_reconnected(control->gossip, now);
    until = control->interval_ns > 0 ? control->next_beat_ns : now + IDLE_NS;
    until = earlier(until, cel_mingle_due(control->mingle));
    until = earlier(until, cel_gossip_look(control->gossip, now));
    code =
        cel_mailbox_wait(control->mailbox, more ? now : until, control->runtime->control_fd, err);
    drain_wake(control);
    return code;
}

/* The last words, in one attempt: nobody waits for them. */
static void say_goodbye(struct cel_control *control)
{
    struct celeriac_error err = {0};
    bool is_new = false;
    bool more = true;
    enum celeriac_err code;

    cel_record_cancelled(control->runtime, control->options.results);
    code = cel_mailbox_connect(control->mailbox, &is_new, &err);
    while (code == CELERIAC_OK && more)
        code = cel_event_sender_flush(control->sender, &more, &err);
    if (code == CELERIAC_OK && control->interval_ns > 0)
        code = send_state(control, CEL_WORKER_OFFLINE, &err);
    /* A question that is still open would leave its queue behind. */
    if (code == CELERIAC_OK && cel_mingle_due(control->mingle) != INT64_MAX)
        code = cel_mingle_finish(control->mingle, &err);
    if (code == CELERIAC_OK)
        code = cel_mailbox_leave(control->mailbox, &err);
    if (code)
        log_warning("control", "could not say goodbye to monitors", LOG_ERR(&err));
}

static void *run(void *argument)
{
    struct cel_control *control = argument;

    while (!atomic_load(&control->stopping)) {
        struct celeriac_error err = {0};
        enum celeriac_err code = turn(control, &err);

        if (code == CELERIAC_OK || atomic_load(&control->stopping))
            continue;
        if (!control->away_reported)
            log_error("control", "broker is away, trying again", LOG_ERR(&err));
        control->away_reported = true;
        /* A wake ends the pause early; without draining it every pause would. */
        if (cel_mailbox_pause(control->mailbox, control->runtime->control_fd))
            drain_wake(control);
    }
    say_goodbye(control);
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

static enum celeriac_err make_parts(struct cel_control *control, struct celeriac_error *err)
{
    const struct cel_control_options *options = &control->options;
    struct cel_mailbox_options mailbox = {
        .conn = options->conn,
        .keys = options->keys,
        .node = control->runtime->hostname,
        .handler = on_request,
        .context = control,
    };
    enum celeriac_err code = cel_mailbox_create(&mailbox, &control->mailbox, err);

    control->view.mailbox = control->mailbox;
    if (code == CELERIAC_OK)
        code =
            cel_event_sender_create(control->runtime->events, control->mailbox, &control->sender);
    if (code == CELERIAC_OK)
        code = cel_mingle_create(control->runtime, control->mailbox, &control->mingle);
    if (code == CELERIAC_OK && !options->settings->without_gossip)
        code = cel_gossip_create(control->runtime, control->mailbox, &control->gossip);
    return code ? celeriac_error_set(err, code, "out of memory") : CELERIAC_OK;
}

enum celeriac_err cel_control_create(const struct cel_control_options *options,
                                     struct cel_runtime *runtime, struct cel_control **control,
                                     struct celeriac_error *err)
{
    struct cel_control *c = mem_calloc(1, sizeof *c);
    enum celeriac_err code;

    if (!c)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    c->runtime = runtime;
    c->options = *options;
    c->view = (struct cel_control_view){.runtime = runtime,
                                        .options = &c->options,
                                        .queues = &runtime->queues,
                                        .started_ns = clock_monotonic_ns()};
    if (!options->settings->without_heartbeat)
        c->interval_ns = (int64_t)(options->settings->heartbeat_interval * (double)NS_PER_SEC);
    cel_pidbox_reader_init(&c->reader);
    strbuf_init(&c->answer, CEL_CONTROL_ANSWER_MAX);
    strbuf_init(&c->reply, REPLY_MAX);
    code = make_parts(c, err);
    if (code == CELERIAC_OK && pthread_create(&c->thread, NULL, run, c))
        code = celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "cannot start the control thread");
    if (code) {
        cel_control_destroy(c);
        return code;
    }
    c->thread_started = true;
    pthread_setname_np(c->thread, "control");
    *control = c;
    return CELERIAC_OK;
}

void cel_control_stop(struct cel_control *control)
{
    const uint64_t one = 1;

    if (!control->thread_started)
        return;
    atomic_store(&control->stopping, true);
    if (write(control->runtime->control_fd, &one, sizeof one) < 0)
        log_debug("control", "the control thread is awake already");
    pthread_join(control->thread, NULL);
    control->thread_started = false;
}

void cel_control_destroy(struct cel_control *control)
{
    if (!control)
        return;
    cel_control_stop(control);
    cel_gossip_destroy(control->gossip);
    cel_mingle_destroy(control->mingle);
    cel_event_sender_destroy(control->sender);
    cel_mailbox_destroy(control->mailbox);
    cel_pidbox_reader_close(&control->reader);
    strbuf_close(&control->answer);
    strbuf_close(&control->reply);
    mem_free(control);
}
