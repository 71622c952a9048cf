#include "worker/heartbeat.h"

#include <stdlib.h>

#include "base/uuid.h"

/* Longest body of a worker event: a node name and a dozen numbers. */
#define BODY_MAX ((size_t)64 * 1024)

const char cel_software_version[] = CELERIAC_VERSION;

enum celeriac_err cel_heartbeat_write(struct cel_events *events, struct cel_live *live,
                                      enum cel_worker_event kind, double freq, struct strbuf *out)
{
    struct cel_worker_state state = {.freq = freq, .version = span_of(cel_software_version)};
    struct cel_event_moment moment = cel_events_moment(events);
    struct cel_event_origin origin;
    char key[CEL_EVENT_KEY_MAX + 1];
    char tag[UUID_SIZE];
    struct strbuf body;
    enum celeriac_err code;

    state.active = cel_live_count(live, CEL_LIVE_ACTIVE);
    state.processed = cel_live_processed(live);
    if (getloadavg(state.load, 3) != 3)
        state.load[0] = state.load[1] = state.load[2] = 0;
    cel_events_origin(events, &origin);
    uuid_new(tag);
    cel_event_routing_key(cel_worker_event_type(kind), key);
    strbuf_init(&body, BODY_MAX);
    cel_event_worker(&origin, &moment, kind, &state, &body);
    code = strbuf_status(&body);
    if (code == CELERIAC_OK)
        code = cel_event_envelope(origin.hostname, key, (struct span){tag, UUID_LEN},
                                  strbuf_span(&body), out);
    strbuf_close(&body);
    return code;
}

int64_t cel_heartbeat_next(int64_t due_ns, int64_t now_ns, int64_t interval_ns)
{
    int64_t next = due_ns + interval_ns;

    return next > now_ns ? next : now_ns + interval_ns;
}
