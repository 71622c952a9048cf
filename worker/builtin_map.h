/*
 * celery.map and celery.starmap: a task called once for each item, one after the other, in the
 * execution of the map. As in Python the calls are none of their own to others: no record, no
 * event, no retry; the first exception ends the whole.
 */
#ifndef WORKER_BUILTIN_MAP_H
#define WORKER_BUILTIN_MAP_H

#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/task.h"

/* Maps of maps of maps: bounds recursion on small stacks. */
#define CEL_MAP_DEPTH_MAX 8

/* Task functions: (task, it), user being the registry. The called task sees this one's id. */
void cel_builtin_map(struct celeriac_task *task, void *user);
void cel_builtin_starmap(struct celeriac_task *task, void *user);

/*
 * Appends the name of the task that a signature is for: raw JSON, an object or only the name.
 * CELERIAC_ERR_VALUE when it names none, or the buffer's or parser's error.
 */
enum celeriac_err cel_builtin_map_target(struct span signature,
                                         struct strbuf *name) CELERIAC_MUST_CHECK;

#endif
