/*
 * The tasks that every Celery worker has (celery/app/builtins.py), so that canvases which are sent
 * as tasks, such as maps, run also where no Python worker is. Left out is celery.chord_unlock: it
 * is for result backends that cannot join chords by themselves, whose results we could not read.
 */
#ifndef WORKER_BUILTINS_H
#define WORKER_BUILTINS_H

#include <stdbool.h>

#include "base/span.h"
#include "celeriac/task.h"
#include "celery_proto/codec/task_message.h"
#include "worker/registry.h"

/*
 * Adds them to a registry that has tasks of its own, but for names that are taken; doing so again
 * changes nothing. with_results: results are in Redis, where there is nothing to clean up, so that
 * celery.backend_cleanup is not somebody else's. CELERIAC_ERR_MEMORY.
 */
enum celeriac_err cel_builtins_add(struct cel_registry *registry, bool with_results,
                                   struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Whether a message of a registered task can be run here: not when it maps a task that is not
 * registered here. What makes no sense can be: it fails.
 */
bool cel_builtins_serve(const struct cel_registry *registry,
                        const struct cel_task_definition *definition,
                        const struct cel_task_message *message);

/*
 * For their code: a required argument as JSON text, which lives as long as the task. False when it
 * is missing; the outcome is then TypeError.
 */
bool cel_builtin_argument(struct celeriac_task *task, int position, const char *name,
                          struct span *json);

#endif
