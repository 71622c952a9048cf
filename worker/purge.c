#include "worker/purge.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/log.h"
#include "celery_proto/redis/queue_info.h"

/* Bytes of the line that tells how many there were. */
#define LINE_SIZE 96

/* In Celery's words, which scripts may look for; it says nothing of empty queues. */
static void report(uint64_t purged)
{
    char line[LINE_SIZE];

    if (purged == 0)
        return;
    (void)snprintf(line, sizeof line, "purge: Erased %llu %s from the queue.",
                   (unsigned long long)purged, purged == 1 ? "message" : "messages");
    log_warning("worker", line, LOG_INT("messages", purged));
}

static enum celeriac_err purge(const struct cel_settings *settings, struct cel_conn *conn,
                               const struct span *queues, struct cel_runtime *runtime,
                               struct celeriac_error *err)
{
    bool reported = false;

    while (!atomic_load(&runtime->stopping)) {
        uint64_t purged = 0;
        enum celeriac_err code = cel_queue_purge(conn, settings->addresses.keys, queues,
                                                 settings->queue_count, &purged, err);

        if (code == CELERIAC_OK)
            report(purged);
        if (code != CELERIAC_ERR_UNAVAILABLE)
            return code;
        if (!reported)
            log_error("worker", "purge: the broker is away, trying again", LOG_ERR(err));
        reported = true;
        celeriac_error_clear(err);
        /* A wake means the end, which the loop sees for itself. */
        if (cel_conn_pause(conn, runtime->wake_fd))
            continue;
    }
    return celeriac_error_set(err, CELERIAC_ERR_SHUTDOWN, "stopped before the queues were purged");
}

enum celeriac_err cel_purge(const struct cel_settings *settings, struct cel_runtime *runtime,
                            struct celeriac_error *err)
{
    const struct cel_conn_options options = cel_to_broker(&settings->addresses, "celeriac-purge");
    struct span *queues = mem_calloc(settings->queue_count, sizeof *queues);
    struct cel_conn *conn = NULL;
    enum celeriac_err code;

    if (!queues)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < settings->queue_count; i++)
        queues[i] = span_of(settings->queues[i]);
    code = cel_conn_create(&options, &conn, err);
    if (code == CELERIAC_OK)
        code = purge(settings, conn, queues, runtime, err);
    cel_conn_destroy(conn);
    mem_free(queues);
    return code;
}
