/*
 * What a running task may ask of its worker: the way out of struct celeriac_task, so that a task
 * does not care which thread or process carries out what it asks for.
 */
#ifndef WORKER_TASK_HOST_H
#define WORKER_TASK_HOST_H

#include <stddef.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/client.h"
#include "celeriac/error.h"
#include "celeriac/signature.h"

/* Called by the thread that runs the task. Everything is borrowed for the call. */
struct cel_task_host {
    void *context;
    /*
     * Stores a state in between; children is the raw array of what the task has sent, or empty.
     * Texts are valid. CELERIAC_ERR_MEMORY, _LIMIT.
     */
    enum celeriac_err (*tell_state)(void *context, struct span state, struct span meta,
                                    struct span children);
    /* celeriac_task_send() and celeriac_task_apply(); result tuples go to the end of children,
     * separated by commas. */
    enum celeriac_err (*send)(void *context, const struct celeriac_send *sends, size_t count,
                              char (*ids)[CELERIAC_TASK_ID_SIZE], struct strbuf *children,
                              struct celeriac_error *err);
    enum celeriac_err (*apply)(void *context, const struct celeriac_signature *signature, char *id,
                               struct strbuf *children, struct celeriac_error *err);
};

#endif
