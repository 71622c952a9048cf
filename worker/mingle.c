#include "worker/mingle.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/uuid.h"
#include "celery_proto/codec/pidbox.h"
#include "worker/events.h"
#include "worker/revoked.h"

#define NANOSECONDS ((double)NS_PER_SEC)

struct cel_mingle {
    struct cel_runtime *runtime;
    struct cel_mailbox *mailbox;
    char key[UUID_SIZE]; /* of the replies; empty: nothing was asked */
    int64_t due_ns;
    size_t nodes; /* that have answered */
};

/* ---- ids ------------------------------------------------------------------------------------- */

/*
 * Celery before 5.7 wants with each id the sender's monotonic time in seconds, which must be a
 * float; 5.7 looks at the ids only.
 */
static bool write_id(void *context, struct span id, int64_t since_us)
{
    struct json_writer *w = context;
    double now = (double)clock_monotonic_ns() / NANOSECONDS;
    double since = now - (double)(clock_wall_us() - since_us) / (double)US_PER_SEC;

    json_key_span(w, id);
    json_begin_array(w);
    json_number(w, since > 0 ? since : 0);
    json_string(w, id);
    json_end_array(w);
    return true;
}

void cel_mingle_write(struct cel_runtime *runtime, struct json_writer *w)
{
    json_begin_object(w);
    cel_revoked_each(runtime->revoked, write_id, w);
    json_end_object(w);
}

static void merge_id(struct cel_runtime *runtime, const struct json_node *id)
{
    struct strbuf text;

    strbuf_init(&text, CEL_PIDBOX_MAX);
    if (json_decode_string(id, &text) == CELERIAC_OK &&
        cel_revoked_add(runtime->revoked, strbuf_span(&text), clock_wall_us()))
        log_warning("control", "a peer's revoked id cannot be kept", LOG_INT("bytes", text.len));
    strbuf_close(&text);
}

void cel_mingle_merge(struct cel_runtime *runtime, const struct json_node *revoked)
{
    if (!revoked || (revoked->type != JSON_OBJECT && revoked->type != JSON_ARRAY))
        return;
    for (const struct json_node *n = json_first(revoked); n; n = json_next(revoked, n)) {
        if (n->type == JSON_STRING)
            merge_id(runtime, n);
        if (revoked->type == JSON_OBJECT)
            n = json_next(revoked, n);
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

enum celeriac_err cel_mingle_create(struct cel_runtime *runtime, struct cel_mailbox *mailbox,
                                    struct cel_mingle **mingle)
{
    struct cel_mingle *m = mem_calloc(1, sizeof *m);

    if (!m)
        return CELERIAC_ERR_MEMORY;
    m->runtime = runtime;
    m->mailbox = mailbox;
    m->due_ns = INT64_MAX;
    *mingle = m;
    return CELERIAC_OK;
}

void cel_mingle_destroy(struct cel_mingle *mingle)
{
    mem_free(mingle);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static struct span key_of(const struct cel_mingle *mingle)
{
    return (struct span){mingle->key, UUID_LEN};
}

static enum celeriac_err bind(struct cel_mingle *mingle, struct celeriac_error *err)
{
    struct strbuf queue;
    enum celeriac_err code;

    strbuf_init(&queue, CEL_NAME_MAX);
    cel_pidbox_reply_queue(key_of(mingle), &queue);
    code = cel_mailbox_bind(mingle->mailbox, SPAN(CEL_PIDBOX_REPLY_EXCHANGE), key_of(mingle),
                            strbuf_span(&queue), err);
    strbuf_close(&queue);
    return code;
}

static void write_arguments(struct cel_mingle *mingle, struct strbuf *out)
{
    struct json_writer w;

    json_writer_init(&w, out, JSON_STYLE_PYTHON);
    json_begin_object(&w);
    json_key(&w, "from_node");
    json_string(&w, mingle->runtime->hostname);
    json_key(&w, "revoked");
    cel_mingle_write(mingle->runtime, &w);
    json_end_object(&w);
}

static enum celeriac_err publish(struct cel_mingle *mingle, struct celeriac_error *err)
{
    struct cel_pidbox_ask ask = {.method = SPAN("hello"), .reply_key = key_of(mingle)};
    struct cel_outgoing message = {.exchange = SPAN(CEL_PIDBOX_EXCHANGE),
                                   .exchange_type = CEL_EXCHANGE_FANOUT};
    char ticket[UUID_SIZE];
    char tag[UUID_SIZE];
    struct strbuf arguments;
    struct strbuf envelope;
    enum celeriac_err code;

    uuid_new(ticket);
    uuid_new(tag);
    strbuf_init(&arguments, CEL_PIDBOX_MAX);
    strbuf_init(&envelope, CEL_PIDBOX_MAX);
    write_arguments(mingle, &arguments);
    ask.arguments = strbuf_span(&arguments);
    ask.ticket = (struct span){ticket, UUID_LEN};
    ask.clock = cel_lamport_forward(cel_events_clock(mingle->runtime->events));
    ask.expires =
        (double)clock_wall_us() / (double)US_PER_SEC + (double)CEL_MINGLE_NS / NANOSECONDS;
    code = strbuf_status(&arguments);
    if (code == CELERIAC_OK)
        code = cel_pidbox_ask(&ask, (struct span){tag, UUID_LEN}, &envelope);
    message.message = strbuf_span(&envelope);
    if (code)
        (void)celeriac_error_set(err, code, "the question to the peers is too long");
    else
        code = cel_mailbox_send(mingle->mailbox, &message, 1, err);
    strbuf_close(&envelope);
    strbuf_close(&arguments);
    return code;
}

enum celeriac_err cel_mingle_ask(struct cel_mingle *mingle, struct celeriac_error *err)
{
    enum celeriac_err code;

    uuid_new(mingle->key);
    mingle->nodes = 0;
    code = bind(mingle, err);
    if (code == CELERIAC_OK)
        code = publish(mingle, err);
    mingle->due_ns = code ? INT64_MAX : clock_monotonic_ns() + CEL_MINGLE_NS;
    return code;
}

int64_t cel_mingle_due(const struct cel_mingle *mingle)
{
    return mingle->due_ns;
}

/* ---- answers --------------------------------------------------------------------------------- */

/* {node: {"revoked": ..., "clock": n}}; a node that is ourselves answers null. */
static void take_answer(struct cel_mingle *mingle, const struct cel_pidbox_reply *reply)
{
    const struct json_node *name = json_first(reply->answers);
    const struct json_node *answer = name ? json_next(reply->answers, name) : NULL;
    int64_t clock = 0;

    if (!answer || answer->type != JSON_OBJECT)
        return;
    if (json_int(json_get(answer, "clock"), 0, INT64_MAX, &clock) == CELERIAC_OK)
        (void)cel_lamport_adjust(cel_events_clock(mingle->runtime->events), (uint64_t)clock);
    cel_mingle_merge(mingle->runtime, json_get(answer, "revoked"));
    mingle->nodes++;
}

static void see_reply(void *context, struct span raw)
{
    struct cel_mingle *mingle = context;
    struct cel_pidbox_reader reader;
    struct cel_pidbox_reply reply;
    struct celeriac_error err = {0};

    cel_pidbox_reader_init(&reader);
    if (cel_pidbox_read_reply(&reader, raw, &reply, &err) == CELERIAC_OK)
        take_answer(mingle, &reply);
    else
        log_warning("control", "a peer's answer cannot be understood", LOG_ERR(&err));
    cel_pidbox_reader_close(&reader);
}

enum celeriac_err cel_mingle_finish(struct cel_mingle *mingle, struct celeriac_error *err)
{
    enum celeriac_err code =
        cel_mailbox_collect(mingle->mailbox, key_of(mingle), see_reply, mingle, err);

    mingle->due_ns = INT64_MAX;
    if (code == CELERIAC_OK)
        log_info("control", "synced revoked ids with peers", LOG_INT("nodes", mingle->nodes));
    return code;
}
