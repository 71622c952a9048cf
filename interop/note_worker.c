/*
 * A worker for tests of the transport: the task interop.note(number, milliseconds) waits and then
 * appends a line "number, microseconds since 1970, c" to a file, so that what ran is known outside
 * of Redis. It includes the installed headers only.
 *
 *     note-worker CONCURRENCY FILE [QUEUES]
 *
 * REDIS_URL, CELERY_BROKER_TRANSPORT_OPTIONS and CELERY_BROKER_USE_SSL say where the broker is;
 * TERM ends it warm.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "celeriac/worker.h"

#define LINE_SIZE 64
#define CONCURRENCY_MAX 256

static void sleep_ms(int64_t milliseconds)
{
    struct timespec left = {.tv_sec = milliseconds / 1000,
                            .tv_nsec = (long)(milliseconds % 1000) * 1000000};

    while (nanosleep(&left, &left) && errno == EINTR)
        continue;
}

static void note(struct celeriac_task *task, void *user)
{
    const int *file = user;
    char line[LINE_SIZE];
    int64_t number = 0;
    int64_t milliseconds = 0;
    struct timespec now;

    if (celeriac_task_arg_int(task, 0, "number", &number) ||
        celeriac_task_arg_int(task, 1, "milliseconds", &milliseconds))
        return;
    sleep_ms(milliseconds);
    clock_gettime(CLOCK_REALTIME, &now);
    int len = snprintf(line, sizeof line, "%" PRId64 "\t%" PRId64 "\tc\n", number,
                       (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    if (len <= 0 || write(*file, line, (size_t)len) != len)
        celeriac_task_fail(task,
                           &(struct celeriac_exception){.type = "OSError", .message = "write"});
    else
        celeriac_task_return_int(task, number);
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

static enum celeriac_err serve(struct celeriac_worker *worker, int *file,
                               struct celeriac_error *err)
{
    const struct celeriac_task_options options = {
        .name = "interop.note", .run = note, .user = file, .acks_late = true};
    enum celeriac_err code = celeriac_worker_register(worker, &options, err);
    pthread_t watcher;

    if (code)
        return code;
    if (pthread_create(&watcher, NULL, stop_on_signal, worker))
        return CELERIAC_ERR_SYSTEM;
    puts("ready");
    fflush(stdout);
    code = celeriac_worker_run(worker, err);
    /* The worker may be destroyed only when nobody is about to stop it any more. The watcher is the
     * only thread that takes this signal. */
    kill(getpid(), SIGTERM);
    pthread_join(watcher, NULL);
    return code;
}

int main(int argc, char **argv)
{
    struct celeriac_worker_options options = {.broker_url = getenv("REDIS_URL"),
                                              .broker_transport_options =
                                                  getenv("CELERY_BROKER_TRANSPORT_OPTIONS"),
                                              .broker_use_ssl = getenv("CELERY_BROKER_USE_SSL")};
    struct celeriac_worker *worker = NULL;
    struct celeriac_error err = {0};
    sigset_t signals;
    enum celeriac_err code;

    if (argc < 3 || argc > 4) {
        fputs("usage: note-worker CONCURRENCY FILE [QUEUES]\n", stderr);
        return EXIT_FAILURE;
    }
    for (const char *digit = argv[1]; *digit >= '0' && *digit <= '9'; digit++)
        options.concurrency = options.concurrency * 10 + (unsigned)(*digit - '0');
    if (options.concurrency == 0 || options.concurrency > CONCURRENCY_MAX)
        options.concurrency = 1;
    options.queues = argv[3];
    int file = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (file < 0) {
        perror(argv[2]);
        return EXIT_FAILURE;
    }
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    code = celeriac_worker_create(&options, &worker, &err);
    if (code == CELERIAC_OK)
        code = serve(worker, &file, &err);
    if (code)
        fprintf(stderr, "note-worker: %s\n", err.text);
    celeriac_worker_destroy(worker);
    close(file);
    return code ? EXIT_FAILURE : EXIT_SUCCESS;
}
