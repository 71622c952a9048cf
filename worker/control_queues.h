/*
 * The names of the queues that the worker consumes, as remote control shows and changes them.
 * Changed and read by one thread at a time; copied by any.
 */
#ifndef WORKER_CONTROL_QUEUES_H
#define WORKER_CONTROL_QUEUES_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "celeriac/error.h"

/* An all-zero one is closed. */
struct cel_control_queues {
    char **names; /* NUL-terminated, owned */
    size_t count;
    pthread_mutex_t lock; /* of changes, against those who copy */
};

/* Copies the names, each once. CELERIAC_ERR_MEMORY; *queues is then closed. */
enum celeriac_err cel_control_queues_init(struct cel_control_queues *queues,
                                          const char *const *names,
                                          size_t count) CELERIAC_MUST_CHECK;

/* Likewise from another list, while its thread may change it. */
enum celeriac_err cel_control_queues_copy(struct cel_control_queues *from,
                                          struct cel_control_queues *queues) CELERIAC_MUST_CHECK;

/* Releases them; a closed one is allowed. */
void cel_control_queues_close(struct cel_control_queues *queues);

/*
 * Adds a name. CELERIAC_ERR_EXISTS, CELERIAC_ERR_LIMIT (CEL_CLAIM_QUEUES_MAX names, CEL_NAME_MAX
 * bytes), CELERIAC_ERR_VALUE when it is empty or has a NUL, CELERIAC_ERR_MEMORY.
 */
enum celeriac_err cel_control_queues_add(struct cel_control_queues *queues,
                                         struct span name) CELERIAC_MUST_CHECK;

/* Removes a name; false when it is not there. */
bool cel_control_queues_remove(struct cel_control_queues *queues, struct span name);

#endif
