#include "worker/settler.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/monotonic_cond.h"
#include "worker/events.h"
#include "worker/follow.h"
#include "worker/request_items.h"

/* How long the end of stopping may be overslept. */
#define LOOK_AT_STOP_NS (100 * NS_PER_MS)

/* A state that a running task has told, on its way. */
struct cel_told_state {
    struct cel_note note;
    struct strbuf record;
};

struct cel_settler {
    struct cel_runtime *runtime;
    struct cel_finisher *finisher; /* the thread's */
    struct cel_follow *follow;     /* the thread's */
    struct cel_item_list list;     /* the thread's: items of a batch */
    struct cel_note **notes;       /* the notes behind them; CEL_FINISH_ITEMS_MAX */
    struct cel_request **followed; /* those of them that set something off */
    struct cel_note *waiting;      /* ends whose chords wait for results; the thread's */
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

static struct cel_finish_item item_of_told(const struct cel_note *note)
{
    return (struct cel_finish_item){
        .to = CEL_FINISH_DELETE,
        .result = {.task_id = note->request->message->id,
                   .document = strbuf_span(&note->told->record)},
    };
}

/* Moves up to a batch of notes out of the list; the lock is held. */
static size_t take_batch(struct cel_settler *settler)
{
    size_t count = 0;

    while (settler->first && count < CEL_FINISH_ITEMS_MAX) {
        struct cel_note *note = settler->first;

        settler->first = note->next;
        if (note->told)
            note->request->told = NULL;
        settler->notes[count++] = note;
    }
    if (!settler->first)
        settler->last = NULL;
    return count;
}

static void release(struct cel_runtime *runtime, struct cel_note *note)
{
    struct cel_request *request = note->request;
    struct cel_told_state *told = note->told;

    if (told) {
        strbuf_close(&told->record);
        mem_free(told);
        cel_request_release(request);
        return;
    }
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

/* Sends some items until they are through. False when the worker stops first. */
static bool write_some(struct cel_settler *settler, struct cel_finish_item *items, size_t count)
{
    struct celeriac_error err = {0};
    bool reported = false;

    for (;;) {
        enum celeriac_err code;

        celeriac_error_clear(&err);
        code = cel_finish(settler->finisher, items, count, &err);
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

/* How many items of the rest go into one call: what follows a task stays with it. */
static size_t slice(const struct cel_finish_item *items, size_t left)
{
    size_t count = left < CEL_FINISH_ITEMS_MAX ? left : CEL_FINISH_ITEMS_MAX;

    while (count < left && count > 1 && items[count].to == CEL_FINISH_FOLLOW)
        count--;
    return count;
}

static bool write_items(void *context, struct cel_finish_item *items, size_t count)
{
    struct cel_settler *settler = context;
    size_t done = 0;

    while (done < count) {
        size_t now = slice(items + done, count - done);

        if (!write_some(settler, items + done, now))
            return false;
        done += now;
    }
    return true;
}

static bool follow_may_go_on(void *context)
{
    return may_go_on(context);
}

/* An item finds room sooner or later; until then nothing of the batch is lost, only late. */
static void add_item(struct cel_settler *settler, struct cel_finish_item item)
{
    while (!cel_item_list_add(&settler->list, item))
        nanosleep(&(struct timespec){.tv_nsec = 10 * NS_PER_MS}, NULL);
}

static void add_end(struct cel_settler *settler, const struct cel_request *request)
{
    add_item(settler, cel_item_of_end(request));
    if (cel_aftermath_is_empty(&request->settlement.aftermath))
        return;
    while (!cel_follow_add(request, &settler->list))
        nanosleep(&(struct timespec){.tv_nsec = 10 * NS_PER_MS}, NULL);
}

/* Whether an end must not be written yet. */
static bool waits(const struct cel_note *note)
{
    return note->is_end && note->request->chord_waits > 0;
}

/*
 * Chords have the results of their parts already when a batch is written: an older state must not
 * come after them.
 */
static bool is_overtaken(const struct cel_request *request)
{
    return request->ending && !cel_aftermath_is_empty(&request->settlement.aftermath);
}

/*
 * Fills the items of a batch. A task that is so short that its start and its end meet here is
 * written once: the end acknowledges.
 */
static void fill_items(struct cel_settler *settler, size_t count)
{
    settler->list.count = 0;
    for (size_t i = 0; i < count; i++) {
        struct cel_note *note = settler->notes[i];

        if (waits(note))
            continue;
        if (note->is_end) {
            add_end(settler, note->request);
        } else if (note->told) {
            if (!is_overtaken(note->request))
                add_item(settler, item_of_told(note));
        } else if (!note->request->ending) {
            add_item(settler, cel_item_of_start(note->request));
            note->request->start_written = note->request->acked;
        }
    }
}

/* What must be done before anything is acknowledged. False when the worker stops first. */
static bool follow_first(struct cel_settler *settler, size_t count)
{
    size_t followed = 0;

    for (size_t i = 0; i < count; i++) {
        struct cel_request *request = settler->notes[i]->request;

        if (!settler->notes[i]->is_end)
            continue;
        request->ending = true;
        if (!cel_aftermath_is_empty(&request->settlement.aftermath))
            settler->followed[followed++] = request;
    }
    return followed == 0 || cel_follow_before(settler->follow, settler->followed, followed);
}

static void warn_of_losses(const struct cel_settler *settler)
{
    for (size_t i = 0; i < settler->list.count; i++)
        if (settler->list.items[i].tag.len > 0 && !settler->list.items[i].held)
            log_warning("worker", "message was taken over by a peer",
                        LOG_SPAN("tag", settler->list.items[i].tag));
}

/* Monitors hear of an end when it is written. */
static void send_events(struct cel_settler *settler, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (settler->notes[i]->is_end && !waits(settler->notes[i]))
            cel_events_ended(settler->runtime->events, settler->notes[i]->request);
}

/* Writes what follow_first() has prepared. */
static void write_batch(struct cel_settler *settler, size_t count)
{
    fill_items(settler, count);
    if (write_items(settler, settler->list.items, settler->list.count)) {
        warn_of_losses(settler);
        send_events(settler, count);
    }
}

static void finish_batch(struct cel_settler *settler, size_t count)
{
    bool is_followed = follow_first(settler, count);

    if (is_followed)
        write_batch(settler, count);
    for (size_t i = 0; i < count; i++) {
        struct cel_note *note = settler->notes[i];

        if (waits(note)) {
            note->next = settler->waiting;
            settler->waiting = note;
        } else {
            release(settler->runtime, note);
        }
    }
}

/* Looks for the results that ends wait for, and writes the ends that have them. */
static void finish_waiting(struct cel_settler *settler, int64_t *next_ns)
{
    struct cel_note **at = &settler->waiting;
    size_t count = 0;

    if (!cel_follow_look(settler->follow, next_ns))
        return;
    while (*at && count < CEL_FINISH_ITEMS_MAX) {
        struct cel_note *note = *at;

        if (waits(note)) {
            at = &note->next;
            continue;
        }
        *at = note->next;
        settler->notes[count++] = note;
    }
    if (*at)
        *next_ns = 0;
    if (count > 0)
        write_batch(settler, count);
    for (size_t i = 0; i < count; i++)
        release(settler->runtime, settler->notes[i]);
}

/* Nobody waits any longer: their messages stay unacknowledged, and so come again. */
static void give_up_waiting(struct cel_settler *settler)
{
    while (settler->waiting) {
        struct cel_note *note = settler->waiting;

        settler->waiting = note->next;
        release(settler->runtime, note);
    }
}

/* ---- the thread ---------------------------------------------------------------------------- */

/* Waits for notes, for the results' backlog (negative: there is none) or for the end. Returns notes
 * taken; the lock is held. */
static size_t wait_for_work(struct cel_settler *settler, int64_t backlog_ns)
{
    int64_t until_ns = backlog_ns < 0 ? INT64_MAX : backlog_ns;

    while (!settler->first && !settler->stopping) {
        settler->idle = true;
        if (!monotonic_cond_wait(&settler->filled, &settler->lock, until_ns))
            break;
    }
    settler->idle = false;
    return take_batch(settler);
}

static int64_t earlier(int64_t a_ns, int64_t b_ns)
{
    if (a_ns < 0 || b_ns < 0)
        return a_ns < 0 ? b_ns : a_ns;
    return a_ns < b_ns ? a_ns : b_ns;
}

/* Stopping, with ends that still wait: until the next look. False when there shall be none. */
static bool wait_for_look(struct cel_settler *settler, int64_t look_ns)
{
    struct pollfd stop = {.fd = settler->stop_fd, .events = POLLIN};
    int64_t now_ns = clock_monotonic_ns();

    if (!may_go_on(settler))
        return false;
    look_ns = earlier(look_ns, now_ns + LOOK_AT_STOP_NS);
    (void)poll(&stop, 1, clock_poll_ms(now_ns, look_ns));
    return true;
}

static void *run(void *argument)
{
    struct cel_settler *settler = argument;
    int64_t backlog_ns = -1;
    int64_t look_ns = -1;
    bool stopping = false;

    while (!stopping) {
        size_t count;

        pthread_mutex_lock(&settler->lock);
        count = wait_for_work(settler, earlier(backlog_ns, look_ns));
        stopping = settler->stopping && count == 0;
        pthread_mutex_unlock(&settler->lock);
        if (count > 0)
            finish_batch(settler, count);
        if (stopping && settler->waiting)
            stopping = !wait_for_look(settler, look_ns);
        if (settler->waiting)
            finish_waiting(settler, &look_ns);
        if (!settler->waiting)
            look_ns = -1;
        cel_finish_flush_results(settler->finisher, &backlog_ns);
    }
    give_up_waiting(settler);
    return NULL;
}

/* ---- from other threads -------------------------------------------------------------------- */

/* Puts a note at the end of the list and returns whether the thread must be woken; the lock is
 * held. */
static bool append(struct cel_settler *settler, struct cel_note *note)
{
    bool wake = settler->idle;

    note->next = NULL;
    if (settler->last)
        settler->last->next = note;
    else
        settler->first = note;
    settler->last = note;
    settler->idle = false;
    return wake;
}

static void submit(struct cel_settler *settler, struct cel_note *note)
{
    bool wake = false;
    bool refused;

    pthread_mutex_lock(&settler->lock);
    refused = settler->stopping;
    if (note->is_end)
        note->request->end_queued = true;
    if (!refused)
        wake = append(settler, note);
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

static void swap(struct strbuf *a, struct strbuf *b)
{
    struct strbuf old = *a;

    *a = *b;
    *b = old;
}

enum celeriac_err cel_settler_tell(struct cel_settler *settler, struct cel_request *request,
                                   struct strbuf *record)
{
    struct cel_told_state *fresh = mem_calloc(1, sizeof *fresh);
    bool wake = false;

    if (!fresh)
        return CELERIAC_ERR_MEMORY;
    fresh->note = (struct cel_note){.request = request, .told = fresh};
    strbuf_init(&fresh->record, record->max);
    pthread_mutex_lock(&settler->lock);
    if (request->told) {
        swap(&request->told->record, record);
    } else if (!request->end_queued && !settler->stopping) {
        swap(&fresh->record, record);
        cel_request_keep(request);
        request->told = fresh;
        wake = append(settler, &fresh->note);
        fresh = NULL;
    }
    pthread_mutex_unlock(&settler->lock);
    if (wake)
        pthread_cond_signal(&settler->filled);
    mem_free(fresh);
    return CELERIAC_OK;
}

void cel_settler_end(struct cel_settler *settler, struct cel_request *request)
{
    submit(settler, &request->end_note);
}

/* ---- life ---------------------------------------------------------------------------------- */

static enum celeriac_err start_thread(struct cel_settler *settler, struct celeriac_error *err)
{
    int failed;

    pthread_mutex_init(&settler->lock, NULL);
    monotonic_cond_init(&settler->filled);
    failed = pthread_create(&settler->thread, NULL, run, settler);
    if (failed)
        return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "cannot start the finisher thread");
    settler->thread_started = true;
    pthread_setname_np(settler->thread, "finisher");
    return CELERIAC_OK;
}

static enum celeriac_err connect_parts(struct cel_settler *s,
                                       const struct cel_finisher_options *options,
                                       bool unordered_chords, struct celeriac_error *err)
{
    const struct cel_follow_host host = {
        .context = s, .write = write_items, .may_go_on = follow_may_go_on, .stop_fd = s->stop_fd};
    const struct cel_chord_options chords = {.results = options->results,
                                             .unordered = unordered_chords};
    enum celeriac_err code = cel_finisher_create(options, &s->finisher, err);

    if (code)
        return code;
    return cel_follow_create(s->runtime, &chords, &options->conn, options->keys, &host, &s->follow,
                             err);
}

enum celeriac_err cel_settler_create(const struct cel_finisher_options *options,
                                     bool unordered_chords, struct cel_runtime *runtime,
                                     struct cel_settler **settler, struct celeriac_error *err)
{
    struct cel_settler *s = mem_calloc(1, sizeof *s);
    enum celeriac_err code;

    if (!s)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    s->runtime = runtime;
    s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->followed = mem_calloc(CEL_FINISH_ITEMS_MAX, sizeof(struct cel_request *));
    s->notes = mem_calloc(CEL_FINISH_ITEMS_MAX, sizeof(struct cel_note *));
    if (s->stop_fd < 0)
        code = celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "cannot make an eventfd");
    else if (!s->followed || !s->notes)
        code = celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    else
        code = connect_parts(s, options, unordered_chords, err);
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
    cel_follow_destroy(settler->follow);
    cel_finisher_destroy(settler->finisher);
    if (settler->stop_fd >= 0)
        close(settler->stop_fd);
    mem_free(settler->list.items);
    mem_free(settler->followed);
    mem_free(settler->notes);
    mem_free(settler);
}
