/*
 * The names of the queues that the worker consumes, as remote control shows and changes them. One
 * thread at a time.
 */
#ifndef WORKER_CONTROL_QUEUES_H
#define WORKER_CONTROL_QUEUES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "celeriac/error.h"

struct cel_control_queues {
    char **names; /* NUL-terminated, owned */
    size_t count;
};

/* Copies the names. CELERIAC_ERR_MEMORY; *queues is then empty. */
enum celeriac_err cel_control_queues_init(struct cel_control_queues *queues,
                                          const char *const *names,
                                          size_t count) CELERIAC_MUST_CHECK;

/* Releases them; an all-zero struct is allowed. */
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
