#include "worker/settler.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "worker/events.h"

struct cel_settler {
    struct cel_runtime *runtime;
    struct cel_finisher *finisher; /* the thread's */
    struct cel_finish_item *items; /* the thread's; CEL_FINISH_ITEMS_MAX */
    struct cel_note **notes;       /* the notes behind them */
    pthread_t thread;
    bool thread_started;
    int stop_fd; /* eventfd that ends the thread's pauses */

    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct cel_note *first, *last; /* what is waiting, oldest first */
    bool idle;                     /* the thread waits for `filled` */
    bool stopping;
    int64_t stop_deadline_ns;
};

/* ---- one turn ------------------------------------------------------------------------------ */

static struct cel_finish_item item_of_start(const struct cel_request *request)
{
    struct cel_finish_item item = {.to = CEL_FINISH_DELETE};

    if (request->acked)
        item.tag = request->tag;
    if (strbuf_span(&request->started).len > 0) {
        item.result.task_id = request->message->id;
        item.result.document = strbuf_span(&request->started);
    }
    return item;
}

static struct cel_finish_item item_of_end(const struct cel_request *request)
{
    const struct cel_settlement *settlement = &request->settlement;
    struct cel_finish_item item = {
        .to = CEL_FINISH_DELETE,
        .queue = request->queue,
        .priority = request->message->priority,
    };

    if (!request->start_written)
        item.tag = request->tag;
    if (request->quarantine) {
        item.to = CEL_FINISH_QUARANTINE;
        item.message = request->message->raw;
        item.reason = request->quarantine;
    } else if (settlement->fate == CEL_FATE_REQUEUE && !request->acked) {
        item.to = CEL_FINISH_BACK;
        item.message = request->message->raw;
        if (strbuf_span(&settlement->retry).len > 0)
            item.message = strbuf_span(&settlement->retry);
    } else if (strbuf_span(&settlement->retry).len > 0) {
        item.to = request->start_written ? CEL_FINISH_PUBLISH : CEL_FINISH_BACK;
        item.message = strbuf_span(&settlement->retry);
    }
    if (strbuf_span(&settlement->record).len > 0) {
        item.result.task_id = request->message->id;
        item.result.document = strbuf_span(&settlement->record);
    }
    return item;
}

/* Moves up to a batch of notes out of the list; the lock is held. */
static size_t take_batch(struct cel_settler *settler)
{
    size_t count = 0;

    while (settler->first && count < CEL_FINISH_ITEMS_MAX) {
        struct cel_note *note = settler->first;

        settler->first = note->next;
        settler->notes[count++] = note;
    }
    if (!settler->first)
        settler->last = NULL;
    return count;
}

static void release(struct cel_runtime *runtime, struct cel_note *note)
{
    struct cel_request *request = note->request;

    if (!note->is_end)
        return;
    if (request->in_window)
        cel_window_give(runtime->window, 1);
    cel_request_destroy(request);
}

/* Whether a repeat may still be tried; the lock is not held. */
static bool may_go_on(struct cel_settler *settler)
{
    bool go_on;

    pthread_mutex_lock(&settler->lock);
    go_on = !settler->stopping || clock_monotonic_ns() < settler->stop_deadline_ns;
    pthread_mutex_unlock(&settler->lock);
    return go_on;
}

/* Sends one batch until it is through. False when the worker stops first. */
static bool write_batch(struct cel_settler *settler, size_t count)
{
    struct celeriac_error err = {0};
    bool reported = false;

    for (;;) {
        enum celeriac_err code;

        celeriac_error_clear(&err);
        code = cel_finish(settler->finisher, settler->items, count, &err);
        atomic_store(&settler->runtime->counters.results_dropped,
                     cel_finish_results_dropped(settler->finisher));
        atomic_store(&settler->runtime->answered, cel_finish_answered(settler->finisher));
        if (code == CELERIAC_OK)
            return true;
        if (!reported)
            log_error("worker", "cannot acknowledge yet, trying again", LOG_ERR(&err),
                      LOG_INT("messages", count));
        reported = true;
        if (!may_go_on(settler))
            return false;
        /* An interrupted pause is no failure: the loop looks at the deadline itself. */
        if (cel_finish_pause(settler->finisher, settler->stop_fd) && !may_go_on(settler))
            return false;
    }
}

/*
 * Fills the items of a batch and returns their number. A task that is so short that its start and
 * its end meet here is written once: the end acknowledges.
 */
static size_t fill_items(struct cel_settler *settler, size_t count)
{
    size_t filled = 0;

    for (size_t i = 0; i < count; i++)
        if (settler->notes[i]->is_end)
            settler->notes[i]->request->ending = true;
    for (size_t i = 0; i < count; i++) {
        struct cel_note *note = settler->notes[i];

        if (note->is_end)
            settler->items[filled++] = item_of_end(note->request);
        else if (!note->request->ending)
            settler->items[filled++] = item_of_start(note->request);
        if (!note->is_end && !note->request->ending)
            note->request->start_written = note->request->acked;
    }
    return filled;
}

static void warn_of_losses(const struct cel_settler *settler, size_t items)
{
    for (size_t i = 0; i < items; i++)
        if (settler->items[i].tag.len > 0 && !settler->items[i].held)
            log_warning("worker", "message was taken over by a peer",
                        LOG_SPAN("tag", settler->items[i].tag));
}

/* Monitors hear of an end when it is written. */
static void send_events(struct cel_settler *settler, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (settler->notes[i]->is_end)
            cel_events_ended(settler->runtime->events, settler->notes[i]->request);
}

static void finish_batch(struct cel_settler *settler, size_t count)
{
    size_t items = fill_items(settler, count);

    if (write_batch(settler, items)) {
        warn_of_losses(settler, items);
        send_events(settler, count);
    }
    for (size_t i = 0; i < count; i++)
        release(settler->runtime, settler->notes[i]);
}

/* ---- the thread ---------------------------------------------------------------------------- */

/* Waits for notes, for the results' backlog or for the end. Returns notes taken; the lock is held.
 */
static size_t wait_for_work(struct cel_settler *settler, int64_t until_ns)
{
    while (!settler->first && !settler->stopping) {
        settler->idle = true;
        if (until_ns < 0) {
            pthread_cond_wait(&settler->filled, &settler->lock);
        } else {
            struct timespec at = {.tv_sec = until_ns / NS_PER_SEC,
                                  .tv_nsec = until_ns % NS_PER_SEC};

            if (pthread_cond_timedwait(&settler->filled, &settler->lock, &at) != 0)
                break;
        }
    }
    settler->idle = false;
    return take_batch(settler);
}

static void *run(void *argument)
{
    struct cel_settler *settler = argument;
    int64_t backlog_ns = -1;
    bool stopping = false;

    while (!stopping) {
        size_t count;

        pthread_mutex_lock(&settler->lock);
        count = wait_for_work(settler, backlog_ns);
        stopping = settler->stopping && count == 0;
        pthread_mutex_unlock(&settler->lock);
        if (count > 0)
            finish_batch(settler, count);
        cel_finish_flush_results(settler->finisher, &backlog_ns);
    }
    return NULL;
}

/* ---- from other threads -------------------------------------------------------------------- */

static void submit(struct cel_settler *settler, struct cel_note *note)
{
    bool wake = false;
    bool refused;

    note->next = NULL;
    pthread_mutex_lock(&settler->lock);
    refused = settler->stopping;
    if (!refused) {
        if (settler->last)
            settler->last->next = note;
        else
            settler->first = note;
        settler->last = note;
        wake = settler->idle;
        settler->idle = false;
    }
    pthread_mutex_unlock(&settler->lock);
    if (wake)
        pthread_cond_signal(&settler->filled);
    if (refused)
        release(settler->runtime, note);
}

void cel_settler_begin(struct cel_settler *settler, struct cel_request *request)
{
    submit(settler, &request->start_note);
}

void cel_settler_end(struct cel_settler *settler, struct cel_request *request)
{
    submit(settler, &request->end_note);
}

/* ---- life ---------------------------------------------------------------------------------- */

static enum celeriac_err start_thread(struct cel_settler *settler, struct celeriac_error *err)
{
    pthread_condattr_t attributes;
    int failed;

    pthread_mutex_init(&settler->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&settler->filled, &attributes);
    pthread_condattr_destroy(&attributes);
    failed = pthread_create(&settler->thread, NULL, run, settler);
    if (failed)
        return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "cannot start the finisher thread");
    settler->thread_started = true;
    pthread_setname_np(settler->thread, "finisher");
    return CELERIAC_OK;
}

enum celeriac_err cel_settler_create(const struct cel_finisher_options *options,
                                     struct cel_runtime *runtime, struct cel_settler **settler,
                                     struct celeriac_error *err)
{
    struct cel_settler *s = mem_calloc(1, sizeof *s);
    enum celeriac_err code;

    if (!s)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    s->runtime = runtime;
    s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->items = mem_calloc(CEL_FINISH_ITEMS_MAX, sizeof *s->items);
    s->notes = mem_calloc(CEL_FINISH_ITEMS_MAX, sizeof(struct cel_note *));
    if (s->stop_fd < 0)
        code = celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "cannot make an eventfd");
    else if (!s->items || !s->notes)
        code = celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    else
        code = cel_finisher_create(options, &s->finisher, err);
    if (code == CELERIAC_OK)
        code = start_thread(s, err);
    if (code) {
        cel_settler_destroy(s);
        return code;
    }
    *settler = s;
    return CELERIAC_OK;
}

void cel_settler_stop(struct cel_settler *settler, int64_t timeout_ns)
{
    const uint64_t one = 1;

    if (!settler->thread_started)
        return;
    pthread_mutex_lock(&settler->lock);
    settler->stopping = true;
    settler->stop_deadline_ns = clock_monotonic_ns() + timeout_ns;
    pthread_mutex_unlock(&settler->lock);
    pthread_cond_signal(&settler->filled);
    if (timeout_ns == 0 && write(settler->stop_fd, &one, sizeof one) < 0)
        log_debug("worker", "the finisher is awake already");
    pthread_join(settler->thread, NULL);
    settler->thread_started = false;
}

void cel_settler_destroy(struct cel_settler *settler)
{
    if (!settler)
        return;
    cel_settler_stop(settler, 0);
    cel_finisher_destroy(settler->finisher);
    if (settler->stop_fd >= 0)
        close(settler->stop_fd);
    mem_free(settler->items);
    mem_free(settler->notes);
    mem_free(settler);
}
