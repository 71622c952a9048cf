#include "worker/consumer.h"

#include <pthread.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/hashmap.h"
#include "base/log.h"
#include "celery_proto/redis/claim_reconcile.h"
#include "worker/endings.h"
#include "worker/events.h"
#include "worker/limited.h"
#include "worker/live.h"
#include "worker/queue_change.h"
#include "worker/schedule.h"
#include "worker/settler.h"
#include "worker/task_stats.h"

/*
 * Pause between claims that found nothing but messages of others, so that they are looked at seldom
 * while their owner is busy or away: it doubles from the first value to the second.
 */
#define STRAY_PAUSE_FIRST_NS (10 * NS_PER_MS)
#define STRAY_PAUSE_LAST_NS (1000 * NS_PER_MS)

/* Pause before asking again whether our registration has arrived; the maintainer wakes us as well.
 */
#define UNREGISTERED_PAUSE_NS (100 * NS_PER_MS)

/* How often an idle consumer says that it lives. */
#define PROGRESS_NS (1000 * NS_PER_MS)

/* A request on its way from a task thread to the timers. */
struct postponed {
    struct postponed *next;
    struct cel_request *request;
    int64_t due_ns;
};

struct cel_consumer {
    struct cel_runtime *runtime;
    struct cel_claimer *claimer;
    struct cel_task_decoder *decoder;
    struct cel_schedule *schedule; /* messages that wait for their time */
    struct cel_limited *limited;   /* requests that wait for their rate limit */
    struct hashmap *queue_names;   /* name to a copy that lives as long as we do */
    struct cel_queue_change *queue_change;
    bool no_queues;   /* all were cancelled: nothing is claimed */
    int64_t scale_ns; /* when the number of threads is looked at again */
    void **ready;     /* requests of this turn that go to the ready queue */
    size_t ready_count;
    size_t strays;          /* messages of others met in this turn */
    int64_t stray_pause_ns; /* 0: none */
    int64_t not_before_ns;  /* no claim before this time; 0: at once */
    bool away_reported;     /* the broker's absence is logged once */
    unsigned evictions;     /* how often we were declared dead */
    bool consuming;         /* the broker answered, and was not away since */
    bool has_consumed;      /* it answered once */
    atomic_bool stopped;

    pthread_mutex_t lock; /* of the inbox */
    struct postponed *inbox;
};

/* ---- routing ------------------------------------------------------------------------------- */

/* Back to the queue, untouched, for whoever knows the task. */
static void end_as_stray(struct cel_consumer *consumer, struct cel_request *request)
{
    consumer->strays++;
    request->settlement.fate = CEL_FATE_REQUEUE;
    cel_end(consumer->runtime, request);
}

/* Remembers the tag and lets go of the rest, which is read again when it is due. */
static enum celeriac_err wait_until(struct cel_consumer *consumer, struct cel_request *request,
                                    int64_t due_ns)
{
    enum celeriac_err code =
        cel_schedule_add(consumer->schedule, request->tag, request->queue, due_ns);

    if (code)
        return code;
    if (request->in_window)
        cel_window_give(consumer->runtime->window, 1);
    cel_request_destroy(request);
    atomic_store(&consumer->runtime->counters.waiting,
                 (unsigned)cel_schedule_count(consumer->schedule));
    return CELERIAC_OK;
}

/* Sends one request where it belongs; is_new: it comes from the broker. On failure it is still the
 * caller's. */
static enum celeriac_err route(struct cel_consumer *consumer, struct cel_request *request,
                               bool is_new)
{
    const struct cel_task_message *message = request->message;
    int64_t now_us = clock_wall_us();

    if (message->refuse != CEL_REFUSE_NONE) {
        cel_end_in_quarantine(consumer->runtime, request, cel_refuse_name(message->refuse),
                              message->refuse_text);
    } else if (!request->definition && consumer->runtime->unknown_task == CELERIAC_UNKNOWN_FAIL) {
        cel_end_unregistered(consumer->runtime, request);
    } else if (!request->definition) {
        end_as_stray(consumer, request);
    } else if (cel_end_revoked(consumer->runtime, request)) {
        return CELERIAC_OK;
    } else if (message->eta.set && message->eta.us > now_us) {
        int64_t wait_ns = (message->eta.us - now_us) > INT64_MAX / 2000
                              ? INT64_MAX / 2
                              : (message->eta.us - now_us) * 1000;

        cel_request_move(request, CEL_REQUEST_WAITING);
        if (is_new)
            cel_events_received(consumer->runtime->events, request);
        return wait_until(consumer, request, clock_monotonic_ns() + wait_ns);
    } else {
        cel_request_move(request, CEL_REQUEST_READY);
        if (is_new)
            cel_events_received(consumer->runtime->events, request);
        cel_live_reserve(consumer->runtime->live, request);
        if (cel_limited_pass(consumer->limited, request, clock_monotonic_ns()))
            consumer->ready[consumer->ready_count++] = request;
    }
    return CELERIAC_OK;
}

/*
 * A copy of a queue's name that outlives the claimer's: the set of queues may change while messages
 * of a cancelled one are still with us. NULL pointer when memory is short.
 */
static struct span lasting_name(struct cel_consumer *consumer, struct span name)
{
    char *copy = hashmap_get(consumer->queue_names, name);

    if (!copy) {
        copy = mem_dup_span(name);
        if (copy && hashmap_set(consumer->queue_names, name, copy, NULL)) {
            mem_free(copy);
            copy = NULL;
        }
    }
    return (struct span){.ptr = copy, .len = copy ? name.len : 0};
}

/* Decodes one message that we hold and routes it. */
static enum celeriac_err receive(struct cel_consumer *consumer, struct span tag, struct span queue,
                                 struct span envelope, bool is_new)
{
    struct cel_task_message *message = NULL;
    struct cel_request *request = NULL;
    const struct cel_task_definition *definition;
    enum celeriac_err code = cel_task_message_create(consumer->decoder, envelope, &message);

    if (code)
        return code;
    queue = lasting_name(consumer, queue);
    if (!queue.ptr) {
        cel_task_message_destroy(message);
        return CELERIAC_ERR_MEMORY;
    }
    definition = cel_registry_find(consumer->runtime->registry, message->task);
    code = cel_request_create(message, definition, tag, queue, &request);
    if (code)
        return code;
    if (is_new)
        log_info("worker", "task received", LOG_SPAN("task", message->task),
                 LOG_SPAN("id", message->id));
    if (definition)
        request->stats = cel_task_table_get(consumer->runtime->task_table, definition, queue);
    request->ready_ns = clock_monotonic_ns();
    if (is_new)
        CEL_TASK_COUNT(request->stats, received);
    cel_held_add(consumer->runtime->held, request);
    request->evictions = consumer->evictions;
    request->in_window = true;
    cel_window_take(consumer->runtime->window, 1);
    code = route(consumer, request, is_new);
    if (code) {
        cel_window_give(consumer->runtime->window, 1);
        cel_request_destroy(request);
    }
    return code;
}

static void hand_over(struct cel_consumer *consumer)
{
    if (consumer->ready_count == 0)
        return;
    if (cel_ready_queue_push(consumer->runtime->ready, consumer->ready, consumer->ready_count))
        for (size_t i = 0; i < consumer->ready_count; i++)
            cel_request_destroy(consumer->ready[i]);
    consumer->ready_count = 0;
}

/* ---- what comes back ------------------------------------------------------------------------ */

void cel_consumer_postpone(struct cel_consumer *consumer, struct cel_request *request,
                           int64_t due_ns)
{
    struct postponed *entry = mem_alloc(sizeof *entry);

    if (!entry || atomic_load(&consumer->stopped)) {
        /* The message stays in `unacked`, from where it is restored when this worker leaves. */
        mem_free(entry);
        cel_request_destroy(request);
        return;
    }
    *entry = (struct postponed){.request = request, .due_ns = due_ns};
    pthread_mutex_lock(&consumer->lock);
    entry->next = consumer->inbox;
    consumer->inbox = entry;
    pthread_mutex_unlock(&consumer->lock);
    cel_runtime_wake(consumer->runtime);
}

static struct postponed *empty_inbox(struct cel_consumer *consumer)
{
    struct postponed *all;

    pthread_mutex_lock(&consumer->lock);
    all = consumer->inbox;
    consumer->inbox = NULL;
    pthread_mutex_unlock(&consumer->lock);
    return all;
}

/* Lets go of a request; its message is somebody else's, or stays in `unacked`. */
static void drop(struct cel_consumer *consumer, struct cel_request *request)
{
    if (request->in_window)
        cel_window_give(consumer->runtime->window, 1);
    cel_request_destroy(request);
}

static enum celeriac_err take_postponed(struct cel_consumer *consumer)
{
    enum celeriac_err code = CELERIAC_OK;
    struct postponed *entry = empty_inbox(consumer);

    while (entry) {
        struct postponed *next = entry->next;
        bool is_ours = entry->request->evictions == consumer->evictions;

        if (code == CELERIAC_OK && is_ours)
            code = wait_until(consumer, entry->request, entry->due_ns);
        if (code || !is_ours)
            drop(consumer, entry->request);
        mem_free(entry);
        entry = next;
    }
    return code;
}

static enum celeriac_err receive_due(void *context, struct span tag, struct span queue,
                                     struct span envelope)
{
    return receive(context, tag, queue, envelope, false);
}

/* We had been declared dead: what waits here has been given to others. */
static void forget_everything(struct cel_consumer *consumer)
{
    struct cel_request *request;

    log_warning("worker", "what this worker holds is not its own any more");
    cel_schedule_clear(consumer->schedule);
    atomic_store(&consumer->runtime->counters.waiting, 0);
    while ((request = cel_ready_queue_take(consumer->runtime->ready)))
        drop(consumer, request);
    while ((request = cel_limited_take(consumer->limited)))
        drop(consumer, request);
    consumer->evictions++;
}

/* ---- the loop ------------------------------------------------------------------------------ */

/* Others' messages are looked at less and less often, until there is work for us again. */
static void pace_strays(struct cel_consumer *consumer, const struct cel_claim_batch *batch)
{
    consumer->strays += batch->strays;
    /* What went to quarantine is progress too: a claim looks at a part of the lists only. */
    if (consumer->strays == 0 || consumer->ready_count > 0 || batch->quarantined > 0) {
        consumer->stray_pause_ns = 0;
        consumer->not_before_ns = 0;
        return;
    }
    consumer->stray_pause_ns =
        consumer->stray_pause_ns == 0 ? STRAY_PAUSE_FIRST_NS : consumer->stray_pause_ns * 2;
    if (consumer->stray_pause_ns > STRAY_PAUSE_LAST_NS)
        consumer->stray_pause_ns = STRAY_PAUSE_LAST_NS;
    consumer->not_before_ns = clock_monotonic_ns() + consumer->stray_pause_ns;
}

static enum celeriac_err receive_batch(struct cel_consumer *consumer,
                                       const struct cel_claim_batch *batch)
{
    enum celeriac_err code = CELERIAC_OK;

    atomic_fetch_add(&consumer->runtime->counters.received, batch->count);
    atomic_fetch_add(&consumer->runtime->counters.quarantined, batch->quarantined);
    consumer->strays = 0;
    for (size_t i = 0; code == CELERIAC_OK && i < batch->count; i++)
        code = receive(consumer, batch->messages[i].tag, batch->messages[i].queue,
                       batch->messages[i].envelope, true);
    pace_strays(consumer, batch);
    hand_over(consumer);
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
        cel_held_reconcile(consumer->runtime->held, consumer->schedule, consumer->claimer,
                           clock_monotonic_ns(), &restored, err);

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
    int64_t deadline = has_room ? cel_schedule_next(consumer->schedule) : INT64_MAX;
    enum cel_wake why = CEL_WAKE_DEADLINE;
    enum celeriac_err code;

    int64_t reconcile_ns = cel_claim_reconcile_due(consumer->claimer, clock_monotonic_ns());

    if (for_messages && reconcile_ns < deadline)
        deadline = reconcile_ns;
    if (consumer->not_before_ns > 0 && consumer->not_before_ns < deadline)
        deadline = consumer->not_before_ns;
    if (cel_limited_due(consumer->limited) < deadline)
        deadline = cel_limited_due(consumer->limited);
    if (consumer->scale_ns < deadline)
        deadline = consumer->scale_ns;
    code = wait_alive(consumer, for_messages, deadline, &why, err);
    if (code)
        return recover(consumer, code, err);
    if (why == CEL_WAKE_CALLER)
        drain_wake(consumer);
    return CELERIAC_OK;
}

/* Lets those go whose rate limit allows it. They have their place in the window already. */
static void release_limited(struct cel_consumer *consumer)
{
    int64_t now_ns = clock_monotonic_ns();
    struct cel_request *request;

    while (consumer->ready_count < CEL_CLAIM_ROOM_MAX &&
           (request = cel_limited_next(consumer->limited, now_ns)))
        consumer->ready[consumer->ready_count++] = request;
    hand_over(consumer);
}

static enum celeriac_err fire_timers(struct cel_consumer *consumer, size_t room, size_t *fired,
                                     struct celeriac_error *err)
{
    enum celeriac_err code =
        cel_schedule_fire(consumer->schedule, consumer->claimer, clock_monotonic_ns(), room,
                          receive_due, consumer, fired, err);

    atomic_store(&consumer->runtime->counters.waiting,
                 (unsigned)cel_schedule_count(consumer->schedule));
    hand_over(consumer);
    return code ? recover(consumer, code, err) : CELERIAC_OK;
}

/* What others want of us since the last turn. */
static enum celeriac_err catch_up(struct cel_consumer *consumer)
{
    enum celeriac_err code;

    if (atomic_exchange(&consumer->runtime->evicted, false))
        forget_everything(consumer);
    release_limited(consumer);
    code = cel_queue_change_apply(consumer->queue_change, consumer->claimer, &consumer->no_queues);
    return code ? code : take_postponed(consumer);
}

/* One turn: returning messages, due ones, new ones; then sleep if there was nothing. */
static enum celeriac_err turn(struct cel_consumer *consumer, struct celeriac_error *err)
{
    struct cel_runtime *runtime = consumer->runtime;
    size_t room = cel_window_room(runtime->window, cel_ready_queue_count(runtime->ready),
                                  atomic_load(&runtime->threads));
    bool full = cel_schedule_is_full(consumer->schedule);
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
    return consumer->schedule;
}

void cel_consumer_stop(struct cel_consumer *consumer)
{
    atomic_store(&consumer->stopped, true);
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
    pthread_mutex_init(&c->lock, NULL);
    c->ready = mem_calloc(CEL_CLAIM_ROOM_MAX, sizeof(void *));
    code = c->ready ? CELERIAC_OK : CELERIAC_ERR_MEMORY;
    if (code == CELERIAC_OK)
        code = cel_schedule_create(eta_limit, &c->schedule);
    if (code == CELERIAC_OK)
        code = cel_limited_create(runtime->registry, runtime->rates, &c->limited);
    if (code == CELERIAC_OK)
        code = hashmap_create(&c->queue_names);
    if (code == CELERIAC_OK)
        code = cel_queue_change_create(&c->queue_change);
    if (code == CELERIAC_OK)
        code = cel_task_decoder_create(NULL, &c->decoder);
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
    struct postponed *entry;

    if (!consumer)
        return;
    for (entry = empty_inbox(consumer); entry;) {
        struct postponed *next = entry->next;

        cel_request_destroy(entry->request);
        mem_free(entry);
        entry = next;
    }
    cel_queue_change_destroy(consumer->queue_change);
    cel_schedule_destroy(consumer->schedule);
    cel_limited_destroy(consumer->limited);
    cel_task_decoder_destroy(consumer->decoder);
    cel_claimer_destroy(consumer->claimer);
    hashmap_destroy(consumer->queue_names, mem_free);
    pthread_mutex_destroy(&consumer->lock);
    mem_free(consumer->ready);
    mem_free(consumer);
}
