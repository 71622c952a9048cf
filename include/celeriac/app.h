/*
 * Tasks in a shared object of yours, which `celeriac-worker -A ./tasks.so` serves.
 *
 *     static enum celeriac_err load(struct celeriac_worker *worker, struct celeriac_error *err)
 *     {
 *         const struct celeriac_task_options add = {.name = "shop.tasks.add", .run = run_add};
 *
 *         return celeriac_worker_register(worker, &add, err);
 *     }
 *
 *     CELERIAC_APP(load, NULL);
 *
 * Compile it as `cc -shared -fPIC -o tasks.so tasks.c $(pkg-config --cflags celeriac)`. What it
 * calls of libceleriac is in celeriac-worker; to link it with the library besides does no harm.
 *
 * Threads: load and unload are called by the worker's main thread, when no task runs. Tasks run on
 * other threads, several at a time (celeriac/task.h).
 */
#ifndef CELERIAC_APP_H
#define CELERIAC_APP_H

#include "celeriac/error.h"
#include "celeriac/task.h"
#include "celeriac/worker.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the worker and the shared object must have in common. Grows with every change of this header
 * or of struct celeriac_task_options that an older shared object would not survive. */
#define CELERIAC_APP_ABI 2

/* What a shared object tells the worker; CELERIAC_APP() fills it in. */
struct celeriac_app {
    unsigned abi;               /* CELERIAC_APP_ABI of the headers it was compiled with */
    unsigned task_options_size; /* size of struct celeriac_task_options in them */
    /*
     * Registers the tasks, before the worker consumes; what it returns, CELERIAC_OK apart, ends the
     * worker with that error. The worker is borrowed: it is not to be run, stopped or destroyed.
     */
    enum celeriac_err (*load)(struct celeriac_worker *worker, struct celeriac_error *err);
    /*
     * Called when the last task has ended, or load has failed; not when the worker stops cold or
     * dies. NULL: nothing to do.
     */
    void (*unload)(void);
};

/* The one symbol that the worker looks for. */
extern CELERIAC_PUBLIC const struct celeriac_app celeriac_app;

/* Defines it; once in a shared object, outside of functions. */
#define CELERIAC_APP(load_function, unload_function)                                          \
    const struct celeriac_app celeriac_app = {CELERIAC_APP_ABI,                               \
                                              (unsigned)sizeof(struct celeriac_task_options), \
                                              load_function, unload_function}

#ifdef __cplusplus
}
#endif
#endif
