/*
 * The consumer: claims messages, decodes and routes them, and keeps those that wait for their time.
 * It is the thread that calls celeriac_worker_run().
 */
#ifndef WORKER_CONSUMER_H
#define WORKER_CONSUMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"
#include "celery_proto/redis/claim.h"
#include "worker/request.h"
#include "worker/runtime.h"
#include "worker/schedule.h"

struct cel_consumer;
struct cel_schedule;

/*
 * Makes it; nothing is connected yet. In *options the tasks, keys and addresses are set. eta_limit
 * is the most messages that may wait for their time (0: CEL_WAITING_MAX). CELERIAC_ERR_VALUE,
 * _MEMORY.
 */
enum celeriac_err cel_consumer_create(const struct cel_claimer_options *options,
                                      struct cel_runtime *runtime, size_t eta_limit,
                                      struct cel_consumer **consumer,
                                      struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Releases it with what waits inside; consumer may be NULL. What is held in Redis stays held. */
void cel_consumer_destroy(struct cel_consumer *consumer);

/*
 * Consumes until cel_consumer_stop(). CELERIAC_OK then; CELERIAC_ERR_MEMORY, or CELERIAC_ERR_AUTH
 * when the broker refuses our credentials, which waiting does not mend.
 */
enum celeriac_err cel_consumer_run(struct cel_consumer *consumer,
                                   struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Ends cel_consumer_run() soon. Any thread. */
void cel_consumer_stop(struct cel_consumer *consumer);

/*
 * Takes over a request in state WAITING, to be made ready again at due_ns (monotonic). Any thread.
 * After cel_consumer_stop() the request is released and the message stays held.
 */
void cel_consumer_postpone(struct cel_consumer *consumer, struct cel_request *request,
                           int64_t due_ns);

/* What waits for its time, to be looked at. Borrowed. Any thread. */
struct cel_schedule *cel_consumer_schedule(struct cel_consumer *consumer);

/*
 * Consumes these queues from now on, or none; what is held of others stays. The names are copied.
 * Any thread. CELERIAC_ERR_MEMORY.
 */
enum celeriac_err cel_consumer_set_queues(struct cel_consumer *consumer, const char *const *names,
                                          size_t count) CELERIAC_MUST_CHECK;

#endif
