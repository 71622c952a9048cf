#include "worker/intake.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/hashmap.h"
#include "base/log.h"
#include "celery_proto/codec/task_message.h"
#include "celery_proto/redis/claim.h"
#include "worker/builtins.h"
#include "worker/endings.h"
#include "worker/events.h"
#include "worker/limited.h"
#include "worker/live.h"
#include "worker/task_stats.h"

struct cel_intake {
    struct cel_runtime *runtime;
    struct cel_task_decoder *decoder;
    struct cel_schedule *schedule; /* messages that wait for their time */
    struct cel_limited *limited;   /* requests that wait for their rate limit */
    struct hashmap *queue_names;   /* name to a copy that lives as long as we do */
    void **ready;                  /* CEL_CLAIM_ROOM_MAX requests that go to the ready queue */
    size_t ready_count;
    size_t strays;      /* messages of others met since somebody asked */
    unsigned evictions; /* how often we were declared dead */
};

/* Back to the queue, untouched, for whoever knows the task. */
static void end_as_stray(struct cel_intake *intake, struct cel_request *request)
{
    intake->strays++;
    request->settlement.fate = CEL_FATE_REQUEUE;
    cel_end(intake->runtime, request);
}

static void count_waiting(const struct cel_intake *intake)
{
    atomic_store(&intake->runtime->counters.waiting,
                 (unsigned)cel_schedule_count(intake->schedule));
}

/* Remembers the tag and lets go of the rest, which is read again when it is due. */
static enum celeriac_err wait_until(struct cel_intake *intake, struct cel_request *request,
                                    int64_t due_ns)
{
    enum celeriac_err code =
        cel_schedule_add(intake->schedule, request->tag, request->queue, due_ns);

    if (code)
        return code;
    if (request->in_window)
        cel_window_give(intake->runtime->window, 1);
    cel_request_destroy(request);
    count_waiting(intake);
    return CELERIAC_OK;
}

/* Sends one request where it belongs; is_new: it comes from the broker. On failure it is still the
 * caller's. */
static enum celeriac_err route(struct cel_intake *intake, struct cel_request *request, bool is_new)
{
    const struct cel_task_message *message = request->message;
    int64_t now_us = clock_wall_us();

    if (message->refuse != CEL_REFUSE_NONE) {
        cel_end_in_quarantine(intake->runtime, request, cel_refuse_name(message->refuse),
                              message->refuse_text);
    } else if (!request->definition && intake->runtime->unknown_task == CELERIAC_UNKNOWN_FAIL) {
        cel_end_unregistered(intake->runtime, request);
    } else if (!request->definition) {
        end_as_stray(intake, request);
    } else if (cel_end_revoked(intake->runtime, request)) {
        return CELERIAC_OK;
    } else if (message->eta.set && message->eta.us > now_us) {
        int64_t wait_ns = (message->eta.us - now_us) > INT64_MAX / 2000
                              ? INT64_MAX / 2
                              : (message->eta.us - now_us) * 1000;

        cel_request_move(request, CEL_REQUEST_WAITING);
        if (is_new)
            cel_events_received(intake->runtime->events, request);
        return wait_until(intake, request, clock_monotonic_ns() + wait_ns);
    } else {
        cel_request_move(request, CEL_REQUEST_READY);
        if (is_new)
            cel_events_received(intake->runtime->events, request);
        cel_live_reserve(intake->runtime->live, request);
        if (cel_limited_pass(intake->limited, request, clock_monotonic_ns()))
            intake->ready[intake->ready_count++] = request;
    }
    return CELERIAC_OK;
}

/*
 * A copy of a queue's name that outlives the claimer's: the set of queues may change while messages
 * of a cancelled one are still with us. NULL pointer when memory is short.
 */
static struct span lasting_name(struct cel_intake *intake, struct span name)
{
    char *copy = hashmap_get(intake->queue_names, name);

    if (!copy) {
        copy = mem_dup_span(name);
        if (copy && hashmap_set(intake->queue_names, name, copy, NULL)) {
            mem_free(copy);
            copy = NULL;
        }
    }
    return (struct span){.ptr = copy, .len = copy ? name.len : 0};
}

/* The task that a message is for; NULL when it, or the task that it maps, is for others to run. */
static const struct cel_task_definition *find_task(const struct cel_runtime *runtime,
                                                   const struct cel_task_message *message)
{
    const struct cel_task_definition *definition =
        cel_registry_find(runtime->registry, message->task);

    if (definition && runtime->unknown_task == CELERIAC_UNKNOWN_LEAVE &&
        !cel_builtins_serve(runtime->registry, definition, message))
        return NULL;
    return definition;
}

enum celeriac_err cel_intake_receive(struct cel_intake *intake, struct span tag, struct span queue,
                                     struct span envelope, bool is_new)
{
    struct cel_task_message *message = NULL;
    struct cel_request *request = NULL;
    const struct cel_task_definition *definition;
    enum celeriac_err code = cel_task_message_create(intake->decoder, envelope, &message);

    if (code)
        return code;
    queue = lasting_name(intake, queue);
    if (!queue.ptr) {
        cel_task_message_destroy(message);
        return CELERIAC_ERR_MEMORY;
    }
    definition = find_task(intake->runtime, message);
    code = cel_request_create(message, definition, tag, queue, &request);
    if (code)
        return code;
    if (is_new)
        log_info("worker", "task received", LOG_SPAN("task", message->task),
                 LOG_SPAN("id", message->id));
    if (definition)
        request->stats = cel_task_table_get(intake->runtime->task_table, definition, queue);
    request->ready_ns = clock_monotonic_ns();
    if (is_new)
        CEL_TASK_COUNT(request->stats, received);
    cel_held_add(intake->runtime->held, request);
    request->evictions = intake->evictions;
    request->in_window = true;
    cel_window_take(intake->runtime->window, 1);
    code = route(intake, request, is_new);
    if (code) {
        cel_window_give(intake->runtime->window, 1);
        cel_request_destroy(request);
    }
    return code;
}

size_t cel_intake_hand_over(struct cel_intake *intake)
{
    size_t count = intake->ready_count;

    intake->ready_count = 0;
    if (count > 0 && cel_ready_queue_push(intake->runtime->ready, intake->ready, count))
        for (size_t i = 0; i < count; i++)
            cel_request_destroy(intake->ready[i]);
    return count;
}

/* Lets go of a request; its message is somebody else's, or stays in `unacked`. */
static void drop(struct cel_intake *intake, struct cel_request *request)
{
    if (request->in_window)
        cel_window_give(intake->runtime->window, 1);
    cel_request_destroy(request);
}

enum celeriac_err cel_intake_postpone(struct cel_intake *intake, struct cel_request *request)
{
    enum celeriac_err code = CELERIAC_OK;
    bool is_ours = request->evictions == intake->evictions;

    if (is_ours)
        code = wait_until(intake, request, request->due_ns);
    if (code || !is_ours)
        drop(intake, request);
    return code;
}

static enum celeriac_err receive_due(void *context, struct span tag, struct span queue,
                                     struct span envelope)
{
    return cel_intake_receive(context, tag, queue, envelope, false);
}

enum celeriac_err cel_intake_fire(struct cel_intake *intake, struct cel_claimer *claimer,
                                  size_t room, size_t *fired, struct celeriac_error *err)
{
    enum celeriac_err code = cel_schedule_fire(intake->schedule, claimer, clock_monotonic_ns(),
                                               room, receive_due, intake, fired, err);

    count_waiting(intake);
    cel_intake_hand_over(intake);
    return code;
}

void cel_intake_release_limited(struct cel_intake *intake)
{
    int64_t now_ns = clock_monotonic_ns();
    struct cel_request *request;

    while (intake->ready_count < CEL_CLAIM_ROOM_MAX &&
           (request = cel_limited_next(intake->limited, now_ns)))
        intake->ready[intake->ready_count++] = request;
    cel_intake_hand_over(intake);
}

int64_t cel_intake_limited_due(const struct cel_intake *intake)
{
    return cel_limited_due(intake->limited);
}

size_t cel_intake_take_strays(struct cel_intake *intake)
{
    size_t strays = intake->strays;

    intake->strays = 0;
    return strays;
}

void cel_intake_forget(struct cel_intake *intake)
{
    struct cel_request *request;

    log_warning("worker", "what this worker holds is not its own any more");
    cel_schedule_clear(intake->schedule);
    count_waiting(intake);
    while ((request = cel_ready_queue_take(intake->runtime->ready)))
        drop(intake, request);
    while ((request = cel_limited_take(intake->limited)))
        drop(intake, request);
    intake->evictions++;
}

struct cel_schedule *cel_intake_schedule(struct cel_intake *intake)
{
    return intake->schedule;
}

enum celeriac_err cel_intake_create(struct cel_runtime *runtime, size_t eta_limit,
                                    struct cel_intake **intake)
{
    struct cel_intake *i = mem_calloc(1, sizeof *i);
    enum celeriac_err code;

    if (!i)
        return CELERIAC_ERR_MEMORY;
    i->runtime = runtime;
    i->ready = mem_calloc(CEL_CLAIM_ROOM_MAX, sizeof(void *));
    code = i->ready ? CELERIAC_OK : CELERIAC_ERR_MEMORY;
    if (code == CELERIAC_OK)
        code = cel_schedule_create(eta_limit, &i->schedule);
    if (code == CELERIAC_OK)
        code = cel_limited_create(runtime->registry, runtime->rates, &i->limited);
    if (code == CELERIAC_OK)
        code = hashmap_create(&i->queue_names);
    if (code == CELERIAC_OK)
        code = cel_task_decoder_create(NULL, &i->decoder);
    if (code) {
        cel_intake_destroy(i);
        return code;
    }
    *intake = i;
    return CELERIAC_OK;
}

void cel_intake_destroy(struct cel_intake *intake)
{
    if (!intake)
        return;
    cel_schedule_destroy(intake->schedule);
    cel_limited_destroy(intake->limited);
    cel_task_decoder_destroy(intake->decoder);
    hashmap_destroy(intake->queue_names, mem_free);
    mem_free(intake->ready);
    mem_free(intake);
}
