#include "worker/execution.h"

#include "base/clock.h"
#include "base/log.h"
#include "worker/consumer.h"
#include "worker/endings.h"
#include "worker/events.h"
#include "worker/live.h"
#include "worker/settler.h"
#include "worker/task_stats.h"

void cel_execution_init(struct cel_execution *execution, struct cel_runtime *runtime)
{
    *execution = (struct cel_execution){.runtime = runtime, .pid = runtime->pid};
    cel_task_context_init(&execution->task, &runtime->stopping);
    cel_task_link_init(&execution->link, runtime);
    execution->task.host = &execution->link.host;
    strbuf_init(&execution->scratch, CEL_RETURN_MAX);
}

void cel_execution_close(struct cel_execution *execution)
{
    strbuf_close(&execution->scratch);
    cel_task_context_close(&execution->task);
}

static struct cel_settle_context settle_context(struct cel_execution *execution,
                                                char tag[UUID_SIZE])
{
    uuid_new(tag);
    return (struct cel_settle_context){
        .now_us = clock_wall_us(),
        .random = random_os,
        .delivery_tag = {.ptr = tag, .len = UUID_LEN},
        .scratch = &execution->scratch,
        .world = &execution->runtime->world,
        .inherit_priority = execution->runtime->inherit_priority,
        .result_extended = execution->runtime->result_extended,
        .worker = execution->runtime->hostname,
    };
}

static void write_started(struct cel_execution *execution, struct cel_request *request)
{
    char tag[UUID_SIZE];
    struct cel_settle_context context = settle_context(execution, tag);

    if (cel_started_record(request->message, execution->pid, &context, &request->started))
        strbuf_clear(&request->started);
}

/* Says that execution begins, as far as somebody wants to know. */
static void announce(struct cel_execution *execution, struct cel_request *request)
{
    const struct cel_task_definition *definition = request->definition;
    struct cel_runtime *runtime = execution->runtime;
    bool track = definition->track_started && !cel_result_ignored(request->message, definition);

    request->acked = !definition->acks_late;
    if (track)
        write_started(execution, request);
    if (request->acked && request->in_window) {
        request->in_window = false;
        cel_window_give(runtime->window, 1);
    }
    cel_live_activate(runtime->live, request, clock_wall_us(), request->acked);
    cel_events_started(runtime->events, request);
    if (request->acked || track)
        cel_settler_begin(runtime->settler, request);
}

static void count_and_log(struct cel_runtime *runtime, const struct cel_request *request,
                          int64_t took_ns)
{
    const struct cel_task_message *message = request->message;
    const struct cel_settlement *settlement = &request->settlement;
    const struct log_field task = LOG_SPAN("task", message->task);
    const struct log_field id = LOG_SPAN("id", message->id);

    if (settlement->postponed) {
        CEL_COUNT(runtime, postponed);
        log_info("worker", "task postponed", task, id, LOG_INT("seconds", settlement->postpone));
    } else if (settlement->state == CEL_STATE_SUCCESS) {
        CEL_COUNT(runtime, succeeded);
        log_info("worker", "task succeeded", task, id, LOG_SECONDS("runtime", took_ns));
    } else if (settlement->state == CEL_STATE_RETRY) {
        CEL_COUNT(runtime, retried);
        log_info("worker", "task will be retried", task, id,
                 LOG_INT("retries", message->retries + 1),
                 LOG_INT("seconds", settlement->retry_delay));
    } else if (settlement->state == CEL_STATE_FAILURE) {
        CEL_COUNT(runtime, failed);
        log_error("worker", "task failed", task, id, LOG_SECONDS("runtime", took_ns));
    }
}

/* The same for metrics, which tell tasks and queues apart. */
static void count_task(const struct cel_request *request, const struct cel_outcome *outcome,
                       int64_t took_ns)
{
    const struct cel_settlement *settlement = &request->settlement;
    struct cel_task_stats *stats = request->stats;

    if (!stats || settlement->postponed)
        return;
    if (settlement->state == CEL_STATE_SUCCESS) {
        CEL_TASK_COUNT(stats, succeeded);
        histogram_add(&stats->runtime, took_ns);
    } else if (settlement->state == CEL_STATE_RETRY) {
        CEL_TASK_COUNT(stats, retried);
    } else if (settlement->state == CEL_STATE_FAILURE) {
        cel_task_stats_failed(stats, outcome->has_exception ? cel_outcome_type(outcome)
                                                            : SPAN("MaxRetriesExceededError"));
    } else if (outcome->kind == CEL_OUTCOME_REJECT) {
        CEL_TASK_COUNT(stats, rejected);
    }
}

/*
 * The outcome could not be put into a record, for want of memory. The message is kept and tried
 * again: losing the outcome of one execution is better than losing the message.
 */
static void keep_for_later(struct cel_request *request)
{
    log_critical("worker", "out of memory while recording an outcome",
                 LOG_SPAN("task", request->message->task), LOG_SPAN("id", request->message->id));
    strbuf_clear(&request->settlement.record);
    strbuf_clear(&request->settlement.retry);
    cel_aftermath_close(&request->settlement.aftermath);
    request->settlement.fate = CEL_FATE_REQUEUE;
}

/* ---- the usual way ------------------------------------------------------------------------- */

bool cel_execution_begin(struct cel_execution *execution, struct cel_request *request)
{
    struct cel_runtime *runtime = execution->runtime;
    const struct cel_time_limits of_worker = {.hard_us = runtime->time_limit_us,
                                              .soft_us = runtime->soft_limit_us};
    int64_t soft_us;

    cel_request_move(request, CEL_REQUEST_RUNNING);
    /* It may have waited in the ready queue for long; Celery looks twice as well. */
    if (cel_end_revoked(runtime, request))
        return false;
    execution->limits = cel_time_limits_of(request->message, request->definition, of_worker);
    soft_us = execution->limits.soft_us;
    request->pid = execution->pid;
    announce(execution, request);
    CEL_COUNT(runtime, started);
    CEL_COUNT(runtime, active);
    execution->began_ns = clock_monotonic_ns();
    CEL_TASK_COUNT(request->stats, started);
    if (request->stats)
        histogram_add(&request->stats->wait, execution->began_ns - request->ready_ns);
    execution->soft_deadline_ns =
        soft_us > 0 ? execution->began_ns + soft_us * (NS_PER_SEC / US_PER_SEC) : 0;
    execution->link.request = request;
    cel_task_context_begin(&execution->task, request->message, execution->soft_deadline_ns);
    return true;
}

/* Postponed: it is the consumer's until it is due. */
static void hand_back(struct cel_runtime *runtime, struct cel_request *request)
{
    cel_request_move(request, CEL_REQUEST_WAITING);
    cel_consumer_postpone(runtime->consumer, request,
                          clock_monotonic_ns() +
                              (int64_t)(request->settlement.postpone * (double)NS_PER_SEC));
}

void cel_execution_conclude(struct cel_execution *execution, struct cel_request *request)
{
    struct cel_runtime *runtime = execution->runtime;
    const struct cel_outcome *outcome = &execution->task.outcome;
    char tag[UUID_SIZE];
    struct cel_settle_context context = settle_context(execution, tag);
    int64_t took;

    if (celeriac_task_soft_limit_exceeded(&execution->task))
        log_warning("worker", "soft time limit exceeded", LOG_SPAN("task", request->message->task),
                    LOG_SPAN("id", request->message->id));
    atomic_fetch_sub(&runtime->counters.active, 1);
    if (cel_settle(request->message, request->definition, outcome, &context, &request->settlement))
        keep_for_later(request);
    took = clock_monotonic_ns() - execution->began_ns;
    count_and_log(runtime, request, took);
    count_task(request, outcome, took);
    cel_events_end(runtime->events, request, outcome, took);
    cel_live_remove(request);
    if (request->settlement.fate == CEL_FATE_POSTPONE)
        hand_back(runtime, request);
    else
        cel_end(runtime, request);
}

/* ---- without an end of the task -------------------------------------------------------------- */

static void count_failure(struct cel_runtime *runtime, struct cel_request *request,
                          struct span type)
{
    CEL_COUNT(runtime, failed);
    cel_task_stats_failed(request->stats, type);
}

/* Events tell of an exception what its record says; type is for those without a record. */
static void end_failed(struct cel_execution *execution, struct cel_request *request,
                       struct span type, struct span text)
{
    struct cel_runtime *runtime = execution->runtime;
    struct cel_outcome outcome = {0};

    strbuf_init(&outcome.exception, CEL_RETURN_MAX);
    cel_outcome_fail(&outcome, type, SPAN("billiard.exceptions"), text, text.len > 0);
    atomic_fetch_sub(&runtime->counters.active, 1);
    cel_events_end(runtime->events, request, &outcome, clock_monotonic_ns() - execution->began_ns);
    cel_live_remove(request);
    strbuf_close(&outcome.exception);
}

void cel_execution_time_out(struct cel_execution *execution, struct cel_request *request)
{
    int64_t limit_us = execution->limits.hard_us;
    char tag[UUID_SIZE];
    struct cel_settle_context context = settle_context(execution, tag);

    if (cel_settle_timed_out(request->message, request->definition,
                             (double)limit_us / (double)US_PER_SEC, &context, &request->settlement))
        keep_for_later(request);
    log_error("worker", "hard time limit exceeded", LOG_SPAN("task", request->message->task),
              LOG_SPAN("id", request->message->id),
              LOG_SECONDS("limit", limit_us * (NS_PER_SEC / US_PER_SEC)));
    count_failure(execution->runtime, request, SPAN("TimeLimitExceeded"));
    end_failed(execution, request, SPAN("TimeLimitExceeded"), (struct span){0});
}

void cel_execution_lose(struct cel_execution *execution, struct cel_request *request,
                        struct span text)
{
    char tag[UUID_SIZE];
    struct cel_settle_context context = settle_context(execution, tag);

    if (cel_settle_worker_lost(request->message, request->definition, text, &context,
                               &request->settlement))
        keep_for_later(request);
    log_error("worker", "a child process was lost with its task",
              LOG_SPAN("task", request->message->task), LOG_SPAN("id", request->message->id),
              LOG_SPAN("error", text));
    if (request->settlement.state == CEL_STATE_FAILURE)
        count_failure(execution->runtime, request, SPAN("WorkerLostError"));
    end_failed(execution, request, SPAN("WorkerLostError"), text);
}

void cel_execution_terminate(struct cel_execution *execution, struct cel_request *request,
                             int signum)
{
    struct cel_runtime *runtime = execution->runtime;
    char tag[UUID_SIZE];
    struct cel_settle_context context = settle_context(execution, tag);

    if (cel_settle_revoked(request->message, request->definition, SPAN("terminated"), &context,
                           &request->settlement))
        strbuf_clear(&request->settlement.record);
    log_info("worker", "task terminated", LOG_SPAN("task", request->message->task),
             LOG_SPAN("id", request->message->id), LOG_INT("signal", signum));
    CEL_COUNT(runtime, revoked);
    CEL_TASK_COUNT(request->stats, revoked);
    atomic_fetch_sub(&runtime->counters.active, 1);
    cel_events_revoked(runtime->events, request, false, true, signum);
    cel_live_remove(request);
}
