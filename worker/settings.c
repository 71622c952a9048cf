#include "worker/settings.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/span.h"
#include "celery_proto/redis/claim.h"
#include "worker/heartbeat.h"
#include "worker/pool.h"
#include "worker/registry.h"
#include "worker/scale.h"

#define DEFAULT_MULTIPLIER 4
#define UNLIMITED_PREFETCH \
    65536 /* what Celery calls unlimited: kombu/common.py PREFETCH_COUNT_MAX */
#define MULTIPLIER_MAX 1024
/*
 * Seconds between heartbeats: more often than the first is a load without use, more seldom than the
 * second and every monitor has long given the worker up.
 */
#define HEARTBEAT_MIN 0.1
#define HEARTBEAT_MAX 3600.0

#define KEEPALIVE_MAX 86400 /* seconds; a day means for ever */

/*
 * Seconds that the start of a child process may take: more than any start that goes well, also one
 * that waits for a database which is just being restarted, and few enough for one that hangs.
 * Celery's 4 are for interpreters that load a program and connect to nothing.
 */
#define CHILD_START_SECONDS 60.0
#define CHILD_START_MAX 86400

static enum celeriac_err set_pool(struct celeriac_worker_options *numbers,
                                  struct celeriac_error *err)
{
    if (numbers->concurrency == 0) {
        long cpus = sysconf(_SC_NPROCESSORS_ONLN);

        numbers->concurrency = cpus > 0 ? (unsigned)cpus : 1;
    }
    if (numbers->concurrency > CEL_POOL_THREADS_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "concurrency: at most %d",
                                  CEL_POOL_THREADS_MAX);
    if (numbers->pool != CELERIAC_POOL_THREADS && numbers->pool != CELERIAC_POOL_PREFORK)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "pool: must be threads or prefork");
    if (!(numbers->autoscale_keepalive >= 0 && numbers->autoscale_keepalive <= KEEPALIVE_MAX))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "autoscale_keepalive: must be 0 to %d seconds", KEEPALIVE_MAX);
    if (numbers->autoscale_keepalive == 0)
        numbers->autoscale_keepalive = CEL_SCALE_KEEPALIVE;
    if (!(numbers->child_start_timeout >= 0 && numbers->child_start_timeout <= CHILD_START_MAX))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "child_start_timeout: must be 0 to %d seconds", CHILD_START_MAX);
    if (numbers->child_start_timeout == 0)
        numbers->child_start_timeout = CHILD_START_SECONDS;
    return CELERIAC_OK;
}

/* With bounds the number of threads begins at the lower one. */
static enum celeriac_err set_bounds(struct celeriac_worker_options *numbers,
                                    struct celeriac_error *err)
{
    struct cel_scale scale = {0};
    enum celeriac_err code;

    if (numbers->autoscale_max == 0)
        return CELERIAC_OK;
    code = cel_scale_set(&scale, numbers->autoscale_max, numbers->autoscale_min, err);
    if (code)
        return code;
    numbers->autoscale_min = (unsigned)atomic_load(&scale.min);
    numbers->concurrency = numbers->autoscale_min;
    return CELERIAC_OK;
}

static enum celeriac_err set_limits(struct celeriac_worker_options *numbers,
                                    struct celeriac_error *err)
{
    if (!(numbers->time_limit >= 0 && numbers->time_limit <= CEL_TIME_LIMIT_MAX) ||
        !(numbers->soft_time_limit >= 0 && numbers->soft_time_limit <= CEL_TIME_LIMIT_MAX))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "time_limit, soft_time_limit: must be seconds, 0 for none");
    if (numbers->prefetch_multiplier == 0)
        numbers->prefetch_multiplier = DEFAULT_MULTIPLIER;
    if (numbers->prefetch_multiplier > MULTIPLIER_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "prefetch_multiplier: at most %d",
                                  MULTIPLIER_MAX);
    if (numbers->heartbeat_interval == 0)
        numbers->heartbeat_interval = CEL_HEARTBEAT_SECONDS;
    if (!(numbers->heartbeat_interval >= HEARTBEAT_MIN &&
          numbers->heartbeat_interval <= HEARTBEAT_MAX))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "heartbeat_interval: must be 0.1 to 3600 seconds");
    return CELERIAC_OK;
}

/* Makes *to a copy of a text that may be NULL. */
static enum celeriac_err copy_text(const char *text, const char **to, struct celeriac_error *err)
{
    if (!text)
        return CELERIAC_OK;
    *to = mem_dup(text);
    return *to ? CELERIAC_OK : celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
}

static enum celeriac_err copy_texts(const struct celeriac_worker_options *given,
                                    struct celeriac_worker_options *texts,
                                    struct celeriac_error *err)
{
    char name[CELERIAC_NODENAME_SIZE];
    enum celeriac_err code = celeriac_worker_nodename(given->hostname, name, err);

    if (code == CELERIAC_OK)
        code = copy_text(name, &texts->hostname, err);
    if (code == CELERIAC_OK)
        code = copy_text(given->global_keyprefix, &texts->global_keyprefix, err);
    if (code == CELERIAC_OK)
        code = copy_text(given->default_queue, &texts->default_queue, err);
    if (code == CELERIAC_OK)
        code = copy_text(given->state_db, &texts->state_db, err);
    if (code == CELERIAC_OK)
        code = copy_text(given->task_defaults.rate_limit, &texts->task_defaults.rate_limit, err);
    return code;
}

static enum celeriac_err read_addresses(const struct celeriac_worker_options *given,
                                        struct cel_addresses *addresses, struct celeriac_error *err)
{
    const struct cel_address_texts texts = {
        .broker_url = given->broker_url,
        .result_backend = given->result_backend,
        .broker_transport_options = given->broker_transport_options,
        .result_backend_transport_options = given->result_backend_transport_options,
        .broker_use_ssl = given->broker_use_ssl,
        .redis_backend_use_ssl = given->redis_backend_use_ssl,
        .broker_failover_strategy = given->broker_failover_strategy,
        .global_keyprefix = given->global_keyprefix,
        .task_routes = given->task_routes,
    };

    return cel_addresses_open(&texts, addresses, err);
}

static enum celeriac_err add_queue(struct cel_settings *settings, char *name,
                                   struct celeriac_error *err)
{
    struct span trimmed = span_trim(span_of(name));

    if (trimmed.len == 0)
        return CELERIAC_OK;
    if (settings->queue_count == CEL_CLAIM_QUEUES_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "queues: at most %d",
                                  CEL_CLAIM_QUEUES_MAX);
    name += trimmed.ptr - name;
    name[trimmed.len] = '\0';
    settings->queues[settings->queue_count++] = name;
    return CELERIAC_OK;
}

static enum celeriac_err read_queues(struct cel_settings *settings, const char *list,
                                     struct celeriac_error *err)
{
    enum celeriac_err code = CELERIAC_OK;
    char *name;

    settings->queue_text = mem_dup(list && *list ? list : "celery");
    settings->queues = mem_calloc(CEL_CLAIM_QUEUES_MAX, sizeof(char *));
    if (!settings->queue_text || !settings->queues)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    name = settings->queue_text;
    while (code == CELERIAC_OK && name) {
        char *comma = strchr(name, ',');

        if (comma)
            *comma = '\0';
        code = add_queue(settings, name, err);
        name = comma ? comma + 1 : NULL;
    }
    if (code == CELERIAC_OK && settings->queue_count == 0)
        code = celeriac_error_set(err, CELERIAC_ERR_VALUE, "queues: names none");
    return code;
}

/* Texts are the caller's until they are copied. */
static void forget_texts(struct celeriac_worker_options *options)
{
    options->broker_url = NULL;
    options->result_backend = NULL;
    options->broker_transport_options = NULL;
    options->result_backend_transport_options = NULL;
    options->broker_use_ssl = NULL;
    options->redis_backend_use_ssl = NULL;
    options->broker_failover_strategy = NULL;
    options->hostname = NULL;
    options->queues = NULL;
    options->global_keyprefix = NULL;
    options->default_queue = NULL;
    options->task_routes = NULL;
    options->state_db = NULL;
    options->task_defaults.rate_limit = NULL;
}

enum celeriac_err cel_settings_open(const struct celeriac_worker_options *given,
                                    struct cel_settings *settings, struct celeriac_error *err)
{
    struct celeriac_worker_options *options = &settings->options;
    enum celeriac_err code;

    *options = *given;
    forget_texts(options);
    code = set_pool(options, err);
    if (code == CELERIAC_OK)
        code = set_limits(options, err);
    if (code == CELERIAC_OK)
        code = set_bounds(options, err);
    if (code == CELERIAC_OK)
        code = copy_texts(given, options, err);
    if (code == CELERIAC_OK)
        code = read_addresses(given, &settings->addresses, err);
    if (code == CELERIAC_OK)
        code = read_queues(settings, given->queues, err);
    return code;
}

/* What copy_text() has made. */
static void free_text(const char *text)
{
    mem_free((void *)(uintptr_t)text);
}

void cel_settings_close(struct cel_settings *settings)
{
    cel_addresses_close(&settings->addresses);
    mem_free(settings->queues);
    mem_free(settings->queue_text);
    free_text(settings->options.hostname);
    free_text(settings->options.global_keyprefix);
    free_text(settings->options.default_queue);
    free_text(settings->options.state_db);
    free_text(settings->options.task_defaults.rate_limit);
    *settings = (struct cel_settings){0};
}

size_t cel_settings_window(const struct cel_settings *settings, size_t threads)
{
    size_t limit = threads * (size_t)settings->options.prefetch_multiplier;

    if (settings->options.prefetch_unlimited || limit > UNLIMITED_PREFETCH)
        return UNLIMITED_PREFETCH;
    return limit;
}
