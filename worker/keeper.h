/*
 * The maintenance thread: keeps this worker's registration alive, watches its peers and gives their
 * messages back when they die, and keeps what we hold from being restored by others.
 */
#ifndef WORKER_KEEPER_H
#define WORKER_KEEPER_H

#include "celeriac/error.h"
#include "celery_proto/redis/maintain.h"
#include "worker/runtime.h"

struct cel_keeper;

/* Makes it and starts its thread. CELERIAC_ERR_VALUE, _MEMORY, _SYSTEM. */
enum celeriac_err cel_keeper_create(const struct cel_maintainer_options *options,
                                    struct cel_runtime *runtime, struct cel_keeper **keeper,
                                    struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Ends the thread and returns everything that this worker still holds to the front of its queues;
 * tries for at most timeout_ns, after which peers will do it. Call it when nothing claims or
 * finishes any more.
 */
void cel_keeper_leave(struct cel_keeper *keeper, int64_t timeout_ns);

/* Ends the thread if need be and releases it; keeper may be NULL. */
void cel_keeper_destroy(struct cel_keeper *keeper);

#endif
