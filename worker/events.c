#include "worker/events.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "celery_proto/codec/body.h"
#include "celery_proto/codec/exception_doc.h"
#include "celery_proto/codec/pyrepr.h"
#include "worker/request.h"
#include "worker/task_context.h"

/*
 * Longest event: repr and traceback of an exception that quotes its input. A longer one is left
 * out; the task's result record still has it all.
 */
#define EVENT_MAX ((size_t)1024 * 1024)

/* How long an offset of local time is believed. */
#define ZONE_US US_PER_SEC

struct cel_events {
    struct span hostname;
    int64_t pid;
    int wake_fd;
    bool everything;
    atomic_bool tasks; /* task events are wanted */
    struct cel_lamport clock;
    atomic_int_fast64_t zone_until_us; /* until when the offset below need not be asked for again */
    atomic_int zone_s;                 /* seconds west of UTC */

    pthread_mutex_t lock; /* of what follows */
    struct cel_event_block *first, *last;
    size_t bytes;
    uint64_t dropped;
};

enum celeriac_err cel_events_create(const struct cel_events_options *options,
                                    struct cel_events **events)
{
    struct cel_events *e = mem_calloc(1, sizeof *e);

    if (!e)
        return CELERIAC_ERR_MEMORY;
    e->hostname = options->hostname;
    e->pid = options->pid;
    e->wake_fd = options->wake_fd;
    e->everything = options->everything;
    atomic_init(&e->tasks, options->everything);
    pthread_mutex_init(&e->lock, NULL);
    *events = e;
    return CELERIAC_OK;
}

void cel_event_block_destroy(struct cel_event_block *block)
{
    mem_free(block);
}

void cel_events_destroy(struct cel_events *events)
{
    if (!events)
        return;
    while (events->first) {
        struct cel_event_block *next = events->first->next;

        cel_event_block_destroy(events->first);
        events->first = next;
    }
    pthread_mutex_destroy(&events->lock);
    mem_free(events);
}

struct cel_lamport *cel_events_clock(struct cel_events *events)
{
    return &events->clock;
}

/* The zone changes twice a year; asking the C library takes a lock that all threads share. */
static double utc_offset(struct cel_events *events)
{
    int64_t now_us = clock_wall_us();

    if (now_us >= atomic_load_explicit(&events->zone_until_us, memory_order_relaxed)) {
        atomic_store(&events->zone_s, (int)(clock_hours_west(now_us) * 3600));
        atomic_store(&events->zone_until_us, now_us + ZONE_US);
    }
    return atomic_load(&events->zone_s) / 3600.0;
}

void cel_events_origin(struct cel_events *events, struct cel_event_origin *origin)
{
    *origin = (struct cel_event_origin){
        .hostname = events->hostname, .utc_offset = utc_offset(events), .pid = events->pid};
}

struct cel_event_moment cel_events_moment(struct cel_events *events)
{
    return (struct cel_event_moment){.clock = cel_lamport_forward(&events->clock),
                                     .now_us = clock_wall_us()};
}

bool cel_events_enable(struct cel_events *events, bool on)
{
    if (events->everything)
        return false;
    return atomic_exchange(&events->tasks, on) != on;
}

/* ---- the buffer ------------------------------------------------------------------------------ */

/* Makes the buffer fit its bound; the lock is held. The newest event always stays. */
static void drop_oldest(struct cel_events *events)
{
    while (events->bytes > CEL_EVENTS_BYTES_MAX && events->first && events->first->next) {
        struct cel_event_block *oldest = events->first;

        events->first = oldest->next;
        events->bytes -= sizeof *oldest + oldest->len;
        events->dropped++;
        cel_event_block_destroy(oldest);
    }
}

static void push(struct cel_events *events, struct cel_event_block *block)
{
    const uint64_t one = 1;
    bool wake;

    block->next = NULL;
    pthread_mutex_lock(&events->lock);
    wake = !events->first;
    if (events->last)
        events->last->next = block;
    else
        events->first = block;
    events->last = block;
    events->bytes += sizeof *block + block->len;
    drop_oldest(events);
    pthread_mutex_unlock(&events->lock);
    /* A full counter means that the sender is awake already. */
    if (wake && events->wake_fd >= 0 && write(events->wake_fd, &one, sizeof one) < 0)
        return;
}

static void count_dropped(struct cel_events *events)
{
    pthread_mutex_lock(&events->lock);
    events->dropped++;
    pthread_mutex_unlock(&events->lock);
}

/* Makes a block of a body; NULL when memory is short, and then the event is dropped. */
static struct cel_event_block *make_block(struct cel_events *events, const struct strbuf *body)
{
    struct cel_event_block *block = NULL;

    if (strbuf_status(body) == CELERIAC_OK)
        block = mem_alloc(sizeof *block + body->len);
    if (!block) {
        count_dropped(events);
        return NULL;
    }
    block->next = NULL;
    block->len = body->len;
    memcpy(block->body, strbuf_text(body), body->len);
    return block;
}

struct cel_event_block *cel_events_take(struct cel_events *events, size_t max, size_t *count)
{
    struct cel_event_block *taken;
    struct cel_event_block *last = NULL;
    size_t n = 0;

    pthread_mutex_lock(&events->lock);
    taken = events->first;
    for (struct cel_event_block *b = taken; b && n < max; b = b->next) {
        events->bytes -= sizeof *b + b->len;
        last = b;
        n++;
    }
    if (last) {
        events->first = last->next;
        last->next = NULL;
    }
    if (!events->first)
        events->last = NULL;
    pthread_mutex_unlock(&events->lock);
    *count = n;
    return n > 0 ? taken : NULL;
}

void cel_events_return(struct cel_events *events, struct cel_event_block *blocks)
{
    struct cel_event_block *last = blocks;

    if (!blocks)
        return;
    pthread_mutex_lock(&events->lock);
    events->bytes += sizeof *last + last->len;
    for (; last->next; last = last->next)
        events->bytes += sizeof *last + last->next->len;
    last->next = events->first;
    events->first = blocks;
    if (!events->last)
        events->last = last;
    drop_oldest(events);
    pthread_mutex_unlock(&events->lock);
}

uint64_t cel_events_dropped(struct cel_events *events)
{
    uint64_t dropped;

    pthread_mutex_lock(&events->lock);
    dropped = events->dropped;
    pthread_mutex_unlock(&events->lock);
    return dropped;
}

/* ---- noting ---------------------------------------------------------------------------------- */

static bool wanted(struct cel_events *events)
{
    return atomic_load_explicit(&events->tasks, memory_order_relaxed);
}

void cel_events_received(struct cel_events *events, const struct cel_request *request)
{
    struct cel_event_moment moment;
    struct cel_event_origin origin;
    struct cel_event_block *block;
    struct strbuf body;

    if (!wanted(events))
        return;
    cel_events_origin(events, &origin);
    moment = cel_events_moment(events);
    strbuf_init(&body, EVENT_MAX);
    cel_event_received(&origin, &moment, request->message, &body);
    block = make_block(events, &body);
    strbuf_close(&body);
    if (block)
        push(events, block);
}

static struct cel_event_block *task_block(struct cel_events *events,
                                          const struct cel_task_event_fields *fields)
{
    struct cel_event_moment moment = cel_events_moment(events);
    struct cel_event_origin origin;
    struct cel_event_block *block;
    struct strbuf body;

    cel_events_origin(events, &origin);
    strbuf_init(&body, EVENT_MAX);
    cel_event_task(&origin, &moment, fields, &body);
    block = make_block(events, &body);
    strbuf_close(&body);
    return block;
}

static void push_task(struct cel_events *events, enum cel_task_event kind,
                      const struct cel_request *request)
{
    struct cel_event_block *block;

    if (!wanted(events))
        return;
    block = task_block(events,
                       &(struct cel_task_event_fields){.kind = kind, .id = request->message->id});
    if (block)
        push(events, block);
}

void cel_events_started(struct cel_events *events, const struct cel_request *request)
{
    push_task(events, CEL_TASK_STARTED, request);
}

void cel_events_cancelled(struct cel_events *events, const struct cel_request *request)
{
    push_task(events, CEL_TASK_CANCELLED, request);
}

/* ---- how it ended ---------------------------------------------------------------------------- */

/* Exception and traceback out of a result record; what it does not have is left as it is. */
static void read_record(struct span record, struct strbuf *exception, struct strbuf *traceback)
{
    struct cel_exception found;
    const struct json_node *root;
    struct json_doc doc;
    struct strbuf text;

    json_init(&doc);
    strbuf_init(&text, CEL_BODY_MAX);
    if (record.len > 0 && json_parse(&doc, record, NULL, NULL) == CELERIAC_OK) {
        root = json_root(&doc);
        if (cel_exception_read(json_get(root, "result"), &text, &found) == CELERIAC_OK)
            cel_exception_repr(&found, exception);
        if (json_decode_string(json_get(root, "traceback"), traceback))
            strbuf_clear(traceback);
    }
    strbuf_close(&text);
    json_close(&doc);
}

/* The record tells it best, because it has what became of the outcome; there may be none. */
static void explain(const struct cel_request *request, const struct cel_outcome *outcome,
                    struct strbuf *exception, struct strbuf *traceback)
{
    struct cel_exception raised = {.type = SPAN("MaxRetriesExceededError"),
                                   .module = SPAN("celery.exceptions")};

    read_record(strbuf_span(&request->settlement.record), exception, traceback);
    if (exception->len > 0)
        return;
    if (!outcome) {
        raised.type = SPAN("NotRegistered");
        raised.message = request->message->task;
        cel_exception_repr(&raised, exception);
        return;
    }
    if (outcome->has_exception) {
        raised.type = cel_outcome_type(outcome);
        raised.module = cel_outcome_module(outcome);
        if (outcome->has_message)
            raised.message = cel_outcome_message(outcome);
    } else if (request->settlement.state == CEL_STATE_RETRY) {
        strbuf_add_text(exception, "None");
        return;
    }
    cel_exception_repr(&raised, exception);
    strbuf_add_text(traceback, "Traceback (most recent call last):\n  Celeriac task ");
    strbuf_add_span(traceback, request->message->task);
    strbuf_add_char(traceback, '\n');
    cel_exception_line(&raised, traceback);
    strbuf_add_char(traceback, '\n');
}

static void end_in_trouble(struct cel_events *events, struct cel_request *request,
                           const struct cel_outcome *outcome)
{
    struct cel_task_event_fields fields = {.id = request->message->id};
    struct strbuf exception;
    struct strbuf traceback;

    fields.kind = request->settlement.state == CEL_STATE_RETRY ? CEL_TASK_RETRIED : CEL_TASK_FAILED;
    strbuf_init(&exception, EVENT_MAX);
    strbuf_init(&traceback, EVENT_MAX);
    explain(request, outcome, &exception, &traceback);
    fields.exception = strbuf_span(&exception);
    if (traceback.len > 0)
        fields.traceback = strbuf_span(&traceback);
    request->end_event = task_block(events, &fields);
    strbuf_close(&exception);
    strbuf_close(&traceback);
}

static void end_in_success(struct cel_events *events, struct cel_request *request,
                           const struct cel_outcome *outcome, int64_t took_ns)
{
    struct cel_task_event_fields fields = {.kind = CEL_TASK_SUCCEEDED,
                                           .id = request->message->id,
                                           .runtime = (double)took_ns / (double)NS_PER_SEC};
    struct strbuf shown;

    strbuf_init(&shown, EVENT_MAX);
    if (!outcome || outcome->result.len == 0 ||
        cel_pyrepr(strbuf_span(&outcome->result), false, CEL_PYREPR_MAX, &shown))
        strbuf_add_text(&shown, "None");
    fields.result = strbuf_span(&shown);
    request->end_event = task_block(events, &fields);
    strbuf_close(&shown);
}

void cel_events_end(struct cel_events *events, struct cel_request *request,
                    const struct cel_outcome *outcome, int64_t took_ns)
{
    if (!wanted(events))
        return;
    cel_event_block_destroy(request->end_event);
    request->end_event = NULL;
    if (request->settlement.state == CEL_STATE_SUCCESS)
        end_in_success(events, request, outcome, took_ns);
    else if (request->settlement.state == CEL_STATE_FAILURE ||
             request->settlement.state == CEL_STATE_RETRY)
        end_in_trouble(events, request, outcome);
    else if (outcome && outcome->kind == CEL_OUTCOME_REJECT && !request->acked)
        request->end_event =
            task_block(events, &(struct cel_task_event_fields){.kind = CEL_TASK_REJECTED,
                                                               .id = request->message->id,
                                                               .requeue = outcome->requeue});
}

void cel_events_revoked(struct cel_events *events, struct cel_request *request, bool expired,
                        bool terminated, int signum)
{
    if (!wanted(events))
        return;
    cel_event_block_destroy(request->end_event);
    request->end_event = task_block(events, &(struct cel_task_event_fields){
                                                .kind = CEL_TASK_REVOKED,
                                                .id = request->message->id,
                                                .expired = expired,
                                                .terminated = terminated,
                                                .signum = signum,
                                            });
}

void cel_events_ended(struct cel_events *events, struct cel_request *request)
{
    struct cel_event_block *block = request->end_event;

    request->end_event = NULL;
    if (block)
        push(events, block);
}
