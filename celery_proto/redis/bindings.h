/*
 * Which queues are bound to an exchange: the sets _kombu.binding.<exchange>, read when a message
 * has an exchange (kombu/transport/virtual/base.py: Channel._lookup). One thread at a time.
 */
#ifndef CEL_REDIS_BINDINGS_H
#define CEL_REDIS_BINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "celeriac/error.h"
#include "celery_proto/redis/pipeline.h"
#include "celery_proto/redis/publish.h"

struct cel_bindings;

/* Makes an empty cache of tables. CELERIAC_ERR_MEMORY. */
enum celeriac_err cel_bindings_create(const struct cel_keys *keys,
                                      struct cel_bindings **bindings) CELERIAC_MUST_CHECK;

/* bindings may be NULL. */
void cel_bindings_destroy(struct cel_bindings *bindings);

/* Forgets all tables: they may have changed. */
void cel_bindings_clear(struct cel_bindings *bindings);

/*
 * Reads the tables of exchanges that are not in the cache, in one round trip. Empty names are
 * skipped. Errors as cel_pipeline_run().
 */
enum celeriac_err cel_bindings_load(struct cel_bindings *bindings, struct cel_conn *conn,
                                    const struct span *exchanges, size_t count,
                                    struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * The queues that a loaded exchange's table names for a routing key, at most max into queues;
 * borrowed until the cache is cleared. A queue that matches through several bindings comes once.
 */
size_t cel_bindings_find(const struct cel_bindings *bindings, struct span exchange,
                         enum cel_exchange_type type, struct span routing_key, struct span *queues,
                         size_t max);

#endif
