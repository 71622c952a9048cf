#include "worker/keeper.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"

/* Between two looks whether the consumer has taken note of our eviction, which is a rare event. */
#define FORGETTING_NS (10 * NS_PER_MS)

struct cel_keeper {
    struct cel_runtime *runtime;
    struct cel_maintainer *maintainer;
    pthread_t thread;
    bool thread_started;
    int stop_fd; /* eventfd; readable: the thread shall end */
};

static void tell(struct cel_keeper *keeper, const struct cel_maintain_report *report)
{
    struct cel_runtime *runtime = keeper->runtime;

    if (report->evicted) {
        atomic_store(&runtime->evicted, true);
        cel_runtime_wake(runtime);
    }
    if (report->dead_workers > 0)
        log_warning("worker", "peers died", LOG_INT("workers", report->dead_workers));
    if (report->restored > 0)
        log_warning("worker", "messages of dead or deaf workers are back in their queues",
                    LOG_INT("messages", report->restored));
    if (report->quarantined > 0)
        log_error("worker", "messages without a queue went to quarantine",
                  LOG_INT("messages", report->quarantined));
    if (report->orphans > 0)
        log_warning("worker", "index entries without a message were removed",
                    LOG_INT("entries", report->orphans));
    if (report->lost_count > 0)
        log_warning("worker", "messages were taken over by peers",
                    LOG_INT("messages", report->lost_count));
    atomic_fetch_add(&runtime->counters.restored, report->restored);
}

/* Sleeps until the monotonic time, or until the end is wanted. Returns whether it is. */
static bool sleep_until(const struct cel_keeper *keeper, int64_t until_ns)
{
    struct pollfd fd = {.fd = keeper->stop_fd, .events = POLLIN};

    return poll(&fd, 1, clock_poll_ms(clock_monotonic_ns(), until_ns)) > 0;
}

/*
 * Waits until the consumer has forgotten what is no longer ours. Only then may we register again:
 * what it claims afterwards must not be forgotten with the rest. Returns whether the end is wanted.
 */
static bool wait_until_forgotten(const struct cel_keeper *keeper)
{
    bool stop = false;

    while (!stop && atomic_load(&keeper->runtime->evicted) &&
           !atomic_load(&keeper->runtime->stopping))
        stop = sleep_until(keeper, clock_monotonic_ns() + FORGETTING_NS);
    return stop;
}

static void *run(void *argument)
{
    struct cel_keeper *keeper = argument;
    bool registered = false;
    bool reported = false;
    bool stop = false;

    while (!stop) {
        struct cel_maintain_report report = {0};
        struct celeriac_error err = {0};
        int64_t next_ns = 0;
        enum celeriac_err code =
            cel_maintain(keeper->maintainer, clock_monotonic_ns(), &report, &next_ns, &err);

        if (code == CELERIAC_OK) {
            tell(keeper, &report);
            if (!registered)
                cel_runtime_wake(keeper->runtime);
            registered = !report.evicted;
            reported = false;
            stop = report.evicted ? wait_until_forgotten(keeper) : sleep_until(keeper, next_ns);
            continue;
        }
        if (!reported)
            log_error("worker", "cannot keep the lease", LOG_ERR(&err));
        reported = true;
        stop = cel_maintain_pause(keeper->maintainer, keeper->stop_fd) == CELERIAC_ERR_SHUTDOWN;
    }
    return NULL;
}

enum celeriac_err cel_keeper_create(const struct cel_maintainer_options *options,
                                    struct cel_runtime *runtime, struct cel_keeper **keeper,
                                    struct celeriac_error *err)
{
    struct cel_keeper *k = mem_calloc(1, sizeof *k);
    enum celeriac_err code;

    if (!k)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    k->runtime = runtime;
    k->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (k->stop_fd < 0)
        code = celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "cannot make an eventfd");
    else
        code = cel_maintainer_create(options, &k->maintainer, err);
    if (code == CELERIAC_OK && pthread_create(&k->thread, NULL, run, k))
        code = celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "cannot start the lease's thread");
    if (code) {
        cel_keeper_destroy(k);
        return code;
    }
    k->thread_started = true;
    pthread_setname_np(k->thread, "keeper");
    *keeper = k;
    return CELERIAC_OK;
}

static void stop_thread(struct cel_keeper *keeper)
{
    const uint64_t one = 1;

    if (!keeper->thread_started)
        return;
    if (write(keeper->stop_fd, &one, sizeof one) < 0)
        log_debug("worker", "the lease's thread is stopping already");
    pthread_join(keeper->thread, NULL);
    keeper->thread_started = false;
}

void cel_keeper_leave(struct cel_keeper *keeper, int64_t timeout_ns)
{
    int64_t deadline = clock_monotonic_ns() + timeout_ns;
    struct celeriac_error err = {0};
    size_t restored = 0;
    enum celeriac_err code;

    stop_thread(keeper);
    do {
        celeriac_error_clear(&err);
        code = cel_maintain_leave(keeper->maintainer, &restored, &err);
    } while (code == CELERIAC_ERR_UNAVAILABLE && clock_monotonic_ns() < deadline &&
             cel_maintain_pause(keeper->maintainer, -1) == CELERIAC_OK);
    if (code)
        log_error("worker", "cannot return messages; peers will do it", LOG_ERR(&err));
    else if (restored > 0)
        log_info("worker", "returned unfinished messages to their queues",
                 LOG_INT("messages", restored));
}

void cel_keeper_destroy(struct cel_keeper *keeper)
{
    if (!keeper)
        return;
    stop_thread(keeper);
    cel_maintainer_destroy(keeper->maintainer);
    if (keeper->stop_fd >= 0)
        close(keeper->stop_fd);
    mem_free(keeper);
}
