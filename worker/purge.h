/*
 * --purge: empties the queues of a worker before it begins (celery/apps/worker.py purge_messages).
 */
#ifndef WORKER_PURGE_H
#define WORKER_PURGE_H

#include "celeriac/error.h"
#include "worker/runtime.h"
#include "worker/settings.h"

/*
 * Deletes what waits in all priority lists of all queues of the settings, and logs how many
 * messages those were. A broker that is away is waited for until the worker is to stop:
 * CELERIAC_ERR_SHUTDOWN then. Other errors as cel_queue_purge(). Nothing that some worker holds is
 * touched.
 */
enum celeriac_err cel_purge(const struct cel_settings *settings, struct cel_runtime *runtime,
                            struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
