/*
 * What a worker was asked to be: the options of celeriac/worker.h, checked, with their defaults
 * filled in and their texts copied. Constant once opened; any thread.
 */
#ifndef WORKER_SETTINGS_H
#define WORKER_SETTINGS_H

#include <stddef.h>

#include "celeriac/error.h"
#include "celeriac/worker.h"
#include "celery_proto/redis/addresses.h"

/* Starts zeroed; what it points to is its own. */
struct cel_settings {
    /*
     * Numbers with their defaults. Of the texts hostname (the node name), global_keyprefix,
     * default_queue, state_db and the default rate limit are copies, or NULL when not given; the
     * others are NULL, since what they say is in the members below.
     */
    struct celeriac_worker_options options;
    struct cel_addresses addresses;
    const char **queues; /* names, each NUL-terminated */
    size_t queue_count;  /* 1 to CEL_CLAIM_QUEUES_MAX */
    char *queue_text;    /* what they point into */
};

/*
 * Reads *given, of which nothing is needed afterwards but progress_user. CELERIAC_ERR_VALUE names
 * the bad option; those of cel_addresses_open() and celeriac_worker_nodename(). On failure close it
 * all the same.
 */
enum celeriac_err cel_settings_open(const struct celeriac_worker_options *given,
                                    struct cel_settings *settings,
                                    struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Releases; *settings may be all zero. */
void cel_settings_close(struct cel_settings *settings);

/* How many messages a worker with so many task threads may hold. */
size_t cel_settings_window(const struct cel_settings *settings, size_t threads);

#endif
