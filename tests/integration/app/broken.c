/* Shared objects that celeriac-worker must refuse; the macro BROKEN chooses how. */
#include "celeriac/app.h"

static void nothing(struct celeriac_task *task, void *user)
{
    (void)user;
    celeriac_task_return_null(task);
}

static const struct celeriac_task_options task = {.name = "app.nothing", .run = nothing};

CELERIAC_PUBLIC enum celeriac_err load_tasks(struct celeriac_worker *worker,
                                             struct celeriac_error *err);
/* Nobody defines it. */
void celeriac_of_tomorrow(void);

enum celeriac_err load_tasks(struct celeriac_worker *worker, struct celeriac_error *err)
{
    enum celeriac_err code = celeriac_worker_register(worker, &task, err);

#ifdef BROKEN_UNDEFINED
    celeriac_of_tomorrow();
#endif
#ifdef BROKEN_TWICE
    if (code == CELERIAC_OK)
        code = celeriac_worker_register(worker, &task, err);
#endif
#ifdef BROKEN_SILENT
    code = CELERIAC_ERR_UNAVAILABLE;
#endif
    return code;
}

#ifdef BROKEN_ABI
const struct celeriac_app celeriac_app = {
    .abi = CELERIAC_APP_ABI + 1, .task_options_size = sizeof task, .load = load_tasks};
#elif defined BROKEN_SIZE
const struct celeriac_app celeriac_app = {
    .abi = CELERIAC_APP_ABI, .task_options_size = sizeof task - 8, .load = load_tasks};
#elif defined BROKEN_LOAD
CELERIAC_APP(NULL, NULL);
#elif !defined BROKEN_SYMBOL
CELERIAC_APP(load_tasks, NULL);
#endif
