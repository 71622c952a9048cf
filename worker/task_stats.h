/*
 * Counters for each task and queue, for metrics. The consumer makes the entries; task threads
 * count; any thread reads. Entries live as long as the table.
 */
#ifndef WORKER_TASK_STATS_H
#define WORKER_TASK_STATS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/histogram.h"
#include "base/span.h"
#include "celeriac/error.h"
#include "worker/registry.h"

/* Most pairs of task and queue that are counted: each is some twenty series for whoever collects
 * them. What comes on top is not counted. */
#define CEL_TASK_STATS_MAX 1024

/* Different exceptions that are told apart for one entry, and bytes kept of their names. */
#define CEL_TASK_STATS_EXCEPTIONS 8
#define CEL_TASK_STATS_NAME_SIZE 64

/* Failures by one type of exception. The last one kept stands for all further types: "other". */
struct cel_failure_stats {
    char exception[CEL_TASK_STATS_NAME_SIZE]; /* "": unused */
    uint64_t count;
};

struct cel_task_stats {
    struct cel_task_stats *next; /* of the same bucket; constant once it can be seen */
    const struct cel_task_definition *definition;
    struct span queue;
    atomic_uint_fast64_t received, started, succeeded, retried, rejected, revoked;
    struct histogram runtime; /* of the successful ones, as Celery's monitors see them */
    struct histogram wait;    /* from reception, or from the eta, to the start */
    pthread_mutex_t lock;     /* of what follows */
    struct cel_failure_stats failures[CEL_TASK_STATS_EXCEPTIONS];
};

struct cel_task_table;

/* A new empty table. CELERIAC_ERR_MEMORY. */
enum celeriac_err cel_task_table_create(struct cel_task_table **table) CELERIAC_MUST_CHECK;

/* Releases it with its entries; table may be NULL. */
void cel_task_table_destroy(struct cel_task_table *table);

/*
 * The entry of a task and a queue, made when it is new; NULL when there are too many already, or
 * there is no memory. The queue's name is copied. One thread at a time.
 */
struct cel_task_stats *cel_task_table_get(struct cel_task_table *table,
                                          const struct cel_task_definition *definition,
                                          struct span queue);

/* Calls visit for each entry. Any thread. */
void cel_task_table_each(struct cel_task_table *table,
                         void (*visit)(void *user, struct cel_task_stats *stats), void *user);

/* Counts a failure by an exception of that type. Any thread; stats may be NULL. */
void cel_task_stats_failed(struct cel_task_stats *stats, struct span exception);

/* Copies the failures, CEL_TASK_STATS_EXCEPTIONS of them; unused ones have no name. Any thread. */
void cel_task_stats_failures(struct cel_task_stats *stats, struct cel_failure_stats *failures);

/* Adds one to a counter of an entry, which may be NULL. */
#define CEL_TASK_COUNT(stats, name)                                             \
    do {                                                                        \
        if (stats)                                                              \
            atomic_fetch_add_explicit(&(stats)->name, 1, memory_order_relaxed); \
    } while (0)

#endif
