/* Remote commands that show tasks and queues (celery/worker/control.py). */
#include "base/alloc.h"
#include "base/iso8601.h"
#include "celery_proto/codec/task_message.h"
#include "celery_proto/redis/mailbox.h"
#include "worker/consumer.h"
#include "worker/control_call.h"
#include "worker/live.h"
#include "worker/request.h"
#include "worker/schedule.h"
#include "worker/task_info.h"

/* What kombu's timer gives every message that waits for its eta. */
#define ETA_PRIORITY 6

/* Longest id that is looked for. */
#define ID_MAX ((size_t)64 * 1024)

/* ---- one request ----------------------------------------------------------------------------- */

static void write_entry(struct cel_control_call *call, const struct cel_live_entry *entry,
                        bool safe)
{
    const struct cel_runtime *runtime = call->view->runtime;
    struct cel_task_info info = {
        .hostname = runtime->hostname,
        .queue = entry->request->queue,
        .started_us = entry->started_us,
        .pid = entry->pid,
        .acknowledged = entry->acknowledged,
        .safe = safe,
    };

    cel_task_info_write(&call->answer, entry->request->message, &info);
}

static bool is_true(const struct json_node *node)
{
    return node &&
           (node->type == JSON_TRUE || (node->type == JSON_INT && !span_is(json_raw(node), "0")) ||
            (node->type == JSON_STRING && node->len > 2));
}

/* ---- lists ----------------------------------------------------------------------------------- */

static void list_live(struct cel_control_call *call, enum cel_live_state state, bool safe)
{
    struct cel_live_entry *entries = NULL;
    size_t count = 0;

    if (cel_live_snapshot(call->view->runtime->live, state, CEL_CONTROL_LIST_MAX, &entries,
                          &count)) {
        cel_control_raise(call, "MemoryError", "out of memory");
        return;
    }
    json_begin_array(&call->answer);
    /* An answer that grows too long ends before the entry that would not fit. */
    for (size_t i = 0; i < count; i++) {
        if (call->out->len + entries[i].request->message->raw.len > CEL_CONTROL_ANSWER_MAX / 2)
            break;
        write_entry(call, &entries[i], safe);
    }
    json_end_array(&call->answer);
    cel_live_release(entries, count);
}

static void run_active(struct cel_control_call *call)
{
    list_live(call, CEL_LIVE_ACTIVE, is_true(cel_control_argument(call, "safe")));
}

static void run_reserved(struct cel_control_call *call)
{
    list_live(call, CEL_LIVE_RESERVED, false);
}

static void write_scheduled(struct cel_control_call *call, const struct cel_task_message *message)
{
    struct cel_task_info info = {.hostname = call->view->runtime->hostname};
    char eta[ISO8601_MAX];

    json_begin_object(&call->answer);
    json_key(&call->answer, "eta");
    if (message->eta.set)
        json_string(&call->answer,
                    (struct span){.ptr = eta, .len = iso8601_python(message->eta.us, eta)});
    else
        json_null(&call->answer);
    json_key(&call->answer, "priority");
    json_integer(&call->answer, ETA_PRIORITY);
    json_key(&call->answer, "request");
    cel_task_info_write(&call->answer, message, &info);
    json_end_object(&call->answer);
}

/* The tags of what waits. */
struct waiting_tags {
    struct strbuf text; /* one after the other */
    size_t ends[CEL_CONTROL_LIST_MAX];
    size_t count;
};

static bool note_tag(void *context, struct span tag, int64_t due_ns)
{
    struct waiting_tags *tags = context;

    (void)due_ns;
    strbuf_add_span(&tags->text, tag);
    tags->ends[tags->count++] = tags->text.len;
    return tags->count < CEL_CONTROL_LIST_MAX && strbuf_status(&tags->text) == CELERIAC_OK;
}

/* Called for each message that waits for its eta; false ends the walk. */
typedef bool scheduled_fn(struct cel_control_call *call, const struct cel_task_message *message,
                          const struct json_node *ids);

struct walk {
    struct cel_control_call *call;
    struct cel_task_decoder *decoder;
    scheduled_fn *see;
    const struct json_node *ids;
};

static bool see_envelope(void *context, struct span envelope)
{
    struct walk *walk = context;
    struct cel_task_message *message = NULL;
    bool go_on;

    if (cel_task_message_create(walk->decoder, envelope, &message))
        return false;
    go_on = walk->see(walk->call, message, walk->ids);
    cel_task_message_destroy(message);
    return go_on;
}

/* Messages that wait are not in memory: their tags are, and the broker has the rest. */
static enum celeriac_err read_tags(struct cel_control_call *call, struct waiting_tags *tags,
                                   struct walk *walk, struct celeriac_error *err)
{
    enum celeriac_err code = CELERIAC_OK;
    bool go_on = true;
    size_t i = 0;

    while (code == CELERIAC_OK && go_on && i < tags->count) {
        struct span batch[CEL_HELD_MAX];
        size_t n = 0;

        for (; n < CEL_HELD_MAX && i < tags->count; n++, i++) {
            size_t start = i > 0 ? tags->ends[i - 1] : 0;

            batch[n] = (struct span){tags->text.ptr + start, tags->ends[i] - start};
        }
        code = cel_mailbox_held(call->view->mailbox, batch, n, see_envelope, walk, &go_on, err);
    }
    return code;
}

/* Shows what waits to a function; answers with an error when that cannot be. */
static bool walk_scheduled(struct cel_control_call *call, scheduled_fn *see,
                           const struct json_node *ids)
{
    struct waiting_tags *tags = mem_calloc(1, sizeof *tags);
    struct walk walk = {.call = call, .see = see, .ids = ids};
    struct celeriac_error err = {0};
    enum celeriac_err code = tags ? CELERIAC_OK : CELERIAC_ERR_MEMORY;

    if (code == CELERIAC_OK) {
        strbuf_init(&tags->text, CEL_CONTROL_ANSWER_MAX);
        cel_schedule_each(cel_consumer_schedule(call->view->runtime->consumer), note_tag, tags);
        code = strbuf_status(&tags->text);
    }
    if (code == CELERIAC_OK)
        code = cel_task_decoder_create(NULL, &walk.decoder);
    if (code == CELERIAC_OK)
        code = read_tags(call, tags, &walk, &err);
    cel_task_decoder_destroy(walk.decoder);
    if (tags)
        strbuf_close(&tags->text);
    mem_free(tags);
    if (code)
        cel_control_raise(call, "OSError", "%s", err.text[0] ? err.text : celeriac_err_name(code));
    return code == CELERIAC_OK;
}

static bool show_scheduled(struct cel_control_call *call, const struct cel_task_message *message,
                           const struct json_node *ids)
{
    (void)ids;
    if (call->out->len + message->raw.len > CEL_CONTROL_ANSWER_MAX / 2)
        return false;
    write_scheduled(call, message);
    return true;
}

static void run_scheduled(struct cel_control_call *call)
{
    json_begin_array(&call->answer);
    if (walk_scheduled(call, show_scheduled, NULL))
        json_end_array(&call->answer);
}

/* ---- query_task ------------------------------------------------------------------------------ */

/* Whether `ids`, a string or a list of them, names this id. */
static bool names(const struct json_node *ids, struct span id)
{
    struct strbuf text;
    bool found = false;

    strbuf_init(&text, ID_MAX);
    if (ids->type == JSON_STRING)
        found = json_decode_string(ids, &text) == CELERIAC_OK && span_equal(strbuf_span(&text), id);
    for (const struct json_node *n = ids->type == JSON_ARRAY ? json_first(ids) : NULL; n && !found;
         n = json_next(ids, n)) {
        strbuf_clear(&text);
        found = n->type == JSON_STRING && json_decode_string(n, &text) == CELERIAC_OK &&
                span_equal(strbuf_span(&text), id);
    }
    strbuf_close(&text);
    return found;
}

static void begin_found(struct cel_control_call *call, struct span id, const char *state)
{
    json_key_span(&call->answer, id);
    json_begin_array(&call->answer);
    json_text(&call->answer, state);
}

static bool show_if_named(struct cel_control_call *call, const struct cel_task_message *message,
                          const struct json_node *ids)
{
    struct cel_task_info info = {.hostname = call->view->runtime->hostname};

    if (!names(ids, message->id))
        return true;
    begin_found(call, message->id, "scheduled");
    cel_task_info_write(&call->answer, message, &info);
    json_end_array(&call->answer);
    return true;
}

static void query_live(struct cel_control_call *call, const struct json_node *ids,
                       enum cel_live_state state)
{
    struct cel_live_entry *entries = NULL;
    size_t count = 0;

    if (cel_live_snapshot(call->view->runtime->live, state, SIZE_MAX - 1, &entries, &count))
        return;
    for (size_t i = 0; i < count; i++) {
        if (!names(ids, entries[i].request->message->id))
            continue;
        begin_found(call, entries[i].request->message->id,
                    state == CEL_LIVE_ACTIVE ? "active" : "reserved");
        write_entry(call, &entries[i], false);
        json_end_array(&call->answer);
    }
    cel_live_release(entries, count);
}

static void run_query_task(struct cel_control_call *call)
{
    const struct json_node *ids = cel_control_argument(call, "ids");

    json_begin_object(&call->answer);
    query_live(call, ids, CEL_LIVE_ACTIVE);
    query_live(call, ids, CEL_LIVE_RESERVED);
    if (walk_scheduled(call, show_if_named, ids))
        json_end_object(&call->answer);
}

/* ---- queues ---------------------------------------------------------------------------------- */

static void write_nulls(struct json_writer *w, const char *const *keys)
{
    for (; *keys; keys++) {
        json_key(w, *keys);
        json_null(w);
    }
}

static void write_flag(struct json_writer *w, const char *key, bool flag)
{
    json_key(w, key);
    json_boolean(w, flag);
}

/* kombu/entity.py Exchange.as_dict: the exchange of a queue that was made from its name. */
static void write_exchange(struct json_writer *w, struct span name)
{
    static const char *const before[] = {"arguments", NULL};
    static const char *const after[] = {"delivery_mode", NULL};

    json_begin_object(w);
    json_key(w, "name");
    json_string(w, name);
    json_key(w, "type");
    json_text(w, "direct");
    write_nulls(w, before);
    write_flag(w, "durable", true);
    write_flag(w, "passive", false);
    write_flag(w, "auto_delete", false);
    write_nulls(w, after);
    write_flag(w, "no_declare", false);
    json_end_object(w);
}

/* kombu/entity.py Queue.as_dict. */
static void write_queue(struct json_writer *w, struct span name)
{
    static const char *const arguments[] = {"queue_arguments", "binding_arguments",
                                            "consumer_arguments", NULL};
    static const char *const limits[] = {"no_declare", "expires",          "message_ttl",
                                         "max_length", "max_length_bytes", "max_priority",
                                         NULL};
    static const char *const alias[] = {"alias", NULL};

    json_begin_object(w);
    json_key(w, "name");
    json_string(w, name);
    json_key(w, "exchange");
    write_exchange(w, name);
    json_key(w, "routing_key");
    json_string(w, name);
    write_nulls(w, arguments);
    write_flag(w, "durable", true);
    write_flag(w, "exclusive", false);
    write_flag(w, "auto_delete", false);
    write_flag(w, "no_ack", false);
    write_nulls(w, alias);
    json_key(w, "bindings");
    json_begin_array(w);
    json_end_array(w);
    write_nulls(w, limits);
    json_end_object(w);
}

static void run_active_queues(struct cel_control_call *call)
{
    json_begin_array(&call->answer);
    for (size_t i = 0; i < call->view->queues->count; i++)
        write_queue(&call->answer, span_of(call->view->queues->names[i]));
    json_end_array(&call->answer);
}

/* ---- the table ------------------------------------------------------------------------------- */

const struct cel_control_command cel_control_inspect[] = {
    {"active", "dump_active", run_active, NULL, NULL},
    {"reserved", "dump_reserved", run_reserved, NULL, NULL},
    {"scheduled", "dump_schedule", run_scheduled, NULL, NULL},
    {"query_task", NULL, run_query_task, "ids", NULL},
    {"active_queues", NULL, run_active_queues, NULL, ""},
    {NULL, NULL, NULL, NULL, NULL},
};
