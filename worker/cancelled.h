/*
 * Tasks that a cold stop breaks off although their messages are acknowledged
 * (celery/worker/request.py cancel): nobody will run them again, so whoever waits is told.
 */
#ifndef WORKER_CANCELLED_H
#define WORKER_CANCELLED_H

#include "celery_proto/redis/result_store.h"
#include "worker/runtime.h"

/*
 * Stores RETRY with Retry("cancelled by Celery") for every running task whose message is gone,
 * unless a success is stored, and notes task-cancelled for each. What waits for its acknowledgement
 * goes back to its queue instead, without a record. What cannot be stored within half a second is
 * logged. For the control thread, once nothing is settled any more.
 */
void cel_record_cancelled(struct cel_runtime *runtime,
                          const struct cel_result_store_options *results);

#endif
