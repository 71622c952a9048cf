#include "worker/event_sender.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/uuid.h"
#include "worker/heartbeat.h"

/*
 * Events of one round trip. Remote commands wait no longer than it takes to send so many, a few
 * milliseconds.
 */
#define BATCHES_MAX 32
#define ROUND_MAX ((size_t)BATCHES_MAX * CEL_EVENT_BATCH_MAX)

/* Longest batch: as many events as fit into the buffer, and their envelope. */
#define BODY_MAX (CEL_EVENTS_BYTES_MAX * 2)

struct cel_event_sender {
    struct cel_events *events;
    struct cel_mailbox *mailbox;
    struct strbuf body;
    struct strbuf batches[BATCHES_MAX];
    struct cel_outgoing messages[BATCHES_MAX];
    uint64_t dropped_reported;
};

enum celeriac_err cel_event_sender_create(struct cel_events *events, struct cel_mailbox *mailbox,
                                          struct cel_event_sender **sender)
{
    struct cel_event_sender *s = mem_calloc(1, sizeof *s);

    if (!s)
        return CELERIAC_ERR_MEMORY;
    s->events = events;
    s->mailbox = mailbox;
    strbuf_init(&s->body, BODY_MAX);
    for (size_t i = 0; i < BATCHES_MAX; i++)
        strbuf_init(&s->batches[i], BODY_MAX * 2);
    *sender = s;
    return CELERIAC_OK;
}

void cel_event_sender_destroy(struct cel_event_sender *sender)
{
    if (!sender)
        return;
    strbuf_close(&sender->body);
    for (size_t i = 0; i < BATCHES_MAX; i++)
        strbuf_close(&sender->batches[i]);
    mem_free(sender);
}

/* Puts up to a batch of blocks into an envelope; *blocks moves on to the first that is left. */
static enum celeriac_err fill_batch(struct cel_event_sender *sender,
                                    const struct cel_event_block **blocks, struct strbuf *out)
{
    struct cel_event_origin origin;
    char tag[UUID_SIZE];
    size_t n = 0;
    enum celeriac_err code;

    strbuf_clear(&sender->body);
    for (; *blocks && n < CEL_EVENT_BATCH_MAX; *blocks = (*blocks)->next) {
        strbuf_add_text(&sender->body, n++ == 0 ? "[" : ", ");
        strbuf_add(&sender->body, (*blocks)->body, (*blocks)->len);
    }
    strbuf_add_char(&sender->body, ']');
    uuid_new(tag);
    cel_events_origin(sender->events, &origin);
    strbuf_clear(out);
    code = strbuf_status(&sender->body);
    return code ? code
                : cel_event_envelope(origin.hostname, CEL_EVENT_TASK_MULTI,
                                     (struct span){tag, UUID_LEN}, strbuf_span(&sender->body), out);
}

static struct cel_outgoing outgoing(const char *routing_key, const struct strbuf *message)
{
    return (struct cel_outgoing){.message = strbuf_span(message),
                                 .exchange = SPAN(CEL_EVENT_EXCHANGE),
                                 .routing_key = span_of(routing_key),
                                 .exchange_type = CEL_EXCHANGE_FANOUT};
}

static void report_dropped(struct cel_event_sender *sender)
{
    uint64_t dropped = cel_events_dropped(sender->events);

    if (dropped == sender->dropped_reported)
        return;
    log_warning("control", "events were dropped because they could not be sent in time",
                LOG_INT("events", dropped - sender->dropped_reported));
    sender->dropped_reported = dropped;
}

enum celeriac_err cel_event_sender_flush(struct cel_event_sender *sender, bool *more,
                                         struct celeriac_error *err)
{
    size_t count = 0;
    struct cel_event_block *taken = cel_events_take(sender->events, ROUND_MAX, &count);
    const struct cel_event_block *left = taken;
    enum celeriac_err code = CELERIAC_OK;
    size_t n = 0;

    *more = count == ROUND_MAX;
    if (!taken)
        return CELERIAC_OK;
    while (code == CELERIAC_OK && left) {
        code = fill_batch(sender, &left, &sender->batches[n]);
        sender->messages[n] = outgoing(CEL_EVENT_TASK_MULTI, &sender->batches[n]);
        n++;
    }
    if (code == CELERIAC_OK)
        code = cel_mailbox_send(sender->mailbox, sender->messages, n, err);
    if (code) {
        cel_events_return(sender->events, taken);
        return celeriac_error_set(err, code, "cannot send events");
    }
    while (taken) {
        struct cel_event_block *next = taken->next;

        cel_event_block_destroy(taken);
        taken = next;
    }
    report_dropped(sender);
    return CELERIAC_OK;
}

enum celeriac_err cel_event_sender_state(struct cel_event_sender *sender, struct cel_live *live,
                                         enum cel_worker_event kind, double freq,
                                         struct celeriac_error *err)
{
    char key[CEL_EVENT_KEY_MAX + 1];
    struct cel_outgoing message;
    enum celeriac_err code;

    strbuf_clear(&sender->body);
    code = cel_heartbeat_write(sender->events, live, kind, freq, &sender->body);
    if (code)
        return celeriac_error_set(err, code, "no memory for a heartbeat");
    cel_event_routing_key(cel_worker_event_type(kind), key);
    message = outgoing(key, &sender->body);
    return cel_mailbox_send(sender->mailbox, &message, 1, err);
}
