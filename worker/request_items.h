/*
 * What the finisher writes for a request of its own: the acknowledgement that an early one gets
 * when it starts, and the end of each. Pure.
 */
#ifndef WORKER_REQUEST_ITEMS_H
#define WORKER_REQUEST_ITEMS_H

#include "celery_proto/redis/finish.h"
#include "worker/request.h"

/* The start of a request: its acknowledgement if it is an early one, its STARTED record if any. */
struct cel_finish_item cel_item_of_start(const struct cel_request *request);

/* The end of a request, as it was settled; its tag is empty when the start has acknowledged it. */
struct cel_finish_item cel_item_of_end(const struct cel_request *request);

#endif
