/*
 * How requests end that are never executed: discarded, or of a task that is not registered here.
 * Used by the consumer and the task threads; any thread that owns the request.
 */
#ifndef WORKER_ENDINGS_H
#define WORKER_ENDINGS_H

#include "base/span.h"
#include "worker/request.h"
#include "worker/runtime.h"

/* Moves the request to its end and hands it to the settler. */
void cel_end(struct cel_runtime *runtime, struct cel_request *request);

/* Ends a request whose message nobody can understand: it goes to the quarantine list, whole. why is
 * a constant, detail is for the log. */
void cel_end_in_quarantine(struct cel_runtime *runtime, struct cel_request *request,
                           const char *why, const char *detail);

/* Ends a request of an unknown task as Celery does: FAILURE with NotRegistered, and deleted. */
void cel_end_unregistered(struct cel_runtime *runtime, struct cel_request *request);

/*
 * Ends the request if it shall not be started: expired, or revoked by its id or a stamp. It is then
 * REVOKED with TaskRevokedError("expired") or ("revoked"); an expired task's id counts as revoked
 * from now on, as in celery/worker/request.py maybe_expire(). False: it may go on, and is still the
 * caller's.
 */
bool cel_end_revoked(struct cel_runtime *runtime, struct cel_request *request);

#endif
