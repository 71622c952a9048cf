/*
 * The worker's own events: online, heartbeat, offline. Pure but for clock and load average.
 */
#ifndef WORKER_HEARTBEAT_H
#define WORKER_HEARTBEAT_H

#include <stdint.h>

#include "base/strbuf.h"
#include "celeriac/error.h"
#include "celery_proto/codec/event.h"
#include "worker/events.h"
#include "worker/live.h"

/* Seconds between heartbeats when nothing else is said (celery/worker/heartbeat.py). */
#define CEL_HEARTBEAT_SECONDS 2.0

/* The version of this software, as events and remote control show it. */
extern const char cel_software_version[];

/*
 * Appends the envelope of an event of this worker; freq is the interval of heartbeats in seconds.
 * CELERIAC_ERR_MEMORY or _LIMIT from out.
 */
enum celeriac_err cel_heartbeat_write(struct cel_events *events, struct cel_live *live,
                                      enum cel_worker_event kind, double freq,
                                      struct strbuf *out) CELERIAC_MUST_CHECK;

/* The monotonic time of the beat after the one that was due at due_ns; beats missed are left out.
 */
int64_t cel_heartbeat_next(int64_t due_ns, int64_t now_ns, int64_t interval_ns);

#endif
