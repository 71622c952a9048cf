/* A program that is a worker and nothing else: what the workers of several tests have in common. */
#ifndef TESTS_WORKER_WORKER_PROGRAM_H
#define TESTS_WORKER_WORKER_PROGRAM_H

#include <stddef.h>

#include "celeriac/worker.h"

/*
 * Runs a worker with these tasks until SIGTERM (warm), SIGQUIT (cold) or remote control stops it.
 * Returns what main() is to return. Before the program has a second thread.
 */
int worker_program_run(const struct celeriac_worker_options *options,
                       const struct celeriac_task_options *tasks, size_t count);

#endif
