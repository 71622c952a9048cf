/*
 * The task threads: take a ready request, run its task, settle it, hand it on. When the worker has
 * a fork server each thread has the task run in a child process of its own (seat.h).
 */
#ifndef WORKER_POOL_H
#define WORKER_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "celeriac/error.h"
#include "worker/runtime.h"

/* Most task threads, and the stack of each when nothing else is said. */
#define CEL_POOL_THREADS_MAX 4096
#define CEL_POOL_STACK_DEFAULT ((size_t)256 * 1024)

/*
 * Most threads that may be lost in tasks beyond their hard limit and be replaced: each keeps its
 * stack, and a worker with so many sick tasks should be restarted.
 */
#define CEL_POOL_ABANDONED_MAX 64

struct cel_pool;
struct cel_request;

/*
 * Starts `threads` threads of `stack` bytes of stack each (0: CEL_POOL_STACK_DEFAULT) that serve
 * runtime->ready. CELERIAC_ERR_MEMORY, CELERIAC_ERR_SYSTEM when the system allows no more threads.
 */
enum celeriac_err cel_pool_create(struct cel_runtime *runtime, size_t threads, size_t stack,
                                  struct cel_pool **pool,
                                  struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Starts n more threads, or lets n go when they have ended what they are doing; the last one stays.
 * One thread at a time. CELERIAC_ERR_LIMIT; CELERIAC_ERR_SYSTEM when the system allows fewer.
 */
enum celeriac_err cel_pool_grow(struct cel_pool *pool, size_t n,
                                struct celeriac_error *err) CELERIAC_MUST_CHECK;
enum celeriac_err cel_pool_shrink(struct cel_pool *pool, size_t n,
                                  struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Waits until all threads have ended, which they do once runtime->ready is closed and their task
 * has returned. When abandon_fd becomes readable and one has a task, returns false: the threads go
 * on running, but children are killed first, and their requests left unsettled. False as well when
 * threads are left that were given up because of a hard time limit.
 */
bool cel_pool_join(struct cel_pool *pool, int abandon_fd);

/*
 * With child processes: ends the execution of this request by a signal to its child. False when no
 * child has it. Any thread.
 */
bool cel_pool_terminate(struct cel_pool *pool, const struct cel_request *request, int signum);

/* With child processes: replaces each as soon as it is free. Any thread. */
void cel_pool_restart(struct cel_pool *pool);

/* Writes the process ids of up to max children and returns how many. Any thread. */
size_t cel_pool_pids(struct cel_pool *pool, int64_t *pids, size_t max);

/* Releases a pool whose threads have all ended; pool may be NULL. */
void cel_pool_destroy(struct cel_pool *pool);

#endif
