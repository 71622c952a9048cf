/*
 * Remote commands that show how the worker is set up: `conf` and `report`.
 */
#ifndef WORKER_CONTROL_CONF_H
#define WORKER_CONTROL_CONF_H

#include "worker/control_call.h"

/* The settings that were given, or with_defaults all, under Celery's names; without passwords. */
void cel_control_run_conf(struct cel_control_call *call);

/* Software, platform and settings as text, for a report of a defect. */
void cel_control_run_report(struct cel_control_call *call);

#endif
