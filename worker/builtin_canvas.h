/*
 * Canvases that arrive as tasks: celery.chunks, celery.group and celery.chord. No Celery since 4.0
 * sends them (its producers and workers apply them at once), but its workers still serve them.
 */
#ifndef WORKER_BUILTIN_CANVAS_H
#define WORKER_BUILTIN_CANVAS_H

#include "celeriac/task.h"

/* Task functions. What they send is this task's child; the result is Celery's tuple of it. */
void cel_builtin_chunks(struct celeriac_task *task, void *user); /* (task, it, n) */
void cel_builtin_group(struct celeriac_task *task, void *user);  /* (tasks, result, group_id,
                                                                    partial_args) */
void cel_builtin_chord(struct celeriac_task *task, void *user);  /* (header, body, partial_args) */

#endif
