#include "worker/consumer.h"

#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "celery_proto/redis/claim_reconcile.h"
#include "worker/inbox.h"
#include "worker/intake.h"
#include "worker/queue_change.h"
#include "worker/schedule.h"
#include "worker/stray_pace.h"

/* Pause before asking again whether our registration has arrived; the maintainer wakes us as well.
 */
#define UNREGISTERED_PAUSE_NS (100 * NS_PER_MS)

/* How often an idle consumer says that it lives: when it looks at its connections anyhow. */
#define PROGRESS_NS (2 * NS_PER_SEC)

struct cel_consumer {
    struct cel_runtime *runtime;
    struct cel_claimer *claimer;
    struct cel_intake *intake;
    struct cel_inbox *inbox;
    struct cel_queue_change *queue_change;
    struct cel_stray_pace stray_pace;
    bool no_queues;        /* all were cancelled: nothing is claimed */
    int64_t scale_ns;      /* when the number of threads is looked at again */
    int64_t not_before_ns; /* no claim before this time; 0: at once */
    bool away_reported;    /* the broker's absence is logged once */
    bool consuming;        /* the broker answered, and was not away since */
    bool has_consumed;     /* it answered once */
    atomic_bool stopped;
};

/* ---- what comes back ------------------------------------------------------------------------ */

void cel_consumer_postpone(struct cel_consumer *consumer, struct cel_request *request,
                           int64_t due_ns)
{
    cel_inbox_put(consumer->inbox, request, due_ns);
    cel_runtime_wake(consumer->runtime);
}

static enum celeriac_err take_postponed(struct cel_consumer *consumer)
{
    enum celeriac_err code = CELERIAC_OK;
    struct cel_request *request;

    while (code == CELERIAC_OK && (request = cel_inbox_take(consumer->inbox)))
        code = cel_intake_postpone(consumer->intake, request);
    return code;
}

/* ---- the loop ------------------------------------------------------------------------------ */

/* Others' messages are looked at less and less often, until there is work for us again. */
static void pace_strays(struct cel_consumer *consumer, const struct cel_claim_batch *batch,
                        size_t handed_over)
{
    size_t strays = batch->strays + cel_intake_take_strays(consumer->intake);

    /* What went to quarantine is progress too: a claim looks at a part of the lists only. */
    if (strays == 0 || handed_over > 0 || batch->quarantined > 0) {
        cel_stray_pace_reset(&consumer->stray_pace);
        consumer->not_before_ns = 0;
        return;
    }
    consumer->not_before_ns = clock_monotonic_ns() + cel_stray_pace_next(&consumer->stray_pace);
}

static enum celeriac_err receive_batch(struct cel_consumer *consumer,
                                       const struct cel_claim_batch *batch)
{
    enum celeriac_err code = CELERIAC_OK;

    atomic_fetch_add(&consumer->runtime->counters.received, batch->count);
    atomic_fetch_add(&consumer->runtime->counters.quarantined, batch->quarantined);
    for (size_t i = 0; code == CELERIAC_OK && i < batch->count; i++)
        code = cel_intake_receive(consumer->intake, batch->messages[i].tag,
                                  batch->messages[i].queue, batch->messages[i].envelope, true);
    pace_strays(consumer, batch, cel_intake_hand_over(consumer->intake));
    return code;
}

/* After a failed claim or wait: what can be waited for is waited for, the rest ends the worker. */
static enum celeriac_err recover(struct cel_consumer *consumer, enum celeriac_err code,
                                 struct celeriac_error *err)
{
    if (code == CELERIAC_ERR_NOT_FOUND) {
        consumer->not_before_ns = clock_monotonic_ns() + UNREGISTERED_PAUSE_NS;
        celeriac_error_clear(err);
        return CELERIAC_OK;
    }
    /* A password that never was right is the operator's mistake; one that was is being changed. */
    if (code == CELERIAC_ERR_MEMORY || (code == CELERIAC_ERR_AUTH && !consumer->has_consumed))
        return code;
    consumer->consuming = false;
    if (!consumer->away_reported)
        log_error("worker", "broker is away, trying again", LOG_ERR(err));
    consumer->away_reported = true;
    celeriac_error_clear(err);
    /* A wake ends the pause early, which is just what the loop needs. */
    if (cel_claim_pause(consumer->claimer, consumer->runtime->wake_fd) == CELERIAC_ERR_MEMORY)
        return CELERIAC_ERR_MEMORY;
    return CELERIAC_OK;
}

/* Tells the server what we hold, after it may have forgotten what we have acknowledged. */
static enum celeriac_err reconcile(struct cel_consumer *consumer, struct celeriac_error *err)
{
    size_t restored = 0;
    enum celeriac_err code =
        cel_held_reconcile(consumer->runtime->held, cel_intake_schedule(consumer->intake),
                           consumer->claimer, clock_monotonic_ns(), &restored, err);

    if (restored > 0)
        log_warning("worker", "the broker had forgotten acknowledgements; their tasks run again",
                    LOG_INT("messages", restored));
    return code ? recover(consumer, code, err) : CELERIAC_OK;
}

static enum celeriac_err claim(struct cel_consumer *consumer, size_t room, bool *found,
                               struct celeriac_error *err)
{
    struct cel_claim_batch batch;
    enum celeriac_err code;

    *found = false;
    code = cel_claim(consumer->claimer, room, &batch, err);
    if (code)
        return recover(consumer, code, err);
    if (consumer->away_reported)
        log_info("worker", "broker is back");
    consumer->away_reported = false;
    consumer->consuming = true;
    consumer->has_consumed = true;
    *found = batch.count > 0;
    code = receive_batch(consumer, &batch);
    return code ? code : reconcile(consumer, err);
}

static void drain_wake(const struct cel_consumer *consumer)
{
    uint64_t wakes;

    /* Nothing to read means that somebody else's wake was read before. */
    if (read(consumer->runtime->wake_fd, &wakes, sizeof wakes) < 0)
        return;
}

static void tell_progress(const struct cel_consumer *consumer)
{
    const struct cel_runtime *runtime = consumer->runtime;

    if (runtime->progress)
        runtime->progress(runtime->progress_user, consumer->consuming);
}

/* cel_claim_wait(), interrupted for saying that we live. */
static enum celeriac_err wait_alive(struct cel_consumer *consumer, bool for_messages,
                                    int64_t deadline, enum cel_wake *why,
                                    struct celeriac_error *err)
{
    for (;;) {
        int64_t tick = consumer->runtime->progress ? clock_monotonic_ns() + PROGRESS_NS : INT64_MAX;
        int64_t until = tick < deadline ? tick : deadline;
        enum celeriac_err code =
            cel_claim_wait(consumer->claimer, for_messages, until == INT64_MAX ? -1 : until,
                           consumer->runtime->wake_fd, why, err);

        if (code || *why != CEL_WAKE_DEADLINE || until == deadline)
            return code;
        tell_progress(consumer);
    }
}

/* Sleeps until there may be something to do. */
static enum celeriac_err wait_for_work(struct cel_consumer *consumer, bool has_room, bool full,
                                       struct celeriac_error *err)
{
    bool for_messages = has_room && !full && consumer->not_before_ns == 0;
    /* Without room a due message could not be handed on; who gives room back wakes us. */
    int64_t deadline =
        has_room ? cel_schedule_next(cel_intake_schedule(consumer->intake)) : INT64_MAX;
    enum cel_wake why = CEL_WAKE_DEADLINE;
    enum celeriac_err code;

    int64_t reconcile_ns = cel_claim_reconcile_due(consumer->claimer, clock_monotonic_ns());

    if (for_messages && reconcile_ns < deadline)
        deadline = reconcile_ns;
    if (consumer->not_before_ns > 0 && consumer->not_before_ns < deadline)
        deadline = consumer->not_before_ns;
    if (cel_intake_limited_due(consumer->intake) < deadline)
        deadline = cel_intake_limited_due(consumer->intake);
    if (consumer->scale_ns < deadline)
        deadline = consumer->scale_ns;
    code = wait_alive(consumer, for_messages, deadline, &why, err);
    if (code)
        return recover(consumer, code, err);
    if (why == CEL_WAKE_CALLER)
        drain_wake(consumer);
    return CELERIAC_OK;
}

/* What others want of us since the last turn. */
static enum celeriac_err catch_up(struct cel_consumer *consumer)
{
    enum celeriac_err code;

    if (atomic_exchange(&consumer->runtime->evicted, false))
        cel_intake_forget(consumer->intake);
    cel_intake_release_limited(consumer->intake);
    code = cel_queue_change_apply(consumer->queue_change, consumer->claimer, &consumer->no_queues);
    return code ? code : take_postponed(consumer);
}

static enum celeriac_err fire_timers(struct cel_consumer *consumer, size_t room, size_t *fired,
                                     struct celeriac_error *err)
{
    enum celeriac_err code = cel_intake_fire(consumer->intake, consumer->claimer, room, fired, err);

    return code ? recover(consumer, code, err) : CELERIAC_OK;
}

/* One turn: returning messages, due ones, new ones; then sleep if there was nothing. */
static enum celeriac_err turn(struct cel_consumer *consumer, struct celeriac_error *err)
{
    struct cel_runtime *runtime = consumer->runtime;
    size_t room = cel_window_room(runtime->window, cel_ready_queue_count(runtime->ready),
                                  atomic_load(&runtime->threads));
    bool full = cel_schedule_is_full(cel_intake_schedule(consumer->intake));
    bool found = false;
    size_t fired = 0;
    enum celeriac_err code;

    if (room > CEL_CLAIM_ROOM_MAX)
        room = CEL_CLAIM_ROOM_MAX;
    code = catch_up(consumer);
    full = full || consumer->no_queues;
    if (code == CELERIAC_OK)
        code = fire_timers(consumer, room, &fired, err);
    if (code)
        return code;
    if (consumer->not_before_ns > 0 && clock_monotonic_ns() >= consumer->not_before_ns)
        consumer->not_before_ns = 0;
    if (room > fired && !full && consumer->not_before_ns == 0)
        code = claim(consumer, room - fired, &found, err);
    consumer->scale_ns =
        cel_scale_follow(&runtime->scale, runtime->pool, atomic_load(&runtime->threads),
                         runtime->ready, found || fired > 0);
    if (code || found || fired > 0 || atomic_load(&consumer->stopped))
        return code;
    return wait_for_work(consumer, room > 0, full, err);
}

enum celeriac_err cel_consumer_run(struct cel_consumer *consumer, struct celeriac_error *err)
{
    enum celeriac_err code = CELERIAC_OK;

    while (code == CELERIAC_OK && !atomic_load(&consumer->stopped)) {
        code = turn(consumer, err);
        atomic_fetch_add(&consumer->runtime->turns, 1);
        tell_progress(consumer);
    }
    if (code == CELERIAC_ERR_MEMORY)
        celeriac_error_set(err, code, "the consumer is out of memory");
    return code;
}

enum celeriac_err cel_consumer_set_queues(struct cel_consumer *consumer, const char *const *names,
                                          size_t count)
{
    enum celeriac_err code = cel_queue_change_set(consumer->queue_change, names, count);

    if (code == CELERIAC_OK)
        cel_runtime_wake(consumer->runtime);
    return code;
}

struct cel_schedule *cel_consumer_schedule(struct cel_consumer *consumer)
{
    return cel_intake_schedule(consumer->intake);
}

void cel_consumer_stop(struct cel_consumer *consumer)
{
    atomic_store(&consumer->stopped, true);
    cel_inbox_close(consumer->inbox);
    cel_runtime_wake(consumer->runtime);
}

/* ---- life ---------------------------------------------------------------------------------- */

enum celeriac_err cel_consumer_create(const struct cel_claimer_options *options,
                                      struct cel_runtime *runtime, size_t eta_limit,
                                      struct cel_consumer **consumer, struct celeriac_error *err)
{
    struct cel_consumer *c = mem_calloc(1, sizeof *c);
    enum celeriac_err code;

    if (!c)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    c->runtime = runtime;
    code = cel_intake_create(runtime, eta_limit, &c->intake);
    if (code == CELERIAC_OK)
        code = cel_inbox_create(&c->inbox);
    if (code == CELERIAC_OK)
        code = cel_queue_change_create(&c->queue_change);
    if (code)
        celeriac_error_set(err, code, "out of memory");
    else
        code = cel_claimer_create(options, &c->claimer, err);
    if (code) {
        cel_consumer_destroy(c);
        return code;
    }
    *consumer = c;
    return CELERIAC_OK;
}

void cel_consumer_destroy(struct cel_consumer *consumer)
{
    if (!consumer)
        return;
    cel_inbox_destroy(consumer->inbox);
    cel_queue_change_destroy(consumer->queue_change);
    cel_intake_destroy(consumer->intake);
    cel_claimer_destroy(consumer->claimer);
    mem_free(consumer);
}
