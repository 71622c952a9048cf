/*
 * Small tasks that many tests need, written as an application would: public headers only. What
 * runs a worker links them, also a shared object for `celeriac-worker -A`.
 */
#ifndef TESTS_SUPPORT_SAMPLE_TASKS_H
#define TESTS_SUPPORT_SAMPLE_TASKS_H

#include "celeriac/task.h"

/* Each is a `run` of struct celeriac_task_options and ignores `user`. */

/* x, y: integers. Returns their sum. */
void sample_add(struct celeriac_task *task, void *user);

/* x: anything. Returns it. */
void sample_identity(struct celeriac_task *task, void *user);

/* Fails with ValueError("kaboom"). */
void sample_boom(struct celeriac_task *task, void *user);

/* Asks for one retry at once, with KeyError("nope"); returns how often it was retried. */
void sample_flaky(struct celeriac_task *task, void *user);

/* seconds: a number. Returns "slept" when they are over; the second also when the worker stops. */
void sample_sleep(struct celeriac_task *task, void *user);
void sample_sleep_unless_stopping(struct celeriac_task *task, void *user);

#endif
