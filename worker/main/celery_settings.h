/*
 * Celery's settings that this worker has no option for, under the names that Django's settings have
 * for them (CELERY_TASK_SERIALIZER is task_serializer). Those without an effect are known too, so
 * that whoever sets one is told what becomes of it, instead of being left to believe that it works.
 * docs/settings.md has a line for each; a test compares the two.
 */
#ifndef WORKER_MAIN_CELERY_SETTINGS_H
#define WORKER_MAIN_CELERY_SETTINGS_H

#include "base/settings.h"
#include "celeriac/error.h"
#include "celeriac/worker.h"

/* One row for each; the help of one without an effect says why. */
extern const struct setting celery_settings_table[];

/*
 * Fills in what they say: the defaults of tasks, rate limits, remote control. worker->broker_url is
 * set already. Texts are borrowed from the settings. CELERIAC_ERR_VALUE names a variable whose
 * value cannot be, or asks for what this worker does not do and what would be missed.
 */
enum celeriac_err celery_settings_read(const struct settings *settings,
                                       struct celeriac_worker_options *worker,
                                       struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Logs a line for each without an effect that was set to something. */
void celery_settings_notice(const struct settings *settings);

#endif
