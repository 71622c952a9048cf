/*
 * Result records of tasks that are revoked by remote control before they run
 * (celery/worker/control.py _revoke): whoever waits for them need not wait until a worker meets
 * the message.
 */
#ifndef WORKER_REVOKE_RECORD_H
#define WORKER_REVOKE_RECORD_H

#include "base/json.h"
#include "worker/control_call.h"

/*
 * Most ids of one command whose records are written; each costs two round trips, during which
 * remote control waits. The others get their record when a worker meets their message.
 */
#define CEL_REVOKE_RECORDS_MAX 256

/*
 * Stores REVOKED for the ids (a string or a list) that are not running here and have no state, or
 * that of a task that waits. What cannot be stored is logged. Does nothing without results.
 */
void cel_revoke_record(struct cel_control_call *call, const struct json_node *ids);

#endif
