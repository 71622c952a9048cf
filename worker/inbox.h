/*
 * Requests on their way from task threads back to the consumer, which keeps them until their time.
 * Any thread may put, one takes.
 */
#ifndef WORKER_INBOX_H
#define WORKER_INBOX_H

#include <stdint.h>

#include "celeriac/error.h"
#include "worker/request.h"

struct cel_inbox;

/* An empty one. CELERIAC_ERR_MEMORY. */
enum celeriac_err cel_inbox_create(struct cel_inbox **inbox) CELERIAC_MUST_CHECK;

/* Releases it with the requests inside; inbox may be NULL. What is held in Redis stays held. */
void cel_inbox_destroy(struct cel_inbox *inbox);

/*
 * Takes over a request that is due at due_ns (monotonic). Once closed it releases it instead: its
 * message stays in `unacked`, from where it is restored when this worker leaves.
 */
void cel_inbox_put(struct cel_inbox *inbox, struct cel_request *request, int64_t due_ns);

/* The oldest one, which is the caller's, or NULL; its time is request->due_ns. */
struct cel_request *cel_inbox_take(struct cel_inbox *inbox);

/* Takes over nothing more. What is inside stays. Any thread. */
void cel_inbox_close(struct cel_inbox *inbox);

#endif
