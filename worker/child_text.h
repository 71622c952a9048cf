/*
 * Looks at what a child process says before it is written where others read it: a process whose
 * memory is broken may say anything. Pure.
 */
#ifndef WORKER_CHILD_TEXT_H
#define WORKER_CHILD_TEXT_H

#include "celeriac/error.h"
#include "worker/child_frame.h"
#include "worker/task_context.h"

/*
 * Whether result and children of an outcome are JSON, as the functions of celeriac/task.h leave
 * them. CELERIAC_ERR_PROTOCOL: they are not; CELERIAC_ERR_MEMORY.
 */
enum celeriac_err cel_child_check_outcome(const struct cel_outcome *outcome) CELERIAC_MUST_CHECK;

/* The same for meta and children of a state, whose name must be UTF-8. */
enum celeriac_err cel_child_check_state(const struct cel_frame_state *state) CELERIAC_MUST_CHECK;

#endif
