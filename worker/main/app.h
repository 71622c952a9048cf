/*
 * The shared object of -A: opened, checked, asked for its tasks, closed. Main thread only.
 */
#ifndef WORKER_MAIN_APP_H
#define WORKER_MAIN_APP_H

#include <stdbool.h>

#include "base/span.h"
#include "celeriac/error.h"
#include "celeriac/worker.h"

/* Start with all zero. */
struct worker_app {
    void *library;                  /* of dlopen(); NULL: not open */
    const struct celeriac_app *app; /* inside it; NULL: load was not called */
};

/*
 * Whether the value of -A means a shared object: it has a '/' in it or ends in ".so". Anything else
 * is the name of a Python module, as Celery's command lines have it.
 */
bool worker_app_is_library(struct span value);

/*
 * Opens the shared object at path and lets it register its tasks. A path without '/' is looked for
 * in the working folder. Errors name the option: CELERIAC_ERR_VALUE when it cannot be loaded, has
 * no celeriac_app or was made for another ABI; else what its load has returned. Close it also after
 * a failure.
 */
enum celeriac_err worker_app_open(struct worker_app *app, const char *path,
                                  struct celeriac_worker *worker,
                                  struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Unloads it. No task may run any more; a closed or an all-zero one is allowed. */
void worker_app_close(struct worker_app *app);

#endif
