/* How a lost child process is described: billiard's words for WorkerLostError. Pure. */
#ifndef WORKER_EXIT_TEXT_H
#define WORKER_EXIT_TEXT_H

#include <stdint.h>

#include "base/strbuf.h"

/*
 * Appends "signal 11 (SIGSEGV)" or "exitcode 3" for a status of waitpid(), as billiard/common.py
 * human_status() shows them.
 */
void cel_exit_text(int status, struct strbuf *out);

/*
 * Appends "Worker exited prematurely: signal 11 (SIGSEGV) Job: 7." (billiard/pool.py
 * mark_as_worker_lost); job counts the executions of the pool from 0.
 */
void cel_lost_text(int status, uint64_t job, struct strbuf *out);

#endif
