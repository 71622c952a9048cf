#include "worker/task_stats.h"

#include <string.h>

#include "base/alloc.h"

/* Chains of the table: a worker has some tens of entries at most, as a rule. */
#define BUCKETS 64

struct cel_task_table {
    _Atomic(struct cel_task_stats *) buckets[BUCKETS];
    size_t count;
};

enum celeriac_err cel_task_table_create(struct cel_task_table **table)
{
    struct cel_task_table *t = mem_calloc(1, sizeof *t);

    if (!t)
        return CELERIAC_ERR_MEMORY;
    *table = t;
    return CELERIAC_OK;
}

static void destroy_entry(struct cel_task_stats *stats)
{
    pthread_mutex_destroy(&stats->lock);
    mem_free(stats);
}

void cel_task_table_destroy(struct cel_task_table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        struct cel_task_stats *stats = atomic_load(&table->buckets[i]);

        while (stats) {
            struct cel_task_stats *next = stats->next;

            destroy_entry(stats);
            stats = next;
        }
    }
    mem_free(table);
}

/* The name is kept behind the entry. */
static struct cel_task_stats *make_entry(const struct cel_task_definition *definition,
                                         struct span queue)
{
    struct cel_task_stats *stats;
    size_t bytes;
    char *name;

    if (!size_add(sizeof *stats, queue.len, &bytes))
        return NULL;
    stats = mem_calloc(1, bytes);
    if (!stats)
        return NULL;
    name = (char *)(stats + 1);
    if (queue.len > 0)
        memcpy(name, queue.ptr, queue.len);
    stats->definition = definition;
    stats->queue = (struct span){name, queue.len};
    pthread_mutex_init(&stats->lock, NULL);
    return stats;
}

struct cel_task_stats *cel_task_table_get(struct cel_task_table *table,
                                          const struct cel_task_definition *definition,
                                          struct span queue)
{
    _Atomic(struct cel_task_stats *) *bucket =
        &table->buckets[(definition->index * 31 + queue.len) % BUCKETS];
    struct cel_task_stats *first = atomic_load(bucket);
    struct cel_task_stats *stats = first;

    while (stats && (stats->definition != definition || !span_equal(stats->queue, queue)))
        stats = stats->next;
    if (stats || table->count == CEL_TASK_STATS_MAX)
        return stats;
    stats = make_entry(definition, queue);
    if (!stats)
        return NULL;
    stats->next = first;
    atomic_store(bucket, stats);
    table->count++;
    return stats;
}

void cel_task_table_each(struct cel_task_table *table,
                         void (*visit)(void *user, struct cel_task_stats *stats), void *user)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        struct cel_task_stats *stats = atomic_load(&table->buckets[i]);

        for (; stats; stats = stats->next)
            visit(user, stats);
    }
}

/* Names the entry; a longer name is cut. */
static void set_name(struct cel_failure_stats *failure, struct span name)
{
    size_t len = name.len < CEL_TASK_STATS_NAME_SIZE - 1 ? name.len : CEL_TASK_STATS_NAME_SIZE - 1;

    memcpy(failure->exception, name.ptr, len);
    failure->exception[len] = '\0';
}

static bool has_name(const struct cel_failure_stats *failure, struct span name)
{
    struct span kept = span_of(failure->exception);

    if (kept.len == CEL_TASK_STATS_NAME_SIZE - 1 && name.len > kept.len)
        name.len = kept.len;
    return span_equal(kept, name);
}

void cel_task_stats_failed(struct cel_task_stats *stats, struct span exception)
{
    size_t i = 0;

    if (!stats)
        return;
    if (exception.len == 0)
        exception = SPAN("Exception");
    pthread_mutex_lock(&stats->lock);
    while (i < CEL_TASK_STATS_EXCEPTIONS - 1 && stats->failures[i].count > 0 &&
           !has_name(&stats->failures[i], exception))
        i++;
    if (stats->failures[i].count++ == 0)
        set_name(&stats->failures[i],
                 i == CEL_TASK_STATS_EXCEPTIONS - 1 ? SPAN("other") : exception);
    pthread_mutex_unlock(&stats->lock);
}

void cel_task_stats_failures(struct cel_task_stats *stats, struct cel_failure_stats *failures)
{
    pthread_mutex_lock(&stats->lock);
    memcpy(failures, stats->failures, sizeof stats->failures);
    pthread_mutex_unlock(&stats->lock);
}
