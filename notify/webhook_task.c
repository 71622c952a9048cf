#include "notify/webhook_task.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/uuid.h"
#include "notify/store/webhooks.h"

/* Pause before a task that met trouble of ours is tried again. */
#define TROUBLE_PAUSE_S 1.0

/* How long a task waits at least and at most for its turn, in milliseconds: less than
 * NOTIFY_WEBHOOK_ASKS_NS. */
#define TURN_MIN_MS 250
#define TURN_SPREAD_MS 750

/*
 * Instead of the limits of a worker's tasks, in seconds: a delivery has a deadline of its own, and
 * ended from outside it would leave nothing recorded and begin anew without end. What takes longer
 * waits for a database that is away, and may wait in the queue as well.
 */
#define TIME_LIMIT_S 3600

/* What an attempt may take beyond its deadline: the two statements, a busy machine. */
#define MARGIN_NS (5 * NS_PER_SEC)

/* One execution. */
struct attempt {
    struct notify_webhook_task *self;
    struct celeriac_task *task;
    struct uuid id;
    struct uuid endpoint;
    char id_text[UUID_SIZE];
};

static void count_one(atomic_uint_fast64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* Trouble of ours: the message stays, and the attempt is made once more. */
static void hold(const struct attempt *attempt, const struct celeriac_error *err)
{
    bool stopping = err->code == CELERIAC_ERR_SHUTDOWN || celeriac_task_stopping(attempt->task);

    if (!stopping)
        log_error("webhook", "cannot deliver now", LOG_STR("message", attempt->id_text),
                  LOG_ERR(err));
    celeriac_task_postpone(attempt->task, stopping ? 0 : TROUBLE_PAUSE_S);
}

/* ---- after the answer ---------------------------------------------------------------------- */

/* What follows a failure. */
static void plan(const struct attempt *attempt, const struct store_begin_webhook *begun,
                 const struct notify_webhook_answer *answer, struct store_end_webhook *end)
{
    const struct notify_retry_case what = {
        .retries = begun->attempts > 0 ? (unsigned)begun->attempts - 1 : 0,
        .retry_after = answer->retry_after};
    struct notify_retry_step step =
        notify_retry_plan_next(&attempt->self->plan, &what, random_os, NULL);

    end->end = STORE_WEBHOOK_GIVEN_UP;
    if (answer->result == NOTIFY_WEBHOOK_GONE)
        end->end = STORE_WEBHOOK_GONE;
    if (answer->result == NOTIFY_WEBHOOK_GONE || step.kind != NOTIFY_RETRY_AFTER)
        return;
    end->end = STORE_WEBHOOK_AGAIN;
    end->delay_s =
        step.seconds < STORE_WEBHOOKS_DELAY_MAX_S ? step.seconds : STORE_WEBHOOKS_DELAY_MAX_S;
    end->by_broker = end->delay_s <= NOTIFY_WEBHOOK_ETA_MAX_S;
}

static void count_end(struct notify_webhook_counts *counts, const struct store_end_webhook *end)
{
    count_one(end->end == STORE_WEBHOOK_DELIVERED ? &counts->delivered : &counts->failed);
    if (end->end == STORE_WEBHOOK_GIVEN_UP || end->end == STORE_WEBHOOK_GONE)
        count_one(&counts->given_up);
    if (end->switched_off)
        count_one(&counts->disabled);
}

static void tell(const struct attempt *attempt, const struct store_begin_webhook *begun,
                 const struct notify_webhook_answer *answer, const struct store_end_webhook *end)
{
    char endpoint[UUID_SIZE];

    uuid_format(&attempt->endpoint, endpoint);
    if (end->end == STORE_WEBHOOK_DELIVERED)
        log_info("webhook", "delivered", LOG_STR("message", attempt->id_text),
                 LOG_STR("endpoint", endpoint), LOG_INT("attempts", begun->attempts));
    else
        log_warning("webhook",
                    end->end == STORE_WEBHOOK_AGAIN ? "delivery failed"
                                                    : "delivery failed for good",
                    LOG_STR("message", attempt->id_text), LOG_STR("endpoint", endpoint),
                    LOG_INT("attempts", begun->attempts), LOG_STR("reason", answer->words),
                    LOG_INT("again_in", end->delay_s));
    if (end->switched_off)
        log_warning("webhook", "endpoint switched off", LOG_STR("endpoint", endpoint));
}

static void end_task(const struct attempt *attempt, const struct notify_webhook_answer *answer,
                     const struct store_end_webhook *end)
{
    const struct celeriac_exception exception = {
        .type = "DeliveryError", .module = "celeriac.webhooks", .message = answer->words};

    if (end->by_broker)
        celeriac_task_retry(attempt->task, end->delay_s, &exception);
    else
        celeriac_task_return_null(attempt->task);
}

static void record(const struct attempt *attempt, const struct store_begin_webhook *begun,
                   const struct notify_webhook_answer *answer)
{
    struct store_end_webhook end;

    store_end_webhook_init(&end, &attempt->id);
    end.response_status = (int32_t)answer->status;
    if (answer->result == NOTIFY_WEBHOOK_TAKEN) {
        end.end = STORE_WEBHOOK_DELIVERED;
    } else {
        end.error = span_of(answer->words);
        plan(attempt, begun, answer, &end);
    }
    if (store_run(attempt->self->store, &end.call)) {
        hold(attempt, &end.call.error);
    } else {
        count_end(&attempt->self->shared->counts, &end);
        tell(attempt, begun, answer, &end);
        end_task(attempt, answer, &end);
    }
    store_call_release(&end.call);
}

/* ---- the attempt --------------------------------------------------------------------------- */

static void deliver(const struct attempt *attempt, const struct store_begin_webhook *begun)
{
    const struct notify_webhook_delivery delivery = {
        .id = &attempt->id,
        .url = begun->url,
        .secret = begun->secret,
        .old_secret = begun->old_secret,
        .payload = begun->payload,
        .now_s = clock_wall_us() / 1000000,
    };
    struct notify_webhook_answer answer;

    notify_webhook_post(attempt->self->poster, &delivery, &answer);
    if (answer.result == NOTIFY_WEBHOOK_NO_MEMORY)
        hold(attempt,
             &(struct celeriac_error){.code = CELERIAC_ERR_MEMORY, .text = "out of memory"});
    else
        record(attempt, begun, &answer);
}

static void begin(const struct attempt *attempt)
{
    int64_t attempt_ns = attempt->self->timeout_ns + MARGIN_NS;
    struct store_begin_webhook begun;

    store_begin_webhook_init(&begun, &attempt->id, (uint32_t)(attempt_ns / NS_PER_SEC) + 1);
    if (store_run(attempt->self->store, &begun.call)) {
        hold(attempt, &begun.call.error);
    } else if (begun.state == STORE_WEBHOOK_READY) {
        deliver(attempt, &begun);
    } else {
        /* It was delivered or deleted before, or comes again later. */
        log_debug("webhook", "nothing to deliver", LOG_STR("message", attempt->id_text));
        celeriac_task_return_null(attempt->task);
    }
    store_call_release(&begun.call);
}

/* Waits for a turn without a thread. */
static void wait_for_turn(const struct attempt *attempt)
{
    double ms = TURN_MIN_MS + (double)random_up_to(random_os, NULL, TURN_SPREAD_MS);

    count_one(&attempt->self->shared->counts.postponed);
    celeriac_task_postpone(attempt->task, celeriac_task_stopping(attempt->task) ? 0 : ms / 1000);
}

static bool read_id(struct celeriac_task *task, int position, const char *name, struct uuid *id)
{
    struct celeriac_bytes text;

    if (celeriac_task_arg_text(task, position, name, &text))
        return false;
    if (uuid_parse((struct span){.ptr = text.ptr, .len = text.len}, id)) {
        celeriac_task_fail(task, &(struct celeriac_exception){.type = "ValueError",
                                                              .message = "an id is no UUID"});
        return false;
    }
    return true;
}

static void run(struct celeriac_task *task, void *user)
{
    struct notify_webhook_task *self = user;
    struct attempt attempt = {.self = self, .task = task};
    int64_t now_ns = clock_monotonic_ns();
    int64_t until_ns = now_ns + self->timeout_ns + 2 * MARGIN_NS;
    int slot;

    if (!read_id(task, 0, "message_id", &attempt.id) ||
        !read_id(task, 1, "webhook_id", &attempt.endpoint))
        return;
    uuid_format(&attempt.id, attempt.id_text);
    slot = notify_webhook_slots_take(&self->shared->slots, self->at_once, self->per_endpoint,
                                     &attempt.endpoint, now_ns, until_ns);
    if (slot == NOTIFY_WEBHOOK_NO_SLOT) {
        wait_for_turn(&attempt);
        return;
    }
    begin(&attempt);
    notify_webhook_slots_give(&self->shared->slots, slot, until_ns, clock_monotonic_ns() - now_ns);
}

struct celeriac_task_options notify_webhook_task_options(struct notify_webhook_task *task)
{
    return (struct celeriac_task_options){
        .name = NOTIFY_WEBHOOK_TASK_NAME,
        .run = run,
        .user = task,
        /* The table counts the attempts. */
        .max_retries = CELERIAC_RETRIES_UNLIMITED,
        /* Acknowledged when the outcome is recorded: a killed worker loses nothing. */
        .acks_late = true,
        .reject_on_worker_lost = true,
        .time_limit = TIME_LIMIT_S,
        .soft_time_limit = TIME_LIMIT_S,
        .requeue_on_timeout = true,
        .ignore_result = true,
    };
}
