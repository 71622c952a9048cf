/*
 * Celery's settings that this worker has no option for, under the names that Django's settings have
 * for them (CELERY_TASK_SERIALIZER is task_serializer). They are known so that whoever sets one is
 * told what becomes of it, instead of being left to believe that it works.
 */
#ifndef WORKER_MAIN_CELERY_SETTINGS_H
#define WORKER_MAIN_CELERY_SETTINGS_H

#include "base/settings.h"

/* One row for each; its help says why it has no effect. */
extern const struct setting celery_settings_table[];

/* Logs a line for each that was set to something. */
void celery_settings_notice(const struct settings *settings);

#endif
