/*
 * A worker whose tasks do nothing: what is measured is the way to the task and back. Usage:
 * noop_worker CONCURRENCY [prefork], with the broker in REDIS_URL; TERM ends it.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse_num.h"
#include "celeriac/worker.h"

static void noop(struct celeriac_task *task, void *user)
{
    (void)task;
    (void)user;
}

static void *stop_on_signal(void *worker)
{
    sigset_t signals;
    int number;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigwait(&signals, &number);
    celeriac_worker_stop(worker, CELERIAC_STOP_WARM);
    return NULL;
}

static enum celeriac_err serve(struct celeriac_worker *worker, bool prefork,
                               struct celeriac_error *err)
{
    const struct celeriac_task_options with_result = {.name = "interop.noop", .run = noop};
    const struct celeriac_task_options ignored = {
        .name = "interop.noop_ignored", .run = noop, .ignore_result = true};
    enum celeriac_err code = celeriac_worker_register(worker, &with_result, err);
    pthread_t watcher;

    if (code == CELERIAC_OK)
        code = celeriac_worker_register(worker, &ignored, err);
    if (code == CELERIAC_OK && prefork)
        code = celeriac_worker_prefork(worker, err);
    if (code)
        return code;
    if (pthread_create(&watcher, NULL, stop_on_signal, worker))
        return CELERIAC_ERR_SYSTEM;
    code = celeriac_worker_run(worker, err);
    pthread_join(watcher, NULL);
    return code;
}

int main(int argc, char **argv)
{
    struct celeriac_worker_options options = {.broker_url = getenv("REDIS_URL")};
    int64_t concurrency = 0;
    struct celeriac_worker *worker = NULL;
    struct celeriac_error err = {0};
    sigset_t signals;
    enum celeriac_err code;

    if (argc < 2 || argc > 3 || parse_int64(span_of(argv[1]), 1, 4096, &concurrency) ||
        (argc == 3 && strcmp(argv[2], "prefork") != 0)) {
        fputs("usage: noop_worker CONCURRENCY [prefork]\n", stderr);
        return EXIT_FAILURE;
    }
    options.concurrency = (unsigned)concurrency;
    options.pool = argc == 3 ? CELERIAC_POOL_PREFORK : CELERIAC_POOL_THREADS;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    code = celeriac_worker_create(&options, &worker, &err);
    if (code == CELERIAC_OK)
        code = serve(worker, argc == 3, &err);
    if (code)
        fprintf(stderr, "noop_worker: %s\n", err.text);
    celeriac_worker_destroy(worker);
    return code ? EXIT_FAILURE : EXIT_SUCCESS;
}
