/*
 * Sends the events that the worker's threads have noted, in batches of what has gathered: a quiet
 * worker sends each at once, a busy one many with one round trip. One thread at a time.
 */
#ifndef WORKER_EVENT_SENDER_H
#define WORKER_EVENT_SENDER_H

#include <stdbool.h>

#include "celeriac/error.h"
#include "celery_proto/redis/mailbox.h"
#include "worker/events.h"
#include "worker/live.h"

struct cel_event_sender;

/* Makes one; both arguments are borrowed and outlive it. CELERIAC_ERR_MEMORY. */
enum celeriac_err cel_event_sender_create(struct cel_events *events, struct cel_mailbox *mailbox,
                                          struct cel_event_sender **sender) CELERIAC_MUST_CHECK;

/* sender may be NULL. */
void cel_event_sender_destroy(struct cel_event_sender *sender);

/*
 * Sends some of what waits, in one round trip; *more tells that there is more. What could not be
 * sent is kept. Errors as cel_publish().
 */
enum celeriac_err cel_event_sender_flush(struct cel_event_sender *sender, bool *more,
                                         struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Sends an event of the worker itself; freq is the interval of heartbeats. Errors likewise. */
enum celeriac_err cel_event_sender_state(struct cel_event_sender *sender, struct cel_live *live,
                                         enum cel_worker_event kind, double freq,
                                         struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
