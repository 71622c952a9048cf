#include "tests/integration/worker/worker_program.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void *watch_signals(void *argument)
{
    sigset_t set;
    int number = 0;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGQUIT);
    while (number != SIGQUIT) {
        (void)sigwait(&set, &number);
        celeriac_worker_stop(argument, number == SIGQUIT ? CELERIAC_STOP_COLD : CELERIAC_STOP_WARM);
        /* In Celery's words: from now on nothing is begun. */
        if (number == SIGTERM)
            fprintf(stderr, "worker: Warm shutdown\n");
    }
    return NULL;
}

static enum celeriac_err prepare(struct celeriac_worker *worker,
                                 const struct celeriac_worker_options *options,
                                 const struct celeriac_task_options *tasks, size_t count,
                                 struct celeriac_error *err)
{
    enum celeriac_err code = CELERIAC_OK;

    for (size_t i = 0; code == CELERIAC_OK && i < count; i++)
        code = celeriac_worker_register(worker, &tasks[i], err);
    if (code == CELERIAC_OK && options->pool == CELERIAC_POOL_PREFORK)
        code = celeriac_worker_prefork(worker, err);
    return code;
}

int worker_program_run(const struct celeriac_worker_options *options,
                       const struct celeriac_task_options *tasks, size_t count)
{
    struct celeriac_worker *worker = NULL;
    struct celeriac_error err = {0};
    bool watching = false;
    pthread_t watcher;
    sigset_t set;
    enum celeriac_err code;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGQUIT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    code = celeriac_worker_create(options, &worker, &err);
    if (code == CELERIAC_OK)
        code = prepare(worker, options, tasks, count, &err);
    if (code == CELERIAC_OK)
        watching = pthread_create(&watcher, NULL, watch_signals, worker) == 0;
    if (watching)
        code = celeriac_worker_run(worker, &err);
    if (code)
        fprintf(stderr, "worker program: %s\n", err.text);
    /* Task threads may still use everything. */
    if (code == CELERIAC_ERR_SHUTDOWN)
        _exit(EXIT_FAILURE);
    /* Told to shut down by remote control, or warm, the watcher waits for more. */
    if (watching) {
        kill(getpid(), SIGQUIT);
        pthread_join(watcher, NULL);
    }
    celeriac_worker_destroy(worker);
    return code ? EXIT_FAILURE : EXIT_SUCCESS;
}
