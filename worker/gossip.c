#include "worker/gossip.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "celery_proto/codec/event.h"
#include "celery_proto/codec/event_read.h"
#include "worker/events.h"
#include "worker/peers.h"

/* Seconds between a peer's clock and ours that Celery warns of: HEARTBEAT_DRIFT_MAX. */
#define DRIFT_MAX 16.0

/* Longest line: a node's name and a few words. */
#define LINE_MAX_BYTES ((size_t)CEL_PEER_NAME_MAX + 100)

struct cel_gossip {
    struct cel_runtime *runtime;
    struct cel_event_reader reader;
    struct cel_peers *peers;
    int64_t look_ns; /* when silence is looked for again */
};

/* In Celery's words, which people search their logs for. */
static void say(enum log_level level, const char *before, struct span name, const char *after)
{
    const struct log_field fields[] = {LOG_SPAN("node", name)};
    struct strbuf line;

    if (!log_enabled(level))
        return;
    strbuf_init(&line, LINE_MAX_BYTES);
    strbuf_printf(&line, "%s%.*s%s", before, SPAN_PRINTF(name), after);
    log_write(level, "gossip", strbuf_status(&line) ? before : strbuf_text(&line), fields, 1);
    strbuf_close(&line);
}

/* ---- what is heard --------------------------------------------------------------------------- */

static void warn_of_drift(const struct cel_heard_event *event)
{
    double now = (double)clock_wall_us() / (double)US_PER_SEC;

    if (event->timestamp > 0 &&
        (now - event->timestamp > DRIFT_MAX || event->timestamp - now > DRIFT_MAX))
        say(LOG_WARNING, "Substantial drift from ", event->hostname,
            " may mean clocks are out of sync.");
}

static void hear(struct cel_gossip *gossip, const struct cel_heard_event *event)
{
    bool is_new = false;

    if (span_is(event->type, "worker-offline")) {
        say(LOG_DEBUG, "", event->hostname, " left");
        cel_peers_leave(gossip->peers, event->hostname);
        return;
    }
    if (cel_peers_hear(gossip->peers, event->hostname, event->freq, clock_monotonic_ns(), &is_new))
        return;
    if (is_new || span_is(event->type, "worker-online"))
        say(LOG_DEBUG, "", event->hostname, " joined the party");
    if (is_new)
        warn_of_drift(event);
}

/* Without fanout_patterns all events come on one channel; those of tasks are nothing to us. */
static bool is_of_task(struct span payload)
{
    static const char mark[] = "\"routing_key\": \"task.";

    return memmem(payload.ptr, payload.len, mark, sizeof mark - 1) != NULL;
}

static void on_event(void *context, struct span payload)
{
    struct cel_gossip *gossip = context;
    struct cel_lamport *clock = cel_events_clock(gossip->runtime->events);
    struct cel_heard_event event;
    struct celeriac_error err = {0};
    bool is_own;

    if (is_of_task(payload))
        return;
    if (cel_event_read(&gossip->reader, payload, &event, &err)) {
        log_debug("gossip", "an event cannot be understood", LOG_ERR(&err));
        return;
    }
    is_own = span_equal(event.hostname, gossip->runtime->hostname);
    if (is_own || !event.has_clock)
        (void)cel_lamport_forward(clock);
    else
        (void)cel_lamport_adjust(clock, event.clock);
    if (!is_own && span_starts(event.type, SPAN("worker-")) &&
        !span_starts(event.type, SPAN("worker-elect")))
        hear(gossip, &event);
}

/* ---- silence --------------------------------------------------------------------------------- */

void cel_gossip_reconnected(struct cel_gossip *gossip, int64_t now_ns)
{
    if (gossip)
        cel_peers_excuse(gossip->peers, now_ns);
}

int64_t cel_gossip_look(struct cel_gossip *gossip, int64_t now_ns)
{
    char name[CEL_PEER_NAME_MAX + 1];

    if (!gossip)
        return INT64_MAX;
    if (now_ns >= gossip->look_ns) {
        gossip->look_ns = now_ns + CEL_GOSSIP_INTERVAL_NS;
        while (cel_peers_lose(gossip->peers, now_ns, name))
            say(LOG_INFO, "missed heartbeat from ", span_of(name), "");
    }
    return cel_peers_count(gossip->peers) > 0 ? gossip->look_ns : INT64_MAX;
}

/* ---- life ------------------------------------------------------------------------------------ */

enum celeriac_err cel_gossip_create(struct cel_runtime *runtime, struct cel_mailbox *mailbox,
                                    struct cel_gossip **gossip)
{
    struct cel_gossip *g = mem_calloc(1, sizeof *g);
    enum celeriac_err code;

    if (!g)
        return CELERIAC_ERR_MEMORY;
    g->runtime = runtime;
    cel_event_reader_init(&g->reader);
    code = cel_peers_create(&g->peers);
    if (code == CELERIAC_OK)
        code = cel_mailbox_listen(mailbox, SPAN(CEL_EVENT_EXCHANGE), SPAN("worker.#"), on_event, g);
    if (code) {
        cel_gossip_destroy(g);
        return code;
    }
    *gossip = g;
    return CELERIAC_OK;
}

void cel_gossip_destroy(struct cel_gossip *gossip)
{
    if (!gossip)
        return;
    cel_peers_destroy(gossip->peers);
    cel_event_reader_close(&gossip->reader);
    mem_free(gossip);
}
